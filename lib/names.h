/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_NAMES_H
#define INCLUDED_SR2CNN_NAMES_H

#include <cstddef>
#include <string>

namespace gr {
namespace sr2cnn {

// Names from strangers, as in sr2cnn_learn/names.py: the same are taken, with the same errors.

constexpr std::size_t LONGEST_NAME = 1024; //!< bytes in UTF-8

//! Throws std::invalid_argument unless it is a class name: UTF-8, printable in Unicode's sense,
//! trimmed, neither empty nor too long.
void check_class_name(const std::string& name);

//! What a discovered class is called until it is named: its id is -1, its default name unknown_1.
std::string default_name(int id);

//! Whether it is the default name of some discovered class.
bool is_default_name(const std::string& name);

//! A stranger's text as a terminal or a log may show it: on one line, what is not printable
//! escaped, cut after so many characters.
std::string shown(const std::string& text, std::size_t longest = std::string::npos);

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_NAMES_H */
