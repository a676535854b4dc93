/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DETECTOR_IMPL_H
#define INCLUDED_SR2CNN_DETECTOR_IMPL_H

#include "detector_core.h"
#include <boost/thread/mutex.hpp>
#include <gnuradio/sr2cnn/detector.h>
#include <optional>

namespace gr {
namespace sr2cnn {

class detector_impl : public detector
{
public:
    detector_impl(double sample_rate, double report_seconds);

    bool stop() override;
    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

    double sample_rate() const override;
    void set_sample_rate(double sample_rate) override;
    double report_seconds() const override;
    void set_report_seconds(double report_seconds) override;
    std::uint64_t emissions() const override;

private:
    void follow(const tag_t& tag);
    void set(std::optional<double>& what, double value);
    void publish();
    void pace();

    mutable boost::mutex d_mutex; // guards what follows
    detector_core d_core;
    bool d_given; // the rate, so that tags say nothing of it
    std::optional<double> d_rate, d_frequency;
    double d_report_seconds;
    std::uint64_t d_emissions = 0;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DETECTOR_IMPL_H */
