/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#define BOOST_TEST_MODULE detector_core
#include "detector_core.h"
#include "spectra.h"
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>

using namespace gr::sr2cnn;
using sample = detector_core::sample;
using emission = detector_core::emission;

namespace {

// A band with noise of unit power a sample.
struct band {
    std::mt19937 random;
    std::vector<sample> samples;

    explicit band(std::size_t n, unsigned seed = 1) : random(seed), samples(n)
    {
        for (auto& one : samples)
            one = noise();
    }

    sample noise()
    {
        std::normal_distribution<float> draw(0, std::sqrt(0.5F));
        const float re = draw(random);
        return { re, draw(random) };
    }

    // Gaussian noise that fills a band evenly, as OFDM does; snr in it, dB.
    void add(std::size_t start, std::size_t n, double center, double width, double snr)
    {
        const int reach = std::ceil(8 / width);
        std::vector<double> taps;
        double power = 0;
        for (int k = -reach; k <= reach; k++) {
            const double x = M_PI * width * k;
            const double window = 0.5 + 0.5 * std::cos(M_PI * k / (reach + 1));
            taps.push_back((k ? std::sin(x) / x : 1) * window);
            power += taps.back() * taps.back();
        }
        const float gain = std::sqrt(std::pow(10, snr / 10) * width / power);
        std::vector<sample> source(n + taps.size());
        for (auto& one : source)
            one = noise();
        for (std::size_t i = 0; i < n; i++) {
            sample sum = 0;
            for (std::size_t k = 0; k < taps.size(); k++)
                sum += float(taps[k]) * source[i + k];
            samples[start + i] += gain * sum * turned(center, start + i);
        }
    }

    void add_carrier(std::size_t start, std::size_t n, double frequency, float amplitude)
    {
        for (auto i = start; i < start + n; i++)
            samples[i] += amplitude * turned(frequency, i);
    }

    // Frequency modulation whose deviation swells and falls, to nothing at times.
    void add_fm(std::size_t start, std::size_t n, double center, double deviation, float amplitude)
    {
        double phase = 0;
        for (std::size_t i = 0; i < n; i++) {
            const double swell = std::max(0.0, std::sin(4 * M_PI * i / n));
            phase += deviation * swell * std::sin(2 * M_PI * i / 500);
            samples[start + i] +=
                amplitude * std::polar(1.0F, float(2 * M_PI * phase)) * turned(center, start + i);
        }
    }

