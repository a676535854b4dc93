/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_FRAMER_IMPL_H
#define INCLUDED_SR2CNN_FRAMER_IMPL_H

#include "framer_core.h"
#include <boost/thread/mutex.hpp>
#include <chrono>
#include <gnuradio/sr2cnn/framer.h>

namespace gr {
namespace sr2cnn {

class framer_impl : public framer
{
public:
    framer_impl(int frame_len, int hop);

    bool start() override;
    bool stop() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int general_work(int noutput_items,
                     gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

    std::uint64_t frames() const override { return count().frames; }
    std::uint64_t frames_skipped() const override { return count().frames_skipped; }
    std::uint64_t samples_dropped() const override { return count().samples_dropped; }
    std::uint64_t samples_left() const override { return count().samples_left; }

private:
    framer_core::counts count() const;
    void restart(std::uint64_t index);
    void put_tags();
    void publish_status();

    const int d_frame_len;
    framer_core d_core;
    mutable boost::mutex d_mutex; // guards d_core
    std::vector<tag_t> d_tags;
    std::vector<tag_t> d_waiting; // tags of no frame yet
    std::vector<std::uint64_t> d_restarts;
    std::uint64_t d_run_begin = 0; // index of the first sample since start()
    bool d_tell_run = true;        // with the next frame
    std::chrono::steady_clock::time_point d_status_due;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FRAMER_IMPL_H */
