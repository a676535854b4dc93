/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_CONVERSIONS_H
#define INCLUDED_SR2CNN_CONVERSIONS_H

#include <gnuradio/sr2cnn/discriminator_options.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

//! A parameter's value: a number, or a text that is one, as GNU Radio Companion hands some on.
template <typename T>
T number(const char* name, const pybind11::object& value)
{
    const char* kind = std::is_integral_v<T> ? "whole" : "number";
    const auto checked = pybind11::module::import("sr2cnn_learn.quantities").attr(kind)(name, value);
    try {
        return checked.cast<T>();
    } catch (const pybind11::cast_error&) {
        throw std::invalid_argument(std::string(name) + " is " + std::string(pybind11::repr(value)) +
                                    ", too large");
    }
}

template <typename T>
std::optional<T> number_or_none(const char* name, const pybind11::object& value)
{
    return value.is_none() ? std::nullopt : std::optional(number<T>(name, value));
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

inline gr::sr2cnn::discriminator_options to_options(const numbers& centers,
                                                    const std::optional<numbers>& variances,
                                                    double lambda1,
                                                    double lambda2,
                                                    const std::string& distance,
                                                    const std::string& theta2,
                                                    const std::string& zero_variance,
                                                    int min_support,
                                                    std::optional<int> max_unknown,
                                                    const std::optional<numbers>& covariances,
                                                    const std::optional<numbers>& thresholds,
                                                    int rival_support,
                                                    double theta2_limit,
                                                    double merge_separation,
                                                    const std::vector<std::string>& classes = {},
                                                    std::optional<int> may_discover = {})
{
    gr::sr2cnn::discriminator_options options;
    options.centers = to_ndarray(centers);
    options.variances = to_ndarray(variances);
    options.covariances = to_ndarray(covariances);
    options.lambda1 = lambda1;
    options.lambda2 = lambda2;
    options.distance = distance;
    options.theta2 = theta2;
    options.zero_variance = zero_variance;
    options.min_support = min_support;
    options.max_unknown = max_unknown;
    options.thresholds = to_ndarray(thresholds);
    options.rival_support = rival_support;
    options.theta2_limit = theta2_limit;
    options.merge_separation = merge_separation;
    options.classes = classes;
    options.may_discover = may_discover;
    return options;
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
void bind_lifetime(pybind11::module& m);

#endif /* INCLUDED_SR2CNN_CONVERSIONS_H */
