/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_WHOLE_FILE_H
#define INCLUDED_SR2CNN_WHOLE_FILE_H

#include <string>

namespace gr {
namespace sr2cnn {

/*!
 * Write a file whole or not at all: at any moment, even after a power cut, what is at the path is the old
 * file or the new one, which keeps the old one's permissions. A link stays, and what it leads to is
 * replaced. As sr2cnn_learn.atomic does it: through a locked file beside it, .<name>.<random>.part; those
 * that killed writers left are removed.
 *
 * Throws std::runtime_error where it cannot be written, or where what is at the path is no regular file:
 * it is as it was.
 */
void write_whole_file(const std::string& path, const std::string& text);

} // namespace sr2cnn
} // namespace gr

#endif
