/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "frame_queue_impl.h"
#include "counts.h"
#include "parameters.h"
#include "unowned.h"
#include <algorithm>
#include <cmath>
#include <gnuradio/block_detail.h>
#include <gnuradio/io_signature.h>

namespace gr {
namespace sr2cnn {

namespace {

const auto KEY_FRAME_START = pmt::intern("frame_start");
const auto KEY_RX_TIME = pmt::intern("rx_time");
const auto KEY_RX_RATE = pmt::intern("rx_rate");
const auto PORT_STATUS = pmt::intern("status");

constexpr auto STATUS_PERIOD = std::chrono::milliseconds(100);

io_signature::sptr frames_of(int frame_len)
{
    return io_signature::make(1, 1, int(sizeof(gr_complex)) * checked_frame_len(frame_len));
}

// True if the scheduler saw this block to its end. If stop() or lock() interrupted it, it
// interrupts the block at the other end, too; that must not take this for the end of the
// stream, or it would tell the receivers of messages so.
bool has_ended(const block& it) { return it.detail() && it.detail()->done(); }

// Samples a second; 0 where that is not known.
double rate_of(const pmt::pmt_t& value)
{
    if (pmt::is_uint64(value))
        return double(pmt::to_uint64(value));
    return pmt::is_real(value) || pmt::is_integer(value) ? pmt::to_double(value) : 0;
}

// The time of a sample n_samples later; null where it is not known.
pmt::pmt_t later(const pmt::pmt_t& time, double n_samples, double rate)
{
    if (!(rate > 0) || !pmt::is_tuple(time) || pmt::length(time) != 2 ||
        !pmt::is_uint64(pmt::tuple_ref(time, 0)) || !pmt::is_real(pmt::tuple_ref(time, 1)))
        return nullptr;
    const double fraction = pmt::to_double(pmt::tuple_ref(time, 1)) + n_samples / rate;
    const double whole = std::floor(fraction);
    return pmt::make_tuple(
        pmt::from_uint64(pmt::to_uint64(pmt::tuple_ref(time, 0)) + std::int64_t(whole)),
        pmt::from_double(fraction - whole));
}

} // namespace

// -- sink ---------------------------------------------------------------------------------

frame_queue_sink::frame_queue_sink(int frame_len, int hop, const frame_ring& ring)
    : sync_block("sr2cnn_frame_queue_sink", frames_of(frame_len), io_signature::make(0, 0, 0)),
      d_hop(checked_hop(hop, frame_len)),
      d_ring(ring)
{
    message_port_register_out(PORT_STATUS);
}

// Every block is started before any works.
bool frame_queue_sink::start()
{
    d_ring->resume();
    d_status_due = std::chrono::steady_clock::now() + STATUS_PERIOD;
    return true;
}

bool frame_queue_sink::stop()
{
    publish_status(); // before the blocks behind can know that this is the end
    if (has_ended(*this))
        d_ring->end_writing();
    return true;
}

int frame_queue_sink::work(int noutput_items,
                           gr_vector_const_void_star& input_items,
                           gr_vector_void_star&)
{
    const auto first = nitems_read(0);
    get_tags_in_window(d_tags, 0, 0, noutput_items);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    d_infos.assign(noutput_items, {});
    auto tag = d_tags.begin();
    auto start = d_next_start;
    for (int i = 0; i < noutput_items; i++, start += d_hop) {
        const auto own = tag;
        for (; tag != d_tags.end() && tag->offset == first + i; ++tag)
            if (pmt::eq(tag->key, KEY_FRAME_START) && pmt::is_uint64(tag->value))
                start = pmt::to_uint64(tag->value);
        d_infos[i].start = start;
        for (auto it = own; it != tag; ++it)
            d_infos[i].tags.push_back({ pmt::write_string(it->key), *it, start });
    }

    const int n = int(d_ring->write(input_items[0], d_infos.data(), noutput_items));
    if (n == 0)
        return WORK_DONE; // nobody reads any more
    d_next_start = d_infos[n - 1].start + d_hop;
    if (std::chrono::steady_clock::now() >= d_status_due)
        publish_status();
    return n;
}

void frame_queue_sink::publish_status()
{
    const auto counts = d_ring->count();
    message_port_pub(PORT_STATUS,
                     with_counts(pmt::make_dict(),
                                 { { "frames_queued", counts.frames_in },
                                   { "frames_overrun", counts.frames_dropped },
                                   { "frames_waiting", counts.frames_waiting } }));
    d_status_due = std::chrono::steady_clock::now() + STATUS_PERIOD;
}

// -- source -------------------------------------------------------------------------------

frame_queue_source::frame_queue_source(int frame_len, int hop, const frame_ring& ring)
    : sync_block("sr2cnn_frame_queue_source", io_signature::make(0, 0, 0), frames_of(frame_len)),
      d_hop(checked_hop(hop, frame_len)),
      d_ring(ring)
{
}

bool frame_queue_source::start()
{
    d_tell_start = d_started; // what the blocks behind knew is lost with GNU Radio's buffers
    d_started = true;
    return true;
}

bool frame_queue_source::stop()
{
    if (has_ended(*this))
        d_ring->end_reading();
    return true;
}

int frame_queue_source::work(int noutput_items,
                             gr_vector_const_void_star&,
                             gr_vector_void_star& output_items)
{
    // It waits here and not in the scheduler, which would look again only every 250 ms. stop() and
    // lock() interrupt it.
    const auto n = d_ring->read(output_items[0], d_infos, noutput_items);
    if (n == 0)
        return WORK_DONE;
    for (std::size_t i = 0; i < n; i++)
        put_tags(nitems_written(0) + i, d_infos[i]);
    return int(n);
}

void frame_queue_source::put_tags(std::uint64_t offset, const frame_info& info)
{
    bool told = info.start == d_next_start && !d_tell_start;
    d_tell_start = false;
    d_next_start = info.start + d_hop;
    for (const auto& said : info.tags) {
        const auto& tag = std::any_cast<const tag_t&>(said.value);
        if (pmt::eq(tag.key, KEY_RX_RATE))
            d_rate = rate_of(tag.value);
        else if (pmt::eq(tag.key, KEY_FRAME_START))
            told = told || said.start == info.start;
    }
    if (!told)
        add_item_tag(0, offset, KEY_FRAME_START, pmt::from_uint64(info.start), alias_pmt());

    for (const auto& said : info.tags) {
        const auto& tag = std::any_cast<const tag_t&>(said.value);
        auto value = tag.value;
        if (said.start != info.start) { // its own frame was dropped
            if (pmt::eq(tag.key, KEY_FRAME_START))
                continue;
            if (pmt::eq(tag.key, KEY_RX_TIME))
                value = later(value, double(info.start - said.start), d_rate);
            if (!value)
                continue;
        }
        add_item_tag(0, offset, tag.key, value, tag.srcid);
    }
}

// -- both ---------------------------------------------------------------------------------

frame_queue::sptr
frame_queue::make(int frame_len, int capacity, const std::string& overload, int hop)
{
    return gnuradio::make_block_sptr<frame_queue_impl>(frame_len, capacity, overload, hop);
}

frame_queue_impl::frame_queue_impl(int frame_len,
                                   int capacity,
                                   const std::string& overload,
                                   int hop)
    : hier_block2("sr2cnn_frame_queue", frames_of(frame_len), frames_of(frame_len)),
      d_ring(std::make_shared<frame_queue_core>(sizeof(gr_complex) * frame_len, capacity, overload))
{
    const auto sink = gnuradio::make_block_sptr<frame_queue_sink>(frame_len, hop, d_ring);
    const auto source = gnuradio::make_block_sptr<frame_queue_source>(frame_len, hop, d_ring);
    d_source = source;
    connect(self(), 0, sink, 0);
    connect(source, 0, self(), 0);
    message_port_register_hier_out(PORT_STATUS);
    msg_connect(sink, PORT_STATUS, unowned(*this), PORT_STATUS);
}

void frame_queue_impl::set_min_output_buffer(long n_frames)
{
    // By port: GNU Radio logs the call for all ports.
    hier_block2::set_min_output_buffer(0, int(n_frames));
    d_source->set_min_output_buffer(0, n_frames);
}

frame_queue::counts frame_queue_impl::count() const
{
    const auto now = d_ring->count();
    return { now.frames_in, now.frames_out, now.frames_dropped, now.frames_waiting };
}

} // namespace sr2cnn
} // namespace gr
