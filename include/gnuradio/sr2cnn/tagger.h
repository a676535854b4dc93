/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_TAGGER_H
#define INCLUDED_SR2CNN_TAGGER_H

#include <gnuradio/block.h>
#include <gnuradio/sr2cnn/api.h>
#include <string>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Puts the `signal_class` tags of the class stream back on the IQ stream.
 *
 * Input 0: complex, the stream that entered the framer. Input 1: int16 class ids of its
 * frames, with their tags. Output: input 0, unchanged and with its own tags, plus each
 * `signal_class` at the first sample of its frame.
 *
 * Where a frame begins follows from the `frame_start` tags of the class stream (uint64,
 * absolute index of the frame's first sample) and, between them, from the hop. A sample leaves
 * once the frames that begin at or before it are classified; at the end of the class stream
 * the rest of the samples follows. The buffer that feeds input 0 must hold what the classifier
 * has in work: give the block before it a set_min_output_buffer of a few batches.
 *
 * Class ids of emissions, a recognizer's that finds these itself, it refuses: it says so, and passes the samples.
 */
class SR2CNN_API tagger : virtual public gr::block
{
public:
    typedef std::shared_ptr<tagger> sptr;

    /*!
     * \param frame_len samples a frame
     * \param hop samples from frame to frame; 0 means frame_len
     * \param emit which tags to put: "change", a tag that names another class than the one
     *        before it or follows a gap; "every"; "unknown", those of discovered classes
     *
     * Throws std::invalid_argument with the value and what was expected.
     */
    static sptr make(int frame_len = 128, int hop = 0, const std::string& emit = "change");
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_TAGGER_H */
