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

    static sample turned(double frequency, std::size_t i)
    {
        return std::polar(1.0F, float(2 * M_PI * std::fmod(frequency * i, 1.0)));
    }
};

std::vector<emission> detect(const std::vector<sample>& samples, std::mt19937* pieces = nullptr)
{
    detector_core detector;
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
