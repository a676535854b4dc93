/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_FRAME_QUEUE_CORE_H
#define INCLUDED_SR2CNN_FRAME_QUEUE_CORE_H

#include <any>
#include <boost/thread/condition_variable.hpp>
#include <boost/thread/mutex.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gr {
namespace sr2cnn {

//! What someone says about a frame.
struct frame_tag {
    std::string key;
    std::any value;      //!< known to those who write and read it
    std::uint64_t start; //!< first sample of the frame that it was put on
};

//! What goes with the samples of a frame.
struct frame_info {
    std::uint64_t start = 0; //!< index of its first sample
    std::vector<frame_tag> tags;
};

/*!
 * \brief A bounded ring of whole frames between one thread that writes and one that reads.
 *
 * Knows nothing of GNU Radio. When the ring is full, overload "block" makes the writer wait,
 * "drop" drops the oldest frames. Of the tags of dropped frames the latest of each key moves to
 * the next frame that is read, unless that has one of its own.
 *
 * At any moment frames_in = frames_out + frames_dropped + frames_waiting.
 *
 * What waits here can be interrupted as Boost interrupts threads: it throws
 * boost::thread_interrupted and has changed nothing.
 */
class frame_queue_core
{
public:
    //! Frames since the last resume().
    struct counts {
        std::uint64_t frames_in = 0;      //!< written, or waiting then
        std::uint64_t frames_out = 0;     //!< read
        std::uint64_t frames_dropped = 0; //!< neither read nor waiting
        std::uint64_t frames_waiting = 0;
    };

    /*!
     * \param frame_bytes size of a frame
     * \param capacity most frames that wait
     * \param overload "block" or "drop"
     *
     * Throws std::invalid_argument with the value and what was expected.
     */
    frame_queue_core(std::size_t frame_bytes, int capacity, const std::string& overload);

    /*!
     * \brief Takes up to n frames, with "drop" all n; the infos of those taken are moved from.
     *
     * Returns how many; 0 (n being above 0) only if nobody reads any more.
     */
    std::size_t write(const void* frames, frame_info* infos, std::size_t n);

    /*!
     * \brief Gives up to n frames, oldest first; waits until there is one.
     *
     * Returns how many; 0 (n being above 0) only if the ring is empty and nothing more comes.
     * infos is overwritten, one a frame.
     */
    std::size_t read(void* frames, std::vector<frame_info>& infos, std::size_t n);

    //! Nothing more comes. What waits can still be read.
    void end_writing();
    //! Nobody reads any more.
    void end_reading();
    //! Goes on with what waits, nothing at its end; what waits counts as come in, all else as 0.
    void resume();

    counts count() const;
    std::size_t capacity() const { return d_infos.size(); }

private:
    void drop(frame_info& info);

    const std::size_t d_frame_bytes;
    const bool d_drop;

    mutable boost::mutex d_mutex; // guards all below
    boost::condition_variable d_changed;
    std::vector<unsigned char> d_frames; // (capacity, frame_bytes)
    std::vector<frame_info> d_infos;     // (capacity)
    std::size_t d_first = 0;             // row of the oldest frame
    counts d_counts;
    std::vector<frame_tag> d_carried; // of dropped frames, one a key, for the next one read
    bool d_writing = true;
    bool d_reading = true;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FRAME_QUEUE_CORE_H */
