/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_CONVERSIONS_H
#define INCLUDED_SR2CNN_CONVERSIONS_H

#include <gnuradio/sr2cnn/discriminator_options.h>
#include <optional>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <type_traits>

//! A parameter's value: a number, or a text that is one, as GNU Radio Companion hands some on.
template <typename T>
T number(const char* name, const pybind11::object& value)
{
    const char* kind = std::is_integral_v<T> ? "whole" : "number";
    const auto checked =
        pybind11::module::import("sr2cnn_learn.quantities").attr(kind)(name, value);
    try {
        return checked.cast<T>();
    } catch (const pybind11::cast_error&) {
        throw std::invalid_argument(std::string(name) + " is " +
                                    std::string(pybind11::repr(value)) + ", too large");
    }
}

using numbers = pybind11::array_t<double, pybind11::array::c_style | pybind11::array::forcecast>;

inline gr::sr2cnn::ndarray to_ndarray(const numbers& array)
{
    return { { array.shape(), array.shape() + array.ndim() },
             { array.data(), array.data() + array.size() } };
}

inline std::optional<gr::sr2cnn::ndarray> to_ndarray(const std::optional<numbers>& array)
{
    return array ? std::optional(to_ndarray(*array)) : std::nullopt;
}

//! A parameter's value as a T, see number().
template <typename T>
T value_as(const char* name, const pybind11::object& value)
{
    if constexpr (std::is_same_v<T, std::string>)
        return pybind11::str(value);
    else if constexpr (std::is_same_v<T, std::optional<int>>)
        return value.is_none() ? std::nullopt : std::optional(number<int>(name, value));
    else
        return number<T>(name, value);
}

//! Parameters as Python's DiscriminatorParameters makes and checks them.
inline gr::sr2cnn::discriminator_parameters to_parameters(const pybind11::args& positional,
                                                          const pybind11::kwargs& named)
{
    using gr::sr2cnn::discriminator_parameters;
    const auto given = pybind11::module::import("sr2cnn_learn.discriminator_parameters")
                           .attr("DiscriminatorParameters")(*positional, **named);
    discriminator_parameters parameters;
    gr::sr2cnn::for_each_parameter<discriminator_parameters>([&](const auto& one) {
        using type = typename std::decay_t<decltype(one)>::type;
        one.set(parameters, value_as<type>(one.name, given.attr(one.name)));
    });
    return parameters;
}

inline gr::sr2cnn::discriminator_options
to_options(const numbers& centers,
           const std::optional<numbers>& variances,
           const std::optional<numbers>& covariances,
           const std::optional<numbers>& thresholds,
           const gr::sr2cnn::discriminator_parameters& parameters)
{
    return { parameters, to_ndarray(centers),   to_ndarray(variances), to_ndarray(covariances), {},
             {},         to_ndarray(thresholds) };
}

//! A discovered class as Python sees it.
struct discovered_view {
    int id;
    std::string name;
    pybind11::array_t<double> center;
    std::int64_t count;
    std::int64_t first_frame;
    std::int64_t last_frame;
};

void bind_kernel(pybind11::module& m);
void bind_blocks(pybind11::module& m);
void bind_detector(pybind11::module& m);
void bind_lifetime(pybind11::module& m);

#endif /* INCLUDED_SR2CNN_CONVERSIONS_H */
