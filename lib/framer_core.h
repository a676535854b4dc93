/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_FRAMER_CORE_H
#define INCLUDED_SR2CNN_FRAMER_CORE_H

#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gr {
namespace sr2cnn {

/*!
 * \brief Cuts samples, as they arrive, into frames of frame_len every hop samples.
 *
 * Frames that hold NaN or infinity are skipped. A restart makes a frame begin at its sample; the
 * samples before it that make no whole frame are dropped. Knows nothing of GNU Radio.
 */
class framer_core
{
public:
    using sample = std::complex<float>;

    //! Both at least 1.
    framer_core(std::size_t frame_len, std::size_t hop);

    struct frame {
        std::uint64_t start; //!< index of its first sample in the stream
        bool jump;           //!< the first one, or it does not follow the one before by a hop
    };

    struct counts {
        std::uint64_t frames;          //!< cut
        std::uint64_t frames_skipped;  //!< not finite
        std::uint64_t samples_dropped; //!< before restarts, in no frame
        std::uint64_t samples_left;    //!< since the last frame
    };

    /*!
     * \brief Takes the next samples, as long as there is room for the frames that they complete.
     *
     * \param samples the next n samples of the stream
     * \param n how many
     * \param restarts ascending indices in the stream, among these samples, at which a frame begins
     * \param out room frames, filled from the first on
     * \param room how many frames
     * \return how many of the samples are taken: restarts at or behind that are to come again
     */
    std::size_t cut(const sample* samples,
                    std::size_t n,
                    const std::vector<std::uint64_t>& restarts,
                    sample* out,
                    std::size_t room);

    //! The frames of the last cut().
    const std::vector<frame>& frames() const { return d_frames; }

    /*!
     * \brief Which of these frames a tag belongs to; frames().size() is one yet to come.
     *
     * A frame owns its samples up to the next frame's start; what lies before a frame and in no
     * other (in a skipped frame, a gap between frames, dropped samples) is that frame's, too.
     *
     * \param offset index in the stream, of a tag that no frame had until now
     */
    std::size_t owner(std::uint64_t offset) const;

    counts count() const;

    //! Index of the next sample to come.
    std::uint64_t end() const { return d_begin; }

    //! Begins anew at the sample of that index: no frame spans it. All counts are 0.
    void restart(std::uint64_t index);

private:
    void cut_before(std::uint64_t stop, const sample* samples, sample* out, std::size_t room);

    std::size_t d_frame_len;
    std::size_t d_hop;

    std::uint64_t d_begin = 0;   // index of the next sample to come
    std::uint64_t d_next = 0;    // of the next frame's first sample
    std::uint64_t d_covered = 0; // behind the last frame's last sample
    bool d_jump = true;          // the next frame does not follow the last one by a hop
    std::vector<sample> d_rest;  // the samples from d_next to d_begin
    std::uint64_t d_rest_begin = 0;
    counts d_counts{};
    std::vector<frame> d_frames;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FRAMER_CORE_H */
