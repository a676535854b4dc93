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
        std::uint64_t number;    //!< from 1; the pieces of one emission have the same
        std::uint64_t start;     //!< index of this piece's first sample in the stream
        std::uint64_t n_samples; //!< of this piece
        std::uint64_t began;     //!< index of the emission's first sample
        double center;           //!< cycles a sample
        double bandwidth;        //!< of 99 % of the power (ITU-R SM.443), cycles a sample
        double snr;              //!< power over the noise in its band, dB
        double noise_density;    //!< a cycle a sample: 1 for white noise of unit power
        bool cut_off;            //!< by the beginning or the end of the stream, or a gap in it
        bool continues;          //!< behind this piece; its end is not known yet
    };

    /*!
     * \param longest samples, after which an emission that goes on is told in pieces, as set_longest()
     */
    explicit detector_core(std::int64_t longest = 0);

    /*!
     * An emission that goes on is told in pieces of so many samples, which lie end to end; its last one, which may
     * be shorter or a little longer, when it has ended. 0: each is told once. Less than the longest window means as
     * many as that has. Throws std::invalid_argument with the value and what was expected.
     */
    void set_longest(std::int64_t longest);

    //! The next n samples.
    void push(const sample* samples, std::size_t n);

    //! The stream ends, or samples are missing before the next one.
    void finish();

    //! As finish(); what comes next is another band, whose noise is to be learned anew.
    void retune();

    //! Those that are known to have ended, and pieces, in the order of their ends; whoever asks takes them.
    std::vector<emission> take();

    //! Index of the next sample to come.
    std::uint64_t end() const { return d_end; }

private:
    void settle(bool all);
    // One that goes on, of which pieces have been told.
    struct going {
        std::uint64_t number, began, told; // the last: index behind the last piece
        region shown;                      // as it was shown last
    };

    std::vector<char> waiting(const std::vector<region>& open, std::uint64_t judged) const;
    static bool goes_on_in(const going& one, const region& other);
    bool is_due(const std::vector<region>& open) const;
    void say(std::vector<region> ended, std::vector<region> open);
    std::vector<std::list<going>::iterator> known(const std::vector<region>& emissions);
    void say(going& one, std::uint64_t stop, bool continues);
    void say_piece(going& one, std::uint64_t stop, bool continues);
    void give_up(const std::vector<region>& open);

    std::list<region_tracker> d_trackers;
    std::uint64_t d_longest;
    std::list<going> d_going; // in the order of their numbers
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
