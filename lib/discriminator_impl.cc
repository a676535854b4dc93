/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "discriminator_impl.h"
#include "counts.h"
#include "parameters.h"
#include <gnuradio/io_signature.h>
#include <gnuradio/sr2cnn/input_ended.h>
#include <algorithm>
#include <cmath>
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
const auto KEY_FORGOTTEN = pmt::intern("forgotten");
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

std::optional<int> checked_max_new(std::optional<int> max_new_per_minute)
{
    if (max_new_per_minute && *max_new_per_minute < 0)
        throw std::invalid_argument("max_new_per_minute is " + std::to_string(*max_new_per_minute) +
                                    ", expected at least 0");
    return max_new_per_minute;
}

// A known class's score is below 1, and stays so where it is rounded.
template <typename T>
T rounded_score(double score, int id)
{
    return id < 0 ? T(score) : std::min(T(score), std::nextafter(T(1), T(0)));
}

pmt::pmt_t merge_of(int from, int into)
{
    auto merged = pmt::make_dict();
    merged = pmt::dict_add(merged, KEY_FROM, pmt::from_long(from));
    return pmt::dict_add(merged, KEY_INTO, pmt::from_long(into));
}

int checked_max_run(int max_run)
{
    if (max_run < 1)
        throw std::invalid_argument("max_run is " + std::to_string(max_run) +
                                    ", expected at least 1");
    return max_run;
}

std::optional<std::uint64_t> as_unsigned(const pmt::pmt_t& value)
{
    if (pmt::is_uint64(value))
        return pmt::to_uint64(value);
    if (pmt::is_integer(value) && pmt::to_long(value) >= 0)
        return pmt::to_long(value);
    return std::nullopt;
}

// Values of commands; they come from anyone, in any type.
double as_number(const pmt::pmt_t& value)
{
    if (pmt::is_uint64(value))
        return double(pmt::to_uint64(value));
    if (!pmt::is_real(value) && !pmt::is_integer(value))
        throw std::invalid_argument("expected a number");
    return pmt::to_double(value);
}

int as_int(const pmt::pmt_t& value)
{
    const double number = as_number(value);
    if (number != std::floor(number) || std::abs(number) > 1e9)
        throw std::invalid_argument("expected a whole number");
    return int(number);
}

std::string as_text(const pmt::pmt_t& value)
{
    if (!pmt::is_symbol(value))
        throw std::invalid_argument("expected a text");
    return pmt::symbol_to_string(value);
}

pmt::pmt_t entry(const pmt::pmt_t& dict, const char* key)
{
    const auto name = pmt::intern(key);
    if (!pmt::is_dict(dict) || !pmt::dict_has_key(dict, name))
        throw std::invalid_argument(std::string("expected a dict with '") + key + "'");
    return pmt::dict_ref(dict, name, pmt::PMT_NIL);
}

} // namespace

discriminator::sptr discriminator::make(const std::vector<std::string>& classes,
                                        const discriminator_options& options,
                                        const std::string& emit,
                                        int max_run,
                                        int frame_len,
                                        int hop,
                                        const std::string& model,
                                        std::optional<int> max_new_per_minute)
{
    return gnuradio::make_block_sptr<discriminator_impl>(
        classes, options, emit, max_run, frame_len, hop, model, max_new_per_minute);
}

