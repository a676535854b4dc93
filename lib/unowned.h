/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_UNOWNED_H
#define INCLUDED_SR2CNN_UNOWNED_H

#include <gnuradio/basic_block.h>

namespace gr {
namespace sr2cnn {

/*!
 * \brief A pointer to a hier block for the edges to its own message ports.
 *
 * GNU Radio keeps the ends of message edges. With one that owns, a hier block whose messages come out of it
 * would own itself, and neither it nor what is in it would ever be freed.
 */
inline basic_block_sptr unowned(basic_block& block)
{
    return basic_block_sptr(basic_block_sptr(), &block);
}

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_UNOWNED_H */
