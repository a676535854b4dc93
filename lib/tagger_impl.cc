/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "tagger_impl.h"
#include "parameters.h"
#include <algorithm>
#include <gnuradio/block_detail.h>
#include <gnuradio/buffer_reader.h>
#include <gnuradio/io_signature.h>
#include <gnuradio/sr2cnn/discriminator.h>

namespace gr {
namespace sr2cnn {

namespace {

constexpr int IQ = 0;
constexpr int CLASSES = 1;

const std::string OF_EMISSIONS = "SR2CNN Emission Mean"; // see python/sr2cnn/emission_mean.py

const auto KEY_SIGNAL_CLASS = pmt::intern("signal_class");
const auto KEY_FRAME_START = pmt::intern("frame_start");
const auto KEY_STREAM_START = pmt::intern("stream_start");
const auto KEY_RX_TIME = pmt::intern("rx_time");
const auto KEY_CLASS_ID = pmt::intern("class_id");

// It may be what a discriminator's may.
std::string checked_emit(const std::string& emit)
{
    discriminator_reporting reporting;
    set_parameter(reporting, "emit", emit);
    return reporting.emit;
}

// Whether class ids are a recognizer's of whole emissions: whether its block of that name is before them.
bool are_of_emissions(gr::block_detail& detail)
{
    auto reader = detail.input(CLASSES);
    for (int blocks = 0; blocks < 3; blocks++) { // behind it: the discriminator, perhaps a queue
        const auto before = reader->buffer()->link();
        if (before->name() == OF_EMISSIONS)
            return true;
        if (!before->detail() || before->detail()->ninputs() == 0)
            return false;
        reader = before->detail()->input(0);
    }
    return false;
}

} // namespace

tagger::sptr tagger::make(int frame_len, int hop, const std::string& emit)
{
    return gnuradio::make_block_sptr<tagger_impl>(frame_len, hop, emit);
}

tagger_impl::tagger_impl(int frame_len, int hop, const std::string& emit)
    : block("sr2cnn_tagger",
            io_signature::make2(2, 2, sizeof(gr_complex), sizeof(std::int16_t)),
            io_signature::make(1, 1, sizeof(gr_complex))),
      d_frame_len(checked_frame_len(frame_len)),
      d_hop(checked_hop(hop, frame_len)),
      d_emit(checked_emit(emit))
{
    set_tag_propagation_policy(TPP_DONT); // offsets of the class stream mean nothing here
}

bool tagger_impl::start()
{
    // GNU Radio counts from 0 after each start(); the framer says which sample that is.
    d_first = d_next_start = d_frame_end = 0;
    d_first_known = false;
    d_fresh = true;
    d_of_emissions = are_of_emissions(*detail());
    if (d_of_emissions)
        d_logger->error(
            "these class ids are an emission's each, whose samples have gone by when it is "
            "judged: no tags are put. Take the recognizer's messages \"emissions\", or "
            "tell it that the signal is centered (condition=False)");
    return true;
}

// True once the class stream is at its end, n_read of its items being read in this call.
bool tagger_impl::classes_done(int n_read) const
{
    const auto reader = detail()->input(CLASSES);
    gr::thread::scoped_lock guard(*reader->mutex());
    return reader->done() && reader->items_available() <= n_read;
}

// Samples wait for the class of their frame, and classes for no sample.
void tagger_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const bool wait_for_class = !d_of_emissions && !classes_done(0) && releasable(1) == 0;
    ninput_items_required[IQ] = wait_for_class ? 0 : 1;
    ninput_items_required[CLASSES] = wait_for_class ? 1 : 0;
}

int tagger_impl::general_work(int noutput_items,
                              gr_vector_int& ninput_items,
                              gr_vector_const_void_star& input_items,
                              gr_vector_void_star& output_items)
{
    if (!d_of_emissions)
        take_classes(ninput_items[CLASSES]);

    int n = std::min(noutput_items, ninput_items[IQ]);
    if (!d_of_emissions && !classes_done(ninput_items[CLASSES]))
        n = releasable(n);
    const auto* in = static_cast<const gr_complex*>(input_items[IQ]);
    std::copy(in, in + n, static_cast<gr_complex*>(output_items[0]));
    get_tags_in_window(d_tags, IQ, 0, n);
    for (const auto& tag : d_tags)
        add_item_tag(0, tag);
    consume(CLASSES, ninput_items[CLASSES]);
    consume(IQ, n);
    return n;
}

// Follows the frames of the next n classes and places their tags.
void tagger_impl::take_classes(int n)
{
    get_tags_in_window(d_tags, CLASSES, 0, n);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    auto tag = d_tags.begin();
    for (int i = 0; i < n; i++) {
        const auto offset = nitems_read(CLASSES) + i;
        const auto first = tag;
        auto start = d_next_start;
        for (; tag != d_tags.end() && tag->offset == offset; ++tag)
            if (pmt::eq(tag->key, KEY_FRAME_START))
                start = pmt::is_uint64(tag->value) ? pmt::to_uint64(tag->value) : start;
            else if (pmt::eq(tag->key, KEY_STREAM_START) && !d_first_known &&
                     pmt::is_uint64(tag->value))
                d_first = pmt::to_uint64(tag->value);
        d_first_known = true;
        d_fresh = d_fresh || start != d_next_start;
        for (auto own = first; own != tag; ++own)
            if (pmt::eq(own->key, KEY_SIGNAL_CLASS) && is_wanted(*own))
                place(*own, start);
        d_next_start = start + d_hop;
        d_frame_end = start + d_frame_len;
    }
}

bool tagger_impl::is_wanted(const tag_t& tag)
{
    if (d_emit == "every" || !pmt::is_dict(tag.value))
        return true;
    const auto value = pmt::dict_ref(tag.value, KEY_CLASS_ID, pmt::from_long(0));
    const long id = pmt::is_integer(value) ? pmt::to_long(value) : 0;
    if (d_emit == "unknown")
        return id < 0;
    const bool changed = d_fresh || id != d_last_id;
    d_last_id = id;
    d_fresh = false;
    return changed;
}

void tagger_impl::place(const tag_t& tag, std::uint64_t start)
{
    if (start < d_first + nitems_written(0)) {
        d_logger->warn("the frame at sample {} is classified too late to be tagged: frame_len "
                       "and hop must be the framer's",
                       start);
        return;
    }
    add_item_tag(0, start - d_first, tag.key, tag.value, tag.srcid);
}

// How many of the next n samples can go: those before the earliest sample at which the next
// frame can begin. That is a hop after the last, or, where the framer starts anew between two
// frames, at an rx_time.
int tagger_impl::releasable(int n)
{
    const auto next = d_first + nitems_read(IQ);
    auto end = std::min<std::uint64_t>(d_next_start, next + n);
    if (d_frame_end < end) {
        get_tags_in_range(
            d_tags, IQ, std::max(d_frame_end, next) - d_first, end - d_first, KEY_RX_TIME);
        for (const auto& tag : d_tags)
            end = std::min(end, d_first + tag.offset);
    }
    return end > next ? int(end - next) : 0;
}

} // namespace sr2cnn
} // namespace gr
