/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "framer_impl.h"
#include "counts.h"
#include "parameters.h"
#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <gnuradio/io_signature.h>

namespace gr {
namespace sr2cnn {

namespace {

const auto KEY_FRAME_START = pmt::intern("frame_start");
const auto KEY_STREAM_START = pmt::intern("stream_start");
const auto KEY_RX_TIME = pmt::intern("rx_time");
const auto PORT_STATUS = pmt::intern("status");

constexpr auto STATUS_PERIOD = std::chrono::seconds(1);

} // namespace

using guard = boost::lock_guard<boost::mutex>;

framer::sptr framer::make(int frame_len, int hop)
{
    return gnuradio::make_block_sptr<framer_impl>(frame_len, hop);
}

framer_impl::framer_impl(int frame_len, int hop)
    : block("sr2cnn_framer",
            io_signature::make(1, 1, sizeof(gr_complex)),
            io_signature::make(1, 1, sizeof(gr_complex) * checked_frame_len(frame_len))),
      d_frame_len(frame_len),
      d_core(frame_len, checked_hop(hop, frame_len))
{
    set_tag_propagation_policy(TPP_DONT);
    set_relative_rate(1, checked_hop(hop, frame_len));
    message_port_register_out(PORT_STATUS);
}

framer_core::counts framer_impl::count() const
{
    guard lock(d_mutex);
    return d_core.count();
}

// GNU Radio counts from 0 after each start; the samples count on.
bool framer_impl::start()
{
    restart(d_core.end());
    d_status_due = {};
    return true;
}

void framer_impl::restart(std::uint64_t index)
{
    guard lock(d_mutex);
    d_core.restart(index);
    d_run_begin = index;
    d_tell_run = true;
}

// Any input is welcome: what makes no whole frame is kept in here, so that nothing of the end of
// a stream goes by uncounted.
void framer_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    ninput_items_required[0] = 1;
}

int framer_impl::general_work(int noutput_items,
                              gr_vector_int& ninput_items,
                              gr_vector_const_void_star& input_items,
                              gr_vector_void_star& output_items)
{
    const auto n = ninput_items[0];
    get_tags_in_window(d_tags, 0, 0, n);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    d_restarts.clear();
    for (const auto& tag : d_tags) {
        if (pmt::eq(tag.key, KEY_RX_TIME) && tag.offset > 0)
            d_restarts.push_back(tag.offset);
        else if (pmt::eq(tag.key, KEY_STREAM_START) && tag.offset == 0 && pmt::is_uint64(tag.value))
            restart(pmt::to_uint64(tag.value));
    }
    const auto shift = d_core.end() - nitems_read(0); // from GNU Radio's index of a sample to ours
    for (auto& index : d_restarts)
        index += shift;

    const auto before = count();
    std::size_t taken;
    {
        guard lock(d_mutex);
        taken = d_core.cut(static_cast<const gr_complex*>(input_items[0]),
                           n,
                           d_restarts,
                           static_cast<gr_complex*>(output_items[0]),
                           noutput_items);
    }
    for (auto& tag : d_tags)
        if (tag.offset < nitems_read(0) + taken && !pmt::eq(tag.key, KEY_STREAM_START)) {
            tag.offset += shift;
            d_waiting.push_back(tag);
        }
    put_tags();
    consume(0, int(taken));
    // What waits for stop() may find its receiver gone.
    const auto now = count();
    if (now.frames_skipped > before.frames_skipped ||
        now.samples_dropped > before.samples_dropped ||
        std::chrono::steady_clock::now() >= d_status_due)
        publish_status();
    return int(d_core.frames().size());
}

void framer_impl::put_tags()
{
    const auto& frames = d_core.frames();
    if (d_tell_run && !frames.empty()) {
        add_item_tag(
            0, nitems_written(0), KEY_STREAM_START, pmt::from_uint64(d_run_begin), alias_pmt());
        d_tell_run = false;
    }
    for (std::size_t i = 0; i < frames.size(); i++)
        if (frames[i].jump)
            add_item_tag(0,
                         nitems_written(0) + i,
                         KEY_FRAME_START,
                         pmt::from_uint64(frames[i].start),
                         alias_pmt());
    const auto is_placed = [&](const tag_t& tag) {
        const auto owner = d_core.owner(tag.offset);
        if (owner == frames.size())
            return false;
        add_item_tag(0, nitems_written(0) + owner, tag.key, tag.value, tag.srcid);
        return true;
    };
    d_waiting.erase(std::remove_if(d_waiting.begin(), d_waiting.end(), is_placed), d_waiting.end());
}

void framer_impl::publish_status()
{
    const auto counts = count();
    message_port_pub(PORT_STATUS,
                     with_counts(pmt::make_dict(),
                                 { { "frames_dropped", counts.frames_skipped },
                                   { "frames_skipped", counts.frames_skipped },
                                   { "samples_dropped", counts.samples_dropped } }));
    d_status_due = std::chrono::steady_clock::now() + STATUS_PERIOD;
}

bool framer_impl::stop()
{
    publish_status();
    const auto counts = count();
    if (counts.samples_left)
        d_debug_logger->debug(
            "partial last frame: {:d} of {:d} samples left", counts.samples_left, d_frame_len);
    if (counts.frames_skipped)
        d_logger->warn("{:d} frames left out: they hold NaN or infinity", counts.frames_skipped);
    return true;
}

} // namespace sr2cnn
} // namespace gr
