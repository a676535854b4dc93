/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#define BOOST_TEST_MODULE frame_queue_core
#include "frame_queue_core.h"
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <boost/thread/thread.hpp>
#include <numeric>
#include <random>

using namespace gr::sr2cnn;

namespace {

constexpr std::size_t WORDS = 3; // a frame, each word its number

using frames = std::vector<std::uint64_t>;

frames numbered(std::uint64_t first, std::size_t n)
{
    frames data;
    for (std::size_t i = 0; i < n; i++)
        data.insert(data.end(), WORDS, first + i);
    return data;
}

std::vector<frame_info> infos_of(std::uint64_t first, std::size_t n)
{
    std::vector<frame_info> infos(n);
    for (std::size_t i = 0; i < n; i++)
        infos[i].start = 10 * (first + i);
    return infos;
}

struct queue : frame_queue_core {
    queue(int capacity, const std::string& overload)
        : frame_queue_core(WORDS * sizeof(std::uint64_t), capacity, overload)
    {
    }

    // Writes frames first, first + 1, …; their tags by number.
    std::size_t put(std::uint64_t first,
                    std::size_t n,
                    const std::vector<std::pair<std::uint64_t, std::string>>& tags = {})
    {
        const auto data = numbered(first, n);
        auto infos = infos_of(first, n);
        for (const auto& [number, key] : tags)
            infos[number - first].tags.push_back({ key, int(number), infos[number - first].start });
        return write(data.data(), infos.data(), n);
    }

    // Reads up to n; the numbers of the frames, whose words and starts are checked.
    frames get(std::size_t n)
    {
        frames data(n * WORDS), numbers;
        const auto given = read(data.data(), infos, n);
        for (std::size_t i = 0; i < given; i++) {
            numbers.push_back(data[i * WORDS]);
            for (std::size_t j = 1; j < WORDS; j++)
                BOOST_REQUIRE_EQUAL(data[i * WORDS + j], numbers.back());
            BOOST_REQUIRE_EQUAL(infos[i].start, 10 * numbers.back());
        }
        return numbers;
    }

    // The tags of a frame just read, as "key number-of-its-first-frame".
    std::string tags(std::size_t i) const
    {
        std::string all;
        for (const auto& tag : infos[i].tags)
            all += tag.key + std::to_string(std::any_cast<int>(tag.value)) + " ";
        return all;
    }

    std::vector<frame_info> infos;
};

frames range(std::uint64_t first, std::size_t n)
{
    frames numbers(n);
    std::iota(numbers.begin(), numbers.end(), first);
    return numbers;
}

void check_counts(const frame_queue_core& core,
                  std::uint64_t in,
                  std::uint64_t out,
                  std::uint64_t dropped,
                  std::uint64_t waiting)
{
    const auto counts = core.count();
    BOOST_CHECK_EQUAL(counts.frames_in, in);
    BOOST_CHECK_EQUAL(counts.frames_out, out);
    BOOST_CHECK_EQUAL(counts.frames_dropped, dropped);
    BOOST_CHECK_EQUAL(counts.frames_waiting, waiting);
}

} // namespace

BOOST_AUTO_TEST_CASE(bad_parameters)
{
    const auto error_of = [](int capacity, const std::string& overload) -> std::string {
        try {
            queue(capacity, overload);
        } catch (const std::invalid_argument& e) {
            return e.what();
        }
        return "";
    };
    BOOST_CHECK_EQUAL(error_of(0, "drop"), "capacity is 0, expected at least 1");
    BOOST_CHECK_EQUAL(error_of(-1, "drop"), "capacity is -1, expected at least 1");
    BOOST_CHECK_EQUAL(error_of(4, "lose"), "overload is 'lose', expected one of block, drop");
}

BOOST_AUTO_TEST_CASE(in_order_round_the_ring)
{
    for (const std::string overload : { "block", "drop" }) {
        queue core(5, overload);
        for (std::uint64_t n = 0; n < 40; n += 4) {
            BOOST_TEST(core.put(n, 4) == 4u);
            BOOST_TEST(core.get(1) == range(n, 1));
            BOOST_TEST(core.get(100) == range(n + 1, 3));
        }
        check_counts(core, 40, 40, 0, 0);
    }
}

