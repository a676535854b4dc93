/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// detector_core: whatever the samples are, and however they are split, it says the same, within the stream.

#include "detector_core.h"
#include "fuzz_input.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace gr::sr2cnn;
using sample = detector_core::sample;

namespace {

std::vector<detector_core::emission> detect(const std::vector<sample>& stream,
                                            const std::vector<std::size_t>& gaps,
                                            std::size_t piece,
                                            std::uint64_t longest)
{
    detector_core detector(longest);
    std::vector<detector_core::emission> all;
    std::size_t at = 0, gap = 0;
    while (at < stream.size()) {
        const auto stop = gap < gaps.size() ? gaps[gap] : stream.size();
        const auto n = std::min(piece, stop - at);
        // A copy of its own size, so that a read behind its end is seen.
        const std::vector<sample> own(stream.begin() + at, stream.begin() + at + n);
        detector.push(own.data(), n);
        at += n;
        if (at == stop && gap < gaps.size() && gap++ % 2)
            detector.retune();
        else if (at == stop)
            detector.finish();
        const auto more = detector.take();
        all.insert(all.end(), more.begin(), more.end());
    }
    FUZZ_CHECK(detector.end() == stream.size());
    return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz_input in(data, size);
    std::vector<sample> stream(in.draw(0, 60000));
    std::uint32_t state = in.draw(1, 60000);
    const auto noise = [&] {
        state = state * 1664525U + 1013904223U;
        return float(state >> 8) / (1 << 24) - 0.5F;
    };
    const float level = in.coin() ? 1 : 0;
    for (auto& one : stream)
        one = { level * noise(), level * noise() };
    for (int k = in.draw(0, 6); k > 0 && !stream.empty(); k--) {
        const std::size_t start = in.draw(0, int(stream.size()) - 1), n = in.draw(0, 60000);
        const float amplitude = in.real(), frequency = in.real();
        for (auto i = start; i < std::min(stream.size(), start + n); i++)
            stream[i] += amplitude * std::polar(1.0F, std::fmod(frequency * float(i), 100.0F));
    }
    std::vector<std::size_t> gaps;
    for (int k = in.draw(0, 3); k > 0 && !stream.empty(); k--)
        gaps.push_back(in.draw(0, int(stream.size()) - 1) + 1);
    std::sort(gaps.begin(), gaps.end());
    gaps.erase(std::unique(gaps.begin(), gaps.end()), gaps.end());

    const std::uint64_t longest = in.coin() ? 0 : in.draw(1, 30000);
    const auto expected = detect(stream, gaps, stream.size() + 1, longest);
    const auto found = detect(stream, gaps, in.draw(1, 9000), longest);
    FUZZ_CHECK(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); i++) {
        FUZZ_CHECK(found[i].number == expected[i].number);
        FUZZ_CHECK(longest || (found[i].number == i + 1 && !found[i].continues));
        FUZZ_CHECK(found[i].n_samples > 0);
        FUZZ_CHECK(found[i].start == expected[i].start);
        FUZZ_CHECK(found[i].n_samples == expected[i].n_samples);
        FUZZ_CHECK(found[i].start + found[i].n_samples <= stream.size());
        FUZZ_CHECK(found[i].bandwidth > 0 && found[i].bandwidth <= 1);
        FUZZ_CHECK(std::abs(found[i].center) <= 0.5);
        FUZZ_CHECK(std::isfinite(found[i].snr));
        FUZZ_CHECK(std::isfinite(found[i].noise_density));
        // Its next piece begins where it ends, until its last one.
        const auto next = std::find_if(found.begin() + i + 1, found.end(), [&](const auto& other) {
            return other.number == found[i].number;
        });
        FUZZ_CHECK(found[i].continues == (next != found.end()));
        if (next != found.end())
            FUZZ_CHECK(next->start == found[i].start + found[i].n_samples);
    }
    return 0;
}
