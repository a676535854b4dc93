/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_SPECTRA_H
#define INCLUDED_SR2CNN_SPECTRA_H

#include <complex>
#include <cstddef>
#include <memory>
#include <vector>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Power spectra of a stream, each half a window after the one before.
 *
 * Blackman-Harris window; white noise of unit power has a mean of 1 in each bin. Bins are in the order of
 * frequency, from -1/2 cycle a sample on.
 */
class spectra
{
public:
    using sample = std::complex<float>;

    //! Of size samples each, a power of two and at least 16.
    explicit spectra(std::size_t size);
    ~spectra();

    std::size_t size() const { return d_size; }
    std::size_t hop() const { return d_size / 2; }

    //! The power in each bin of size() samples, into size() floats.
    void power(const sample* samples, float* powers);

private:
    struct plan;

    std::size_t d_size;
    std::vector<float> d_window;
    std::unique_ptr<plan> d_plan;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_SPECTRA_H */
