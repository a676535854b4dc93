/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#define BOOST_TEST_MODULE whole_file
#include "whole_file.h"
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using gr::sr2cnn::write_whole_file;
namespace fs = std::filesystem;

namespace {

struct folder {
    fs::path path;

    folder()
    {
        std::string name = (fs::temp_directory_path() / "qa_whole_file.XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(name.data()));
        path = name;
    }
    ~folder() { fs::remove_all(path); }

    std::string operator/(const std::string& name) const { return (path / name).string(); }

    std::set<std::string> names() const
    {
        std::set<std::string> found;
        for (const auto& entry : fs::directory_iterator(path))
            found.insert(entry.path().filename().string());
        return found;
    }
};

using names = std::set<std::string>;

std::string content(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return { std::istreambuf_iterator<char>(file), {} };
}

} // namespace

BOOST_AUTO_TEST_CASE(old_or_new_and_links_stay)
{
    const folder here;
    fs::create_symlink("a", here / "link");
    write_whole_file(here / "link", "old");
    BOOST_TEST(content(here / "a") == "old");
    BOOST_REQUIRE(::chmod((here / "a").c_str(), 0604) == 0);
    write_whole_file(here / "link", "new");
    BOOST_TEST(content(here / "a") == "new");
    struct stat status;
    BOOST_REQUIRE(::stat((here / "a").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0604u);
    BOOST_TEST(fs::is_symlink(here / "link"));
    BOOST_TEST((here.names() == names{ "a", "link" }));
}

BOOST_AUTO_TEST_CASE(in_the_current_folder)
{
    const folder here;
    const auto before = fs::current_path();
    fs::current_path(here.path);
    write_whole_file("a", "x");
    fs::current_path(before);
    BOOST_TEST(content(here / "a") == "x");
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_not_replaced)
{
    const folder here;
    BOOST_REQUIRE(::mkfifo((here / "pipe").c_str(), 0600) == 0);
    fs::create_symlink("pipe", here / "link");
    fs::create_symlink("circle", here / "circle");
    fs::create_directory(here / "folder");
    for (const auto name : { "pipe", "link", "folder", "circle" })
        BOOST_CHECK_THROW(write_whole_file(here / name, "x"), std::runtime_error);
    BOOST_CHECK_THROW(write_whole_file((here / "none") + "/a", "x"), std::runtime_error);
    BOOST_TEST(fs::is_fifo(here / "pipe"));
    BOOST_TEST((here.names() == names{ "circle", "folder", "link", "pipe" }));
}

BOOST_AUTO_TEST_CASE(nothing_planted_is_written_to)
{
    const folder here;
    write_whole_file(here / "victim", "mine");
    fs::create_symlink("victim", here / "a.part");
    fs::create_symlink("victim", here / ".a.0123456789abcdef.part");
    write_whole_file(here / "a", "x");
    BOOST_TEST(content(here / "victim") == "mine");
    BOOST_TEST(content(here / "a") == "x");
}

// A part is gone with the next save, unless its writer is at work.
BOOST_AUTO_TEST_CASE(what_the_killed_leave_is_removed)
{
    const folder here;
    const auto left = ".a.0123456789abcdef.part", at_work = ".a.fedcba9876543210.part";
    for (const auto name : { left, at_work, ".ab.0123456789abcdef.part", ".a.x.part" })
        std::ofstream(here / name) << "half";
    const int file = ::open((here / at_work).c_str(), O_RDWR);
    BOOST_REQUIRE(::flock(file, LOCK_EX) == 0);
    write_whole_file(here / "a", "x");
    BOOST_TEST((here.names() == names{ "a", at_work, ".ab.0123456789abcdef.part", ".a.x.part" }));
    ::close(file);
    write_whole_file(here / "a", "x");
    BOOST_TEST((here.names() == names{ "a", ".ab.0123456789abcdef.part", ".a.x.part" }));
}

BOOST_AUTO_TEST_CASE(killed_at_any_moment)
{
    const folder here;
    const std::string old(100000, 'o'), other(100000, 'n');
    write_whole_file(here / "a", old);
    for (int i = 0; i < 20; i++) {
        const pid_t child = ::fork();
        BOOST_REQUIRE(child >= 0);
        if (child == 0)
            for (;;) {
                write_whole_file(here / "a", other);
                write_whole_file(here / "a", old);
            }
        ::usleep(500 * (i + 1));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const auto found = content(here / "a");
        BOOST_TEST((found == old || found == other));
        BOOST_TEST(here.names().size() <= 2u);
    }
    write_whole_file(here / "a", old);
    BOOST_TEST((here.names() == names{ "a" }));
}
