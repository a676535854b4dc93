/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#define BOOST_TEST_MODULE discriminator_core
#include "discovery_rate.h"
#include "discriminator_core.h"
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace gr::sr2cnn;

namespace {

long allocations = 0;

// Known classes at (0, 0), (10, 0), (0, 20), variance 1; Θ1 = 0.5·3·√2 = 2.12.
discriminator_options plane()
{
    discriminator_options options;
    options.centers = { { 3, 2 }, { 0, 0, 10, 0, 0, 20 } };
    options.variances = ndarray{ { 3, 2 }, std::vector<double>(6, 1.0) };
    options.lambda1 = 0.5;
    return options;
}

std::vector<int> predict(discriminator_core& core, const std::vector<double>& z)
{
    std::vector<decision> decisions(z.size() / core.dim());
    core.predict(z.data(), decisions.size(), decisions.data());
    std::vector<int> ids;
    for (const auto& decided : decisions)
        ids.push_back(decided.id);
    return ids;
}

void check_ids(const std::vector<int>& ids, const std::vector<int>& expected)
{
    BOOST_CHECK_EQUAL_COLLECTIONS(ids.begin(), ids.end(), expected.begin(), expected.end());
}

std::string error_of(const discriminator_options& options)
{
    try {
        discriminator_core core(options);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "";
}

} // namespace

#if defined(__GLIBC__) && \
    !defined(SR2CNN_SANITIZE) // counts what the standard library and Eigen take, both
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) noexcept
{
    allocations++;
    return __libc_malloc(size);
}
#endif

BOOST_AUTO_TEST_CASE(known_classes)
{
    discriminator_core core(plane());
    check_ids(predict(core, { 0, 2.1, 10, 0, 0, 21, 0, 2.2 }), { 0, 1, 2, -1 });
}

BOOST_AUTO_TEST_CASE(score_and_distance)
{
    discriminator_core core(plane());
    const double z[] = { 0, 1.5 };
    decision decided;
    core.predict(z, 1, &decided);
    BOOST_CHECK_CLOSE(decided.distance, 1.5, 1e-9);
    BOOST_CHECK_CLOSE(decided.score, 1.5 / (1.5 * std::sqrt(2)), 1e-9);
    BOOST_CHECK_EQUAL(decided.support, 0);
}

// By hand: at (4, 8) the known are 8.94, 10 and 12.65 away, Θ2 = (8.94 + 10)/2 = 9.47, and the
// class recorded at (4, 3) is 5 away; at (-30, -30) it is 47.4, Θ2 = (42.4 + 50)/2 = 46.2.
BOOST_AUTO_TEST_CASE(discovery)
{
    discriminator_core core(plane());
    check_ids(predict(core, { 4, 3, 4, 8, -30, -30 }), { -1, -1, -2 });
    BOOST_CHECK_CLOSE(core.discovered_center(0)[1], 5.5, 1e-12);
    BOOST_CHECK_EQUAL(core.discovered()[0].count, 2);
    BOOST_CHECK_EQUAL(core.discovered()[1].first_frame, 2);
}

// One class with Σ = ((2, 1), (1, 2)): Σ⁻¹ = ((2, -1), (-1, 2))/3.
BOOST_AUTO_TEST_CASE(distances)
{
    discriminator_options options;
    options.centers = { { 1, 2 }, { 1, 1 } };
    options.covariances = ndarray{ { 1, 2, 2 }, { 2, 1, 1, 2 } };
    options.lambda1 = 100;
    const double z[] = { 4, 1 };
    decision decided;
    for (const auto& [distance, expected] : { std::pair{ "mahalanobis", std::sqrt(6.0) },
                                              { "diagonal", std::sqrt(4.5) },
                                              { "isotropic", std::sqrt(4.5) },
                                              { "euclidean", 3.0 } }) {
        options.distance = distance;
        discriminator_core(options).predict(z, 1, &decided);
        BOOST_CHECK_CLOSE(decided.distance, expected, 1e-9);
    }
}

BOOST_AUTO_TEST_CASE(float_frames)
{
    discriminator_core core(plane());
    const float z[] = { 0, 1, 10, 1 };
    decision decided[2];
    core.predict(z, 2, decided);
    BOOST_CHECK_EQUAL(decided[0].id, 0);
    BOOST_CHECK_EQUAL(decided[1].id, 1);
}