BOOST_AUTO_TEST_CASE(block_takes_what_there_is_room_for)
{
    queue core(5, "block");
    BOOST_TEST(core.put(0, 8) == 5u);
    check_counts(core, 5, 0, 0, 5);
    BOOST_TEST(core.get(2) == range(0, 2));
    BOOST_TEST(core.put(5, 8) == 2u);
    BOOST_TEST(core.get(8) == range(2, 5));
    check_counts(core, 7, 7, 0, 0);
}

BOOST_AUTO_TEST_CASE(drop_keeps_the_newest)
{
    queue core(5, "drop");
    BOOST_TEST(core.put(0, 4) == 4u);
    BOOST_TEST(core.put(4, 3) == 3u);
    check_counts(core, 7, 0, 2, 5);
    BOOST_TEST(core.get(2) == range(2, 2));
    BOOST_TEST(core.put(7, 20) == 20u); // more at once than it holds
    check_counts(core, 27, 2, 20, 5);
    BOOST_TEST(core.get(8) == range(22, 5));
    check_counts(core, 27, 7, 20, 0);
}

BOOST_AUTO_TEST_CASE(tags_stay_with_their_frames)
{
    queue core(4, "drop");
    core.put(0, 3, { { 0, "a" }, { 2, "a" }, { 2, "b" }, { 2, "a" } });
    core.get(3);
    BOOST_TEST(core.tags(0) == "a0 ");
    BOOST_TEST(core.tags(1) == "");
    BOOST_TEST(core.tags(2) == "a2 b2 a2 ");
    core.put(3, 4); // into the rows that had them
    core.get(4);
    for (int i = 0; i < 4; i++)
        BOOST_TEST(core.tags(i) == "");
}

BOOST_AUTO_TEST_CASE(latest_tag_of_dropped_frames_moves_on)
{
    queue core(3, "drop");
    core.put(0, 3, { { 0, "a" }, { 0, "b" }, { 1, "a" }, { 2, "c" } });
    core.put(3, 2, { { 4, "a" } }); // 0 and 1 go
    core.get(1);
    BOOST_TEST(core.tags(0) == "a1 b0 c2 ");
    BOOST_TEST(core.infos[0].tags[0].start == 10u); // of frame 1, though on frame 2
    core.get(2);
    BOOST_TEST(core.tags(0) == "");
    BOOST_TEST(core.tags(1) == "a4 ");
}

BOOST_AUTO_TEST_CASE(own_tag_wins_over_one_that_moved)
{
    queue core(2, "drop");
    core.put(0, 3, { { 0, "a" }, { 0, "b" }, { 1, "a" } }); // 0 goes without being stored
    core.get(2);
    BOOST_TEST(core.tags(0) == "b0 a1 ");
    // What moves is one tag a key, however many frames are dropped.
    for (std::uint64_t n = 3; n < 1000; n++)
        core.put(n, 1, { { n, "a" } });
    core.put(1000, 2);
    core.get(1);
    BOOST_TEST(core.tags(0) == "a999 ");
}

BOOST_AUTO_TEST_CASE(what_waits_is_read_after_the_end)
{
    queue core(4, "block");
    core.put(0, 3);
    core.end_writing();
    BOOST_TEST(core.get(2) == range(0, 2));
    BOOST_TEST(core.get(2) == range(2, 1));
    BOOST_TEST(core.get(2).empty());
}

BOOST_AUTO_TEST_CASE(nobody_reads)
{
    for (const std::string overload : { "block", "drop" }) {
        queue core(2, overload);
        core.put(0, 2);
        core.end_reading();
        BOOST_TEST(core.put(2, 1) == 0u);
        check_counts(core, 2, 0, 0, 2);
    }
}

BOOST_AUTO_TEST_CASE(what_waits_is_there_when_it_resumes)
{
    queue core(3, "drop");
    core.put(0, 5, { { 0, "a" }, { 4, "b" } });
    BOOST_TEST(core.get(1) == range(2, 1));
    core.end_writing();
    core.end_reading();
    core.resume();
    check_counts(core, 2, 0, 0, 2);
    BOOST_TEST(core.put(7, 1) == 1u);
    BOOST_TEST(core.get(2) == range(3, 2));
    BOOST_TEST(core.tags(1) == "b4 ");
    BOOST_TEST(core.get(2) == range(7, 1));
    check_counts(core, 3, 3, 0, 0);
}

