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
using gr::sr2cnn::frame_queue;
using gr::sr2cnn::framer;
using gr::sr2cnn::tagger;

// GNU Radio's own logs each call for all ports.
//! A setter of a number, which waits for work's lock without the GIL.
template <typename T>
auto number_setter(const char* name, void (discriminator::*set)(T))
{
    return [name, set](discriminator& block, const py::object& value) {
        T converted;
        if constexpr (std::is_same_v<T, std::optional<int>>)
            converted = number_or_none<int>(name, value);
        else
            converted = number<T>(name, value);
        py::gil_scoped_release released;
        (block.*set)(converted);
    };
}

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
        [](const std::shared_ptr<gr::basic_block>& block, int port) {
            const auto found = std::dynamic_pointer_cast<gr::block>(block);
            return found && gr::sr2cnn::input_ended(*found, port);
        },
        py::arg("block"),
        py::arg("port") = 0,
        released(),
        "Whether the blocks before an input are done, and all that they sent is read.");

    py::class_<discriminator, gr::block, gr::basic_block, std::shared_ptr<discriminator>> judge(
        m,
        "discriminator",
        "Names what is known and discovers what is not, frame by frame (Algorithm 2).\n\n"
        "Vectors of dim floats in; class ids (int16) and, optionally, scores (float) out;\n"
        "messages labels, novel, status out, cmd and upstream in. Output 0 must be connected.\n"
        "discriminator_from_bundle takes all that it needs from a model.");
    judge.attr("MAX_NEW_PER_MINUTE") = int(discriminator::MAX_NEW_PER_MINUTE);
    set_room_quietly(judge);
    judge
        .def(py::init([](const std::vector<std::string>& classes,
                         const numbers& centers,
                         const std::optional<numbers>& variances,
                         const py::object& lambda1,
                         const py::object& lambda2,
                         const std::string& distance,
                         const std::string& theta2,
                         const std::string& zero_variance,
                         const py::object& min_support,
                         const py::object& max_unknown,
                         const std::optional<numbers>& covariances,
                         const std::optional<numbers>& thresholds,
                         const py::object& rival_support,
                         const py::object& theta2_limit,
                         const py::object& merge_separation,
                         const std::string& emit,
                         const py::object& max_run,
                         const py::object& frame_len,
                         const py::object& hop,
                         const std::string& model,
                         const py::object& max_new_per_minute) {
                 return discriminator::make(classes,
                                            to_options(centers,
                                                       variances,
                                                       number<double>("lambda1", lambda1),
                                                       number<double>("lambda2", lambda2),
                                                       distance,
                                                       theta2,
                                                       zero_variance,
                                                       number<int>("min_support", min_support),
                                                       number_or_none<int>("max_unknown", max_unknown),
                                                       covariances,
                                                       thresholds,
                                                       number<int>("rival_support", rival_support),
                                                       number<double>("theta2_limit", theta2_limit),
                                                       number<double>("merge_separation", merge_separation)),
                                            emit,
                                            number<int>("max_run", max_run),
                                            number<int>("frame_len", frame_len),
                                            number<int>("hop", hop),
                                            model,
                                            number_or_none<int>("max_new_per_minute", max_new_per_minute));
             }),
             py::arg("classes"),
             py::arg("centers"),
             py::arg("variances") = py::none(),
             py::arg("lambda1") = 0.4,
             py::arg("lambda2") = 1.0,
             py::arg("distance") = "diagonal",
             py::arg("theta2") = "median",
             py::arg("zero_variance") = "floor",
             py::arg("min_support") = 1,
             py::arg("max_unknown") = py::none(),
             py::arg("covariances") = py::none(),
             py::arg("thresholds") = py::none(),
             py::arg("rival_support") = 0,
             py::arg("theta2_limit") = 0.0,
             py::arg("merge_separation") = 0.0,
             py::arg("emit") = "change",
             py::arg("max_run") = 1000,
             py::arg("frame_len") = 128,
             py::arg("hop") = 0,
             py::arg("model") = "",
             py::arg("max_new_per_minute") = int(discriminator::MAX_NEW_PER_MINUTE))
        .def("set_lambda1", number_setter("lambda1", &discriminator::set_lambda1), py::arg("lambda1"))
        .def("set_lambda2", number_setter("lambda2", &discriminator::set_lambda2), py::arg("lambda2"))
        .def("set_theta2", &discriminator::set_theta2, py::arg("theta2"), released())
        .def("set_min_support",
             number_setter("min_support", &discriminator::set_min_support),
             py::arg("min_support"))
        .def("set_max_unknown",
             number_setter("max_unknown", &discriminator::set_max_unknown),
             py::arg("max_unknown"))
        .def("set_rival_support",
             number_setter("rival_support", &discriminator::set_rival_support),
             py::arg("rival_support"))
        .def("set_theta2_limit",
             number_setter("theta2_limit", &discriminator::set_theta2_limit),
             py::arg("theta2_limit"))
        .def("set_merge_separation",
             number_setter("merge_separation", &discriminator::set_merge_separation),
             py::arg("merge_separation"))
        .def("set_max_new_per_minute",
             number_setter("max_new_per_minute", &discriminator::set_max_new_per_minute),
             py::arg("max_new_per_minute"))
        .def("set_emit", &discriminator::set_emit, py::arg("emit"), released())
        .def("set_max_run", number_setter("max_run", &discriminator::set_max_run), py::arg("max_run"))
        .def("lambda1", &discriminator::lambda1, released())
        .def("lambda2", &discriminator::lambda2, released())
        .def("theta2", &discriminator::theta2, released())
        .def("min_support", &discriminator::min_support, released())
        .def("max_unknown", &discriminator::max_unknown, released())
        .def("rival_support", &discriminator::rival_support, released())
        .def("theta2_limit", &discriminator::theta2_limit, released())
        .def("merge_separation", &discriminator::merge_separation, released())
        .def("max_new_per_minute", &discriminator::max_new_per_minute, released())
        .def("emit", &discriminator::emit, released())
        .def("max_run", &discriminator::max_run, released())
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
                    views.push_back(
                        { known.id,
                          known.name,
                          py::array_t<double>(known.center.size(), known.center.data()),
                          known.count,
                          known.first_frame,
                          known.last_frame });
                return views;
            },
            "The discovered classes, in order of discovery.");

    py::class_<frame_queue, gr::hier_block2, gr::basic_block, std::shared_ptr<frame_queue>>
        queue(m,
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
        .def("set_min_output_buffer",
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
        "Restarts at in-stream rx_time tags; leaves out frames with NaN or infinity. The first frame\n"
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
        .def_property_readonly("samples_left",
                               &framer::samples_left,
                               "Samples of the frame that is not whole yet.");

    py::class_<tagger, gr::block, gr::basic_block, std::shared_ptr<tagger>> tags(
        m,
        "tagger",
        "Puts the signal_class tags of the class stream back on the IQ stream.\n\n"
        "Complex and class ids (int16) in, complex out.");
    set_room_quietly(tags);
    tags
        .def(py::init([](const py::object& frame_len,
                         const py::object& hop,
                         const std::string& emit) {
                 return tagger::make(
                     number<int>("frame_len", frame_len), number<int>("hop", hop), emit);
             }),
             py::arg("frame_len") = 128,
             py::arg("hop") = 0,
             py::arg("emit") = "change");
}
