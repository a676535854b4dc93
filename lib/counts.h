/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_COUNTS_H
#define INCLUDED_SR2CNN_COUNTS_H

#include <cstdint>
#include <initializer_list>
#include <pmt/pmt.h>
#include <utility>

namespace gr {
namespace sr2cnn {

// A status message's dict with more counts.
inline pmt::pmt_t with_counts(pmt::pmt_t status,
                              std::initializer_list<std::pair<const char*, std::uint64_t>> counts)
{
    for (const auto& [key, count] : counts)
        status = pmt::dict_add(status, pmt::intern(key), pmt::from_long(count));
    return status;
}

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_COUNTS_H */
