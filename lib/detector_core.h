/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DETECTOR_CORE_H
#define INCLUDED_SR2CNN_DETECTOR_CORE_H

#include "region_tracker.h"
#include <complex>
#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Finds the emissions in a band, many at a time, as its samples come.
 *
 * Spectrograms of three resolutions are looked at side by side: what is short and wide shows in one, what is
 * long and narrow in another one. Each emission is taken from the one that shows it best; where a finer one
 * shows several signals, or most of the power in a part of the band, from that one. What is faint beside a
 * stronger emission and comes and goes with it is that one's splatter, or its image in the receiver.
 *
 * What holds NaN, infinity or more than a receiver gives counts as silence. Knows nothing of GNU Radio.
 */
class detector_core
{
public:
    using sample = spectra::sample;

    //! Of its spectrograms, samples.
    static constexpr std::size_t WINDOWS[] = { 256, 1024, 4096 };

    struct emission {
        std::uint64_t number; //!< from 1
        std::uint64_t start;  //!< index of its first sample in the stream
        std::uint64_t n_samples;
        double center;    //!< cycles a sample
        double bandwidth; //!< of 99 % of the power (ITU-R SM.443), cycles a sample
        double snr;       //!< power over the noise in its band, dB
        bool cut_off;     //!< by the beginning or the end of the stream, or a gap in it
    };

    detector_core();

    //! The next n samples.
    void push(const sample* samples, std::size_t n);

    //! The stream ends, or samples are missing before the next one.
    void finish();

    //! As finish(); what comes next is another band, whose noise is to be learned anew.
    void retune();

    //! Those that are known to have ended, in the order of their ends; whoever asks takes them.
    std::vector<emission> take();

    //! Index of the next sample to come.
    std::uint64_t end() const { return d_end; }

private:
    void settle(bool all);
    std::vector<char> waiting(const std::vector<region>& open, std::uint64_t judged) const;
    void say(std::vector<region> emissions);

    std::list<region_tracker> d_trackers;
    std::vector<sample> d_usable;
    std::uint64_t d_end = 0;
    std::vector<region> d_pending; // ended, and not known yet whether they are emissions
    std::vector<region> d_recent;  // emissions that others may be the splatter of
    std::vector<emission> d_emissions;
    std::uint64_t d_number = 0;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DETECTOR_CORE_H */
