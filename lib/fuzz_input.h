/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// What the fuzz drivers share. Each driver defines LLVMFuzzerTestOneInput, which reads its random bytes as
// parameters and operations, and checks what must hold whatever they are.

#ifndef INCLUDED_SR2CNN_FUZZ_INPUT_H
#define INCLUDED_SR2CNN_FUZZ_INPUT_H

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

//! Ends the program as a sanitizer does, whatever NDEBUG says.
#define FUZZ_CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            std::abort(); \
        } \
    } while (false)

namespace gr {
namespace sr2cnn {

//! Reads bytes as numbers and texts; behind their end all are 0.
class fuzz_input
{
public:
    fuzz_input(const std::uint8_t* data, std::size_t size) : d_at(data), d_end(data + size) {}

    bool at_end() const { return d_at == d_end; }

    std::uint8_t byte() { return at_end() ? 0 : *d_at++; }

    bool coin() { return byte() & 1; }

    //! From low to high, both included, at most 65536 values.
    int draw(int low, int high)
    {
        const int n = high - low + 1;
        const int number = n > 256 ? byte() << 8 | byte() : byte();
        return low + number % n;
    }

    //! Most are small, some anything that 64 bits can be.
    double real()
    {
        const int kind = draw(0, 15);
        if (kind > 1)
            return (draw(-128, 127)) / 16.0;
        double any = 0;
        const auto n = std::min<std::size_t>(sizeof(any), d_end - d_at);
        if (n > 0)
            std::memcpy(&any, d_at, n);
        d_at += n;
        return any;
    }

    std::string text(std::size_t longest)
    {
        const std::size_t wanted = draw(0, longest); // before it is known what is left
        const auto n = std::min<std::size_t>(wanted, d_end - d_at);
        const std::string bytes(reinterpret_cast<const char*>(d_at), n);
        d_at += n;
        return bytes;
    }

private:
    const std::uint8_t* d_at;
    const std::uint8_t* d_end;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FUZZ_INPUT_H */
