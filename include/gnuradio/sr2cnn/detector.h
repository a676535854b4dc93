/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DETECTOR_H
#define INCLUDED_SR2CNN_DETECTOR_H

#include <cstdint>
#include <gnuradio/sr2cnn/api.h>
#include <gnuradio/sync_block.h>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Finds the emissions in a band: where each one is, from when to when, how wide, how strong.
 *
 * No level is to be set: what stands out is told from the noise of its own part of the band, with a constant
 * rate of false alarms. Many emissions at a time, from a few bins of 1/4096 of the rate to most of the band
 * wide. An `rx_time` tag within the stream says that samples are missing before it: what was there ends. Where
 * `rx_freq` or `rx_rate` change, the noise is learned anew.
 *
 * Input: complex. Message output `emissions`: a dict for each emission that has ended, and from time to time for
 * one that goes on, with `emission`, its number from 1 on; `start_sample`, `n_samples`, `duration` (s), from its
 * beginning; `continues`, whether it goes on; `frequency_offset` of its middle from that of the band, and
 * `bandwidth` of 99 % of its power (Hz, or `frequency_offset_share` and `bandwidth_share` of the rate where that
 * is unknown); `snr`, its power over that of the noise in its band (dB); `cut_off`, whether the stream began or
 * ended within it; `sample_rate`, `center_frequency` (Hz) where they are known.
 */
class SR2CNN_API detector : virtual public gr::sync_block
{
public:
    typedef std::shared_ptr<detector> sptr;

    /*!
     * \param sample_rate of the input, Hz; 0: what `rx_rate` tags say
     * \param report_seconds between two messages of an emission that goes on, where the rate is known; 0: each is
     *     told once, when it has ended
     *
     * Throws std::invalid_argument with the value and what was expected.
     */
    static sptr make(double sample_rate = 0, double report_seconds = 0);

    virtual double sample_rate() const = 0;

    /*!
     * Of the samples from now on. Throws as make().
     */
    virtual void set_sample_rate(double sample_rate) = 0;

    virtual double report_seconds() const = 0;

    /*!
     * Of those that go on, too. Throws as make().
     */
    virtual void set_report_seconds(double report_seconds) = 0;

    //! Emissions that have ended, of all runs.
    virtual std::uint64_t emissions() const = 0;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DETECTOR_H */
