/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_FRAMER_H
#define INCLUDED_SR2CNN_FRAMER_H

#include <cstdint>
#include <gnuradio/block.h>
#include <gnuradio/sr2cnn/api.h>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Cuts a complex stream into frames, vectors of frame_len samples.
 *
 * A tag moves to the frame that holds its sample (to the last one that does, where frames
 * overlap). Tags on samples that no frame holds move to the next frame. An `rx_time` tag within
 * the stream means that samples are missing before it: framing starts again at its sample, so
 * that no frame spans the gap. Frames that hold NaN or infinity are counted and left out. The
 * first frame, and each that does not follow the one before it by a hop, carries the tag
 * `frame_start`: uint64, index of its first sample in the input stream. The samples count on over
 * stop() and lock(), though GNU Radio counts anew: the first frame after a start() also carries
 * `stream_start`, the index of the first sample since then; a tag of that name on this sample sets
 * it. A partial frame at the
 * end of the stream is counted in samples_left().
 *
 * Message output `status`, a dict once a second: `frames_dropped`, frames that get no class id,
 * `frames_skipped`, those of them that are not finite, and `samples_dropped`.
 */
class SR2CNN_API framer : virtual public gr::block
{
public:
    typedef std::shared_ptr<framer> sptr;

    /*!
     * \param frame_len samples a frame
     * \param hop samples from one frame's start to the next one's; 0 means frame_len
     *
     * Throws std::invalid_argument with the value and what was expected.
     */
    static sptr make(int frame_len = 128, int hop = 0);

    //! Frames put out since the start.
    virtual std::uint64_t frames() const = 0;

    //! Frames left out since the start for NaN or infinity.
    virtual std::uint64_t frames_skipped() const = 0;

    //! Samples before an in-stream `rx_time` that made no whole frame.
    virtual std::uint64_t samples_dropped() const = 0;

    //! Samples of the frame that is not whole yet.
    virtual std::uint64_t samples_left() const = 0;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FRAMER_H */