BOOST_AUTO_TEST_CASE(not_finite)
{
    discriminator_core core(plane());
    check_ids(predict(core, { NAN, 0, 0, INFINITY, 1e200, 0, 0, 0 }),
              { INVALID, INVALID, INVALID, 0 });
    BOOST_CHECK_EQUAL(core.invalid(), 3);
    BOOST_CHECK(core.discovered().empty());
}

BOOST_AUTO_TEST_CASE(a_class_in_two_halves)
{
    auto options = plane();
    options.theta2_limit = 1;
    options.merge_separation = 4;
    discriminator_core core(options);
    const std::vector<double> z{ 30, 40, 30, 43, 30,   41, 30, 42.3, 30,   39, 30,
                                 44, 30, 41, 30, 42.3, 30, 41, 30,   42.4, 30, 42.4 };
    std::vector<decision> decisions(11);
    int merges = 0;
    core.predict(z.data(), 11, decisions.data(), [&](std::size_t decided, int from, int into) {
        merges++;
        BOOST_CHECK_EQUAL(decided, 10u);
        BOOST_CHECK_EQUAL(from, -2);
        BOOST_CHECK_EQUAL(into, -1);
        BOOST_CHECK_EQUAL(core.discovered().size(), 2u); // still
    });
    BOOST_CHECK_EQUAL(merges, 1);
    BOOST_CHECK_EQUAL(decisions[9].id, -2);
    BOOST_CHECK_EQUAL(decisions[10].id, -1);
    BOOST_CHECK_EQUAL(core.merged().at(-2), -1);

    // A restored state has no members to compare yet: it starts anew.
    discriminator_core other(options);
    other.restore(core.state());
    BOOST_CHECK_EQUAL(other.state(), core.state());
    check_ids(predict(other, { 30, 43 }), { -1 });
}

BOOST_AUTO_TEST_CASE(a_frame_allocates_nothing)
{
    discriminator_core core(plane());
    std::vector<double> z;
    for (int i = 0; i < 1000; i++)
        z.insert(z.end(), { double(i % 7) * 3, double(i % 5) * 9 });
    std::vector<decision> decisions(1000);
    core.predict(z.data(), 1000, decisions.data()); // discovers what there is
    const auto before = allocations;
    core.predict(z.data(), 1000, decisions.data());
    const auto after = allocations;
    BOOST_CHECK_EQUAL(after, before);
}

BOOST_AUTO_TEST_CASE(ids_run_out)
{
    auto options = plane();
    options.lambda2 = 0;
    discriminator_core core(options);
    for (int i = 1; i <= MAX_UNKNOWN; i++) {
        check_ids(predict(core, { -1e9, 0 }), { -i });
        core.forget(-i);
    }
    check_ids(predict(core, { -1e9, 0 }), { INVALID }); // -32768 is no class
}

BOOST_AUTO_TEST_CASE(refused)
{
    auto options = plane();
    options.centers.shape = { 6 };
    BOOST_CHECK_EQUAL(error_of(options),
                      "centers have shape (6), expected (K, dim) with K and dim at least 1");
    options = plane();
    options.variances->values[3] = -2;
    BOOST_CHECK_EQUAL(error_of(options), "variances hold -2, expected none below 0");
    options = plane();
    options.lambda1 = 0;
    BOOST_CHECK_EQUAL(error_of(options), "lambda1 is 0, expected a number above 0");
}

