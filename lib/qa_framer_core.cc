/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#define BOOST_TEST_MODULE framer_core
#include "framer_core.h"
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace gr::sr2cnn;
using sample = framer_core::sample;

namespace {

// One drawn stream, and what becomes of it when one looks at all of it at once.
struct drawn {
    std::size_t frame_len, hop;
    std::vector<sample> samples; // each its index, or one that is not finite
    std::vector<std::uint64_t> restarts;

    std::vector<framer_core::frame> frames;
    std::uint64_t skipped = 0;
    std::uint64_t in_none = 0; // samples in no frame, not even one that is skipped

    template <class generator>
    explicit drawn(generator& random)
    {
        const auto draw = [&](int low, int high) {
            return std::uniform_int_distribution<int>(low, high)(random);
        };
        frame_len = draw(1, 9);
        hop = draw(1, 20);
        const int n = draw(0, 150);
        for (int i = 0; i < n; i++)
            samples.push_back(float(i));
        constexpr auto NOT_FINITE = std::numeric_limits<float>::quiet_NaN();
        constexpr auto INFINITE = std::numeric_limits<float>::infinity();
        for (int k = draw(0, 4); k > 0 && n > 0; k--)
            samples[draw(0, n - 1)] = k % 2 ? sample(NOT_FINITE, 0) : sample(0, -INFINITE);
        std::set<std::uint64_t> places;
        for (int k = draw(0, 5); k > 0 && n > 1; k--)
            places.insert(draw(1, n - 1));
        restarts.assign(places.begin(), places.end());
        look();
    }

    void look()
    {
        std::vector<bool> held(samples.size());
        auto stops = restarts;
        stops.push_back(samples.size());
        std::size_t begin = 0;
        for (const auto stop : stops) {
            bool jump = true;
            for (auto start = begin; start + frame_len <= stop; start += hop) {
                const auto first = samples.begin() + start;
                const bool finite = std::all_of(first, first + frame_len, [](sample x) {
                    return std::isfinite(x.real()) && std::isfinite(x.imag());
                });
                std::fill_n(held.begin() + start, frame_len, true);
                skipped += !finite;
                if (finite)
                    frames.push_back({ start, jump });
                jump = !finite;
            }
            begin = stop;
        }
        in_none = std::count(held.begin(), held.end(), false);
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(any_stream_in_any_pieces)
{
    std::mt19937 random(1);
    const auto draw = [&](int low, int high) {
        return std::size_t(std::uniform_int_distribution<int>(low, high)(random));
    };
    for (int trial = 0; trial < 20000; trial++) {
        const drawn stream(random);
        framer_core framer(stream.frame_len, stream.hop);
        std::vector<framer_core::frame> frames;
        for (std::size_t done = 0, idle = 0; done < stream.samples.size();) {
            const auto n = std::min(draw(1, 40), stream.samples.size() - done);
            const auto room = draw(1, 6);
            std::vector<std::uint64_t> restarts;
            for (const auto restart : stream.restarts)
                if (restart >= done && restart < done + n)
                    restarts.push_back(restart);
            std::vector<sample> out(room * stream.frame_len);
            const auto taken = framer.cut(&stream.samples[done], n, restarts, out.data(), room);
            BOOST_REQUIRE_LE(taken, n);
            BOOST_REQUIRE_LE(framer.frames().size(), room);
            idle = taken == 0 && framer.frames().empty() ? idle + 1 : 0;
            BOOST_REQUIRE_EQUAL(idle, 0); // a call that does nothing would be made again
            for (std::size_t i = 0; i < framer.frames().size(); i++) {
                const auto one = framer.frames()[i];
                for (std::size_t k = 0; k < stream.frame_len; k++)
                    BOOST_REQUIRE_EQUAL(out[i * stream.frame_len + k],
                                        stream.samples[one.start + k]);
                frames.push_back(one);
            }
            done += taken;
        }
        BOOST_REQUIRE_EQUAL(frames.size(), stream.frames.size());
        for (std::size_t i = 0; i < frames.size(); i++) {
            BOOST_REQUIRE_EQUAL(frames[i].start, stream.frames[i].start);
            BOOST_REQUIRE_EQUAL(frames[i].jump, stream.frames[i].jump);
        }
        const auto counts = framer.count();
        BOOST_REQUIRE_EQUAL(counts.frames, frames.size());
        BOOST_REQUIRE_EQUAL(counts.frames_skipped, stream.skipped);
        if (stream.hop <= stream.frame_len) // with larger hops some are in none on purpose
            BOOST_REQUIRE_EQUAL(counts.samples_dropped + counts.samples_left, stream.in_none);
    }
}

BOOST_AUTO_TEST_CASE(a_tag_belongs_to_the_frame_that_holds_it_or_to_the_next)
{
    const std::vector<sample> samples(1000);
    std::vector<sample> out(1000);
    framer_core apart(100, 250); // frames at 0, 250, 500, 750
    apart.cut(samples.data(), 1000, {}, out.data(), 10);
    BOOST_CHECK_EQUAL(apart.owner(0), 0);
    BOOST_CHECK_EQUAL(apart.owner(99), 0);
    BOOST_CHECK_EQUAL(apart.owner(100), 1);
    BOOST_CHECK_EQUAL(apart.owner(250), 1);
    BOOST_CHECK_EQUAL(apart.owner(850), 4);

    framer_core overlapping(100, 30);                         // the last frame that holds it
    overlapping.cut(samples.data(), 160, {}, out.data(), 10); // frames at 0, 30, 60
    BOOST_CHECK_EQUAL(overlapping.owner(29), 0);
    BOOST_CHECK_EQUAL(overlapping.owner(30), 1);
    BOOST_CHECK_EQUAL(overlapping.owner(89), 2);
    BOOST_CHECK_EQUAL(overlapping.owner(90), 3);
}

BOOST_AUTO_TEST_CASE(a_restart_counts_on)
{
    const std::vector<sample> samples(1000);
    std::vector<sample> out(1000);
    framer_core framer(100, 100);
    framer.cut(samples.data(), 250, {}, out.data(), 10);
    BOOST_CHECK_EQUAL(framer.end(), 250);
    framer.restart(framer.end()); // 50 samples wait, and no frame takes them up again
    framer.cut(samples.data(), 150, { 360 }, out.data(), 10);
    BOOST_REQUIRE_EQUAL(framer.frames().size(), 1);
    BOOST_CHECK_EQUAL(framer.frames()[0].start, 250);
    BOOST_CHECK(framer.frames()[0].jump);
    BOOST_CHECK_EQUAL(framer.count().frames, 1);
    BOOST_CHECK_EQUAL(framer.count().samples_dropped, 10);
    BOOST_CHECK_EQUAL(framer.end(), 400);
}
