/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "conversions.h"
#include "detector_core.h"
#include <gnuradio/sr2cnn/detector.h>
#include <iterator>
#include <vector>

namespace py = pybind11;
using gr::sr2cnn::detector;
using gr::sr2cnn::detector_core;
using gr::sr2cnn::spectra;

namespace {

using complexes = py::array_t<std::complex<float>, py::array::c_style | py::array::forcecast>;

py::array_t<float> power_spectra(const complexes& samples, std::size_t size)
{
    spectra transform(size);
    const std::size_t n = samples.size(), hop = transform.hop();
    const std::size_t rows = n < size ? 0 : (n - size) / hop + 1;
    py::array_t<float> powers({ rows, size });
    const auto* from = samples.data();
    auto* to = powers.mutable_data();
    const py::gil_scoped_release released;
    for (std::size_t row = 0; row < rows; row++)
        transform.power(from + row * hop, to + row * size);
    return powers;
}

void push(detector_core& core, const complexes& samples)
{
    const auto* from = samples.data();
    const std::size_t n = samples.size();
    const py::gil_scoped_release released;
    core.push(from, n);
}

} // namespace

void bind_detector(py::module& m)
{
    using released = py::call_guard<py::gil_scoped_release>;

    py::class_<detector, gr::sync_block, gr::block, gr::basic_block, std::shared_ptr<detector>>(
        m,
        "detector",
        "Finds the emissions in a band, many at a time: where, from when to when, how wide, how\n"
        "strong. No level is to be set. Complex in. Message output emissions: a dict for each "
        "that\n"
        "has ended, and every report_seconds (0: never) for one that goes on, see\n"
        "docs/detector.md. sample_rate in Hz; 0 means what rx_rate tags say.")
        .def(py::init([](const py::object& sample_rate, const py::object& report_seconds) {
                 return detector::make(number<double>("sample_rate", sample_rate),
                                       number<double>("report_seconds", report_seconds));
             }),
             py::arg("sample_rate") = 0.0,
             py::arg("report_seconds") = 0.0)
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
        .def("report_seconds",
             &detector::report_seconds,
             released(),
             "Between two messages of an emission that goes on; 0: it is told at its end alone.")
        .def(
            "set_report_seconds",
            [](detector& block, const py::object& report_seconds) {
                const auto seconds = number<double>("report_seconds", report_seconds);
                py::gil_scoped_release release;
                block.set_report_seconds(seconds);
            },
            py::arg("report_seconds"),
            "Of those that go on, too.")
        .def_property_readonly("emissions",
                               py::cpp_function(&detector::emissions, released()),
                               "Emissions that have ended, of all runs.");

    m.def("power_spectra",
          &power_spectra,
          py::arg("samples"),
          py::arg("size"),
          "Spectrogram (rows, size) of complex samples as the detector takes it: Blackman-Harris\n"
          "windows that overlap by half, bins in the order of frequency.");
    using detected = detector_core::emission;
    py::class_<detected>(m, "detected", "An emission, or a piece of one that goes on.")
        .def_readonly("number", &detected::number, "From 1; pieces of one emission have the same.")
        .def_readonly("start", &detected::start, "Index of its first sample in the stream.")
        .def_readonly("n_samples", &detected::n_samples, "Of this piece.")
        .def_readonly("began", &detected::began, "Index of the emission's first sample.")
        .def_readonly("center", &detected::center, "Cycles a sample.")
        .def_readonly("bandwidth", &detected::bandwidth, "Of 99 % of the power, cycles a sample.")
        .def_readonly("snr", &detected::snr, "Its power over the noise in its band, dB.")
        .def_readonly("noise_density",
                      &detected::noise_density,
                      "Noise power a cycle a sample: 1 for white noise of unit power.")
        .def_readonly("cut_off",
                      &detected::cut_off,
                      "Whether the stream began, ended or had a gap within it.")
        .def_readonly("continues", &detected::continues, "Whether it goes on behind this piece.");

    py::class_<detector_core> kernel(
        m, "detector_kernel", "What the detector finds, without a flowgraph.");
    kernel.attr("WINDOWS") = std::vector<std::size_t>(std::begin(detector_core::WINDOWS),
                                                      std::end(detector_core::WINDOWS));
    kernel
        .def(py::init([](const py::object& longest) {
                 return std::make_unique<detector_core>(number<std::int64_t>("longest", longest));
             }),
             py::arg("longest") = 0,
             "An emission that goes on is told in pieces of `longest` samples, end to end, and of "
             "its\n"
             "end when it is known; 0: each is told once. At least the longest of WINDOWS.")
        .def("push", &push, py::arg("samples"), "The next samples, complex (N,).")
        .def("finish",
             &detector_core::finish,
             released(),
             "The stream ends, or samples are missing before the next one: all that goes on ends.")
        .def("retune",
             &detector_core::retune,
             released(),
             "As finish(); what comes next is another band, whose noise is to be learned anew.")
        .def(
            "set_longest",
            [](detector_core& core, const py::object& longest) {
                core.set_longest(number<std::int64_t>("longest", longest));
            },
            py::arg("longest"),
            "See the constructor.")
        .def("take",
             &detector_core::take,
             "List of `detected`: those that are known to have ended, and pieces, since the last\n"
             "call; the pieces of one emission in their order.");
}
