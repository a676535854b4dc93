/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "region_tracker.h"
#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstring>
#include <limits>

namespace gr {
namespace sr2cnn {

namespace {

// A row is the mean of the last four spectra, and two spectra behind the row before.
constexpr std::size_t SPECTRA_A_ROW = 4, STEP = 2;
constexpr double INDEPENDENT = 0.9;      // of the spectra, whose windows overlap by half
constexpr double INDEPENDENT_BINS = 0.5; // of a Blackman-Harris window
constexpr std::size_t HISTORY = 1 << 24; // samples that the noise floor looks back on

constexpr std::size_t FEW = 3, MANY = 17; // bins that are taken together
constexpr float LOUDEST = 5;              // bin among the many: a strong one must not seem wide
constexpr double FALSE_ALARM = 1e-7;      // of some bins in a row, for Gaussian noise
constexpr float MARGIN =
    1.25F; // noise on the air is not quite Gaussian, nor its floor known exactly
constexpr float DEEPEST =
    30;                      // over the floor: between the tones of a strong signal it is less deep
constexpr float VALLEY = 10; // between two signals, under their tops
constexpr float SIDE = 30;   // of a signal there, under its top: too faint to count

constexpr std::size_t YOUNG = 8; // rows, in which a track may grow to any width
constexpr double USUALLY =
    0.25;                     // of the most frequent bin's rows, of those that a track mostly has
constexpr double FADE = 0.05; // of a track's power: what is weaker is another signal
constexpr double LINE = 0.2;  // of its usual width: likewise
constexpr double WIDENED = 2; // times its power: no more than that has what just became wider
constexpr double KEPT = 6;    // times its power, or a part of it: the same signal in another shape
constexpr std::size_t OFTEN = 64,
                      SELDOM = 8; // rows, in which and after which its core is looked at again
constexpr std::size_t WIDER = 3;  // times a track: a signal of its own, which lies over it
constexpr double MIN_POWER = std::numeric_limits<float>::min();
constexpr std::size_t SETTLED = 16; // rows, after which that is known
constexpr double MEMORY = 1.0 / 32; // weight of a row in what was of late
constexpr std::size_t GAP = 4;      // rows, that may be missing in any track
constexpr double GAP_GROWTH = 2.5;  // times the longest gap so far
constexpr std::size_t LEAST_ROWS = 3;
constexpr std::size_t MOST_TRACKS = 256;
constexpr std::size_t LEAST_MEMORY = 64; // rows: fewer tell too little of a track
constexpr std::size_t MOST_MEMORY = 1UL
                                    << 20; // rows: of the sum of more, a float would not be exact
constexpr double OCCUPIED = 0.99;          // ITU-R SM.443

float threshold(std::size_t bins)
{
    const double shape = SPECTRA_A_ROW * INDEPENDENT * std::max(1.0, bins * INDEPENDENT_BINS);
    return MARGIN * boost::math::gamma_q_inv(shape, FALSE_ALARM) / shape;
}

// Of values, each of them at least so much. In four parts, so that none waits for the one before it.
float sum(const float* values, std::size_t n, float least)
{
    float sums[4] = {};
    std::size_t k = 0;
    for (; k + 4 <= n; k += 4)
        for (std::size_t i = 0; i < 4; i++)
            sums[i] += std::max(values[k + i], least);
    for (; k < n; k++)
        sums[0] += std::max(values[k], least);
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

// What starts a track has to stand out by so much, what keeps it up by half of that.
float half_of(float start) { return 1 + (start - 1) / 2; }

} // namespace

void running_means(const float* values, std::size_t size, float* few, float* many)
{
    few[0] = few[size - 1] = 1;
    for (std::size_t k = 1; k + 1 < size; k++)
        few[k] = (values[k - 1] + values[k] + values[k + 1]) * (1.0F / FEW);
    // Sums of two, four, eight and sixteen, each from those before it.
    std::size_t n = size;
    for (std::size_t k = 0; k < size; k++)
        many[k] = std::min(values[k], LOUDEST);
    for (std::size_t step = 1; step < MANY - 1; step *= 2) {
        n -= step;
        for (std::size_t k = 0; k < n; k++)
            many[k] += many[k + step];
    }
    n = size - MANY + 1;
    for (std::size_t k = 0; k < n; k++)
        many[k] = (many[k] + std::min(values[k + MANY - 1], LOUDEST)) * (1.0F / MANY);
    std::copy_backward(many, many + n, many + n + MANY / 2);
    std::fill_n(many, MANY / 2, many[MANY / 2]);
    std::fill_n(many + n + MANY / 2, MANY / 2, many[n + MANY / 2 - 1]);
}

region_tracker::region_tracker(std::size_t size)
    : d_spectra(size),
      d_floor(size, SPECTRA_A_ROW * INDEPENDENT, HISTORY / (2 * size)),
      d_start_few(threshold(FEW)),
      d_keep_few(half_of(d_start_few)),
      d_start_many(threshold(MANY)),
      d_keep_many(half_of(d_start_many)),
      d_power(size),
      d_pairs{ std::vector<float>(size), std::vector<float>(size) },
      d_mean(size),
      d_over(size),
      d_few(size),
      d_many(size),
      d_excess(size),
      d_audible(size),
      d_loud(size)
{
    set_memory(0);
}

std::size_t region_tracker::row_step() const { return STEP * d_spectra.hop(); }

void region_tracker::set_memory(std::uint64_t samples)
{
    d_memory = samples ? std::clamp<std::uint64_t>(samples / row_step(), LEAST_MEMORY, MOST_MEMORY)
                       : MOST_MEMORY;
}

void region_tracker::push(const sample* samples, std::size_t n)
{
    d_rest.insert(d_rest.end(), samples, samples + n);
    std::size_t at = 0;
    for (; at + d_spectra.size() <= d_rest.size(); at += d_spectra.hop()) {
        d_spectra.power(&d_rest[at], d_power.data());
        add(d_power.data());
    }
    d_rest.erase(d_rest.begin(), d_rest.begin() + at);
}

void region_tracker::finish()
{
    if (!d_floor.ready()) {
        d_floor.settle();
        if (d_floor.ready())
            for (const auto& row : d_early)
                judge(row.data());
    }
    if (d_floor.ready())
        close(true);
}

void region_tracker::begin(std::uint64_t index)
{
    d_begin = index;
    d_rest.clear();
    d_early.clear();
    d_seen = d_rows = 0;
}

std::vector<region> region_tracker::open() const
{
    std::vector<region> all;
    for (const auto& one : d_tracks)
        all.push_back(as_region(one, true));
    return all;
}

// Each other spectrum completes a row.
void region_tracker::add(const float* powers)
{
    const auto size = d_spectra.size();
    const auto pairs = d_seen / STEP;
    auto& pair = d_pairs[pairs % 2];
    if (d_seen++ % STEP == 0) {
        std::copy_n(powers, size, pair.begin());
        return;
    }
    for (std::size_t k = 0; k < size; k++)
        pair[k] += powers[k];
    const float *now = pair.data(), *before = d_pairs[(pairs + 1) % 2].data();
    if (pairs == 0)
        for (std::size_t k = 0; k < size; k++)
            d_mean[k] = now[k] / 2;
    else
        for (std::size_t k = 0; k < size; k++)
            d_mean[k] = (before[k] + now[k]) / 4;
    if (pairs % 2)
        d_floor.add(d_mean.data());
    if (!d_floor.ready()) {
        d_early.push_back(d_mean);
        return;
    }
    for (const auto& row : d_early)
        judge(row.data());
    d_early.clear();
    judge(d_mean.data());
}

void region_tracker::judge(const float* mean)
{
    const auto size = d_spectra.size();
    const float* level = d_floor.level().data();
    for (std::size_t k = 0; k < size; k++)
        d_over[k] = mean[k] / level[k];
    // What lies around the receiver's own line is there, too, as far as its sides go.
    const auto& line = d_floor.line();
    if (!line.empty()) {
        const auto first = d_floor.line_begin();
        const float sides = std::min(d_over[first - 1], d_over[first + line.size()]);
        for (std::size_t k = 0; k < line.size(); k++)
            d_over[first + k] =
                std::max(sides, mean[first + k] / std::max(line[k], level[first + k]));
    }
    const float* noise = d_floor.noise().data();
    for (std::size_t k = 0; k < size; k++) {
        const float excess = std::min(mean[k], d_over[k] * level[k]) - noise[k];
        d_excess[k] = level[k] <= std::numeric_limits<float>::max() ? excess : 0;
    }
    running_means(d_over.data(), size, d_few.data(), d_many.data());
    find_runs();
    look_up_tracks();
    for (const auto& one : d_runs)
        follow(one);
    close(false);
    d_rows++;
}

void region_tracker::find_runs()
{
    const auto size = d_spectra.size();
    // Through pointers of their own: a char might else be a part of anything.
    const float *over = d_over.data(), *few = d_few.data(), *many = d_many.data();
    const float start_few = d_start_few, start_many = d_start_many;
    const float keep_few = d_keep_few, keep_many = d_keep_many;
    char *loud = d_loud.data(), *audible = d_audible.data();
    for (std::size_t k = 0; k < size; k++)
        loud[k] = (few[k] > start_few) | (many[k] > start_many);
    for (std::size_t k = 0; k < size; k++)
        audible[k] = (few[k] > keep_few) | ((many[k] > keep_many) & (over[k] > 1.0F));
    d_runs.clear();
    const auto next = [&](std::size_t k) { // audible bin from k on
        const auto* found = std::memchr(audible + k, 1, size - k);
        return found ? std::size_t(static_cast<const char*>(found) - audible) : size;
    };
    for (auto k = next(0); k < size;) {
        auto end = k + 1;
        for (;;) { // over gaps that are narrow beside it
            while (end < size && audible[end])
                end++;
            const auto more = std::min(size - end, std::max<std::size_t>(2, (end - k) / 4));
            const auto* found = std::memchr(audible + end, 1, more);
            if (!found)
                break;
            end = static_cast<const char*>(found) - audible + 1;
        }
        split(k, end);
        k = end < size ? next(end) : size;
    }
}

// At valleys, where one signal's side meets another's.
void region_tracker::split(std::size_t low, std::size_t high)
{
    float top = 0, bottom = d_few[low];
    auto begin = low, valley = low;
    const auto cut = [&](std::size_t end) {
        while (begin > low && begin < end && d_few[begin] < top / SIDE)
            begin++;
        while (end < high && end > begin && d_few[end - 1] < top / SIDE)
            end--;
        add_run(begin, end);
    };
    for (auto k = low; k < high; k++) {
        const float now = d_few[k];
        if (now > bottom * VALLEY &&
            bottom < std::min(top / VALLEY, DEEPEST)) { // up again on the other side
            cut(valley);
            begin = valley;
            top = now;
        }
        if (now >= top) {
            top = bottom = now;
            valley = k;
        } else if (now < bottom) {
            bottom = now;
            valley = k;
        }
    }
    cut(high);
}

void region_tracker::add_run(std::size_t low, std::size_t high)
{
    if (low < high)
        d_runs.push_back({ low, high, std::memchr(&d_loud[low], 1, high - low) != nullptr });
}

// Where the tracks are, so that a run meets only those nearby.
void region_tracker::look_up_tracks()
{
    d_spans.clear();
    for (auto it = d_tracks.begin(); it != d_tracks.end(); ++it)
        d_spans.push_back({ it->core_low, it->core_high, 0, it });
    std::sort(
        d_spans.begin(), d_spans.end(), [](const span& a, const span& b) { return a.low < b.low; });
    std::size_t highest = 0;
    for (auto& one : d_spans)
        one.highest = highest = std::max(highest, one.high);
}

void region_tracker::follow(const run& one)
{
    const double power = sum(&d_excess[one.low], one.high - one.low, 0);

    auto& met = d_met;
    met.clear();
    const auto first = std::partition_point(
        d_spans.begin(), d_spans.end(), [&](const span& near) { return near.highest < one.low; });
    for (auto near = first; near != d_spans.end() && near->low <= one.high; ++near) {
        const auto it = near->of;
        if (it == d_tracks.end()) // joined with another one in this row
            continue;
        const auto core = it->core_high - it->core_low, width = one.high - one.low;
        if (one.low > it->core_high || it->core_low > one.high || power < FADE * it->power ||
            width < LINE * it->width)
            continue;
        if (d_rows - it->first >= YOUNG && width > WIDER * core + FEW &&
            power > WIDENED * it->power) // goes on by itself
            extend(*it, std::max(one.low, it->core_low), std::min(one.high, it->core_high));
        else
            met.push_back(it);
    }
    if (met.empty()) {
        if (one.loud && d_tracks.size() < MOST_TRACKS) {
            d_tracks.push_back(
                { ++d_number, d_rows, d_rows, one.low, one.high, one.low, one.high });
            auto& born = d_tracks.back();
            born.excess.resize(one.high - one.low);
            born.hits.resize(one.high - one.low);
            extend(born, one.low, one.high);
        }
        return;
    }
    std::sort(met.begin(), met.end(), [](auto a, auto b) { return a->core_low < b->core_low; });
    join_met();
    // Each has its part, up to halfway to its neighbours.
    for (std::size_t i = 0; i < met.size(); i++) {
        auto& mine = *met[i];
        auto low = one.low, high = one.high;
        if (i > 0)
            low = std::max(low, (met[i - 1]->core_high + mine.core_low) / 2);
        if (i + 1 < met.size())
            high = std::min(high, (mine.core_high + met[i + 1]->core_low) / 2);
        if (d_rows - mine.first >= YOUNG && power > WIDENED * mine.power) {
            const auto more = std::max<std::size_t>(2, (mine.core_high - mine.core_low) / 4);
            low = std::max(low, mine.core_low - std::min(mine.core_low, more));
            high = std::min(high, mine.core_high + more);
        }
        extend(mine, low, high);
    }
}

// Tracks that began together are one when a run bridges them; so are one and what it was while it was faint.
void region_tracker::join_met()
{
    auto& met = d_met;
    for (std::size_t i = 0; i + 1 < met.size();) {
        auto &a = *met[i], &b = *met[i + 1];
        const auto born = std::max(a.first, b.first);
        const bool together =
            born - std::min(a.first, b.first) <= YOUNG / 2 && d_rows - born < YOUNG;
        const auto least = std::min(a.core_high - a.core_low, b.core_high - b.core_low);
        const auto low = std::max(a.core_low, b.core_low),
                   high = std::min(a.core_high, b.core_high);
        if (!together && (low >= high || 2 * (high - low) <= least)) {
            i++;
            continue;
        }
        add_bins(a, b);
        a.core_low = std::min(a.core_low, b.core_low);
        a.core_high = std::max(a.core_high, b.core_high);
        a.number = a.first <= b.first ? a.number : b.number;
        a.first = std::min(a.first, b.first);
        a.last = std::max(a.last, b.last);
        a.rows = std::max(a.rows, b.rows);
        a.gap = std::max(a.gap, b.gap);
        a.weight = std::max(a.weight, b.weight);
        a.power += b.power;
        a.width += b.width;
        for (auto& near : d_spans)
            if (near.of == met[i + 1])
                near.of = d_tracks.end();
        d_tracks.erase(met[i + 1]);
        met.erase(met.begin() + i + 1);
    }
}

// Room for the bins from low to high.
void region_tracker::reach(track& one, std::size_t low, std::size_t high)
{
    if (low < one.low) {
        one.excess.insert(one.excess.begin(), one.low - low, 0);
        one.hits.insert(one.hits.begin(), one.low - low, 0);
        one.low = low;
    }
    if (high > one.high) {
        one.excess.resize(high - one.low);
        one.hits.resize(high - one.low);
        one.high = high;
    }
}

void region_tracker::add_bins(track& one, const track& other)
{
    reach(one, other.low, other.high);
    for (auto k = other.low; k < other.high; k++) {
        one.excess[k - one.low] += other.excess[k - other.low];
        one.hits[k - one.low] += other.hits[k - other.low];
    }
    one.most += other.most;
}

// Whether a track that is seen no more goes on as another one, with its power, where that began; it is that one's
// beginning then.
bool region_tracker::goes_on(const track& one)
{
    track* next = nullptr;
    std::size_t most = 0;
    for (auto& other : d_tracks) {
        const auto low = std::max(one.core_low, other.core_low),
                   high = std::min(one.core_high, other.core_high);
        const auto least = std::min(one.core_high - one.core_low, other.core_high - other.core_low);
        if (other.first + YOUNG / 2 < one.last || other.first > one.last + GAP || &other == &one ||
            other.last <= one.last || low >= high || 2 * (high - low) < least ||
            other.power > KEPT * one.power || one.power > KEPT * other.power)
            continue;
        if (high - low > most) {
            most = high - low;
            next = &other;
        }
    }
    if (!next)
        return false;
    add_bins(*next, one);
    next->number = one.number;
    next->gap = std::max(next->gap, one.gap);
    next->first = one.first;
    next->most_power = std::max(next->most_power, one.most_power);
    next->least_power = std::min(next->least_power, one.least_power);
    next->rows += one.rows;
    next->weight += one.weight;
    set_core(*next);
    return true;
}

// By this row, where the track has the bins from low to high.
void region_tracker::extend(track& one, std::size_t low, std::size_t high)
{
    if (low >= high)
        return;
    reach(one, low, high);
    auto& row = one.row;
    if (!one.rows || d_rows != one.last) {
        if (one.rows)
            one.gap = std::max(one.gap, d_rows - one.last - 1);
        if (one.rows >= SETTLED) {
            one.most_power = std::max(one.most_power, one.power);
            one.least_power = std::min(one.least_power, one.power);
        }
        one.rows++;
        if (++one.weight > d_memory)
            fade(one);
        row = { 0, 0, 0, one.power, one.width };
    }
    one.last = d_rows;
    // Several runs of a row may be one track's; each bin counts once.
    const auto first = std::max(row.counted, std::min(low, one.core_low));
    const auto last = std::max({ first, high, one.core_high });
    const float* now = d_excess.data() + first; // there may be none left
    float* all = one.excess.data() + (first - one.low);
    for (std::size_t k = 0; k < last - first; k++)
        all[k] += now[k];
    float* hits = one.hits.data() + (low - one.low);
    for (std::size_t k = 0; k < high - low; k++)
        hits[k]++;
    row.counted = last;
    row.power += sum(now, last - first, std::numeric_limits<float>::lowest());
    row.width += high - low;
    const auto weight = std::max(MEMORY, 1.0 / one.rows);
    one.power = row.power_before + (row.power - row.power_before) * weight;
    one.width = row.width_before + (row.width - row.width_before) * weight;
    if (one.rows < OFTEN || one.rows % SELDOM == 0)
        set_core(one);
}

// The bins that it mostly has.
void region_tracker::set_core(track& one)
{
    one.most = *std::max_element(one.hits.begin(), one.hits.end());
    const auto least = USUALLY * one.most;
    std::size_t a = 0, b = one.hits.size();
    while (a < b && one.hits[a] < least)
        a++;
    while (b > a && one.hits[b - 1] < least)
        b--;
    one.core_low = one.low + a;
    one.core_high = one.low + b;
}

// All that it had until now counts half.
void region_tracker::fade(track& one) const
{
    one.weight /= 2;
    one.most /= 2;
    for (auto* values : { &one.excess, &one.hits })
        for (float& value : *values)
            value /= 2;
}

void region_tracker::close(bool all)
{
    for (auto it = d_tracks.begin(); it != d_tracks.end();) {
        const auto allowed = std::max<std::size_t>(GAP, GAP_GROWTH * it->gap);
        if (!all && d_rows <= it->last + allowed) {
            ++it;
            continue;
        }
        if (it->rows >= LEAST_ROWS && (all || !goes_on(*it))) {
            d_ended.push_back(as_region(*it, all));
            if (all &&
                it->last + 1 >= d_rows) // there to the last sample, which may be in no window
                d_ended.back().stop = d_begin + d_seen * d_spectra.hop() + d_rest.size();
        }
        it = d_tracks.erase(it);
    }
}

region region_tracker::as_region(const track& one, bool to_end) const
{
    const auto size = d_spectra.size(), hop = d_spectra.hop();
    double total = 0;
    for (float value : one.excess)
        total += std::max(value, 0.0F);
    // Where the power up to there is so much of all.
    const auto place = [&](double share) {
        double before = 0;
        for (std::size_t k = 0; k < one.excess.size(); k++) {
            const double here = std::max(one.excess[k], 0.0F);
            if (before + here >= share * total && here > 0)
                return one.low + k + (share * total - before) / here;
            before += here;
        }
        return double(one.high);
    };
    const double low = place((1 - OCCUPIED) / 2), high = place((1 + OCCUPIED) / 2);
    double noise = 0;
    std::size_t noisy = 0;
    for (auto k = std::size_t(low); k < std::min<double>(high, size); k++)
        if (std::isfinite(d_floor.noise()[k])) {
            noise += d_floor.noise()[k];
            noisy++;
        }

    // A row's middle is half a window and one and a half hops behind the first of its samples.
    const auto middle = [&](std::size_t row) {
        return (double(row) - 1) * row_step() + (size + 3.0 * hop) / 2;
    };
    region result{};
    result.from_start = one.first == 0;
    result.to_end = to_end;
    result.start = d_begin + (one.first ? std::max(0.0, middle(one.first) - hop / 2) : 0);
    result.stop = d_begin + std::max(0.0, middle(one.last) + hop / 2);
    result.low = (low - 0.5) / size - 0.5;
    result.high = (high - 0.5) / size - 0.5;
    result.power = total / one.weight / size;
    result.noise = noise / size;
    result.noise_density = noise / std::max<std::size_t>(1, noisy);
    result.swing = std::max(1.0, one.most_power / std::max(one.least_power, MIN_POWER));
    result.rows = one.last - one.first + 1;
    result.bins = std::max(1.0, high - low);
    result.size = size;
    result.least_width = 1.0 / size;
    result.track = one.number;
    return result;
}

} // namespace sr2cnn
} // namespace gr
