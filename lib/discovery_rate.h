/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DISCOVERY_RATE_H
#define INCLUDED_SR2CNN_DISCOVERY_RATE_H

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>

namespace gr {
namespace sr2cnn {

//! How many classes may be discovered, of so many in any minute. Calls come in order of time.
class discovery_rate
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    //! Most in any minute; none: any number.
    void set_limit(std::optional<int> limit) { d_limit = limit; }
    std::optional<int> limit() const { return d_limit; }

    void count(int discovered, time_point now) { d_times.insert(d_times.end(), discovered, now); }

    int of_last_minute(time_point now)
    {
        while (!d_times.empty() && d_times.front() <= now - std::chrono::minutes(1))
            d_times.pop_front();
        return int(d_times.size());
    }

    std::optional<int> left(time_point now)
    {
        const int found = of_last_minute(now);
        return d_limit ? std::optional(std::max(0, *d_limit - found)) : std::nullopt;
    }

private:
    std::optional<int> d_limit;
    std::deque<time_point> d_times; // of the discoveries
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DISCOVERY_RATE_H */
