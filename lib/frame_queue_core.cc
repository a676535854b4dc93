/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "frame_queue_core.h"
#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <boost/thread/lock_types.hpp>
#include <cstring>
#include <stdexcept>

namespace gr {
namespace sr2cnn {

namespace {

std::size_t checked_capacity(int capacity)
{
    if (capacity < 1)
        throw std::invalid_argument("capacity is " + std::to_string(capacity) +
                                    ", expected at least 1");
    return capacity;
}

bool checked_drop(const std::string& overload)
{
    if (overload != "block" && overload != "drop")
        throw std::invalid_argument("overload is '" + overload + "', expected one of block, drop");
    return overload == "drop";
}

// Place of the tag with that key.
auto find(std::vector<frame_tag>& tags, const std::string& key)
{
    return std::find_if(tags.begin(), tags.end(), [&](const auto& tag) { return tag.key == key; });
}

} // namespace

using guard = boost::lock_guard<boost::mutex>;

frame_queue_core::frame_queue_core(std::size_t frame_bytes,
                                   int capacity,
                                   const std::string& overload)
    : d_frame_bytes(frame_bytes),
      d_drop(checked_drop(overload)),
      d_frames(frame_bytes * checked_capacity(capacity)),
      d_infos(capacity)
{
}

std::size_t frame_queue_core::write(const void* frames, frame_info* infos, std::size_t n)
{
    boost::unique_lock<boost::mutex> lock(d_mutex);
    if (!d_drop)
        d_changed.wait(lock, [this] { return d_counts.frames_waiting < capacity() || !d_reading; });
    if (!d_reading)
        return 0;

    auto& waiting = d_counts.frames_waiting;
    const auto taken = d_drop ? n : std::min(n, capacity() - waiting);
    auto excess = waiting + taken > capacity() ? waiting + taken - capacity() : 0;
    d_counts.frames_in += taken;
    d_counts.frames_dropped += excess;
    for (; excess > 0 && waiting > 0; excess--, waiting--) {
        drop(d_infos[d_first]);
        d_first = (d_first + 1) % capacity();
    }
    for (std::size_t i = 0; i < excess; i++) // more at once than the ring holds
        drop(infos[i]);

    const auto* bytes = static_cast<const unsigned char*>(frames);
    for (auto i = excess; i < taken;) {
        const auto row = (d_first + waiting) % capacity();
        const auto rows = std::min(taken - i, capacity() - row);
        std::memcpy(
            &d_frames[row * d_frame_bytes], bytes + i * d_frame_bytes, rows * d_frame_bytes);
        std::move(infos + i, infos + i + rows, d_infos.begin() + row);
        waiting += rows;
        i += rows;
    }
    lock.unlock();
    d_changed.notify_all();
    return taken;
}

std::size_t frame_queue_core::read(void* frames, std::vector<frame_info>& infos, std::size_t n)
{
    boost::unique_lock<boost::mutex> lock(d_mutex);
    auto& waiting = d_counts.frames_waiting;
    d_changed.wait(lock, [&] { return waiting > 0 || !d_writing; });

    const auto given = std::min<std::size_t>(n, waiting);
    infos.resize(given);
    auto* bytes = static_cast<unsigned char*>(frames);
    for (std::size_t i = 0; i < given;) {
        const auto rows = std::min(given - i, capacity() - d_first);
        std::memcpy(
            bytes + i * d_frame_bytes, &d_frames[d_first * d_frame_bytes], rows * d_frame_bytes);
        const auto first = d_infos.begin() + d_first;
        std::move(first, first + rows, infos.begin() + i);
        d_first = (d_first + rows) % capacity();
        i += rows;
    }
    waiting -= given;
    d_counts.frames_out += given;
    if (given > 0) {
        auto& tags = infos[0].tags;
        for (const auto& tag : tags)
            if (const auto old = find(d_carried, tag.key); old != d_carried.end())
                d_carried.erase(old);
        tags.insert(tags.begin(), d_carried.begin(), d_carried.end());
        d_carried.clear();
    }
    lock.unlock();
    d_changed.notify_all();
    return given;
}

// What the frame says goes on, what it said before of the same keys does not.
void frame_queue_core::drop(frame_info& info)
{
    for (auto& tag : info.tags) {
        const auto same = find(d_carried, tag.key);
        if (same == d_carried.end())
            d_carried.push_back(std::move(tag));
        else
            *same = std::move(tag);
    }
    info.tags.clear();
}

void frame_queue_core::end_writing()
{
    {
        guard lock(d_mutex);
        d_writing = false;
    }
    d_changed.notify_all();
}

void frame_queue_core::end_reading()
{
    {
        guard lock(d_mutex);
        d_reading = false;
    }
    d_changed.notify_all();
}

void frame_queue_core::resume()
{
    guard lock(d_mutex);
    const auto waiting = d_counts.frames_waiting;
    d_counts = counts();
    d_counts.frames_in = d_counts.frames_waiting = waiting;
    d_writing = d_reading = true;
}

frame_queue_core::counts frame_queue_core::count() const
{
    guard lock(d_mutex);
    return d_counts;
}

} // namespace sr2cnn
} // namespace gr
