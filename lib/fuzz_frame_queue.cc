/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// frame_queue_core: any operations of one thread against a std::deque, and a writer and a reader that run
// side by side. Nothing is lost or doubled, each frame comes with its own samples and tags.

#include "frame_queue_core.h"
#include "fuzz_input.h"
#include <boost/thread/thread.hpp>
#include <deque>
#include <map>

using namespace gr::sr2cnn;

namespace {

using numbers = std::vector<std::uint64_t>;

constexpr std::size_t WORDS = 3; // a frame, each word its number

numbers numbered(std::uint64_t first, std::size_t n)
{
    numbers data;
    for (std::size_t i = 0; i < n; i++)
        data.insert(data.end(), WORDS, first + i);
    return data;
}

// Every third frame has a tag, whose value is the frame's number.
std::vector<frame_info> infos_of(std::uint64_t first, std::size_t n)
{
    std::vector<frame_info> infos(n);
    for (std::size_t i = 0; i < n; i++) {
        infos[i].start = first + i;
        if ((first + i) % 3 == 0)
            infos[i].tags = { { (first + i) % 2 ? "odd" : "even", first + i, first + i } };
    }
    return infos;
}

// The numbers of the frames that were read.
numbers checked(const numbers& data, const std::vector<frame_info>& infos, std::size_t given)
{
    FUZZ_CHECK(infos.size() == given);
    numbers found;
    for (std::size_t i = 0; i < given; i++) {
        found.push_back(infos[i].start);
        for (std::size_t j = 0; j < WORDS; j++)
            FUZZ_CHECK(data[i * WORDS + j] == infos[i].start);
        for (const auto& tag : infos[i].tags)
            FUZZ_CHECK(std::any_cast<std::uint64_t>(tag.value) == tag.start &&
                       tag.start <= infos[i].start);
    }
    return found;
}

void against_a_deque(frame_queue_core& queue, bool drops, fuzz_input& in)
{
    std::deque<std::uint64_t> waiting;
    std::uint64_t next = 0, in_all = 0, out = 0, dropped = 0;
    bool writing = true, reading = true;
    for (int step = 0; step < 200 && !in.at_end(); step++) {
        const std::size_t n = in.draw(0, 12);
        switch (in.draw(0, 11)) {
        case 0:
            queue.end_writing();
            writing = false;
            break;
        case 1:
            queue.end_reading();
            reading = false;
            break;
        case 2:
            queue.resume();
            in_all = waiting.size();
            out = dropped = 0;
            writing = reading = true;
            break;
        case 3:
        case 4:
        case 5:
        case 6: {
            if (!drops && reading && waiting.size() == queue.capacity())
                break; // it would wait for ever
            const auto data = numbered(next, n);
            auto infos = infos_of(next, n);
            const auto taken = queue.write(data.data(), infos.data(), n);
            const auto room = queue.capacity() - waiting.size();
            FUZZ_CHECK(taken == (!reading ? 0 : drops ? n : std::min(n, room)));
            for (std::size_t i = 0; i < taken; i++)
                waiting.push_back(next++);
            in_all += taken;
            for (; waiting.size() > queue.capacity(); dropped++)
                waiting.pop_front();
            break;
        }
        default: {
            if (writing && waiting.empty())
                break; // it would wait for ever
            numbers data(n * WORDS);
            std::vector<frame_info> infos;
            const auto given = queue.read(data.data(), infos, n);
            FUZZ_CHECK(given == std::min(n, waiting.size()));
            for (const auto number : checked(data, infos, given)) {
                FUZZ_CHECK(number == waiting.front());
                waiting.pop_front();
            }
            out += given;
        }
        }
        const auto counts = queue.count();
        FUZZ_CHECK(counts.frames_in == in_all && counts.frames_out == out);
        FUZZ_CHECK(counts.frames_dropped == dropped && counts.frames_waiting == waiting.size());
    }
}

void side_by_side(frame_queue_core& queue, bool drops, fuzz_input& in)
{
    std::vector<int> writes(in.draw(1, 40)), reads(in.draw(1, 40));
    for (auto* sizes : { &writes, &reads })
        for (auto& n : *sizes)
            n = in.draw(1, 12);
    const bool leaves = in.draw(0, 7) == 0; // the reader, before the end
    std::uint64_t written = 0;
    boost::thread writer([&] {
        for (const auto n : writes) {
            const auto data = numbered(written, n);
            auto infos = infos_of(written, n);
            const auto taken = queue.write(data.data(), infos.data(), n);
            if (taken == 0)
                break;
            written += taken;
        }
        queue.end_writing();
    });
    boost::thread looker([&] {
        for (int i = 0; i < 20; i++) {
            const auto counts = queue.count();
            FUZZ_CHECK(counts.frames_in ==
                       counts.frames_out + counts.frames_dropped + counts.frames_waiting);
        }
    });
    std::uint64_t next = 0, given_all = 0;
    std::vector<frame_info> infos;
    for (std::size_t turn = 0;; turn++) {
        const std::size_t n = reads[turn % reads.size()];
        numbers data(n * WORDS);
        const auto given = queue.read(data.data(), infos, n);
        if (given == 0)
            break;
        for (const auto number : checked(data, infos, given)) {
            FUZZ_CHECK(drops ? number >= next : number == next);
            next = number + 1;
        }
        given_all += given;
        if (leaves && turn == reads.size())
            break;
    }
    queue.end_reading();
    writer.join();
    looker.join();
    const auto counts = queue.count();
    FUZZ_CHECK(counts.frames_in == written && counts.frames_out == given_all);
    FUZZ_CHECK(counts.frames_in ==
               counts.frames_out + counts.frames_dropped + counts.frames_waiting);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz_input in(data, size);
    const bool drops = in.coin();
    frame_queue_core queue(WORDS * sizeof(std::uint64_t), in.draw(1, 10), drops ? "drop" : "block");
    if (in.draw(0, 3) > 0)
        against_a_deque(queue, drops, in);
    else
        side_by_side(queue, drops, in);
    return 0;
}