discriminator_impl::discriminator_impl(const std::vector<std::string>& classes,
                                       const discriminator_options& options,
                                       const std::string& emit,
                                       int max_run,
                                       int frame_len,
                                       int hop,
                                       const std::string& model,
                                       std::optional<int> max_new_per_minute)
    : block("sr2cnn_discriminator",
            io_signature::make(1, 1, sizeof(float) * checked_dim(options)),
            io_signature::make2(1, 2, sizeof(std::int16_t), sizeof(float))),
      d_dim(checked_dim(options)),
      d_frame_len(checked_frame_len(frame_len)),
      d_hop(checked_hop(hop, frame_len)),
      d_model(model),
      d_core(with_classes(options, classes)),
      d_emit(checked_emit(emit)),
      d_max_run(checked_max_run(max_run)),
      d_upstream(pmt::make_dict())
{
    if (classes.size() != d_core.n_known())
        throw std::invalid_argument("classes are " + std::to_string(classes.size()) +
                                    " labels, expected " +
                                    std::to_string(d_core.n_known()) + ", one a center");
    for (const auto& label : classes)
        d_labels.push_back(pmt::intern(label));
    d_rate.set_limit(checked_max_new(max_new_per_minute));

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
    auto* scores =
        output_items.size() > 1 ? static_cast<float*>(output_items[1]) : nullptr;

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
    d_core.predict(
        z, n, d_decisions.data(), [&](std::size_t decided, int from, int into) {
            tell(decided);
            end_run(); // the merge changes what a label means
            publish_status(KEY_MERGED, merge_of(from, into));
        });
    tell(n);
    d_rate.count(next_id - d_core.next_id(), now);
    if (refused == 0 && d_core.refused() > 0)
        d_logger->warn("more than {} classes discovered in a minute: frames that would be the first of "
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
    const bool changed = broken || d_run.n_frames == 0 || d_run.id != decided.id;
    if (changed)
        end_run();
    if (changed || d_run.n_frames == d_max_run) {
        end_run();
        begin_run(decided.id, d_start_sample);
    }
    d_run.n_frames++;
    d_run.score += decided.score;
    d_run.distance += decided.distance;
    for (std::size_t j = 0; j < d_dim; j++)
        d_run.vector[j] += z[j];

    if (d_emit == "every" || (d_emit == "change" && changed) ||
        (d_emit == "unknown" && decided.id < 0))
        add_item_tag(0,
                     nitems_written(0) + i,
                     KEY_SIGNAL_CLASS,
                     describe(decided.id, decided.score, d_frame_len),
                     d_srcid);
    if (decided.support >= d_core.min_support() && d_announced.insert(decided.id).second)
        announce(decided, d_start_sample);
}

double discriminator_impl::radio::samples_per_second() const
{
    return rate && pmt::is_number(rate) && !pmt::is_complex(rate) ? as_number(rate) : 0;
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
                 pmt::length(tag.value) == 2 &&
                 as_unsigned(pmt::tuple_ref(tag.value, 0)) &&
                 pmt::is_real(pmt::tuple_ref(tag.value, 1))) {
            now.time = time_spec{ *as_unsigned(pmt::tuple_ref(tag.value, 0)),
                                  pmt::to_double(pmt::tuple_ref(tag.value, 1)) };
            timed = true;
        }
    }

    const auto differ = [](const pmt::pmt_t& a, const pmt::pmt_t& b) {
        return bool(a) != bool(b) || (a && !pmt::equal(a, b));
    };
    bool broken = start != d_next_start || differ(d_radio.freq, now.freq) ||
                  differ(d_radio.rate, now.rate);
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

pmt::pmt_t
discriminator_impl::describe(int id, double score, std::uint64_t n_samples) const
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
        meta = pmt::dict_add(meta,
                             KEY_RX_TIME,
                             pmt::make_tuple(pmt::from_uint64(time->seconds),
                                             pmt::from_double(time->fraction)));
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

