/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "names.h"
#include "unprintable.h" // made when the module is built
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <regex>
#include <stdexcept>

namespace gr {
namespace sr2cnn {

namespace {

struct character {
    char32_t code;
    std::size_t bytes; // 0: the byte there is no UTF-8
};

character character_at(const std::string& text, std::size_t at)
{
    const auto byte = [&](std::size_t i) -> unsigned char { return i < text.size() ? text[i] : 0; };
    const auto lead = byte(at);
    if (lead < 0x80)
        return { lead, 1 };
    const std::size_t more = lead >= 0xc2 && lead <= 0xdf   ? 1
                             : lead >= 0xe0 && lead <= 0xef ? 2
                             : lead >= 0xf0 && lead <= 0xf4 ? 3
                                                            : 0;
    if (!more)
        return { lead, 0 };
    char32_t code = lead & (0x3f >> more);
    // The second byte also rules out overlong forms, surrogates and beyond U+10FFFF.
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (std::size_t i = 1; i <= more; i++, low = 0x80, high = 0xbf) {
        const auto next = byte(at + i);
        if (next < low || next > high)
            return { lead, 0 };
        code = code << 6 | (next & 0x3f);
    }
    return { code, more + 1 };
}

bool is_printable(const character& c)
{
    const auto range =
        std::upper_bound(std::begin(UNPRINTABLE),
                         std::end(UNPRINTABLE),
                         c.code,
                         [](char32_t code, const auto& other) { return code < other[0]; });
    return c.bytes && (range == std::begin(UNPRINTABLE) || c.code > (*std::prev(range))[1]);
}

} // namespace

void check_class_name(const std::string& name)
{
    const auto fail = [&](const std::string& expected) {
        throw std::invalid_argument("'" + shown(name, 60) + "' is no class name: expected " +
                                    expected);
    };
    bool printable = !name.empty() && name.front() != ' ' && name.back() != ' ';
    for (std::size_t at = 0; printable && at < name.size();) {
        const auto next = character_at(name, at);
        printable = is_printable(next);
        at += next.bytes;
    }
    if (!printable)
        fail("printable text, trimmed");
    if (name.size() > LONGEST_NAME)
        fail("at most " + std::to_string(LONGEST_NAME) + " bytes");
}

std::string default_name(int id) { return "unknown_" + std::to_string(-id); }

bool is_default_name(const std::string& name)
{
    static const std::regex pattern("unknown_[0-9]+");
    return std::regex_match(name, pattern);
}

std::string shown(const std::string& text, std::size_t longest)
{
    std::string result;
    std::size_t length = 0, before_last = 0; // of the result: characters, bytes without the last
    for (std::size_t at = 0; at < text.size(); length++) {
        if (length == longest) {
            result.resize(before_last);
            return result + "…";
        }
        before_last = result.size();
        const auto next = character_at(text, at);
        const auto bytes = std::max<std::size_t>(1, next.bytes);
        if (is_printable(next)) {
            result.append(text, at, bytes);
        } else {
            const char* form = next.code < 0x100     ? "\\x%02x"
                               : next.code < 0x10000 ? "\\u%04x"
                                                     : "\\U%08x";
            char escaped[16];
            std::snprintf(escaped, sizeof(escaped), form, unsigned(next.code));
            result += next.code == '\n'   ? "\\n"
                      : next.code == '\t' ? "\\t"
                      : next.code == '\r' ? "\\r"
                                          : escaped;
        }
        at += bytes;
    }
    return result;
}

} // namespace sr2cnn
} // namespace gr
