/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// framer_core: however the stream is split and however little room there is, the frames, their samples, the
// owners of tags and the counts are those of one cut over all of it.

#include "framer_core.h"
#include "fuzz_input.h"
#include <limits>
#include <set>

using namespace gr::sr2cnn;
using sample = framer_core::sample;

namespace {

struct result {
    std::vector<framer_core::frame> frames;
    std::vector<sample> samples;
    std::vector<std::size_t> owners; // of each tag that has one, in order, the number of its frame
};

// Cuts the stream in pieces; whole: in one.
result cut(framer_core& framer,
           std::size_t frame_len,
           const std::vector<sample>& stream,
           const std::vector<std::uint64_t>& restarts,
           const std::vector<std::uint64_t>& tags,
           fuzz_input* pieces)
{
    result all;
    std::vector<std::uint64_t> waiting; // tags whose frame is yet to come, as the block has them
    std::size_t begin = 0;
    for (int idle = 0; begin < stream.size() && idle < 300;) {
        const auto left = stream.size() - begin;
        const std::size_t n = pieces ? std::min<std::size_t>(left, pieces->draw(0, 40)) : left;
        const std::size_t room = pieces ? pieces->draw(0, 5) : left;
        std::vector<std::uint64_t> own;
        for (const auto restart : restarts)
            if (restart >= begin && restart < begin + n)
                own.push_back(restart);
        std::vector<sample> out(room * frame_len);
        // A copy of its own size, so that a read behind its end is seen.
        const std::vector<sample> piece(stream.begin() + begin, stream.begin() + begin + n);
        const auto taken = framer.cut(piece.data(), n, own, out.data(), room);
        FUZZ_CHECK(taken <= n);
        FUZZ_CHECK(framer.frames().size() <= room);
        for (const auto tag : tags)
            if (tag >= begin && tag < begin + taken)
                waiting.push_back(tag);
        std::size_t placed = 0;
        for (const auto tag : waiting) {
            const auto owner = framer.owner(tag);
            if (owner == framer.frames().size())
                break; // and so it is with all later ones
            all.owners.push_back(all.frames.size() + owner);
            placed++;
        }
        waiting.erase(waiting.begin(), waiting.begin() + placed);
        all.frames.insert(all.frames.end(), framer.frames().begin(), framer.frames().end());
        all.samples.insert(
            all.samples.end(), out.begin(), out.begin() + framer.frames().size() * frame_len);
        begin += taken;
        idle = taken ? 0 : idle + 1;
        if (pieces && pieces->at_end())
            pieces = nullptr;
    }
    FUZZ_CHECK(begin == stream.size());
    return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz_input in(data, size);
    const std::size_t frame_len = in.draw(1, 12), hop = in.draw(1, 24);
    std::vector<sample> stream(in.draw(0, 400));
    for (std::size_t i = 0; i < stream.size(); i++)
        stream[i] = { float(i), 1 };
    std::set<std::uint64_t> restarts, tags;
    if (!stream.empty()) {
        const int last = stream.size() - 1;
        for (int k = in.draw(0, 6); k > 0; k--)
            stream[in.draw(0, last)] = { 0,
                                         in.coin() ? std::numeric_limits<float>::quiet_NaN()
                                                   : std::numeric_limits<float>::infinity() };
        for (int k = in.draw(0, 8); k > 0; k--)
            restarts.insert(in.draw(0, last));
        for (int k = in.draw(0, 8); k > 0; k--)
            tags.insert(in.draw(0, last));
    }
    const std::vector<std::uint64_t> at(restarts.begin(), restarts.end()),
        tagged(tags.begin(), tags.end());

    framer_core whole(frame_len, hop), split(frame_len, hop);
    const auto expected = cut(whole, frame_len, stream, at, tagged, nullptr);
    if (in.coin()) { // what begins anew at the first sample is as new
        cut(split, frame_len, stream, at, tagged, nullptr);
        split.restart(0);
    }
    const auto found = cut(split, frame_len, stream, at, tagged, &in);

    FUZZ_CHECK(found.samples == expected.samples);
    FUZZ_CHECK(found.owners == expected.owners);
    FUZZ_CHECK(found.frames.size() == expected.frames.size());
    for (std::size_t i = 0; i < found.frames.size(); i++) {
        FUZZ_CHECK(found.frames[i].start == expected.frames[i].start);
        FUZZ_CHECK(found.frames[i].jump == expected.frames[i].jump);
    }
    const auto a = split.count(), b = whole.count();
    FUZZ_CHECK(a.frames == b.frames && a.frames == found.frames.size());
    FUZZ_CHECK(a.frames_skipped == b.frames_skipped);
    FUZZ_CHECK(a.samples_dropped == b.samples_dropped && a.samples_left == b.samples_left);
    return 0;
}