    static sample turned(double frequency, std::size_t i)
    {
        return std::polar(1.0F, float(2 * M_PI * std::fmod(frequency * i, 1.0)));
    }
};

std::vector<emission>
detect(const std::vector<sample>& samples, std::mt19937* pieces = nullptr, std::int64_t longest = 0)
{
    detector_core detector(longest);
    std::vector<emission> all;
    for (std::size_t at = 0; at < samples.size();) {
        std::size_t n = samples.size() - at;
        if (pieces)
            n = std::min<std::size_t>(n, std::uniform_int_distribution<int>(0, 20000)(*pieces));
        detector.push(&samples[at], n);
        at += n;
        const auto more = detector.take();
        all.insert(all.end(), more.begin(), more.end());
    }
    detector.finish();
    const auto more = detector.take();
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

// Those that are told, each of its pieces put together as a listener does; they have to fit.
std::vector<emission> whole(const std::vector<emission>& told, std::uint64_t longest)
{
    std::vector<emission> all;
    for (const auto& piece : told) {
        BOOST_TEST(piece.n_samples > 0);
        BOOST_TEST(piece.n_samples <= longest + 8192);
        auto one = std::find_if(all.begin(), all.end(), [&](const emission& other) {
            return other.number == piece.number;
        });
        if (piece.continues)
            BOOST_TEST(piece.n_samples == longest);
        if (one == all.end()) {
            BOOST_TEST(piece.began == piece.start);
            all.push_back(piece);
            continue;
        }
        BOOST_TEST(one->continues);
        BOOST_TEST(one->start + one->n_samples == piece.start);
        BOOST_TEST(one->start == piece.began);
        const auto start = one->start, n = one->n_samples;
        *one = piece;
        one->start = start;
        one->n_samples += n;
    }
    for (const auto& one : all)
        BOOST_TEST(!one.continues);
    return all;
}

// Of those that are told, the one at a frequency.
const emission& at(const std::vector<emission>& all, double center)
{
    const auto found = std::find_if(all.begin(), all.end(), [&](const emission& one) {
        return std::abs(one.center - center) < 0.6 * one.bandwidth;
    });
    BOOST_REQUIRE(found != all.end());
    return *found;
}

// Edges: half of the longest window.
void check(const emission& one, double start, double n, double center, double width, double snr)
{
    BOOST_TEST(std::abs(double(one.start) - start) <= 4096);
    BOOST_TEST(std::abs(double(one.start + one.n_samples) - start - n) <= 4096);
    BOOST_TEST(std::abs(one.center - center) < 0.1 * width);
    BOOST_TEST(one.bandwidth > 0.75 * width);
    BOOST_TEST(one.bandwidth < 1.25 * width);
    BOOST_TEST(std::abs(one.snr - snr) < 3);
}

} // namespace

BOOST_AUTO_TEST_CASE(spectra_are_those_of_a_plain_transform)
{
    constexpr std::size_t SIZE = 32;
    band some(SIZE);
    spectra transform(SIZE);
    std::vector<float> powers(SIZE);
    transform.power(some.samples.data(), powers.data());
    double norm = 0;
    std::vector<double> window(SIZE);
    for (std::size_t n = 0; n < SIZE; n++) {
        const double x = 2 * M_PI * n / SIZE;
        window[n] =
            0.35875 - 0.48829 * std::cos(x) + 0.14128 * std::cos(2 * x) - 0.01168 * std::cos(3 * x);
        norm += window[n] * window[n];
    }
    for (std::size_t k = 0; k < SIZE; k++) {
        std::complex<double> sum = 0;
        const double frequency = double(k) / SIZE - 0.5;
        for (std::size_t n = 0; n < SIZE; n++)
            sum += window[n] * std::complex<double>(some.samples[n]) *
                   std::polar(1.0, -2 * M_PI * frequency * n);
        BOOST_TEST(powers[k] == std::norm(sum) / norm, boost::test_tools::tolerance(1e-3));
    }
    for (std::size_t wrong : { 0, 8, 100 })
        BOOST_CHECK_THROW(spectra{ wrong }, std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(running_means_are_those_of_a_plain_sum)
{
    for (const std::size_t size : { 32, 256, 1024 }) {
        std::mt19937 random(size);
        std::exponential_distribution<float> draw(0.5);
        std::vector<float> values(size), few(size), many(size);
        for (auto& one : values)
            one = draw(random);
        running_means(values.data(), size, few.data(), many.data());
        for (std::size_t k = 0; k < size; k++) {
            double expected = 1;
            if (k > 0 && k + 1 < size)
                expected = (double(values[k - 1]) + values[k] + values[k + 1]) / 3;
            BOOST_TEST(few[k] == expected, boost::test_tools::tolerance(1e-5));
            expected = 0;
            for (int j = -8; j <= 8; j++)
                expected += std::min(5.0F, values[std::clamp<std::size_t>(k, 8, size - 9) + j]);
            BOOST_TEST(many[k] == expected / 17, boost::test_tools::tolerance(1e-5));
        }
    }
}

BOOST_AUTO_TEST_CASE(quantiles_of_columns_are_those_of_sorted_ones)
{
    std::mt19937 random(1);
    std::exponential_distribution<float> draw(1);
    for (const std::size_t rows : { 1, 2, 24, 128 })
        for (const float scale : { 0.0F, 1e-30F, 1.0F, 1e30F }) {
            constexpr std::size_t COLUMNS = 37;
            std::vector<float> values(rows * COLUMNS);
            for (auto& one : values)
                one = scale * draw(random);
            for (const std::size_t below : { std::size_t(0), rows / 5, rows - 1 }) {
                const auto found = column_quantiles(values.data(), rows, COLUMNS, below);
                for (std::size_t k = 0; k < COLUMNS; k++) {
                    std::vector<float> column;
                    for (std::size_t row = 0; row < rows; row++)
                        column.push_back(values[row * COLUMNS + k]);
                    std::sort(column.begin(), column.end());
                    BOOST_TEST(std::abs(found[k] - column[below]) <= column[below] / 2000 + 1e-35F);
                }
            }
        }
}

BOOST_AUTO_TEST_CASE(noise_is_no_emission)
{
    for (unsigned seed = 1; seed <= 4; seed++)
        BOOST_TEST(detect(band(1000000, seed).samples).size() == 0);
    for (unsigned seed = 0; seed < 300; seed++)
        BOOST_TEST(detect(band(1 + 131 * seed, seed).samples).size() == 0);
}

BOOST_AUTO_TEST_CASE(zeros_and_nothing)
{
    BOOST_TEST(detect({}).size() == 0);
    BOOST_TEST(detect(std::vector<sample>(200000)).size() == 0);
}

BOOST_AUTO_TEST_CASE(wide_and_narrow_at_once)
{
    band some(800000);
    some.add(200000, 100000, 0.2, 0.1, 15);
    some.add(150000, 300000, -0.3, 0.01, 15);
    some.add(400000, 60000, 0.17, 0.03, 12);
    const auto found = detect(some.samples);
    BOOST_TEST(found.size() == 3);
    check(at(found, -0.3), 150000, 300000, -0.3, 0.01, 15);
    BOOST_TEST(found[0].bandwidth > 0.05); // in the order of their ends
    check(found[0], 200000, 100000, 0.2, 0.1, 15);
    for (const auto& one : found)
        BOOST_TEST(!one.cut_off);
    for (std::size_t i = 0; i < found.size(); i++)
        BOOST_TEST(found[i].number == i + 1);
}

BOOST_AUTO_TEST_CASE(neighbours_and_those_that_come_again)
{
    band some(900000);
    some.add(100000, 200000, 0.1, 0.02, 15);
    some.add(180000, 200000, 0.125, 0.02, 20); // its edge is 1/200 from the other's
    some.add(400000, 100000, -0.2, 0.05, 15);
    some.add(540000, 100000, -0.2, 0.05, 15);
    some.add(700000, 100000, -0.2, 0.05, 15);
    const auto found = detect(some.samples);
    BOOST_TEST(found.size() == 5);
    check(at(found, 0.1), 100000, 200000, 0.1, 0.02, 15);
    check(at(found, 0.125), 180000, 200000, 0.125, 0.02, 20);
}

BOOST_AUTO_TEST_CASE(a_carrier_that_never_pauses_is_one_and_the_receivers_own_is_none)
{
    band some(600000);
    some.add_carrier(0, 600000, 0.3, 0.5);
    some.add_carrier(0, 600000, 0, 3);
    some.add(200000, 100000, 0, 0.06, 15); // around the receiver's own
    const auto found = detect(some.samples);
    BOOST_TEST(found.size() == 2);
    check(at(found, 0), 200000, 100000, 0, 0.06, 15);
    const auto& carrier = at(found, 0.3);
    BOOST_TEST(carrier.bandwidth < 0.003);
    BOOST_TEST(carrier.cut_off);
    BOOST_TEST(carrier.n_samples > 580000);
}

BOOST_AUTO_TEST_CASE(one_that_never_pauses_and_fills_most_of_the_band)
{
    band some(400000);
    some.add(0, 400000, 0, 0.8, 20);
    const auto found = detect(some.samples);
    BOOST_TEST(found.size() == 1);
    BOOST_TEST(found[0].bandwidth > 0.7);
}

BOOST_AUTO_TEST_CASE(tones_that_begin_and_end_together_are_one)
{
    for (const double snr : { 15.0, 45.0 }) {
        band some(500000);
        some.add(150000, 200000, 0.1, 0.01, snr);
        some.add(150000, 200000, 0.14, 0.01, snr - 3);
        some.add(260000, 200000, -0.2, 0.01, 15); // by itself
        const auto found = detect(some.samples);
        BOOST_TEST(found.size() == 2);
        const auto& both = at(found, 0.12);
        BOOST_TEST(std::abs(both.center - 0.12) < 0.002);
        BOOST_TEST(std::abs(both.bandwidth - 0.05) < 0.006);
        BOOST_TEST(std::abs(double(both.start) - 150000) <= 4096);
    }
}

BOOST_AUTO_TEST_CASE(a_carrier_that_wanders_is_one)
{
    for (const float amplitude : { 0.5F, 2.0F, 10.0F }) {
        band some(1000000);
        some.add_fm(200000, 600000, 0.15, 0.03, amplitude);
        const auto found = detect(some.samples);
        BOOST_REQUIRE(found.size() == 1);
        BOOST_TEST(std::abs(double(found[0].start) - 200000) <= 4096);
        BOOST_TEST(std::abs(double(found[0].n_samples) - 600000) <= 8192);
        BOOST_TEST(std::abs(found[0].center - 0.15) < 0.005);
        BOOST_TEST(found[0].bandwidth > 0.04);
        BOOST_TEST(found[0].bandwidth < 0.08);
    }
}

BOOST_AUTO_TEST_CASE(the_sides_of_a_spectrum_belong_to_it)
{
    band some(900000);
    some.add(100000, 600000, 0.1, 0.02, 30);
    some.add(200000, 200000, 0.135, 0.02, 12); // two and two that come and go together
    some.add(200000, 200000, 0.065, 0.02, 12);
    some.add(500000, 100000, 0.135, 0.02, 15);
    some.add(500000, 100000, 0.065, 0.02, 15);
    some.add(300000, 200000, -0.2, 0.02, 15); // two that do not
    some.add(350000, 300000, -0.235, 0.02, 12);
    const auto found = detect(some.samples);
    BOOST_REQUIRE(found.size() == 3);
    check(at(found, -0.2), 300000, 200000, -0.2, 0.02, 15);
    const auto& whole = at(found, 0.1);
    BOOST_TEST(std::abs(double(whole.n_samples) - 600000) <= 8192);
    BOOST_TEST(whole.bandwidth > 0.06);
    BOOST_TEST(whole.bandwidth < 0.1);
}

BOOST_AUTO_TEST_CASE(a_line_is_as_narrow_as_it_can_be_told)
{
    for (const double frequency : { 0.2, 0.2 + 1.0 / 512, 0.2 + 1.0 / 2048 }) {
        band some(500000);
        some.add_carrier(150000, 200000, frequency, 1);
        const auto found = detect(some.samples);
        BOOST_REQUIRE(found.size() == 1);
        BOOST_TEST(found[0].bandwidth < 5.0 / 4096);
        BOOST_TEST(std::abs(found[0].center - frequency) < 0.5 / 4096);
    }
}

BOOST_AUTO_TEST_CASE(a_keyed_carrier_and_a_burst_across_another_one)
{
    band some(900000);
    std::size_t at = 150000; // marks and pauses of several lengths, its sides well over the noise
    for (std::size_t k = 0; k < 60; k++) {
        const std::size_t n = 1500 + 3000 * (k * k % 3);
        some.add_carrier(at, n, 0.24, 30);
        at += n + 1000 + 3000 * (k % 2);
    }
    const auto end = at - 4000;
    some.add_carrier(300000, 250000, -0.3, 0.8);
    some.add(400000, 30000, -0.3, 0.05, 16); // three times as strong, across it
    const auto found = detect(some.samples);
    const auto told = [&](double start, double stop, double center, double most_width) {
        return std::count_if(found.begin(), found.end(), [&](const emission& one) {
            return std::abs(double(one.start) - start) <= 6000 &&
                   std::abs(double(one.start + one.n_samples) - stop) <= 6000 &&
                   std::abs(one.center - center) < 0.01 && one.bandwidth < most_width;
        });
    };
    BOOST_TEST(told(150000, end, 0.24, 0.05) == 1);
    BOOST_TEST(told(300000, 550000, -0.3, 0.005) == 1);
    BOOST_TEST(told(400000, 430000, -0.3, 0.06) == 1);
}

BOOST_AUTO_TEST_CASE(short_ones_in_a_row_are_several)
{
    band some(400000);
    for (std::size_t k = 0; k < 10; k++)
        some.add(100000 + 15000 * k, 4000, 0.1, 0.15, 20);
    const auto found = detect(some.samples);
    BOOST_REQUIRE(found.size() == 10);
    for (std::size_t k = 0; k < 10; k++) {
        BOOST_TEST(std::abs(double(found[k].start) - 100000 - 15000.0 * k) <= 512);
        BOOST_TEST(std::abs(double(found[k].n_samples) - 4000) <= 1024);
    }
}

BOOST_AUTO_TEST_CASE(an_image_is_none)
{
    band some(400000);
    some.add(100000, 150000, 0.2, 0.03, 35);
    for (std::size_t i = 0; i < some.samples.size(); i++)
        some.samples[i] += 0.05F * std::conj(some.samples[i]);
    BOOST_TEST(detect(some.samples).size() == 1);
}

BOOST_AUTO_TEST_CASE(any_pieces)
{
    band some(700000);
    some.add(100000, 100000, 0.2, 0.1, 15);
    some.add(250000, 250000, -0.3, 0.01, 12);
    some.add(650000, 50000, 0.1, 0.05, 15); // cut off
    const auto expected = detect(some.samples);
    BOOST_TEST(expected.size() == 3);
    BOOST_TEST(expected.back().cut_off);
    std::mt19937 pieces(1);
    for (int k = 0; k < 3; k++) {
        const auto found = detect(some.samples, &pieces);
        BOOST_REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); i++) {
            BOOST_TEST(found[i].start == expected[i].start);
            BOOST_TEST(found[i].n_samples == expected[i].n_samples);
            BOOST_TEST(found[i].center == expected[i].center);
            BOOST_TEST(found[i].bandwidth == expected[i].bandwidth);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_goes_on_is_told_in_pieces)
{
    constexpr std::size_t N = 1500000;
    band some(N);
    some.add(0, N, 0.1, 0.2, 20);                  // never pauses
    some.add_carrier(300000, N - 300000, -0.1, 1); // to the end
    some.add(200000, 900000, 0.37, 0.01, 15);      // two tones of one
    some.add(200000, 900000, 0.4, 0.01, 15);
    some.add(390000, 20000, -0.3, 0.05, 20); // short ones, over the pieces' ends
    some.add(790000, 20000, -0.3, 0.05, 20);
    for (std::size_t mark = 0; mark < 40; mark++) // keyed, with pauses
        some.add_carrier(250000 + 30000 * mark, mark % 3 ? 18000 : 24000, -0.2, 1);
    const auto expected = detect(some.samples);
    BOOST_REQUIRE(expected.size() == 6);
    std::mt19937 any(1);
    for (const int longest : { 20000, 100000, 399999, 5000000 }) {
        const auto told = detect(some.samples, &any, longest);
        const auto found = whole(told, longest);
        BOOST_TEST(found.size() == 6);
        BOOST_TEST(told.size() >= std::min<std::size_t>(N / longest, 6));
        for (const auto& one : expected) {
            const auto same = std::find_if(found.begin(), found.end(), [&](const emission& other) {
                return std::abs(other.center - one.center) < 0.01 &&
                       std::abs(double(other.start) - double(one.start)) <= 4096;
            });
            BOOST_REQUIRE(same != found.end());
            BOOST_TEST(std::abs(double(same->start + same->n_samples) -
                                double(one.start + one.n_samples)) <= 4096);
            BOOST_TEST(same->cut_off == one.cut_off);
            BOOST_TEST(std::abs(same->bandwidth - one.bandwidth) < 0.1 * one.bandwidth + 1e-3);
            BOOST_TEST(std::abs(same->snr - one.snr) < 1.5);
            BOOST_TEST(std::abs(10 * std::log10(same->noise_density)) < 3);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_piece_is_told_soon)
{
    band some(1000000);
    some.add(100000, 900000, 0.2, 0.1, 15);
    detector_core detector(200000);
    detector.push(some.samples.data(), 360000);
    const auto first = detector.take();
    BOOST_REQUIRE(first.size() == 1);
    BOOST_TEST(first[0].continues);
    BOOST_TEST(!first[0].cut_off);
    detector.set_longest(0);
    detector.push(&some.samples[360000], 640000);
    BOOST_TEST(detector.take().size() == 0);
    detector.finish();
    const auto last = detector.take();
    BOOST_REQUIRE(last.size() == 1);
    BOOST_TEST(last[0].number == first[0].number);
    BOOST_TEST(last[0].start == first[0].start + first[0].n_samples);
    BOOST_TEST(last[0].began == first[0].start);
    BOOST_TEST(!last[0].continues);
    BOOST_TEST(last[0].cut_off);
}

BOOST_AUTO_TEST_CASE(gaps_and_retunes)
{
    band some(400000), other(400000, 2);
    some.add(100000, 300000, 0.2, 0.1, 15);
    other.add(0, 100000, 0.2, 0.1, 15);
    other.add(200000, 50000, -0.2, 0.1, 15);
    for (auto& one : other.samples)
        one *= 30; // as if the gain were another
    detector_core detector;
    detector.push(some.samples.data(), some.samples.size());
    detector.retune();
    const auto before = detector.take();
    BOOST_TEST(before.size() == 1);
    BOOST_TEST(before[0].cut_off);
    BOOST_TEST(before[0].start + before[0].n_samples <= 400000);
    detector.push(other.samples.data(), other.samples.size());
    detector.finish();
    const auto after = detector.take();
    BOOST_TEST(after.size() == 2);
    BOOST_TEST(after[0].start == 400000);
    BOOST_TEST(after[0].number == 2);
    BOOST_TEST(after[0].cut_off);
    check(after[1], 600000, 50000, -0.2, 0.1, 15);
    BOOST_TEST(detector.end() == 800000);
}

BOOST_AUTO_TEST_CASE(what_no_receiver_gives_counts_as_silence)
{
    band some(400000);
    some.add(100000, 100000, 0.2, 0.1, 15);
    some.samples[50000] = { std::numeric_limits<float>::quiet_NaN(), 0 };
    some.samples[300000] = { 0, std::numeric_limits<float>::infinity() };
    some.samples[310000] = 1e30F;
    const auto found = detect(some.samples);
    BOOST_TEST(found.size() == 1);
    check(found[0], 100000, 100000, 0.2, 0.1, 15);
}
