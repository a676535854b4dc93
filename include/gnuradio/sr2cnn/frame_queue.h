/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_FRAME_QUEUE_H
#define INCLUDED_SR2CNN_FRAME_QUEUE_H

#include <cstdint>
#include <gnuradio/hier_block2.h>
#include <gnuradio/sr2cnn/api.h>
#include <string>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Frames wait here for what follows; a radio need not.
 *
 * Input and output: vectors of frame_len complex. Between them lies a ring of at most `capacity`
 * frames, allocated once. When it is full, overload
 * - "block" makes the blocks before it wait, as any buffer would: for files, nothing is lost;
 * - "drop" drops the oldest whole frames and never makes the blocks before it wait: for radios,
 *   what comes out is the newest.
 *
 * GNU Radio does not call a block while its output is full, so this is a pair of blocks: a sink
 * that fills the ring, and a source that empties it. The source ends when the blocks before the
 * sink have ended and the ring is empty; the sink ends when the blocks behind the source have.
 * What waits in the ring at a stop() or lock() stays there, and comes out first when the flowgraph goes on; what
 * lies in GNU Radio's buffers before and behind the queue is lost then.
 *
 * Tags stay with their frame. Of the tags of dropped frames the latest of each key moves to the
 * next frame that comes out, unless that has one of its own; `rx_time` is then put forward by
 * the samples between (where an `rx_rate` tag told their rate; otherwise it goes with its
 * frame). After a drop the next frame carries `frame_start` (uint64, index of its first sample):
 * the samples of every frame stay known. The samples of the frames that come in follow from
 * their `frame_start` tags and the hop, as the framer says them.
 *
 * Message output `status`: ten times a second while frames come, and when they end: a dict of
 * `frames_queued` (came in), `frames_overrun` (dropped) and `frames_waiting`. Connected to the
 * input `upstream` of the discriminator, it makes the frame counts of its status whole.
 */
class SR2CNN_API frame_queue : virtual public gr::hier_block2
{
public:
    typedef std::shared_ptr<frame_queue> sptr;

    //! Frames since start(), those among them that waited then, all as of one moment: in = out + dropped + waiting.
    struct counts {
        std::uint64_t frames_in;
        std::uint64_t frames_out;
        std::uint64_t frames_dropped;
        std::uint64_t frames_waiting;
    };

    /*!
     * \param frame_len samples a frame
     * \param capacity most frames that wait
     * \param overload what happens when they do: "block" or "drop"
     * \param hop the framer's: samples from frame to frame; 0 means frame_len
     *
     * Throws std::invalid_argument with the value and what was expected.
     */
    static sptr make(int frame_len = 128,
                     int capacity = 1024,
                     const std::string& overload = "block",
                     int hop = 0);

    virtual counts count() const = 0;

    //! Room for frames behind the queue. hier_block2's own does not reach the blocks inside.
    virtual void set_min_output_buffer(long n_frames) = 0;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FRAME_QUEUE_H */
