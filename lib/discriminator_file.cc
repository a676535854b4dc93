/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The discovered classes as a text file:
//
//     sr2cnn-discovered 2
//     model <fingerprint of the centers> <dim>
//     frames <how many were judged>
//     classes <how many> <next id>
//     <id> <count> <first frame> <last frame> <name>
//     <dim numbers: the center>
//     ... two lines a class ...
//     end

#include "discriminator_core.h"
#include "whole_file.h"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace gr {
namespace sr2cnn {

namespace {

constexpr std::size_t LONGEST_NUMBER = 32;

// Numbers by charconv: exact to the last bit, whatever the locale.
template <typename T>
void append(std::string& text, T value, char separator)
{
    char digits[LONGEST_NUMBER];
    text.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
    text += separator;
}

// Takes words and lines off a text; throws std::runtime_error where it is not as expected.
class reader
{
public:
    explicit reader(const std::string& text) : d_at(text.data()), d_end(text.data() + text.size())
    {
    }

    void expect(const std::string& text)
    {
        if (std::size_t(d_end - d_at) < text.size() || std::string(d_at, text.size()) != text)
            throw std::runtime_error("'" + text.substr(0, text.find('\n')) +
                                     "' is missing, the file is damaged or cut short");
        d_at += text.size();
    }

    template <typename T>
    T number(char separator)
    {
        T value{};
        const auto result = std::from_chars(d_at, d_end, value);
        if (result.ec != std::errc() || result.ptr == d_end || *result.ptr != separator)
            throw std::runtime_error("a number is missing, the file is damaged or cut short");
        d_at = result.ptr + 1;
        return value;
    }

    std::string line()
    {
        const auto end = std::find(d_at, d_end, '\n');
        if (end == d_end || std::size_t(end - d_at) > LONGEST_NAME)
            throw std::runtime_error("a name is missing, the file is damaged or cut short");
        std::string text(d_at, end);
        d_at = end + 1;
        return text;
    }

    bool at_end() const { return d_at == d_end; }

private:
    const char* d_at;
    const char* d_end;
};

} // namespace

// FNV-1a over the centers: discovered classes mean nothing in another model's space.
std::uint64_t discriminator_core::fingerprint() const
{
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto* bytes = reinterpret_cast<const unsigned char*>(d_centers.data());
    for (std::size_t i = 0; i < d_centers.size() * sizeof(double); i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

std::string discriminator_core::state() const
{
    std::string text = "sr2cnn-discovered 2\nmodel ";
    append(text, fingerprint(), ' ');
    append(text, dim(), '\n');
    text += "frames ";
    append(text, d_frames, '\n');
    text += "classes ";
    append(text, d_discovered.size(), ' ');
    append(text, d_next_id, '\n');
    for (std::size_t i = 0; i < d_discovered.size(); i++) {
        const auto& known = d_discovered[i];
        append(text, known.id, ' ');
        append(text, known.count, ' ');
        append(text, known.first_frame, ' ');
        append(text, known.last_frame, ' ');
        text += known.name + "\n";
        for (std::size_t j = 0; j < dim(); j++)
            append(text, d_unknown(i, j), j + 1 < dim() ? ' ' : '\n');
    }
    return text + "end\n";
}

void discriminator_core::save(const std::string& path) const { write_whole_file(path, state()); }

std::vector<std::string> discriminator_core::load(const std::string& path)
{
    namespace fs = std::filesystem;
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status))
        throw std::runtime_error(path + ": no such file");
    const std::size_t largest = 1024 + MAX_UNKNOWN * (LONGEST_NAME + (dim() + 4) * LONGEST_NUMBER);
    if (!fs::is_regular_file(status) || fs::file_size(path, error) > largest || error)
        throw std::runtime_error(path + ": is not a file of discovered classes");

    std::ifstream file(path, std::ios::binary);
    std::string text(fs::file_size(path), '\0');
    if (!file.read(text.data(), text.size()))
        throw std::runtime_error(path + ": cannot be read: " + std::strerror(errno));
    try {
        return restore(text);
    } catch (const std::exception& e) {
        throw std::runtime_error(path + ": " + e.what());
    }
}

std::vector<std::string> discriminator_core::restore(const std::string& text)
{
    // All is put into a copy, so that a bad file leaves everything as it was.
    discriminator_core loaded(*this);
    std::vector<std::string> refused;
    try {
        reader in(text);
        in.expect("sr2cnn-discovered 2\nmodel ");
        const auto model = in.number<std::uint64_t>(' ');
        const auto dimensions = in.number<std::size_t>('\n');
        if (dimensions != dim())
            throw std::runtime_error("was written with a model of dim " +
                                     std::to_string(dimensions) + ", expected " +
                                     std::to_string(dim()));
        if (model != fingerprint())
            throw std::runtime_error("was written with another model");
        in.expect("frames ");
        const auto frames = in.number<std::int64_t>('\n');
        if (frames < 0 || frames > MOST_FRAMES)
            throw std::runtime_error("number of frames " + std::to_string(frames) +
                                     " is out of range");
        in.expect("classes ");
        const auto count = in.number<std::size_t>(' ');
        const auto next_id = in.number<int>('\n');
        const std::size_t most = d_parameters.max_unknown.value_or(MAX_UNKNOWN);
        if (count > most)
            throw std::runtime_error("holds " + std::to_string(count) +
                                     " classes, max_unknown is " + std::to_string(most));
        if (next_id > -1 || next_id < -MAX_UNKNOWN - 1)
            throw std::runtime_error("next id " + std::to_string(next_id) + " is out of range");

        loaded.d_discovered.clear();
        std::int64_t left = frames; // that are not a member yet
        std::vector<double> center(dim());
        for (std::size_t i = 0; i < count; i++) {
            const auto id = in.number<int>(' ');
            const auto members = in.number<std::int64_t>(' ');
            const auto first = in.number<std::int64_t>(' ');
            const auto last = in.number<std::int64_t>(' ');
            const auto name = in.line();
            for (std::size_t j = 0; j < dim(); j++) {
                center[j] = in.number<double>(j + 1 < dim() ? ' ' : '\n');
                if (!(std::abs(center[j]) <= LARGEST))
                    throw std::runtime_error("a center is not finite, or too large");
            }
            if (id >= 0 || id <= next_id || members < 1 || members > left || first < 0 ||
                last < first || last >= frames || (i > 0 && id >= loaded.d_discovered.back().id))
                throw std::runtime_error("class " + std::to_string(id) +
                                         " is out of order or range");
            loaded.d_next_id = id;
            loaded.record(center.data(), first);
            loaded.d_discovered.back().count = members;
            loaded.d_discovered.back().last_frame = last;
            left -= members;
            try {
                loaded.rename(id, name);
            } catch (const std::invalid_argument& e) {
                refused.push_back(loaded.d_discovered.back().name + ": " + e.what());
            }
        }
        // Ids given out so far, here or there, are never given again.
        loaded.d_next_id = std::min(d_next_id, next_id);
        loaded.d_merged.clear();
        // Frames are counted on, so that what is seen last never precedes what was seen first.
        loaded.d_frames = std::max(d_frames, frames);
        loaded.d_frames_before += loaded.d_frames - d_frames;
        in.expect("end\n");
        if (!in.at_end())
            throw std::runtime_error("goes on after its end");
    } catch (const std::runtime_error& e) {
        throw std::invalid_argument(e.what());
    }
    *this = std::move(loaded);
    return refused;
}

} // namespace sr2cnn
} // namespace gr
