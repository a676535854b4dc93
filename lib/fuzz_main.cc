/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs a fuzz driver where there is no libFuzzer: on random bytes, which no coverage guides.
//
//     fuzz_framer -max_total_time=10 -seed=1
//
// The same seed gives the same inputs. Other options of libFuzzer are ignored.

#include "fuzz_input.h"
#include <chrono>
#include <random>
#include <vector>

namespace {

constexpr std::size_t LONGEST = 4096; // bytes of an input

long option(int argc, char** argv, const std::string& name, long value)
{
    const auto start = "-" + name + "=";
    for (int i = 1; i < argc; i++)
        if (std::string(argv[i]).rfind(start, 0) == 0)
            value = std::atol(argv[i] + start.size());
    return value;
}

} // namespace

int main(int argc, char** argv)
{
    using clock = std::chrono::steady_clock;
    const auto seed = option(argc, argv, "seed", long(std::random_device()()));
    const auto end = clock::now() + std::chrono::seconds(option(argc, argv, "max_total_time", 10));
    std::fprintf(stderr, "%s: -seed=%ld\n", argv[0], seed);
    std::mt19937_64 random(seed);
    long runs = 0;
    do {
        std::vector<std::uint8_t> bytes(
            std::uniform_int_distribution<std::size_t>(0, LONGEST)(random));
        for (auto& byte : bytes)
            byte = random();
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
        runs++;
    } while (clock::now() < end);
    std::fprintf(stderr, "%s: %ld inputs\n", argv[0], runs);
}
