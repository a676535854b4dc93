/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "conversions.h"
#include <gnuradio/sr2cnn/discriminator.h>
#include <gnuradio/sr2cnn/frame_queue.h>
#include <gnuradio/sr2cnn/framer.h>
#include <gnuradio/sr2cnn/input_ended.h>
#include <gnuradio/sr2cnn/tagger.h>

namespace py = pybind11;
using gr::sr2cnn::discriminator;
using gr::sr2cnn::discriminator_reporting;
using gr::sr2cnn::frame_queue;
using gr::sr2cnn::framer;
using gr::sr2cnn::tagger;

//! Getters and setters of an owner's parameters, which wait for work's lock without the GIL.
template <class Owner, class Bound>
void bind_parameters(Bound& bound, Owner (discriminator::*all)() const)
{
    gr::sr2cnn::for_each_parameter<Owner>([&](const auto& one) {
        using type = typename std::decay_t<decltype(one)>::type;
        bound.def(
            one.name,
            [all, member = one.member](const discriminator& block) {
                return (block.*all)().*member;
            },
            py::call_guard<py::gil_scoped_release>());
        if (one.fixed)
            return;
        bound.def(("set_" + std::string(one.name)).c_str(),
                  [name = one.name](discriminator& block, const py::object& value) {
                      const gr::sr2cnn::parameter_value converted = value_as<type>(name, value);
                      py::gil_scoped_release released;
                      block.set(name, converted);
                  },
                  py::arg(one.name));
    });
}

// GNU Radio's own logs each call for all ports.
template <class Bound>
void set_room_quietly(Bound& bound)
{
    bound.def(
        "set_min_output_buffer",
        [](gr::block& block, int port, long items) { block.set_min_output_buffer(port, items); },
        py::arg("port"),
        py::arg("min_output_buffer"));
    bound.def(
        "set_min_output_buffer",
        [](gr::block& block, long items) {
            for (int port = 0; port < block.output_signature()->max_streams(); port++)
                block.set_min_output_buffer(port, items);
        },
        py::arg("min_output_buffer"));
}

