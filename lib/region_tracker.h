/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_REGION_TRACKER_H
#define INCLUDED_SR2CNN_REGION_TRACKER_H

#include "noise_floor.h"
#include "spectra.h"
#include <cstdint>
#include <limits>
#include <list>
#include <utility>
#include <vector>

namespace gr {
namespace sr2cnn {

//! A part of a spectrogram that stands out: a range of bins, from one row to another.
struct region {
    std::uint64_t start, stop; //!< samples of the stream
    double low, high;          //!< cycles a sample, of 99 % of the power (ITU-R SM.443)
    double power;              //!< over the noise, mean over the rows that show it
    double swing;              //!< of that in the course of time, its most over its least
    double noise;              //!< in its band
    double noise_density;      //!< a cycle a sample: 1 for white noise of unit power
    std::size_t rows, bins;    //!< its size in this spectrogram
    std::size_t size;          //!< of the spectrogram's windows, samples
    double least_width;        //!< of a bin there
    std::uint64_t track;       //!< the same while it goes on, and only for it at this size
    bool from_start, to_end;   //!< cut off by the beginning, by the end of the stream

    bool operator==(const region& other) const
    {
        return size == other.size && start == other.start && stop == other.stop &&
               low == other.low && high == other.high;
    }
};

/*!
 * \brief Each of a row's values with its neighbours: the mean of three, and of seventeen, in which none counts
 * more than five. At the ends of the row, where there are too few: 1, and the nearest one.
 *
 * \param size at least 32
 */
void running_means(const float* values, std::size_t size, float* few, float* many);

/*!
 * \brief Finds what stands out of the noise in a stream's spectrogram at one resolution.
 *
 * A row is the mean of four spectra. Its bins are compared, a few at a time, with what Gaussian noise reaches
 * once in ten million; runs of bins that stand out are followed from row to row. A track ends when it has not
 * been seen for some rows; those that had gaps before may have them again.
 */
class region_tracker
{
public:
    using sample = spectra::sample;

    //! \param size samples of a window, see `spectra`
    explicit region_tracker(std::size_t size);

    //! The next n samples.
    void push(const sample* samples, std::size_t n);

    //! All that goes on ends.
    void finish();

    //! Begins anew at the sample of that index, with the noise as it was.
    void begin(std::uint64_t index);

    /*!
     * What a track had more than so many samples ago counts no more than half in what it is said to be; 0: all
     * counts.
     */
    void set_memory(std::uint64_t samples);

    //! The noise is to be learned anew.
    void forget() { d_floor.clear(); }

    //! What has ended, in the order of the ends; whoever asks takes it.
    std::vector<region> take() { return std::exchange(d_ended, {}); }

    //! What goes on, as it is now.
    std::vector<region> open() const;

    //! Index of the sample up to which all is said.
    std::uint64_t judged() const { return d_begin + d_rows * row_step(); }

private:
    struct track {
        std::uint64_t number;
        std::size_t first, last;         // rows
        std::size_t low, high;           // bins that it ever had
        std::size_t core_low, core_high; // that it mostly has
        std::size_t rows = 0;            // that showed it
        std::size_t gap = 0;             // longest within it, rows
        double power = 0, width = 0;     // of late: over the noise, and in bins
        double most_power = 0, least_power = std::numeric_limits<double>::max(); // that it had
        double weight = 0;       // of the rows, the later ones more than those long ago
        float most = 0;          // of the rows of the bin that had most of them
        struct {                 // its last row
            std::size_t counted; // all bins below
            double power, width, power_before, width_before;
        } row = {};
        std::vector<float> excess = {}; // over the noise, of all rows; bins from low to high
        std::vector<float> hits = {};   // of the rows that had the bin
    };
    struct span {
        std::size_t low, high; // core of a track
        std::size_t highest;   // of this one and those before
        std::list<track>::iterator of;
    };
    struct run {
        std::size_t low, high; // bins
        bool loud;
    };

    std::size_t row_step() const;
    void add(const float* powers);
    void judge(const float* mean);
    void find_runs();
    void split(std::size_t low, std::size_t high);
    void add_run(std::size_t low, std::size_t high);
    void look_up_tracks();
    void follow(const run& one);
    void join_met();
    static void reach(track& one, std::size_t low, std::size_t high);
    static void add_bins(track& one, const track& other);
    static void set_core(track& one);
    bool goes_on(const track& one);
    void extend(track& one, std::size_t low, std::size_t high);
    void fade(track& one) const;
    void close(bool all);
    region as_region(const track& one, bool to_end) const;

    spectra d_spectra;
    noise_floor d_floor;
    const float d_start_few, d_keep_few, d_start_many, d_keep_many; // thresholds, over the floor
    std::uint64_t d_begin = 0;
    std::vector<sample> d_rest;              // of the window that is not whole yet
    std::vector<std::vector<float>> d_early; // rows before there is a floor
    std::size_t d_seen = 0;                  // spectra
    std::size_t d_rows = 0;                  // judged
    std::vector<float> d_power, d_pairs[2], d_mean;
    std::vector<float> d_over, d_few, d_many; // a row over the floor; the same, bins taken together
    std::vector<float> d_excess;              // power of a row over the noise
    std::vector<char> d_audible, d_loud;      // bins
    std::vector<span> d_spans;                // of a row's tracks, in the order of their lower ends
    std::vector<run> d_runs;
    std::list<track> d_tracks;
    std::uint64_t d_number = 0; // of the last track
    std::size_t d_memory;       // rows
    std::vector<std::list<track>::iterator> d_met;
    std::vector<region> d_ended;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_REGION_TRACKER_H */
