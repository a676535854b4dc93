/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DISCRIMINATOR_IMPL_H
#define INCLUDED_SR2CNN_DISCRIMINATOR_IMPL_H

#include "discovery_rate.h"
#include "discriminator_core.h"
#include <chrono>
#include <gnuradio/sr2cnn/discriminator.h>
#include <mutex>
#include <set>

namespace gr {
namespace sr2cnn {

class discriminator_impl : public discriminator
{
public:
    discriminator_impl(const std::vector<std::string>& classes,
                       const discriminator_options& options,
                       const discriminator_reporting& reporting,
                       int frame_len,
                       int hop,
                       const std::string& model);

    bool start() override;
    bool stop() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int general_work(int noutput_items,
                     gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

    void set(const std::string& name, const parameter_value& value) override;
    discriminator_parameters parameters() const override;
    discriminator_reporting reporting() const override;

    std::vector<discriminator::discovered_class> discovered() const override;
    std::string state() const override;
    void restore(const std::string& state) override;
    std::map<int, int> merged() const override;
    bool finished() const override;
    std::uint64_t frames() const override;
    std::uint64_t invalid() const override;

private:
    using lock = std::lock_guard<std::mutex>;

    struct time_spec {
        std::uint64_t seconds;
        double fraction;
    };

    //! What the radio said about the samples, as of the frame at hand.
    struct radio {
        std::optional<time_spec> time; // of sample time_sample
        std::uint64_t time_sample = 0;
        pmt::pmt_t freq; // null if unknown, as the rate
        pmt::pmt_t rate;

        std::optional<time_spec> time_at(std::uint64_t sample) const;
        double samples_per_second() const; // 0 if unknown
    };

    //! Frames in a row with one class.
    struct run {
        int id = INVALID;
        std::uint64_t start_sample = 0;
        std::int64_t n_frames = 0; // 0: there is no run
        double score = 0;          // sums over the frames
        double distance = 0;
        std::vector<double> vector; // (dim)
    };

    bool follow_tags(std::uint64_t offset);

    pmt::pmt_t label_of(int id) const;
    pmt::pmt_t describe(int id, double score, std::uint64_t n_samples) const;
    pmt::pmt_t add_radio(pmt::pmt_t meta, std::uint64_t start_sample) const;

    void begin_run(int id, std::uint64_t start_sample);
    void end_run();
    void publish_run();
    void announce(const decision& decided, std::uint64_t start_sample);
    void handle_upstream(const pmt::pmt_t& message);
    void tell_frame(int i, const float* z, std::int16_t* ids, float* scores);
    //! ``key``: what became of discovered classes, `merged` or `forgotten`; ``value``: of which.
    void publish_status(const pmt::pmt_t& key = nullptr, const pmt::pmt_t& value = nullptr);
    void publish_merge(int from, int into);
    void take_restored(const std::vector<std::string>& refused);
    void finish();

    void change(const std::string& name, const parameter_value& value);

    // discriminator_commands.cc
    void handle_cmd(const pmt::pmt_t& message);
    void refuse(const std::string& error, const pmt::pmt_t& command);
    void execute(const std::string& command, const pmt::pmt_t& value);
    void rename(const pmt::pmt_t& value);
    void merge(const pmt::pmt_t& value);
    void forget(const pmt::pmt_t& value);
    void load(const std::string& path);
    int discovered_id(const pmt::pmt_t& id_or_label) const;
    std::vector<int> ids_to_forget(const pmt::pmt_t& id_or_label) const;

    const std::size_t d_dim;
    const int d_frame_len;
    const int d_hop;
    const std::string d_model;
    std::vector<pmt::pmt_t> d_labels; // of the known classes
    pmt::pmt_t d_srcid;               // of tags: the alias

    mutable std::mutex d_mutex; // guards all below: work, messages and setters meet here
    discriminator_core d_core;
    discriminator_reporting d_reporting;

    std::vector<decision> d_decisions;
    std::vector<tag_t> d_tags; // of the call at hand, by offset
    std::size_t d_tag = 0;     // the first not followed yet
    radio d_radio;
    run d_run;
    std::uint64_t d_start_sample = 0; // of the frame at hand
    std::uint64_t d_next_start = 0;   // of the next one, if no tag says otherwise
    std::set<int> d_announced;
    discovery_rate d_rate;
    std::uint64_t d_frames_out = 0; // since start()
    pmt::pmt_t d_upstream;          // status of the blocks before this one
    std::chrono::steady_clock::time_point d_status_due;
    bool d_finished = true;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DISCRIMINATOR_IMPL_H */