void bind_blocks(py::module& m)
{
    py::module::import("gnuradio.gr"); // the base classes
    // Setters and getters wait for work's lock, and must not hold the GIL meanwhile.
    using released = py::call_guard<py::gil_scoped_release>;

    m.def(
        "input_ended",
        [](const std::shared_ptr<gr::basic_block>& block, int port, int last) {
            const auto found = std::dynamic_pointer_cast<gr::block>(block);
            return found && gr::sr2cnn::input_ended(*found, port, last);
        },
        py::arg("block"),
        py::arg("port") = 0,
        py::arg("last") = 0,
        released(),
        "Whether the blocks before an input are done, and all that they sent is read, but for the "
        "last\n"
        "few items.");

    py::class_<discriminator, gr::block, gr::basic_block, std::shared_ptr<discriminator>> judge(
        m,
        "discriminator",
        "Names what is known and discovers what is not, frame by frame (Algorithm 2).\n\n"
        "Vectors of dim floats in; class ids (int16) and, optionally, scores (float) out;\n"
        "messages labels, novel, status out, cmd and upstream in. Output 0 must be connected.\n"
        "discriminator_from_bundle takes all that it needs from a model. Keyword arguments: the\n"
        "fields of sr2cnn_learn.discriminator_parameters.DiscriminatorParameters, and\n"
        "emit: which frames get a signal_class tag: \"change\", \"every\" or \"unknown\"\n"
        "max_run: most frames of a message on labels\n"
        "max_new_per_minute: most classes discovered in any minute, by the clock; None: any "
        "number");
    judge.attr("MAX_NEW_PER_MINUTE") = *discriminator_reporting().max_new_per_minute;
    set_room_quietly(judge);
    bind_parameters(judge, &discriminator::parameters);
    bind_parameters(judge, &discriminator::reporting);
    judge
        .def(py::init([](const std::vector<std::string>& classes,
                         const numbers& centers,
                         const std::optional<numbers>& variances,
                         const std::optional<numbers>& covariances,
                         const std::optional<numbers>& thresholds,
                         const py::object& frame_len,
                         const py::object& hop,
                         const std::string& model,
                         py::kwargs named) {
                 discriminator_reporting reporting;
                 gr::sr2cnn::for_each_parameter<discriminator_reporting>([&](const auto& one) {
                     using type = typename std::decay_t<decltype(one)>::type;
                     if (named.contains(one.name))
                         one.set(reporting, value_as<type>(one.name, named.attr("pop")(one.name)));
                 });
                 const auto parameters = to_parameters({}, named);
                 return discriminator::make(
                     classes,
                     to_options(centers, variances, covariances, thresholds, parameters),
                     reporting,
                     number<int>("frame_len", frame_len),
                     number<int>("hop", hop),
                     model);
             }),
             py::arg("classes"),
             py::arg("centers"),
             py::arg("variances") = py::none(),
             py::kw_only(),
             py::arg("covariances") = py::none(),
             py::arg("thresholds") = py::none(),
             py::arg("frame_len") = 128,
             py::arg("hop") = 0,
             py::arg("model") = "")
        .def("state",
             &discriminator::state,
             released(),
             "The discovered classes as a text, the one that the command save writes to a file.")
        .def("restore",
             &discriminator::restore,
             py::arg("state"),
             released(),
             "Replaces the discovered classes by those of a state of the same model.")
        .def("merged",
             &discriminator::merged,
             released(),
             "Which class each merged one went into, since the last restore or load: dict of ids.")
        .def("finished",
             &discriminator::finished,
             released(),
             "Whether nothing is judged any more: before the start, and after the end.")
        .def("frames", &discriminator::frames, released())
        .def("invalid", &discriminator::invalid, released())
        .def(
            "discovered",
            [](const discriminator& block) {
                std::vector<discriminator::discovered_class> classes;
                {
                    py::gil_scoped_release released;
                    classes = block.discovered();
                }
                std::vector<discovered_view> views;
                for (const auto& known : classes)
                    views.push_back({ known.id,
                                      known.name,
                                      py::array_t<double>(known.center.size(), known.center.data()),
                                      known.count,
                                      known.first_frame,
                                      known.last_frame });
                return views;
            },
            "The discovered classes, in order of discovery.");

    py::class_<frame_queue, gr::hier_block2, gr::basic_block, std::shared_ptr<frame_queue>> queue(
        m,
        "frame_queue",
        "Frames wait here for what follows; a radio need not.\n\n"
        "Vectors of frame_len complex in and out. When capacity frames wait, overload\n"
        "\"block\" makes the blocks before it wait, \"drop\" drops the oldest frames. The frame\n"
        "after a drop carries frame_start. Message output status: frames_queued,\n"
        "frames_overrun, frames_waiting. hop is the framer's; 0 means frame_len.");
    queue
        .def(py::init([](const py::object& frame_len,
                         const py::object& capacity,
                         const std::string& overload,
                         const py::object& hop) {
                 return frame_queue::make(number<int>("frame_len", frame_len),
                                          number<int>("capacity", capacity),
                                          overload,
                                          number<int>("hop", hop));
             }),
             py::arg("frame_len") = 128,
             py::arg("capacity") = 1024,
             py::arg("overload") = "block",
             py::arg("hop") = 0)
        .def(
            "set_min_output_buffer",
            [](frame_queue& block, const py::object& n_frames) {
                block.set_min_output_buffer(number<long>("n_frames", n_frames));
            },
            py::arg("n_frames"),
            "Room for frames behind the queue.")
        .def("count",
             &frame_queue::count,
             released(),
             "Frames since the start, all as of one moment: in = out + dropped + waiting.");
    py::class_<frame_queue::counts>(queue, "counts")
        .def_readonly("frames_in", &frame_queue::counts::frames_in)
        .def_readonly("frames_out", &frame_queue::counts::frames_out)
        .def_readonly("frames_dropped", &frame_queue::counts::frames_dropped)
        .def_readonly("frames_waiting", &frame_queue::counts::frames_waiting);

    py::class_<framer, gr::block, gr::basic_block, std::shared_ptr<framer>> frames(
        m,
        "framer",
        "Cuts a complex stream into frames, vectors of frame_len samples every hop samples.\n\n"
        "Restarts at in-stream rx_time tags; leaves out frames with NaN or infinity. The first "
        "frame\n"
        "and each after a gap carry frame_start. Message output status: frames_dropped,\n"
        "frames_skipped, samples_dropped. hop 0 means frame_len.");
    set_room_quietly(frames);
    frames
        .def(py::init([](const py::object& frame_len, const py::object& hop) {
                 return framer::make(number<int>("frame_len", frame_len), number<int>("hop", hop));
             }),
             py::arg("frame_len") = 128,
             py::arg("hop") = 0)
        .def_property_readonly("frames", &framer::frames, "Frames put out since the start.")
        .def_property_readonly("frames_skipped",
                               &framer::frames_skipped,
                               "Frames left out since the start for NaN or infinity.")
        .def_property_readonly("samples_dropped",
                               &framer::samples_dropped,
                               "Samples before an in-stream rx_time that made no whole frame.")
        .def_property_readonly(
            "samples_left", &framer::samples_left, "Samples of the frame that is not whole yet.");

    py::class_<tagger, gr::block, gr::basic_block, std::shared_ptr<tagger>> tags(
        m,
        "tagger",
        "Puts the signal_class tags of the class stream back on the IQ stream.\n\n"
        "Complex and class ids (int16) in, complex out.");
    set_room_quietly(tags);
    tags.def(
        py::init([](const py::object& frame_len, const py::object& hop, const std::string& emit) {
            return tagger::make(number<int>("frame_len", frame_len), number<int>("hop", hop), emit);
        }),
        py::arg("frame_len") = 128,
        py::arg("hop") = 0,
        py::arg("emit") = "change");
}
