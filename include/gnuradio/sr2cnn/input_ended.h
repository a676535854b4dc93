/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_INPUT_ENDED_H
#define INCLUDED_SR2CNN_INPUT_ENDED_H

#include <gnuradio/block.h>
#include <gnuradio/block_detail.h>
#include <gnuradio/buffer_reader.h>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Whether the blocks before an input are done, and all that they sent is read, but for the last few items.
 *
 * GNU Radio does not call a block at the end of its stream. One that has something left to say then asks for no
 * input in forecast() where this is true, and is called once more. False outside of a running flowgraph.
 */
inline bool input_ended(const gr::block& block, int port = 0, int last = 0)
{
    const auto detail = block.detail();
    if (!detail || port < 0 || port >= detail->ninputs())
        return false;
    const auto reader = detail->input(port);
    gr::thread::scoped_lock guard(*reader->mutex());
    return reader->done() && reader->items_available() <= last;
}

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_INPUT_ENDED_H */