BOOST_AUTO_TEST_CASE(names)
{
    discriminator_core core(plane());
    predict(core, { -30, 0 });
    core.rename(-1, "Prüfsender 7");
    for (const std::string bad :
         { "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "a\tb", "\u009b", "\u202e" })
        BOOST_CHECK_THROW(core.rename(-1, bad), std::invalid_argument);
    BOOST_CHECK_THROW(core.rename(-1, std::string(1025, 'x')), std::invalid_argument);
    BOOST_CHECK_EQUAL(core.discovered()[0].name, "Prüfsender 7");
    BOOST_CHECK_EQUAL(shown("a\x1b\xff\n\u202e\U000e0001é"), "a\\x1b\\xff\\n\\u202e\\U000e0001é");
    BOOST_CHECK_EQUAL(shown("éééé", 4), "éééé");
    BOOST_CHECK_EQUAL(shown("ééééé", 4), "ééé…");
}

BOOST_AUTO_TEST_CASE(so_many_a_minute)
{
    using std::chrono::seconds;
    discovery_rate rate;
    const discovery_rate::time_point start{};
    BOOST_CHECK(!rate.left(start)); // any number
    rate.count(2, start);
    rate.set_limit(3);
    BOOST_CHECK_EQUAL(*rate.left(start + seconds(59)), 1);
    rate.count(1, start + seconds(59));
    BOOST_CHECK_EQUAL(*rate.left(start + seconds(59)), 0);
    BOOST_CHECK_EQUAL(*rate.left(start + seconds(60)), 2);
    BOOST_CHECK_EQUAL(rate.of_last_minute(start + seconds(118)), 1);
    BOOST_CHECK_EQUAL(*rate.left(start + seconds(119)), 3);
    rate.count(9, start + seconds(119)); // the limit was higher then
    BOOST_CHECK_EQUAL(*rate.left(start + seconds(119)), 0);
}

BOOST_AUTO_TEST_CASE(file)
{
    char path[] = "/tmp/sr2cnn_discovered_XXXXXX";
    const int descriptor = mkstemp(path);
    BOOST_REQUIRE(descriptor >= 0);
    close(descriptor);

    discriminator_core core(plane());
    predict(core, { -30, 1.0 / 3, 300, 1, 301, 1 });
    core.rename(-1, "a name");
    core.save(path);
    discriminator_core other(plane());
    other.load(path);
    BOOST_REQUIRE_EQUAL(other.discovered().size(), 2);
    BOOST_CHECK_EQUAL(other.discovered()[0].name, "a name");
    BOOST_CHECK_EQUAL(other.discovered()[1].count, 2);
    BOOST_CHECK_EQUAL(other.discovered_center(0)[1], 1.0 / 3); // to the last bit

    std::ofstream(path) << "sr2cnn-discovered 2\nmodel 1 2\n";
    BOOST_CHECK_THROW(other.load(path), std::runtime_error);
    BOOST_CHECK_EQUAL(other.discovered().size(), 2);
    std::remove(path);
}

BOOST_AUTO_TEST_CASE(state)
{
    discriminator_core core(plane());
    predict(core, { 0, 0, -30, 0, 300, 1, 301, 1 });
    core.rename(-2, "a name");
    discriminator_core other(plane());
    other.restore(core.state());
    BOOST_CHECK_EQUAL(other.state(), core.state());
    BOOST_CHECK_EQUAL(other.frames(), 0); // of its own

    // Frames are counted on, ids too, and a state made of a restored one restores again.
    check_ids(predict(other, { 301, 1, 0, -300 }), { -2, -3 });
    BOOST_CHECK_EQUAL(other.frames(), 2);
    BOOST_CHECK_EQUAL(other.discovered()[1].last_frame, 4);
    BOOST_CHECK_EQUAL(other.discovered()[2].first_frame, 5);
    discriminator_core third(plane());
    third.restore(other.state());
    BOOST_CHECK_EQUAL(third.state(), other.state());

    third.merge(-3, -1);
    BOOST_CHECK_EQUAL(third.merged().at(-3), -1);
    third.restore(other.state());
    BOOST_CHECK(third.merged().empty());
}

BOOST_AUTO_TEST_CASE(state_cut_short)
{
    discriminator_core core(plane()), other(plane());
    predict(core, { -30, 0, 300, 1 });
    predict(other, { 1000, 1000 });
    const auto whole = core.state(), before = other.state();
    for (std::size_t n = 0; n < whole.size(); n++)
        BOOST_CHECK_THROW(other.restore(whole.substr(0, n)), std::invalid_argument);
    for (const std::string wrong : { "frames 1\n",
                                     "frames -1\n",
                                     "frames 9223372036854775807\n",
                                     "frames 9007199254740993\n" }) {
        auto text = whole;
        text.replace(text.find("frames 2\n"), 9, wrong);
        BOOST_CHECK_THROW(other.restore(text), std::invalid_argument);
    }
    BOOST_CHECK_EQUAL(other.state(), before);
}
