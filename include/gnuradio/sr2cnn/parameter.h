/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Parameters by name. A struct of them, an Owner, lists them once, in its function table(); constructors,
// setters, messages and Python all go by that list.

#ifndef INCLUDED_SR2CNN_PARAMETER_H
#define INCLUDED_SR2CNN_PARAMETER_H

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace gr {
namespace sr2cnn {

//! Largest value of a parameter, and length of a vector: sums of squares stay finite.
constexpr double LARGEST = 1e150;

//! A parameter's value, whatever its type.
using parameter_value = std::variant<double, int, std::optional<int>, std::string>;

//! What a number may be.
struct range {
    double least;
    double most;
    bool above_least; //!< not the least one itself
};

inline range at_least(double least)
{
    return { least, std::numeric_limits<double>::infinity(), false };
}
inline range above(double least)
{
    return { least, std::numeric_limits<double>::infinity(), true };
}
inline range between(double least, double most) { return { least, most, false }; }

//! What a text may be.
using choices = std::vector<std::string>;

//! As %g prints it.
inline std::string shown_number(double value)
{
    if (std::isnan(value)) // printf would show its sign
        return "nan";
    char text[32];
    std::snprintf(text, sizeof(text), "%g", value);
    return text;
}

inline void check_value(const std::string& name, double value, const range& allowed)
{
    if (allowed.above_least ? !(value > allowed.least) : !(value >= allowed.least))
        throw std::invalid_argument(name + " is " + shown_number(value) + ", expected a number " +
                                    (allowed.above_least ? "above " : "of at least ") +
                                    shown_number(allowed.least));
    const double most = std::min(allowed.most, LARGEST);
    if (value > most)
        throw std::invalid_argument(name + " is " + shown_number(value) + ", expected at most " +
                                    shown_number(most));
}

inline void check_value(const std::string& name, int value, const range& allowed)
{
    if (value >= allowed.least && value <= allowed.most)
        return;
    const auto least = shown_number(allowed.least);
    throw std::invalid_argument(name + " is " + std::to_string(value) + ", expected " +
                                (std::isfinite(allowed.most)
                                     ? least + " to " + shown_number(allowed.most)
                                     : "at least " + least));
}

inline void
check_value(const std::string& name, const std::optional<int>& value, const range& allowed)
{
    if (value)
        check_value(name, *value, allowed);
}

inline void check_value(const std::string& name, const std::string& value, const choices& allowed)
{
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end())
        return;
    std::string list;
    for (const auto& choice : allowed)
        list += (list.empty() ? "" : ", ") + choice;
    throw std::invalid_argument(name + " is '" + value + "', expected one of " + list);
}

//! A parameter: what it is called, where its owner has it, and what it may be.
template <class Owner, typename T>
struct parameter {
    using type = T;
    using allowed_type = std::conditional_t<std::is_same_v<T, std::string>, choices, range>;

    parameter(const char* name, T Owner::* member, allowed_type allowed, bool fixed = false)
        : name(name),
          member(member),
          allowed(std::move(allowed)),
          fixed(fixed)
    {
    }

    //! Throws std::invalid_argument, with the value and what was expected, for one that it may not be.
    void set(Owner& owner, const T& value) const
    {
        check_value(name, value, allowed);
        owner.*member = value;
    }

    const char* name;
    T Owner::* member;
    allowed_type allowed;
    bool fixed; //!< once the owner is made
};

//! Calls f with each parameter of an owner.
template <class Owner, typename F>
void for_each_parameter(F f)
{
    std::apply([&f](const auto&... all) { (f(all), ...); }, Owner::table());
}

//! Calls f with the parameter of this name that is not fixed; false if there is none.
template <class Owner, typename F>
bool with_parameter(const std::string& name, F f)
{
    bool found = false;
    for_each_parameter<Owner>([&](const auto& one) {
        if (!one.fixed && name == one.name) {
            found = true;
            f(one);
        }
    });
    return found;
}

//! Sets the parameter of this name that is not fixed; false if there is none. Throws
//! std::invalid_argument for a value that it may not be.
template <class Owner>
bool set_parameter(Owner& owner, const std::string& name, const parameter_value& value)
{
    return with_parameter<Owner>(name, [&](const auto& one) {
        using type = typename std::decay_t<decltype(one)>::type;
        if (const auto* given = std::get_if<type>(&value))
            return one.set(owner, *given);
        if constexpr (!std::is_same_v<type, std::string>)
            if (const auto* given = std::get_if<int>(&value))
                return one.set(owner, *given);
        throw std::invalid_argument(name + " is of another type");
    });
}

//! Throws std::invalid_argument unless each parameter is what it may be.
template <class Owner>
void check_parameters(const Owner& owner)
{
    for_each_parameter<Owner>(
        [&](const auto& one) { check_value(one.name, owner.*one.member, one.allowed); });
}

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_PARAMETER_H */
