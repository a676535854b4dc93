/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Checks of the parameters that the blocks share.

#ifndef INCLUDED_SR2CNN_PARAMETERS_H
#define INCLUDED_SR2CNN_PARAMETERS_H

#include <stdexcept>
#include <string>

namespace gr {
namespace sr2cnn {

inline int checked_frame_len(int frame_len)
{
    if (frame_len < 1)
        throw std::invalid_argument("frame_len is " + std::to_string(frame_len) +
                                    ", expected at least 1");
    return frame_len;
}

// The hop in samples; 0 stands for the frame length.
inline int checked_hop(int hop, int frame_len)
{
    if (hop < 0)
        throw std::invalid_argument("hop is " + std::to_string(hop) + ", expected at least 0");
    return hop ? hop : frame_len;
}

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_PARAMETERS_H */
