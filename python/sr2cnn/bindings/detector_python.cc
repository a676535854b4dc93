/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "conversions.h"
#include <gnuradio/sr2cnn/detector.h>

namespace py = pybind11;
using gr::sr2cnn::detector;

void bind_detector(py::module& m)
{
    using released = py::call_guard<py::gil_scoped_release>;

    py::class_<detector, gr::sync_block, gr::block, gr::basic_block, std::shared_ptr<detector>>(
        m,
        "detector",
        "Finds the emissions in a band, many at a time: where, from when to when, how wide, how\n"
        "strong. No level is to be set. Complex in. Message output emissions: a dict for each "
        "that\n"
        "has ended, see docs/detector.md. sample_rate in Hz; 0 means what rx_rate tags say.")
        .def(py::init([](const py::object& sample_rate) {
                 return detector::make(number<double>("sample_rate", sample_rate));
             }),
             py::arg("sample_rate") = 0.0)
        .def("sample_rate", &detector::sample_rate, released(), "Hz; 0 where it is not known.")
        .def(
            "set_sample_rate",
            [](detector& block, const py::object& sample_rate) {
                const auto rate = number<double>("sample_rate", sample_rate);
                py::gil_scoped_release release;
                block.set_sample_rate(rate);
            },
            py::arg("sample_rate"),
            "Of the samples from now on, Hz.")
        .def_property_readonly("emissions",
                               py::cpp_function(&detector::emissions, released()),
                               "Emissions that have ended, of all runs.");
}
