/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The parser of states: a text that is refused changes nothing; one that is taken is a state that is
// written and read again alike, and that frames, merges and names can go on from.

#include "discriminator_core.h"
#include "fuzz_input.h"
#include <stdexcept>

using namespace gr::sr2cnn;

namespace {

constexpr std::size_t DIM = 3;

discriminator_core fresh()
{
    discriminator_options options;
    options.centers = { { 2, DIM }, { 0, 0, 0, 1, 1, 1 } };
    options.classes = { "BPSK", "QPSK" };
    options.distance = "euclidean";
    options.merge_separation = 3;
    return discriminator_core(options);
}

// A few edits, most of whole words, so that the rest is as the parser wants it.
void edit(std::string& text, fuzz_input& in)
{
    static const std::string words[] = { "0",
                                         "-1",
                                         "-32768",
                                         "9223372036854775807",
                                         "4611686018427387903",
                                         "4611686018427387904",
                                         "nan",
                                         "1e400",
                                         "1e300",
                                         "BPSK",
                                         "unknown_2",
                                         "end\n",
                                         "" };
    for (int k = in.draw(1, 6); k > 0; k--) {
        const std::size_t at = in.draw(0, text.size());
        const auto word = in.coin() ? words[in.draw(0, std::size(words) - 1)] : in.text(12);
        const auto after = text.find_last_of(" \n", at);
        const auto begin = in.draw(0, 3) && after != std::string::npos ? after + 1 : at;
        const auto end = in.draw(0, 3) ? text.find_first_of(" \n", begin) : begin + in.draw(0, 12);
        text.replace(begin, end - begin, word);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz_input in(data, size);
    auto core = fresh();
    std::vector<decision> decisions(8);
    std::vector<double> z(decisions.size() * DIM);
    const auto some_frames = [&] {
        for (auto& value : z)
            value = 4 * in.draw(-8, 8);
        core.predict(z.data(), decisions.size(), decisions.data());
    };
    some_frames();
    if (!core.discovered().empty() && in.coin())
        try {
            core.rename(core.discovered().front().id, in.text(30));
        } catch (const std::invalid_argument&) {
        }

    const auto before = core.state();
    auto text = before;
    if (in.draw(0, 7))
        edit(text, in);
    else
        text = in.text(2000);
    auto taken = core;
    try {
        taken.restore(text);
    } catch (const std::invalid_argument&) {
        FUZZ_CHECK(taken.state() == before);
        return 0;
    }
    const auto held = taken.state();
    auto again = fresh();
    FUZZ_CHECK(again.restore(held).empty());
    FUZZ_CHECK(again.state() == held);

    core = taken;
    while (core.discovered().size() > 1)
        core.merge(core.discovered().back().id, core.discovered().front().id);
    for (const auto& known : core.discovered())
        FUZZ_CHECK(known.count > 0 && known.first_frame <= known.last_frame);
    some_frames();
    const auto after = core.state();
    again = fresh();
    FUZZ_CHECK(again.restore(after).empty());
    FUZZ_CHECK(again.state() == after);
    return 0;
}