// -- two threads --------------------------------------------------------------------------

namespace {

struct outcome {
    std::uint64_t read = 0;
    std::uint64_t last = 0;
    bool ascending = true;
    bool tagged = true; // each frame follows the last one, or carries the tag of one in between
};

// A writer of n frames, each with a tag, against a reader, both in pieces of any size.
outcome race(queue& core, std::uint64_t n, std::size_t most_written, std::size_t most_read)
{
    boost::thread writer([&] {
        std::mt19937 random(1);
        std::uniform_int_distribution<std::size_t> piece(1, most_written);
        for (std::uint64_t i = 0; i < n;) {
            const auto size = std::min<std::uint64_t>(piece(random), n - i);
            std::vector<std::pair<std::uint64_t, std::string>> tags;
            for (auto k = i; k < i + size; k++)
                tags.push_back({ k, k % 2 ? "odd" : "even" });
            i += core.put(i, size, tags);
        }
        core.end_writing();
    });
    outcome seen;
    std::mt19937 random(2);
    std::uniform_int_distribution<std::size_t> piece(1, most_read);
    for (auto numbers = core.get(1); !numbers.empty(); numbers = core.get(piece(random))) {
        for (std::size_t i = 0; i < numbers.size(); i++) {
            const bool first = seen.read == 0;
            const bool follows = numbers[i] == (first ? 0 : seen.last + 1);
            seen.ascending = seen.ascending && (first || numbers[i] > seen.last);
            const auto own = (numbers[i] % 2 ? "odd" : "even") + std::to_string(numbers[i]) + " ";
            auto expected = own;
            if (!follows) // the other key's latest was on the frame before
                expected =
                    (numbers[i] % 2 ? "even" : "odd") + std::to_string(numbers[i] - 1) + " " + own;
            seen.tagged = seen.tagged && core.tags(i) == expected;
            seen.last = numbers[i];
            seen.read++;
        }
    }
    writer.join();
    return seen;
}

} // namespace

BOOST_AUTO_TEST_CASE(two_threads_block_loses_nothing)
{
    for (const int capacity : { 1, 2, 7, 100 }) {
        queue core(capacity, "block");
        const auto seen = race(core, 20000, 9, 5);
        BOOST_TEST(seen.read == 20000u);
        BOOST_TEST(seen.ascending);
        BOOST_TEST(seen.tagged);
        check_counts(core, 20000, 20000, 0, 0);
    }
}

BOOST_AUTO_TEST_CASE(two_threads_drop_counts_exactly)
{
    for (const int capacity : { 1, 2, 7, 100 }) {
        queue core(capacity, "drop");
        const auto seen = race(core, 20000, 9, 5);
        BOOST_TEST(seen.ascending);
        BOOST_TEST(seen.tagged);
        BOOST_TEST(seen.last == 19999u); // the newest is never dropped
        check_counts(core, 20000, seen.read, 20000 - seen.read, 0);
    }
}

BOOST_AUTO_TEST_CASE(drop_needs_no_reader)
{
    queue core(3, "drop");
    for (std::uint64_t n = 0; n < 1000; n++)
        BOOST_REQUIRE(core.put(n, 1) == 1u);
    check_counts(core, 1000, 0, 997, 3);
}

BOOST_AUTO_TEST_CASE(who_waits_can_be_interrupted)
{
    queue core(2, "block");
    const auto interrupted = [](auto wait) {
        std::atomic<bool> thrown = false;
        boost::thread thread([&] {
            try {
                wait();
            } catch (const boost::thread_interrupted&) {
                thrown = true;
            }
        });
        thread.interrupt();
        thread.join();
        return bool(thrown);
    };
    BOOST_TEST(interrupted([&] { core.get(1); }));
    core.put(0, 2);
    BOOST_TEST(interrupted([&] { core.put(2, 1); }));
    check_counts(core, 2, 0, 0, 2);
    BOOST_TEST(core.get(2) == range(0, 2));
}

BOOST_AUTO_TEST_CASE(who_waits_wakes_at_the_end)
{
    queue core(2, "block");
    boost::thread reader([&] { BOOST_TEST(core.get(1).empty()); });
    core.end_writing();
    reader.join();
    core.put(0, 2);
    boost::thread writer([&] { BOOST_TEST(core.put(2, 1) == 0u); });
    core.end_reading();
    writer.join();
}
