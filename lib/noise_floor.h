/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_NOISE_FLOOR_H
#define INCLUDED_SR2CNN_NOISE_FLOOR_H

#include <cstddef>
#include <utility>
#include <vector>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Of each column of a matrix, the value that `below` of its rows are smaller than.
 *
 * Of values that are not negative; within 1/2000 of it, or 1e-35.
 */
std::vector<float>
column_quantiles(const float* values, std::size_t n_rows, std::size_t n_columns, std::size_t below);

/*!
 * \brief Mean noise power in each bin of a spectrogram, while signals come and go.
 *
 * From a low quantile of each bin's power over time: signals may fill most of it. What never pauses is in
 * that quantile, too. So the floor may rise along the band as gently as a receiver's gain does, slant at the
 * ends of the band as its filters make it, but not rise over a hump within the band: that is a signal. Only
 * in the very middle, where a receiver's own oscillator shows, does a line that never pauses belong to the
 * floor.
 */
class noise_floor
{
public:
    /*!
     * \param bins of a spectrum, in the order of frequency
     * \param averaged independent spectra in each mean that add() takes
     * \param span means that the floor looks back on
     */
    noise_floor(std::size_t bins, double averaged, std::size_t span);

    //! The next mean of a few spectra.
    void add(const float* powers);

    //! Makes a floor of what there is, if there is anything.
    void settle();

    bool ready() const { return !d_level.empty(); }

    //! What signals have to stand out of, a bin each; infinity where no filter lets anything through.
    const std::vector<float>& level() const { return d_level; }

    //! The mean power of the noise, likewise: below the level where signals fill a bin most of the time.
    const std::vector<float>& noise() const { return d_noise; }

    //! The power of the line in the middle, in the bins from line_begin() on; empty where there is none.
    const std::vector<float>& line() const { return d_line; }
    std::size_t line_begin() const;

    //! The noise is to be learned anew.
    void clear();

private:
    using range = std::pair<std::size_t, std::size_t>;

    std::vector<float> quiet() const;
    range live(const std::vector<float>& level) const;
    range plain(const std::vector<float>& level, range within) const;
    std::vector<float> gentle(const std::vector<float>& level, range within) const;

    std::size_t d_bins;
    double d_mean_of_quantile; // of the noise, over its quantile
    std::size_t d_full;        // spacing of the rows when the history is complete
    std::size_t d_spacing = 1;
    std::size_t d_seen = 0, d_kept = 0, d_next = 0, d_new = 0;
    std::vector<float> d_rows; // the history
    std::vector<float> d_level, d_noise, d_line;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_NOISE_FLOOR_H */
