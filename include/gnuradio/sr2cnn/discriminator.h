/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DISCRIMINATOR_H
#define INCLUDED_SR2CNN_DISCRIMINATOR_H

#include <cstdint>
#include <gnuradio/block.h>
#include <gnuradio/sr2cnn/api.h>
#include <gnuradio/sr2cnn/discriminator_options.h>
#include <map>

namespace gr {
namespace sr2cnn {

//! What the block says about what is decided, and how much; all may change while it runs.
struct discriminator_reporting {
    //! When to tag: "change" of class, "every" frame, every "unknown" frame.
    std::string emit = "change";

    //! Frames after which a run is published in pieces.
    int max_run = 1000;

    //! Most classes discovered in any minute, by the clock; none: any number. Far more than are
    //! on a band, far fewer than a wrong parameter makes.
    std::optional<int> max_new_per_minute = 100;

    static auto table()
    {
        using own = discriminator_reporting;
        return std::tuple{
            parameter("emit", &own::emit, { "change", "every", "unknown" }),
            parameter("max_run", &own::max_run, at_least(1)),
            parameter("max_new_per_minute", &own::max_new_per_minute, at_least(0)),
        };
    }
};

/*!
 * \brief Names what is known and discovers what is not, frame by frame (Algorithm 2 of SR2CNN).
 *
 * Input: semantic vectors, dim floats a frame. Output 0: class ids, int16: k >= 0 the k-th
 * known class, -n the n-th discovered class (`unknown_n`), INVALID (-32768) a frame that is
 * not finite, or that would be the first of one class more than may be discovered in a minute.
 * Output 1 (optional): score, float: d1/Θ1, but 1 where a discovered class took a frame with
 * less: below 1 means known, and nothing else does.
 *
 * Tags pass from the vectors to the class stream, which also gets `signal_class`: a dict of
 * `label` (symbol), `class_id` (long), `known` (bool), `score` (double), `n_samples` (long,
 * samples of the frame).
 *
 * Message outputs:
 * - `labels`: one PDU a run of equal labels, when it ends: the keys of `signal_class` for the
 *   run (score: the mean) plus `start_sample` (uint64, in the stream that entered the framer),
 *   `n_frames`, `distance` (mean d1), and `rx_time`, `rx_freq`, `sample_rate`, `model` when
 *   known; the vector is the run's mean semantic vector (f32). Runs also end where `rx_freq`
 *   or `rx_rate` changes, at a gap in the stream, and after max_run frames.
 * - `novel`: one PDU a discovered class when it has min_support members: the same keys about
 *   its latest frame, `n_frames` its members; the vector is its center (f32).
 * - `status`: once a second and at the end, a dict of `frames_in`, `frames_out`,
 *   `frames_dropped`, `n_discovered`, `discovered_last_minute`, `discoveries_refused` (frames),
 *   `invalid`, and whatever last came in at `upstream`. Also where discovered classes are merged,
 *   with `merged`: dict of the ids `from` and `into`; and forgotten, with `forgotten`: their ids.
 *
 * Message inputs:
 * - `cmd`: a dict (or one pair) of parameters by name, see set(): a value; `rename`: dict of `id`
 *   or `label`, and `name`; `merge`: dict of `from`, `into`; `forget`: an id or label, or `all`;
 *   `freeze`: bool; `save`, `load`: a path. A command that cannot be done is logged and answered
 *   on `status` with `error` and `command`; it never stops the flowgraph.
 * - `upstream`: dicts that are merged into `status`, for a chain with one status. Its frame
 *   counts are then those of the chain: `frames_in` counts `frames_queued` (what entered the
 *   frame queue; without one, what came here) and `frames_skipped`; `frames_out` class ids;
 *   `frames_dropped` `frames_skipped` and `frames_overrun`. frames_in is never below the sum of
 *   the others; the difference is in work, and 0 at the end of the stream.
 *
 * The samples of a frame follow from `frame_start` tags (uint64, absolute index of its first
 * sample) and the hop.
 *
 * The last run is published from work, before the scheduler tells the receivers that this
 * block is done: what a block publishes in stop() may never be handled. For the scheduler to
 * make that last call, output 0 must be connected (to a null sink, if need be).
 */
class SR2CNN_API discriminator : virtual public gr::block
{
public:
    typedef std::shared_ptr<discriminator> sptr;

    //! A discovered class; center (dim) is the mean of its members.
    struct discovered_class {
        int id;
        std::string name;
        std::vector<double> center;
        std::int64_t count;
        std::int64_t first_frame;
        std::int64_t last_frame;
    };

    /*!
     * \param classes labels of the K known classes, in the order of the centers
     * \param options semantics of the model and parameters of Algorithm 2
     * \param reporting what is told, and when
     * \param frame_len samples a frame
     * \param hop samples from frame to frame; 0 means frame_len
     * \param model name for the `model` of messages; empty: none
     *
     * Throws std::invalid_argument with the value and what was expected.
     */
    static sptr make(const std::vector<std::string>& classes,
                     const discriminator_options& options,
                     const discriminator_reporting& reporting = {},
                     int frame_len = 128,
                     int hop = 0,
                     const std::string& model = "");

    //! Sets a parameter by its name: one of discriminator_parameters that is not fixed, or of
    //! discriminator_reporting. May be called while running. Throws std::invalid_argument.
    virtual void set(const std::string& name, const parameter_value& value) = 0;

    virtual discriminator_parameters parameters() const = 0;
    virtual discriminator_reporting reporting() const = 0;

    //! The discovered classes, in order of discovery.
    virtual std::vector<discovered_class> discovered() const = 0;

    //! The discovered classes as a text, the one that the command `save` writes to a file.
    virtual std::string state() const = 0;
    //! Replaces the discovered classes by those of a state of the same model. A class whose name is
    //! refused, as by `rename`, keeps its default name; that is logged. Throws
    //! std::invalid_argument, and leaves all as it was, if it is not one.
    virtual void restore(const std::string& state) = 0;
    //! Which class each merged one went into, since the last restore or load.
    virtual std::map<int, int> merged() const = 0;

    //! Whether nothing is judged any more: before start(), and once the last run is published.
    virtual bool finished() const = 0;

    //! Frames that came, and those of them that could not be judged.
    virtual std::uint64_t frames() const = 0;
    virtual std::uint64_t invalid() const = 0;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DISCRIMINATOR_H */
