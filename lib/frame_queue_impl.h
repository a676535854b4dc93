/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_FRAME_QUEUE_IMPL_H
#define INCLUDED_SR2CNN_FRAME_QUEUE_IMPL_H

#include "frame_queue_core.h"
#include <chrono>
#include <gnuradio/sr2cnn/frame_queue.h>
#include <gnuradio/sync_block.h>

namespace gr {
namespace sr2cnn {

using frame_ring = std::shared_ptr<frame_queue_core>;

//! The end that fills the ring.
class frame_queue_sink : public sync_block
{
public:
    typedef std::shared_ptr<frame_queue_sink> sptr;

    frame_queue_sink(int frame_len, int hop, const frame_ring& ring);

    bool start() override;
    bool stop() override;
    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

private:
    void publish_status();

    const int d_hop;
    const frame_ring d_ring;
    std::uint64_t d_next_start = 0; // of the next frame, if no tag says otherwise
    std::vector<frame_info> d_infos;
    std::vector<tag_t> d_tags;
    std::chrono::steady_clock::time_point d_status_due;
};

//! The end that empties it.
class frame_queue_source : public sync_block
{
public:
    typedef std::shared_ptr<frame_queue_source> sptr;

    frame_queue_source(int frame_len, int hop, const frame_ring& ring);

    bool start() override;
    bool stop() override;
    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

private:
    void put_tags(std::uint64_t offset, const frame_info& info);

    const int d_hop;
    const frame_ring d_ring;
    std::uint64_t d_next_start = 0; // of the next frame, for all that the blocks behind know
    bool d_started = false;
    bool d_tell_start = false; // of the next frame, whatever they know
    double d_rate = 0;         // samples a second; 0: unknown
    std::vector<frame_info> d_infos;
};

class frame_queue_impl : public frame_queue
{
public:
    frame_queue_impl(int frame_len, int capacity, const std::string& overload, int hop);

    counts count() const override;
    void set_min_output_buffer(long n_frames) override;

private:
    const frame_ring d_ring;
    gr::block_sptr d_source;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_FRAME_QUEUE_IMPL_H */
