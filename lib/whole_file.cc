/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "whole_file.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gr {
namespace sr2cnn {

namespace {

namespace fs = std::filesystem;

constexpr int MOST_LINKS = 40; // in a row, as the kernel has it
constexpr std::size_t RANDOM_DIGITS = 16;
const std::string HEX_DIGITS = "0123456789abcdef";
const std::string PART = ".part";

// Closes a descriptor, and with it gives its lock back.
class descriptor
{
public:
    descriptor(const fs::path& path, int flags, mode_t mode = 0)
        : d_number(::open(path.c_str(), flags | O_CLOEXEC, mode))
    {
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor()
    {
        if (d_number >= 0)
            ::close(d_number);
    }

    bool is_open() const { return d_number >= 0; }
    int number() const { return d_number; }
    bool lock() const { return ::flock(d_number, LOCK_EX | LOCK_NB) == 0; }

private:
    int d_number;
};

std::runtime_error system_error(const std::string& path)
{
    return std::runtime_error(path + ": cannot be written: " + std::strerror(errno));
}

std::string prefix_of(const fs::path& target) { return "." + target.filename().string() + "."; }

// The path, behind all links, of the file that is replaced or made.
fs::path replaceable(const std::string& path)
{
    struct stat status;
    // The kernel does not follow a link that somebody may have planted.
    if (::stat(path.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode))
            throw std::runtime_error(path + ": is no regular file, and not replaced by one");
    } else if (errno != ENOENT) {
        throw system_error(path);
    }
    std::error_code error;
    fs::path target = path;
    for (int i = 0; i < MOST_LINKS && fs::is_symlink(target, error); i++)
        target = target.parent_path() / fs::read_symlink(target);
    return target;
}

void remove_left_over(const fs::path& target, const fs::path& folder)
{
    const auto prefix = prefix_of(target);
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto name = entry->path().filename().string();
        if (name.size() != prefix.size() + RANDOM_DIGITS + PART.size() ||
            name.compare(0, prefix.size(), prefix) != 0 ||
            name.compare(prefix.size() + RANDOM_DIGITS, PART.size(), PART) != 0 ||
            name.find_first_not_of(HEX_DIGITS, prefix.size()) != prefix.size() + RANDOM_DIGITS)
            continue;
        const descriptor part(entry->path(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
        if (part.is_open() && part.lock()) // its writer is no more
            ::unlink(entry->path().c_str());
    }
}

fs::path part_of(const fs::path& target)
{
    std::random_device random;
    auto name = prefix_of(target);
    for (std::size_t i = 0; i < RANDOM_DIGITS; i++)
        name += HEX_DIGITS[random() % HEX_DIGITS.size()];
    return target.parent_path() / (name + PART);
}

bool write_all(int file, const std::string& text)
{
    for (std::size_t done = 0; done < text.size();) {
        const auto n = ::write(file, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR)
            return false;
        done += std::max<ssize_t>(n, 0);
    }
    return true;
}

bool take_permissions(int file, const fs::path& target)
{
    struct stat old;
    if (::stat(target.c_str(), &old) != 0)
        return errno == ENOENT;
    if (::fchown(file, old.st_uid, old.st_gid) != 0 && errno != EPERM)
        return false; // only root gives files away
    return ::fchmod(file, old.st_mode & 07777) == 0;
}

} // namespace

void write_whole_file(const std::string& path, const std::string& text)
{
    const auto target = replaceable(path);
    const auto folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
    remove_left_over(target, folder);
    for (;;) {
        const auto part = part_of(target);
        const descriptor file(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
        if (!file.is_open())
            throw system_error(path);
        const bool taken = !file.lock() && errno == EWOULDBLOCK;
        struct stat status;
        if (taken || (::fstat(file.number(), &status) == 0 && status.st_nlink == 0))
            continue; // another writer takes it for one that was left, and removes it
        if (!write_all(file.number(), text) || !take_permissions(file.number(), target) ||
            ::fsync(file.number()) != 0 || std::rename(part.c_str(), target.c_str()) != 0) {
            const auto error = system_error(path);
            ::unlink(part.c_str());
            throw error;
        }
        break;
    }
    // The renaming itself is on the disk once the folder is.
    const descriptor opened(folder, O_RDONLY | O_DIRECTORY);
    if (opened.is_open())
        ::fsync(opened.number());
}

} // namespace sr2cnn
} // namespace gr