// Publishes the run, if there is one.
void discriminator_impl::end_run()
{
    const auto n = d_run.n_frames;
    if (n == 0)
        return;
    auto meta = describe(
        d_run.id, rounded_score<double>(d_run.score / n, d_run.id), (n - 1) * std::int64_t(d_hop) + d_frame_len);
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
    message_port_pub(
        PORT_NOVEL,
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

// -- commands -----------------------------------------------------------------------------

void discriminator_impl::handle_cmd(const pmt::pmt_t& message)
{
    lock guard(d_mutex);
    auto commands = message;
    if (pmt::is_pair(message) && !pmt::is_dict(message))
        commands = pmt::dict_add(pmt::make_dict(), pmt::car(message), pmt::cdr(message));
    const auto refuse = [&](const std::string& error, const pmt::pmt_t& command) {
        d_logger->error("cmd {}: {}", shown(pmt::write_string(command), 200), error);
        auto status = pmt::make_dict();
        status = pmt::dict_add(status, pmt::intern("error"), pmt::intern(error));
        status = pmt::dict_add(status, pmt::intern("command"), command);
        message_port_pub(PORT_STATUS, status);
    };
    if (!pmt::is_dict(commands)) {
        refuse("expected a dict of commands", message);
        return;
    }

    const auto items = pmt::dict_items(commands);
    for (std::size_t i = 0; i < pmt::length(items); i++) {
        const auto command = pmt::car(pmt::nth(i, items));
        const auto value = pmt::cdr(pmt::nth(i, items));
        std::string name = "?";
        try {
            const auto text = as_text(command);
            name = shown(text, 60);
            execute(text, value);
        } catch (const std::exception& e) {
            refuse(name + ": " + e.what(), pmt::dict_add(pmt::make_dict(), command, value));
        }
    }
}

void discriminator_impl::execute(const std::string& command, const pmt::pmt_t& value)
{
    if (command == "lambda1")
        d_core.set_lambda1(as_number(value));
    else if (command == "lambda2")
        d_core.set_lambda2(as_number(value));
    else if (command == "theta2")
        d_core.set_theta2(as_text(value));
    else if (command == "min_support")
        d_core.set_min_support(as_int(value));
    else if (command == "max_unknown")
        d_core.set_max_unknown(pmt::is_null(value) ? std::nullopt
                                                   : std::optional(as_int(value)));
    else if (command == "rival_support")
        d_core.set_rival_support(as_int(value));
    else if (command == "theta2_limit")
        d_core.set_theta2_limit(as_number(value));
    else if (command == "merge_separation")
        d_core.set_merge_separation(as_number(value));
    else if (command == "max_new_per_minute")
        d_rate.set_limit(checked_max_new(
            pmt::is_null(value) ? std::nullopt : std::optional(as_int(value))));
    else if (command == "emit")
        d_emit = checked_emit(as_text(value));
    else if (command == "max_run")
        d_max_run = checked_max_run(as_int(value));
    else if (command == "freeze") {
        if (!pmt::is_bool(value))
            throw std::invalid_argument("expected true or false");
        d_core.freeze(pmt::to_bool(value));
    } else if (command == "save")
        d_core.save(as_text(value));
    else {
        // These change what a label means: the run so far keeps the old one.
        if (command == "rename") {
            const auto name = as_text(entry(value, "name"));
            const bool by_id = pmt::dict_has_key(value, pmt::intern("id"));
            const int id = discovered_id(entry(value, by_id ? "id" : "label"));
            end_run();
            d_core.rename(id, name);
        } else if (command == "merge") {
            const int from = discovered_id(entry(value, "from"));
            const int into = discovered_id(entry(value, "into"));
            end_run();
            d_core.merge(from, into);
            publish_status(KEY_MERGED, merge_of(from, into));
        } else if (command == "forget") {
            const auto ids = ids_to_forget(value);
            end_run();
            for (const int id : ids)
                d_core.forget(id);
            publish_status(KEY_FORGOTTEN, pmt::init_s32vector(ids.size(), ids));
        } else if (command == "load") {
            const auto path = as_text(value);
            end_run();
            log_refused_names(d_core.load(path));
            mark_announced();
        } else {
            throw std::invalid_argument("there is no such command");
        }
    }
}

// Classes that were loaded were announced when they were discovered.
void discriminator_impl::mark_announced()
{
    d_announced.clear();
    for (const auto& known : d_core.discovered())
        if (known.count >= d_core.min_support())
            d_announced.insert(known.id);
}

int discriminator_impl::discovered_id(const pmt::pmt_t& id_or_label) const
{
    if (!pmt::is_symbol(id_or_label))
        return as_int(id_or_label);
    const auto label = pmt::symbol_to_string(id_or_label);
    for (const auto& known : d_core.discovered())
        if (known.name == label)
            return known.id;
    throw std::invalid_argument("there is no discovered class '" + shown(label, 60) + "'");
}

// "all" are all of them, unless one is called so.
std::vector<int> discriminator_impl::ids_to_forget(const pmt::pmt_t& id_or_label) const
{
    const auto& classes = d_core.discovered();
    const bool all = pmt::eq(id_or_label, pmt::intern("all")) &&
                     std::none_of(classes.begin(), classes.end(), [](const auto& known) {
                         return known.name == "all";
                     });
    if (!all)
        return { discovered_id(id_or_label) };
    std::vector<int> ids;
    for (const auto& known : classes)
        ids.push_back(known.id);
    return ids;
}

void discriminator_impl::log_refused_names(const std::vector<std::string>& refused)
{
    for (const auto& what : refused)
        d_logger->warn("{}; it keeps this name", what);
}

// -- parameters ---------------------------------------------------------------------------

void discriminator_impl::set_lambda1(double lambda1)
{
    lock guard(d_mutex);
    d_core.set_lambda1(lambda1);
}

void discriminator_impl::set_lambda2(double lambda2)
{
    lock guard(d_mutex);
    d_core.set_lambda2(lambda2);
}

void discriminator_impl::set_theta2(const std::string& theta2)
{
    lock guard(d_mutex);
    d_core.set_theta2(theta2);
}

void discriminator_impl::set_min_support(int min_support)
{
    lock guard(d_mutex);
    d_core.set_min_support(min_support);
}

void discriminator_impl::set_max_unknown(std::optional<int> max_unknown)
{
    lock guard(d_mutex);
    d_core.set_max_unknown(max_unknown);
}

void discriminator_impl::set_rival_support(int rival_support)
{
    lock guard(d_mutex);
    d_core.set_rival_support(rival_support);
}

void discriminator_impl::set_theta2_limit(double theta2_limit)
{
    lock guard(d_mutex);
    d_core.set_theta2_limit(theta2_limit);
}

void discriminator_impl::set_merge_separation(double merge_separation)
{
    lock guard(d_mutex);
    d_core.set_merge_separation(merge_separation);
}

void discriminator_impl::set_max_new_per_minute(std::optional<int> max_new_per_minute)
{
    lock guard(d_mutex);
    d_rate.set_limit(checked_max_new(max_new_per_minute));
}

void discriminator_impl::set_emit(const std::string& emit)
{
    lock guard(d_mutex);
    d_emit = checked_emit(emit);
}

void discriminator_impl::set_max_run(int max_run)
{
    lock guard(d_mutex);
    d_max_run = checked_max_run(max_run);
}

double discriminator_impl::lambda1() const
{
    lock guard(d_mutex);
    return d_core.lambda1();
}

double discriminator_impl::lambda2() const
{
    lock guard(d_mutex);
    return d_core.lambda2();
}

std::string discriminator_impl::theta2() const
{
    lock guard(d_mutex);
    return d_core.theta2();
}

int discriminator_impl::min_support() const
{
    lock guard(d_mutex);
    return d_core.min_support();
}

std::optional<int> discriminator_impl::max_unknown() const
{
    lock guard(d_mutex);
    return d_core.max_unknown();
}

int discriminator_impl::rival_support() const
{
    lock guard(d_mutex);
    return d_core.rival_support();
}

double discriminator_impl::theta2_limit() const
{
    lock guard(d_mutex);
    return d_core.theta2_limit();
}

double discriminator_impl::merge_separation() const
{
    lock guard(d_mutex);
    return d_core.merge_separation();
}

std::optional<int> discriminator_impl::max_new_per_minute() const
{
    lock guard(d_mutex);
    return d_rate.limit();
}

std::string discriminator_impl::emit() const
{
    lock guard(d_mutex);
    return d_emit;
}

int discriminator_impl::max_run() const
{
    lock guard(d_mutex);
    return d_max_run;
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
    log_refused_names(d_core.restore(state));
    mark_announced();
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
