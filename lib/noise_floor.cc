/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "noise_floor.h"
#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace gr {
namespace sr2cnn {

namespace {

constexpr std::size_t ROWS = 128;      // of the history
constexpr std::size_t LEAST_ROWS = 24; // before there is a floor
constexpr float FEW_ROWS = 3;          // over how many there are: so much higher may it be
constexpr double UPDATE = 0.2;         // of the rows are new ones: time for another look at them
constexpr double QUANTILE = 0.2;

constexpr float DEAD = 1e-4F; // of the band's level: less than the receiver's filter lets through
constexpr float ONE_SIDED = 3e-3F; // negative frequencies over positive ones, of an analytic signal
constexpr float GAIN_SLOPE = 2;    // dB in a tenth of the band, of a receiver
constexpr float HUMP = 2.5F;       // over the floor: no longer the quantile's own spread
constexpr double STEP = 0.02;      // of the band, in which a slant shows
constexpr float SLANT = 1.18F;     // from step to step, of a filter at the end of the band
constexpr double PLATEAU = 0.045;  // of the band: noise beside a signal, and not a filter's end
constexpr double FLANK = 0.06;     // of the band: a signal's side is steeper than a filter's
constexpr std::size_t LINE = 4;    // bins, half the width of a line in a Blackman-Harris window
constexpr float LINE_SPREAD = 1.5F;
constexpr float FLOOR_SPREAD =
    1.25F; // of the level over the curve below it, where there is noise alone

float quantile(std::vector<float>& values, double share)
{
    const auto k = static_cast<std::ptrdiff_t>(share * (values.size() - 1));
    std::nth_element(values.begin(), values.begin() + k, values.end());
    return values[k];
}

// Taken at every few bins, and on straight lines between them.
std::vector<float> running_median(const std::vector<float>& values, std::size_t reach)
{
    const auto step = std::max<std::size_t>(1, reach / 4);
    const auto median_at = [&](std::size_t k) {
        const auto first = k < reach ? 0 : k - reach;
        const auto last = std::min(values.size(), k + reach + 1);
        std::vector<float> around(values.begin() + first, values.begin() + last);
        return quantile(around, 0.5);
    };
    std::vector<float> medians(values.size());
    float before = median_at(0);
    for (std::size_t k = 0; k < values.size(); k += step) {
        const float after = median_at(std::min(k + step, values.size() - 1));
        for (std::size_t j = 0; j < step && k + j < values.size(); j++)
            medians[k + j] = before + (after - before) * j / step;
        before = after;
    }
    return medians;
}

} // namespace

// All columns at once: the floats that are not negative are in the order of their bits, which are found one by one.
std::vector<float>
column_quantiles(const float* values, std::size_t n_rows, std::size_t n_columns, std::size_t below)
{
    constexpr int HIGHEST = 30, LOWEST = 12; // the sign is 31; 11 bits of the mantissa are enough
    std::vector<std::uint32_t> found(n_columns);
    std::vector<float> tried(n_columns);
    std::vector<std::int32_t> smaller(n_columns);
    for (int bit = HIGHEST; bit >= LOWEST; bit--) {
        for (auto& one : found)
            one |= 1U << bit;
        std::memcpy(tried.data(), found.data(), n_columns * sizeof(float));
        std::fill(smaller.begin(), smaller.end(), 0);
        for (std::size_t row = 0; row < n_rows; row++) {
            const float* now = values + row * n_columns;
            for (std::size_t k = 0; k < n_columns; k++)
                smaller[k] += now[k] < tried[k];
        }
        for (std::size_t k = 0; k < n_columns; k++)
            if (smaller[k] > std::int32_t(below))
                found[k] &= ~(1U << bit);
    }
    std::memcpy(tried.data(), found.data(), n_columns * sizeof(float));
    return tried;
}

noise_floor::noise_floor(std::size_t bins, double averaged, std::size_t span)
    : d_bins(bins),
      d_mean_of_quantile(averaged / boost::math::gamma_p_inv(averaged, QUANTILE)),
      d_full(std::max<std::size_t>(1, span / ROWS)),
      d_rows(ROWS * bins)
{
}

void noise_floor::clear()
{
    d_spacing = 1;
    d_seen = d_kept = d_next = d_new = 0;
    d_level.clear();
    d_noise.clear();
    d_line.clear();
}

void noise_floor::add(const float* powers)
{
    if (d_seen++ % d_spacing)
        return;
    if (d_kept == ROWS && d_spacing < d_full) { // every other one goes
        for (std::size_t row = 1; row < ROWS / 2; row++)
            std::copy_n(&d_rows[2 * row * d_bins], d_bins, &d_rows[row * d_bins]);
        d_kept = d_next = ROWS / 2;
        d_spacing *= 2;
    }
    std::copy_n(powers, d_bins, &d_rows[d_next * d_bins]);
    d_next = (d_next + 1) % ROWS;
    d_kept = std::min(d_kept + 1, ROWS);
    if (++d_new >= UPDATE * d_kept && d_kept >= LEAST_ROWS)
        settle();
}

void noise_floor::settle()
{
    if (!d_kept)
        return;
    d_new = 0;
    const auto lows = quiet();
    auto level = running_median(lows, std::max<std::size_t>(2, d_bins / 128));
    for (float& value : level)
        value = std::max(value, std::numeric_limits<float>::min());

    const auto within = live(level);
    d_level.assign(d_bins, std::numeric_limits<float>::infinity());
    d_noise = d_level;
    const float doubt = d_kept < LEAST_ROWS ? 1 + FEW_ROWS / d_kept : 1;
    if (within.first < within.second) {
        const auto floor = gentle(level, plain(level, within));
        for (auto k = within.first; k < within.second; k++) {
            d_level[k] = doubt * (level[k] > HUMP * floor[k] ? floor[k] : level[k]);
            d_noise[k] = std::min(level[k], FLOOR_SPREAD * floor[k]);
        }
    }
    d_line.clear();
    for (auto k = line_begin(); k <= d_bins / 2 + LINE; k++)
        d_line.push_back(LINE_SPREAD * lows[k]);
    const auto stands_out = [&](std::size_t k) {
        return d_line[k] > HUMP * d_level[line_begin() + k];
    };
    for (std::size_t k = 0; k < d_line.size(); k++)
        if (stands_out(k))
            return;
    d_line.clear();
}

std::size_t noise_floor::line_begin() const { return d_bins / 2 - LINE; }

// The mean power that each bin would have if its noise were all that it has at its quietest.
std::vector<float> noise_floor::quiet() const
{
    const auto below = static_cast<std::size_t>(QUANTILE * (d_kept - 1));
    auto lows = column_quantiles(d_rows.data(), d_kept, d_bins, below);
    for (float& value : lows)
        value *= d_mean_of_quantile;
    return lows;
}

// The bins that the receiver lets through.
noise_floor::range noise_floor::live(const std::vector<float>& level) const
{
    const auto eighth = d_bins / 8, half = d_bins / 2;
    std::vector<float> below(level.begin() + eighth, level.begin() + half - eighth);
    std::vector<float> above(level.begin() + half + eighth, level.end() - eighth);
    const bool one_sided = quantile(below, 1.0) < ONE_SIDED * quantile(above, 0.5);
    std::size_t first = one_sided ? half : 0, last = d_bins;
    std::vector<float> rest(level.begin() + first, level.end());
    const float least = DEAD * quantile(rest, 0.5);
    while (first < last && level[first] <= least)
        first++;
    while (last > first && level[last - 1] <= least)
        last--;
    return { first, last };
}

// Those between the slants of the filter at the ends of the band, if there are any.
noise_floor::range noise_floor::plain(const std::vector<float>& level, range within) const
{
    const auto step = std::max<std::size_t>(1, STEP * d_bins);
    const auto most = (within.second - within.first) / 4;
    const auto slant = [&](auto at) {
        std::size_t n = 0;
        while (n < most && at(n) <= 2 * at(0))
            n++;
        if (n > PLATEAU * d_bins || most < step)
            return std::size_t(0);
        while (n < most && at(n + step) > SLANT * at(n))
            n++;
        return n;
    };
    return { within.first + slant([&](std::size_t n) { return level[within.first + n]; }),
             within.second - slant([&](std::size_t n) { return level[within.second - 1 - n]; }) };
}

// The highest curve below the level that rises no faster than a gain does; at the ends, the level itself.
std::vector<float> noise_floor::gentle(const std::vector<float>& level, range within) const
{
    const auto [first, last] = within;
    auto floor = level;
    const float rise = std::pow(10.0F, GAIN_SLOPE / d_bins);
    for (auto k = first + 1; k < last; k++)
        floor[k] = std::min(floor[k], floor[k - 1] * rise);
    for (auto k = last - 1; k-- > first;)
        floor[k] = std::min(floor[k], floor[k + 1] * rise);

    // Noise that rises to an end of the band falls from there slower than a signal's side does.
    for (const bool from_low : { true, false }) {
        const auto at = [&, first = first, last = last](std::size_t n) {
            return from_low ? first + n : last - 1 - n;
        };
        std::size_t n = 0, side = 0; // bins of the hump; where its side begins
        float top = 0;
        for (; n < last - first && level[at(n)] > HUMP * floor[at(n)]; n++)
            if (level[at(n)] > top / 2) {
                top = std::max(top, level[at(n)]);
                side = n;
            }
        if (n < last - first && n - side >= FLANK * d_bins)
            for (std::size_t j = 0; j < n; j++)
                floor[at(j)] = level[at(j)];
    }
    return floor;
}

} // namespace sr2cnn
} // namespace gr
