/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "discriminator_impl.h"
#include "counts.h"
#include "parameters.h"
#include <algorithm>
#include <cmath>
#include <gnuradio/io_signature.h>
#include <gnuradio/sr2cnn/input_ended.h>
#include <stdexcept>

namespace gr {
namespace sr2cnn {

namespace {

const auto KEY_SIGNAL_CLASS = pmt::intern("signal_class");
const auto KEY_FRAME_START = pmt::intern("frame_start");
const auto KEY_RX_TIME = pmt::intern("rx_time");
const auto KEY_RX_FREQ = pmt::intern("rx_freq");
const auto KEY_RX_RATE = pmt::intern("rx_rate");
const auto KEY_SAMPLE_RATE = pmt::intern("sample_rate");
const auto KEY_LABEL = pmt::intern("label");
const auto KEY_CLASS_ID = pmt::intern("class_id");
const auto KEY_KNOWN = pmt::intern("known");
const auto KEY_SCORE = pmt::intern("score");
const auto KEY_N_SAMPLES = pmt::intern("n_samples");
const auto KEY_START_SAMPLE = pmt::intern("start_sample");
const auto KEY_N_FRAMES = pmt::intern("n_frames");
const auto KEY_DISTANCE = pmt::intern("distance");
const auto KEY_MODEL = pmt::intern("model");
const auto KEY_MERGED = pmt::intern("merged");
const auto KEY_FROM = pmt::intern("from");
const auto KEY_INTO = pmt::intern("into");
const auto PORT_LABELS = pmt::intern("labels");
const auto PORT_NOVEL = pmt::intern("novel");
const auto PORT_STATUS = pmt::intern("status");
const auto PORT_CMD = pmt::intern("cmd");
const auto PORT_UPSTREAM = pmt::intern("upstream");

constexpr auto STATUS_PERIOD = std::chrono::seconds(1);

std::size_t checked_dim(const discriminator_options& options)
{
    // The core checks all of it, later; until then any dim will do.
    const auto& shape = options.centers.shape;
    return shape.size() == 2 && shape[1] > 0 ? shape[1] : 1;
}

discriminator_options with_classes(discriminator_options options,
                                   const std::vector<std::string>& classes)
{
    options.classes = classes;
    return options;
}

// A known class's score is below 1, and stays so where it is rounded.
template <typename T>
T rounded_score(double score, int id)
{
    return id < 0 ? T(score) : std::min(T(score), std::nextafter(T(1), T(0)));
}

std::optional<std::uint64_t> as_unsigned(const pmt::pmt_t& value)
{
    if (pmt::is_uint64(value))
        return pmt::to_uint64(value);
    if (pmt::is_integer(value) && pmt::to_long(value) >= 0)
        return pmt::to_long(value);
    return std::nullopt;
}

} // namespace

discriminator::sptr discriminator::make(const std::vector<std::string>& classes,
                                        const discriminator_options& options,
                                        const discriminator_reporting& reporting,
                                        int frame_len,
                                        int hop,
                                        const std::string& model)
{
    return gnuradio::make_block_sptr<discriminator_impl>(
        classes, options, reporting, frame_len, hop, model);
}

discriminator_impl::discriminator_impl(const std::vector<std::string>& classes,
                                       const discriminator_options& options,
                                       const discriminator_reporting& reporting,
                                       int frame_len,
                                       int hop,
                                       const std::string& model)
    : block("sr2cnn_discriminator",
            io_signature::make(1, 1, sizeof(float) * checked_dim(options)),
            io_signature::make2(1, 2, sizeof(std::int16_t), sizeof(float))),
      d_dim(checked_dim(options)),
      d_frame_len(checked_frame_len(frame_len)),
      d_hop(checked_hop(hop, frame_len)),
      d_model(model),
      d_core(with_classes(options, classes)),
      d_reporting(reporting),
      d_upstream(pmt::make_dict())
{
    if (classes.size() != d_core.n_known())
        throw std::invalid_argument("classes are " + std::to_string(classes.size()) +
                                    " labels, expected " + std::to_string(d_core.n_known()) +
                                    ", one a center");
    for (const auto& label : classes)
        d_labels.push_back(pmt::intern(label));
    check_parameters(d_reporting);
    d_rate.set_limit(d_reporting.max_new_per_minute);

    d_run.vector.resize(d_dim);
    for (const auto& port : { PORT_LABELS, PORT_NOVEL, PORT_STATUS })
        message_port_register_out(port);
    message_port_register_in(PORT_CMD);
    set_msg_handler(PORT_CMD, [this](const pmt::pmt_t& message) { handle_cmd(message); });
    message_port_register_in(PORT_UPSTREAM);
    set_msg_handler(PORT_UPSTREAM, [this](const pmt::pmt_t& message) {
        lock guard(d_mutex);
        handle_upstream(message);
        // While frames are dropped for want of time, none may come for long.
        if (!d_finished && std::chrono::steady_clock::now() >= d_status_due)
            publish_status();
    });
}

bool discriminator_impl::start()
{
    lock guard(d_mutex);
    // The samples count on, though GNU Radio counts from 0; how much time has gone by nobody knows.
    d_radio.time.reset();
    d_run.n_frames = 0;
    d_run.id = INVALID;
    d_frames_out = 0;
    d_upstream = pmt::make_dict();
    d_status_due = std::chrono::steady_clock::now() + STATUS_PERIOD;
    d_finished = false;
    d_srcid = alias_pmt();
    return true;
}

bool discriminator_impl::stop()
{
    lock guard(d_mutex);
    finish(); // a flowgraph that was stopped in mid-stream
    return true;
}

// At the end of the stream the scheduler is told that no input is needed: it then calls work
// once more, which publishes the last run while the receivers of messages still listen.
void discriminator_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    ninput_items_required[0] = input_ended(*this) ? 0 : 1;
}

int discriminator_impl::general_work(int noutput_items,
                                     gr_vector_int& ninput_items,
                                     gr_vector_const_void_star& input_items,
                                     gr_vector_void_star& output_items)
{
    lock guard(d_mutex);
    if (ninput_items[0] == 0) {
        finish();
        return WORK_DONE;
    }

    const int n = std::min(noutput_items, ninput_items[0]);
    const auto* z = static_cast<const float*>(input_items[0]);
    auto* ids = static_cast<std::int16_t*>(output_items[0]);
    auto* scores = output_items.size() > 1 ? static_cast<float*>(output_items[1]) : nullptr;

    d_decisions.resize(std::max<std::size_t>(d_decisions.size(), n));
    d_tags.clear();
    get_tags_in_window(d_tags, 0, 0, n);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    d_tag = 0;

    const auto now = std::chrono::steady_clock::now();
    const auto next_id = d_core.next_id();
    const auto refused = d_core.refused();
    d_core.set_may_discover(d_rate.left(now));
    int told = 0;
    const auto tell = [&](int end) {
        for (; told < end; told++)
            tell_frame(told, z + told * d_dim, ids, scores);
    };
    d_core.predict(z, n, d_decisions.data(), [&](std::size_t decided, int from, int into) {
        tell(decided);
        end_run(); // the merge changes what a label means
        publish_merge(from, into);
    });
    tell(n);
    d_rate.count(next_id - d_core.next_id(), now);
    if (refused == 0 && d_core.refused() > 0)
        d_logger->warn(
            "more than {} classes discovered in a minute: frames that would be the first of "
            "one more get no class; status counts them as discoveries_refused",
            *d_rate.limit());

    d_frames_out += n;
    if (std::chrono::steady_clock::now() >= d_status_due)
        publish_status();
    consume_each(n);
    return n;
}

// Puts out what was decided about the i-th frame of a call of work.
void discriminator_impl::tell_frame(int i, const float* z, std::int16_t* ids, float* scores)
{
    const decision& decided = d_decisions[i];
    ids[i] = std::int16_t(decided.id);
    if (scores)
        scores[i] = rounded_score<float>(decided.score, decided.id);

    const bool broken = follow_tags(nitems_read(0) + i);
    if (decided.id == INVALID) {
        end_run();
        return;
    }
    const bool changed = broken || d_run.id != decided.id;
    if (changed)
        end_run();
    if (d_run.n_frames == 0)
        begin_run(decided.id, d_start_sample);
    d_run.n_frames++;
    d_run.score += decided.score;
    d_run.distance += decided.distance;
    for (std::size_t j = 0; j < d_dim; j++)
        d_run.vector[j] += z[j];

    if (d_reporting.emit == "every" || (d_reporting.emit == "change" && changed) ||
        (d_reporting.emit == "unknown" && decided.id < 0))
        add_item_tag(0,
                     nitems_written(0) + i,
                     KEY_SIGNAL_CLASS,
                     describe(decided.id, decided.score, d_frame_len),
                     d_srcid);
    if (decided.support >= d_core.parameters().min_support && d_announced.insert(decided.id).second)
        announce(decided, d_start_sample);
    if (d_run.n_frames >= d_reporting.max_run)
        publish_run(); // now, not when the next frame comes, which may take long
}

double discriminator_impl::radio::samples_per_second() const
{
    if (!rate || !pmt::is_number(rate) || pmt::is_complex(rate))
        return 0;
    return pmt::is_uint64(rate) ? double(pmt::to_uint64(rate)) : pmt::to_double(rate);
}

std::optional<discriminator_impl::time_spec>
discriminator_impl::radio::time_at(std::uint64_t sample) const
{
    const double hertz = samples_per_second();
    if (!time || (sample != time_sample && !(hertz > 0)))
        return std::nullopt;
    if (sample == time_sample)
        return time;
    const double later = time->fraction + (double(sample) - double(time_sample)) / hertz;
    const double whole = std::floor(later);
    if (!(std::abs(whole) < 1e18)) // an absurd rate, or fraction
        return std::nullopt;
    return time_spec{ time->seconds + std::int64_t(whole), later - whole };
}

// Takes up the tags of a frame: where it begins and what the radio says. True if the stream is
// broken before it, so that no run may go on.
bool discriminator_impl::follow_tags(std::uint64_t offset)
{
    std::uint64_t start = d_next_start;
    radio now = d_radio;
    bool timed = false;
    for (; d_tag < d_tags.size() && d_tags[d_tag].offset <= offset; d_tag++) {
        const auto& tag = d_tags[d_tag];
        if (pmt::eq(tag.key, KEY_FRAME_START))
            start = as_unsigned(tag.value).value_or(start);
        else if (pmt::eq(tag.key, KEY_RX_FREQ))
            now.freq = tag.value;
        else if (pmt::eq(tag.key, KEY_RX_RATE))
            now.rate = tag.value;
        else if (pmt::eq(tag.key, KEY_RX_TIME) && pmt::is_tuple(tag.value) &&
                 pmt::length(tag.value) == 2 && as_unsigned(pmt::tuple_ref(tag.value, 0)) &&
                 pmt::is_real(pmt::tuple_ref(tag.value, 1))) {
            now.time = time_spec{ *as_unsigned(pmt::tuple_ref(tag.value, 0)),
                                  pmt::to_double(pmt::tuple_ref(tag.value, 1)) };
            timed = true;
        }
    }

    const auto differ = [](const pmt::pmt_t& a, const pmt::pmt_t& b) {
        return bool(a) != bool(b) || (a && !pmt::equal(a, b));
    };
    bool broken =
        start != d_next_start || differ(d_radio.freq, now.freq) || differ(d_radio.rate, now.rate);
    if (timed) {
        now.time_sample = start;
        if (const auto expected = d_radio.time_at(start)) {
            // Samples that the radio lost show in nothing but the time.
            const double jump = double(std::int64_t(now.time->seconds - expected->seconds)) +
                                (now.time->fraction - expected->fraction);
            broken = broken || std::abs(jump) * d_radio.samples_per_second() > 0.5;
        } else {
            broken = true;
        }
    }
    if (broken)
        end_run(); // it belongs to what the radio said before
    d_radio = now;
    d_start_sample = start;
    d_next_start = start + d_hop;
    return broken;
}

pmt::pmt_t discriminator_impl::label_of(int id) const
{
    return id >= 0 ? d_labels[id] : pmt::intern(d_core.discovered()[d_core.find(id)].name);
}

pmt::pmt_t discriminator_impl::describe(int id, double score, std::uint64_t n_samples) const
{
    auto meta = pmt::make_dict();
    meta = pmt::dict_add(meta, KEY_LABEL, label_of(id));
    meta = pmt::dict_add(meta, KEY_CLASS_ID, pmt::from_long(id));
    meta = pmt::dict_add(meta, KEY_KNOWN, pmt::from_bool(id >= 0));
    meta = pmt::dict_add(meta, KEY_SCORE, pmt::from_double(score));
    return pmt::dict_add(meta, KEY_N_SAMPLES, pmt::from_long(n_samples));
}

pmt::pmt_t discriminator_impl::add_radio(pmt::pmt_t meta, std::uint64_t start_sample) const
{
    meta = pmt::dict_add(meta, KEY_START_SAMPLE, pmt::from_uint64(start_sample));
    if (const auto time = d_radio.time_at(start_sample))
        meta = pmt::dict_add(
            meta,
            KEY_RX_TIME,
            pmt::make_tuple(pmt::from_uint64(time->seconds), pmt::from_double(time->fraction)));
    if (d_radio.freq)
        meta = pmt::dict_add(meta, KEY_RX_FREQ, d_radio.freq);
    if (d_radio.rate)
        meta = pmt::dict_add(meta, KEY_SAMPLE_RATE, d_radio.rate);
    if (!d_model.empty())
        meta = pmt::dict_add(meta, KEY_MODEL, pmt::intern(d_model));
    return meta;
}

void discriminator_impl::begin_run(int id, std::uint64_t start_sample)
{
    d_run.id = id;
    d_run.start_sample = start_sample;
    d_run.score = d_run.distance = 0;
    std::fill(d_run.vector.begin(), d_run.vector.end(), 0.0);
}

// What comes is none of the run.
void discriminator_impl::end_run()
{
    publish_run();
    d_run.id = INVALID;
}

// Publishes what there is of the run, if anything.
void discriminator_impl::publish_run()
{
    const auto n = d_run.n_frames;
    if (n == 0)
        return;
    auto meta = describe(d_run.id,
                         rounded_score<double>(d_run.score / n, d_run.id),
                         (n - 1) * std::int64_t(d_hop) + d_frame_len);
    meta = pmt::dict_add(meta, KEY_N_FRAMES, pmt::from_long(n));
    meta = pmt::dict_add(meta, KEY_DISTANCE, pmt::from_double(d_run.distance / n));
    std::vector<float> mean(d_dim);
    for (std::size_t j = 0; j < d_dim; j++)
        mean[j] = float(d_run.vector[j] / n);
    d_run.n_frames = 0;
    message_port_pub(
        PORT_LABELS,
        pmt::cons(add_radio(meta, d_run.start_sample), pmt::init_f32vector(d_dim, mean)));
}

void discriminator_impl::announce(const decision& decided, std::uint64_t start_sample)
{
    const auto* center = d_core.discovered_center(d_core.find(decided.id));
    auto meta = describe(decided.id, decided.score, d_frame_len);
    meta = pmt::dict_add(meta, KEY_N_FRAMES, pmt::from_long(decided.support));
    meta = pmt::dict_add(meta, KEY_DISTANCE, pmt::from_double(decided.distance));
    const std::vector<float> values(center, center + d_dim);
    message_port_pub(PORT_NOVEL,
                     pmt::cons(add_radio(meta, start_sample), pmt::init_f32vector(d_dim, values)));
}

void discriminator_impl::handle_upstream(const pmt::pmt_t& message)
{
    if (pmt::is_dict(message))
        d_upstream = pmt::dict_update(d_upstream, message);
}

void discriminator_impl::publish_status(const pmt::pmt_t& key, const pmt::pmt_t& value)
{
    const auto now = std::chrono::steady_clock::now();
    const auto said = [this](const char* key) {
        const auto count = pmt::dict_ref(d_upstream, pmt::intern(key), pmt::PMT_NIL);
        return as_unsigned(count).value_or(0);
    };
    const auto skipped = said("frames_skipped"), overrun = said("frames_overrun");
    // What came here since then was queued, too.
    const auto queued = std::max(said("frames_queued"), d_frames_out + overrun);
    auto status = with_counts(d_upstream,
                              { { "frames_in", queued + skipped },
                                { "frames_out", d_frames_out },
                                { "frames_dropped", overrun + skipped },
                                { "n_discovered", d_core.discovered().size() },
                                { "discovered_last_minute", d_rate.of_last_minute(now) },
                                { "discoveries_refused", d_core.refused() },
                                { "invalid", d_core.invalid() } });
    if (key)
        status = pmt::dict_add(status, key, value);
    message_port_pub(PORT_STATUS, status);
    d_status_due = now + STATUS_PERIOD;
}

void discriminator_impl::publish_merge(int from, int into)
{
    auto merged = pmt::make_dict();
    merged = pmt::dict_add(merged, KEY_FROM, pmt::from_long(from));
    merged = pmt::dict_add(merged, KEY_INTO, pmt::from_long(into));
    publish_status(KEY_MERGED, merged);
}

// The last run and the last status, once.
void discriminator_impl::finish()
{
    if (d_finished)
        return;
    // The last word of the blocks before this one may have come since messages were handled.
    while (const auto message = delete_head_nowait(PORT_UPSTREAM))
        handle_upstream(message);
    end_run();
    publish_status();
    d_finished = true;
}

// With the lock.
void discriminator_impl::change(const std::string& name, const parameter_value& value)
{
    if (set_parameter(d_reporting, name, value))
        d_rate.set_limit(d_reporting.max_new_per_minute);
    else
        d_core.set(name, value);
}

void discriminator_impl::set(const std::string& name, const parameter_value& value)
{
    lock guard(d_mutex);
    change(name, value);
}

discriminator_parameters discriminator_impl::parameters() const
{
    lock guard(d_mutex);
    return d_core.parameters();
}

discriminator_reporting discriminator_impl::reporting() const
{
    lock guard(d_mutex);
    return d_reporting;
}

std::vector<discriminator::discovered_class> discriminator_impl::discovered() const
{
    lock guard(d_mutex);
    std::vector<discriminator::discovered_class> classes;
    for (const auto& known : d_core.discovered()) {
        const auto* center = d_core.discovered_center(classes.size());
        classes.push_back({ known.id,
                            known.name,
                            { center, center + d_dim },
                            known.count,
                            known.first_frame,
                            known.last_frame });
    }
    return classes;
}

std::string discriminator_impl::state() const
{
    lock guard(d_mutex);
    return d_core.state();
}

void discriminator_impl::restore(const std::string& state)
{
    lock guard(d_mutex);
    end_run(); // it keeps the label that it had
    take_restored(d_core.restore(state));
}

// Says which names were refused; what was restored was announced when it was discovered.
void discriminator_impl::take_restored(const std::vector<std::string>& refused)
{
    for (const auto& what : refused)
        d_logger->warn("{}; it keeps this name", what);
    d_announced.clear();
    for (const auto& known : d_core.discovered())
        if (known.count >= d_core.parameters().min_support)
            d_announced.insert(known.id);
}

std::map<int, int> discriminator_impl::merged() const
{
    lock guard(d_mutex);
    return d_core.merged();
}

bool discriminator_impl::finished() const
{
    lock guard(d_mutex);
    return d_finished;
}

std::uint64_t discriminator_impl::frames() const
{
    lock guard(d_mutex);
    return d_core.frames();
}

std::uint64_t discriminator_impl::invalid() const
{
    lock guard(d_mutex);
    return d_core.invalid();
}

} // namespace sr2cnn
} // namespace gr
