/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "detector_impl.h"
#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <cmath>
#include <gnuradio/io_signature.h>
#include <stdexcept>
#include <string>

namespace gr {
namespace sr2cnn {

namespace {

const auto KEY_RX_TIME = pmt::intern("rx_time");
const auto KEY_RX_FREQ = pmt::intern("rx_freq");
const auto KEY_RX_RATE = pmt::intern("rx_rate");
const auto PORT_EMISSIONS = pmt::intern("emissions");

double checked(const char* name, double value, const char* expected)
{
    if (!(value >= 0 && std::isfinite(value)))
        throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) +
                                    ", expected " + expected + ", or 0");
    return value;
}

double checked_rate(double sample_rate)
{
    return checked("sample_rate", sample_rate, "a rate in Hz");
}

double checked_report_seconds(double report_seconds)
{
    return checked("report_seconds", report_seconds, "seconds");
}

pmt::pmt_t as_dict(const detector_core::emission& one,
                   std::optional<double> rate,
                   std::optional<double> frequency)
{
    auto about = pmt::make_dict();
    const auto say = [&](const std::string& key, const pmt::pmt_t& value) {
        about = pmt::dict_add(about, pmt::intern(key), value);
    };
    say("emission", pmt::from_uint64(one.number));
    const auto n_samples = one.start + one.n_samples - one.began;
    say("start_sample", pmt::from_uint64(one.began));
    say("n_samples", pmt::from_uint64(n_samples));
    const std::string unit = rate ? "" : "_share";
    say("frequency_offset" + unit, pmt::from_double(one.center * rate.value_or(1)));
    say("bandwidth" + unit, pmt::from_double(one.bandwidth * rate.value_or(1)));
    say("snr", pmt::from_double(one.snr));
    say("cut_off", pmt::from_bool(one.cut_off));
    say("continues", pmt::from_bool(one.continues));
    if (!rate)
        return about;
    say("duration", pmt::from_double(n_samples / *rate));
    say("sample_rate", pmt::from_double(*rate));
    if (frequency)
        say("center_frequency", pmt::from_double(*frequency + one.center * *rate));
    return about;
}

} // namespace

using guard = boost::lock_guard<boost::mutex>;

detector::sptr detector::make(double sample_rate, double report_seconds)
{
    return gnuradio::make_block_sptr<detector_impl>(sample_rate, report_seconds);
}

detector_impl::detector_impl(double sample_rate, double report_seconds)
    : sync_block("sr2cnn_detector",
                 io_signature::make(1, 1, sizeof(gr_complex)),
                 io_signature::make(0, 0, 0)),
      d_given(checked_rate(sample_rate) > 0),
      d_report_seconds(checked_report_seconds(report_seconds))
{
    if (d_given)
        d_rate = sample_rate;
    pace();
    message_port_register_out(PORT_EMISSIONS);
}

double detector_impl::sample_rate() const
{
    guard lock(d_mutex);
    return d_rate.value_or(0);
}

void detector_impl::set_sample_rate(double sample_rate)
{
    checked_rate(sample_rate);
    guard lock(d_mutex);
    d_given = sample_rate > 0;
    if (d_given)
        set(d_rate, sample_rate);
}

double detector_impl::report_seconds() const
{
    guard lock(d_mutex);
    return d_report_seconds;
}

void detector_impl::set_report_seconds(double report_seconds)
{
    checked_report_seconds(report_seconds);
    guard lock(d_mutex);
    d_report_seconds = report_seconds;
    pace();
}

std::uint64_t detector_impl::emissions() const
{
    guard lock(d_mutex);
    return d_emissions;
}

int detector_impl::work(int noutput_items,
                        gr_vector_const_void_star& input_items,
                        gr_vector_void_star&)
{
    const auto* samples = static_cast<const gr_complex*>(input_items[0]);
    std::vector<tag_t> tags;
    get_tags_in_window(tags, 0, 0, noutput_items);
    std::stable_sort(tags.begin(), tags.end(), tag_t::offset_compare);
    guard lock(d_mutex);
    std::size_t done = 0;
    for (const auto& tag : tags) {
        const auto at = tag.offset - nitems_read(0);
        d_core.push(samples + done, at - done);
        done = at;
        follow(tag);
    }
    d_core.push(samples + done, noutput_items - done);
    publish();
    return noutput_items;
}

// A tag of the radio: samples are missing before it, or it was tuned.
void detector_impl::follow(const tag_t& tag)
{
    if (pmt::eq(tag.key, KEY_RX_TIME)) {
        d_core.finish();
        publish();
        return;
    }
    const bool is_rate = pmt::eq(tag.key, KEY_RX_RATE);
    if (!(is_rate || pmt::eq(tag.key, KEY_RX_FREQ)) ||
        !(pmt::is_real(tag.value) || pmt::is_integer(tag.value)))
        return;
    const auto value = pmt::to_double(tag.value);
    if (!std::isfinite(value) || (is_rate && (d_given || value <= 0)))
        return;
    set(is_rate ? d_rate : d_frequency, value);
}

// What was heard until here was heard as it was.
void detector_impl::set(std::optional<double>& what, double value)
{
    if (what && *what != value) {
        d_core.retune();
        publish();
    }
    what = value;
    pace();
}

// How often the core tells of what goes on.
void detector_impl::pace()
{
    constexpr double MOST = 1e18; // samples: never, and no number that is too large
    d_core.set_longest(std::ceil(std::min(MOST, d_report_seconds * d_rate.value_or(0))));
}

void detector_impl::publish()
{
    for (const auto& one : d_core.take()) {
        message_port_pub(PORT_EMISSIONS, as_dict(one, d_rate, d_frequency));
        d_emissions += !one.continues;
    }
}

bool detector_impl::stop()
{
    guard lock(d_mutex);
    d_core.finish();
    publish();
    return true;
}

} // namespace sr2cnn
} // namespace gr
