/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// discriminator_core: any options, vectors and operations. What checks throws std::invalid_argument and
// changes nothing; the result does not depend on the split into calls; names stay different; a state is
// that of an object that restored it.

#include "discriminator_core.h"
#include "fuzz_input.h"
#include <set>
#include <stdexcept>

using namespace gr::sr2cnn;

namespace {

ndarray array_of(std::vector<std::size_t> shape, fuzz_input& in, bool positive)
{
    if (in.draw(0, 63) == 0)
        shape.push_back(in.draw(0, 3));
    std::size_t n = 1;
    for (const auto length : shape)
        n *= length;
    ndarray array{ shape, std::vector<double>(n) };
    for (auto& value : array.values)
        value = positive ? std::abs(in.real()) : in.real();
    return array;
}

// Of any size, allowed or not.
template <typename T>
T value_of(const parameter<discriminator_parameters, T>& one, fuzz_input& in)
{
    if constexpr (std::is_same_v<T, std::string>)
        return in.draw(0, 63) ? one.allowed[in.draw(0, one.allowed.size() - 1)] : in.text(8);
    else if constexpr (std::is_same_v<T, double>)
        return in.real();
    else if constexpr (std::is_same_v<T, std::optional<int>>)
        return in.coin() ? std::optional(in.draw(-1, 40)) : std::nullopt;
    else
        return in.draw(-1, 5);
}

discriminator_options options_of(fuzz_input& in)
{
    const std::size_t n_known = in.draw(1, 4), dim = in.draw(1, 20);
    discriminator_options options;
    options.merge_separation = 3; // which merges
    discriminator_parameters& parameters = options;
    for_each_parameter<discriminator_parameters>([&](const auto& one) {
        if (in.draw(0, 3) == 0)
            parameters.*one.member = value_of(one, in);
    });
    options.centers = array_of({ n_known, dim }, in, false);
    if (options.distance == "mahalanobis" || in.draw(0, 15) == 0) {
        auto covariances = array_of({ n_known, dim, dim }, in, true);
        if (covariances.shape.size() == 3 &&
            in.draw(0, 15)) // most are covariances: those of one factor
            for (std::size_t k = 0; k < n_known; k++) {
                double* own = covariances.values.data() + k * dim * dim;
                const std::vector<double> factor(own, own + dim);
                for (std::size_t i = 0; i < dim * dim; i++)
                    own[i] = factor[i / dim] * factor[i % dim] + (i % (dim + 1) ? 0 : 0.5);
            }
        options.covariances = covariances;
    } else if (in.draw(0, 15)) {
        options.variances = array_of({ n_known, dim }, in, in.draw(0, 15));
    }
    if (in.coin())
        options.thresholds = array_of({ n_known }, in, true);
    if (in.draw(0, 3) == 0)
        options.may_discover = in.draw(-1, 20);
    if (in.coin())
        for (std::size_t k = 0; k < n_known; k++)
            options.classes.push_back(in.draw(0, 15) ? "class " + std::to_string(k) : in.text(10));
    return options;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void check_decision(const decision& one, const discriminator_core& core, bool finite)
{
    const bool invalid = one.id == INVALID;
    FUZZ_CHECK(invalid || (one.id < int(core.n_known()) && one.id >= -MAX_UNKNOWN));
    FUZZ_CHECK(one.support >= 0 && (one.support > 0) == (one.id < 0 && !invalid));
    FUZZ_CHECK(finite || invalid);
    FUZZ_CHECK(finite || std::isnan(one.score));
    FUZZ_CHECK((one.id >= 0) == (one.score < 1));
}

void check_names(const discriminator_core& core, const std::vector<std::string>& labels)
{
    std::set<std::string> names(labels.begin(), labels.end()); // of known classes, and then of all
    for (const auto& known : core.discovered()) {
        FUZZ_CHECK(known.id < 0 && known.id >= -MAX_UNKNOWN && known.count > 0);
        FUZZ_CHECK(!known.name.empty() && known.name.size() <= LONGEST_NAME);
        FUZZ_CHECK(known.name.find('\n') == std::string::npos);
        FUZZ_CHECK(names.insert(known.name).second);
    }
}

// Something that may throw std::invalid_argument, and then changes nothing.
template <class function>
void attempt(discriminator_core& core, function operation)
{
    const auto before = core.state();
    try {
        operation();
    } catch (const std::invalid_argument&) {
        FUZZ_CHECK(core.state() == before);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz_input in(data, size);
    const auto options = options_of(in);
    std::optional<discriminator_core> made;
    try {
        made.emplace(options);
    } catch (const std::invalid_argument&) {
        return 0;
    }
    auto core = *made;
    const auto dim = core.dim();
    for (int step = 0; step < 60 && !in.at_end(); step++) {
        const auto any_id = [&] {
            const auto& all = core.discovered();
            return all.empty() || in.draw(0, 7) == 0 ? in.draw(-300, 300)
                                                     : all[in.draw(0, all.size() - 1)].id;
        };
        switch (in.draw(0, 9)) {
        case 0:
            attempt(core, [&] { core.rename(any_id(), in.coin() ? "class 0" : in.text(40)); });
            break;
        case 1:
            attempt(core, [&] { core.merge(any_id(), any_id()); });
            break;
        case 2:
            attempt(core, [&] { core.forget(any_id()); });
            break;
        case 3:
            core.freeze(in.coin());
            break;
        case 4:
        case 5:
            for_each_parameter<discriminator_parameters>([&](const auto& one) {
                if (in.draw(0, 3) == 0)
                    attempt(core, [&] { core.set(one.name, value_of(one, in)); });
            });
            break;
        case 6: { // another one that restores the state has it
            auto other = *made;
            other.set("max_unknown", std::nullopt);
            FUZZ_CHECK(other.restore(core.state()).empty());
            FUZZ_CHECK(other.state() == core.state());
            break;
        }
        default: {
            const std::size_t n = in.draw(1, 24), first = in.draw(0, n);
            std::vector<double> z(n * dim);
            for (auto& value : z)
                value = in.real();
            auto split = core;
            std::vector<decision> whole(n), parts(n);
            core.predict(z.data(), n, whole.data());
            split.predict(z.data(), first, parts.data());
            split.predict(z.data() + first * dim, n - first, parts.data() + first);
            for (std::size_t i = 0; i < n; i++) {
                double squares = 0;
                for (std::size_t j = 0; j < dim; j++)
                    squares += z[i * dim + j] * z[i * dim + j];
                check_decision(whole[i], core, std::isfinite(squares));
                FUZZ_CHECK(whole[i].id == parts[i].id && whole[i].support == parts[i].support);
                FUZZ_CHECK(same(whole[i].score, parts[i].score));
                FUZZ_CHECK(same(whole[i].distance, parts[i].distance));
            }
            FUZZ_CHECK(core.state() == split.state());
        }
        }
        check_names(core, options.classes);
    }
    return 0;
}
