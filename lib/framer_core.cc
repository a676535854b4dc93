/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "framer_core.h"
#include <algorithm>
#include <cstring>

namespace gr {
namespace sr2cnn {

namespace {

constexpr std::uint32_t EXPONENT = 0x7f800000; // all ones in NaN and infinity alone

// Copies n floats; whether all are finite.
bool copy(float* out, const float* in, std::size_t n)
{
    std::uint32_t bad = 0;
    for (std::size_t i = 0; i < n; i++) {
        std::uint32_t bits;
        std::memcpy(&bits, in + i, sizeof bits);
        bad |= (bits & EXPONENT) == EXPONENT;
        out[i] = in[i];
    }
    return !bad;
}

} // namespace

framer_core::framer_core(std::size_t frame_len, std::size_t hop)
    : d_frame_len(frame_len),
      d_hop(hop)
{
}

std::size_t framer_core::cut(const sample* samples,
                             std::size_t n,
                             const std::vector<std::uint64_t>& restarts,
                             sample* out,
                             std::size_t room)
{
    d_frames.clear();
    // A frame that begins in the rest needs no more than this of what is new.
    if (!d_rest.empty())
        d_rest.insert(d_rest.end(), samples, samples + std::min(n, d_frame_len - 1));

    const auto is_full = [&](std::uint64_t stop) {
        return d_frames.size() == room && d_next + d_frame_len <= stop;
    };
    auto end = d_begin + n;
    for (const auto restart : restarts) {
        cut_before(restart, samples, out, room);
        if (is_full(restart))
            break;
        const auto known = std::max(d_next, d_covered);
        d_counts.samples_dropped += restart > known ? restart - known : 0;
        d_next = d_covered = restart;
        d_jump = true;
    }
    // After a break this does nothing.
    cut_before(end, samples, out, room);
    if (is_full(end))
        end = std::max(d_next, d_begin);

    if (d_next >= d_begin) {
        const auto first = std::min(d_next, end) - d_begin;
        d_rest.assign(samples + first, samples + (end - d_begin));
        d_rest_begin = d_begin + first;
    } else {
        d_rest.erase(d_rest.begin(), d_rest.begin() + (d_next - d_rest_begin));
        d_rest.resize(end - d_next);
        d_rest_begin = d_next;
    }
    d_counts.frames += d_frames.size();
    const auto taken = end - d_begin;
    d_begin = end;
    return taken;
}

// The frames that end at index stop or before.
void framer_core::cut_before(std::uint64_t stop,
                             const sample* samples,
                             sample* out,
                             std::size_t room)
{
    for (; d_next + d_frame_len <= stop && d_frames.size() < room; d_next += d_hop) {
        const auto* from =
            d_next < d_begin ? &d_rest[d_next - d_rest_begin] : samples + (d_next - d_begin);
        auto* to = out + d_frames.size() * d_frame_len;
        if (copy(reinterpret_cast<float*>(to),
                 reinterpret_cast<const float*>(from),
                 2 * d_frame_len)) {
            d_frames.push_back({ d_next, d_jump });
            d_jump = false;
        } else {
            d_counts.frames_skipped++;
            d_jump = true;
        }
        d_covered = d_next + d_frame_len;
    }
}

std::size_t framer_core::owner(std::uint64_t offset) const
{
    const auto after = std::upper_bound(
        d_frames.begin(), d_frames.end(), offset, [](std::uint64_t index, const frame& one) {
            return index < one.start;
        });
    const bool owned = after != d_frames.begin() &&
                       offset < std::prev(after)->start + std::min(d_hop, d_frame_len);
    return after - d_frames.begin() - (owned ? 1 : 0);
}

framer_core::counts framer_core::count() const
{
    auto counts = d_counts;
    const auto known = std::max(d_next, d_covered);
    counts.samples_left = d_begin > known ? d_begin - known : 0;
    return counts;
}

void framer_core::restart(std::uint64_t index)
{
    *this = framer_core(d_frame_len, d_hop);
    d_begin = d_next = d_covered = d_rest_begin = index;
}

} // namespace sr2cnn
} // namespace gr
