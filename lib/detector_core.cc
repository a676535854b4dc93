/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "detector_core.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace gr {
namespace sr2cnn {

namespace {

constexpr std::size_t MIDDLE = detector_core::WINDOWS[1], LARGEST = detector_core::WINDOWS[2];
constexpr std::size_t STEP = 8192; // samples between two looks at what has ended,
constexpr std::size_t BUSY = 64,
                      BUSY_STEP = 8 * STEP; // where so many wait: each look costs their square
constexpr float LOUDEST = 1e6F;             // no receiver gives more
constexpr std::size_t RESOLVED = 6;         // bins and rows; more of them show a signal no better
constexpr std::size_t LINE = 5;             // bins, as many as a line has
constexpr double SAME = 0.4;       // of the smaller one's duration and width: of one signal
constexpr double TOGETHER = 0.1;   // of a duration: begin and end at once
constexpr double FINER = 0.5;      // of a width: a signal within it, at a finer resolution
constexpr double MOST = 0.6;       // of a region's energy: that signal is all of it
constexpr double TONE = 0.2;       // of the power of another tone of a signal
constexpr double EXACTLY = 0.32;   // of the usual tolerance: tones of one signal
constexpr double TONES_ALIKE = 10; // in power
constexpr double TONES_APART = 12; // of their widths
constexpr double MUCH = 0.25; // and this much is a signal of its own if it comes and goes by itself
constexpr double STEADY = 1.6; // swing of the power of what is one signal whatever its parts do,
constexpr double LASTING = 0.9;
constexpr double SWINGS = 2; // times the whole's power swing: a part that is all of it at times
constexpr std::uint64_t PAUSE = 8; // windows, between packets, which a longer window bridges
constexpr double MORE = 2;         // times its power: what lies across it is no phase of it
constexpr double COVERED = 10;     // times its power: it does not stand for that
constexpr double FAINT = 30;       // times a neighbour's power: it may be splatter,
constexpr double NEAR = 1.5;       // within so many widths of the other,
constexpr double FAINT_AT_IT = 10, AT_IT = 0.1; // or so near a decade, whenever it comes and goes,
constexpr double LOW = 4;                       // below this, over the noise, wherever it begins
constexpr double STRONG = 1000, FAR = 30;       // a very strong one's reaches further
constexpr double IMAGE = 100;                   // of a receiver, over its mirror image
constexpr double LEAST_SNR = 1, LEAST_SNR_ALWAYS = 2; // the latter of what was there all along
constexpr double SIDE_POWER = 3;                      // times a side's has what it is a side of,
constexpr double SIDE_REACH = 1.5;                    // within so many of its widths,
constexpr double SIDES_ALIKE = 3; // times as wide and ten times as strong may one be as the other,
constexpr std::uint64_t PATIENCE =
    64 * LARGEST; // samples; then what still goes on is taken as it is
constexpr std::uint64_t SIDES_PATIENCE = 4 * PATIENCE; // for what may be the sides of a signal
constexpr std::size_t RECENT = 256;
constexpr double TOLD = 0.3; // in common with one that has been told: it is that one
constexpr std::uint64_t MARGIN =
    2 * LARGEST; // samples: so much later may one seem to end in one spectrogram than in another
constexpr std::uint64_t PACE = 16; // looks in a piece's time for what has to be told
constexpr double ALIKE = 2;        // times as wide: still what it was

double duration(const region& one) { return double(one.stop - one.start); }
double width(const region& one) { return std::max(one.high - one.low, one.least_width); }
double snr(const region& one)
{
    return one.power / std::max(one.noise, double(std::numeric_limits<float>::min()));
}
double energy(const region& one) { return one.power * duration(one); }
double common_time(const region& a, const region& b)
{
    return double(std::min(a.stop, b.stop)) - double(std::max(a.start, b.start));
}
double common_band(const region& a, const region& b)
{
    return std::min(a.high, b.high) - std::max(a.low, b.low);
}

bool touch(const region& a, const region& b)
{
    return common_time(a, b) > 0 && common_band(a, b) > 0;
}

bool same(const region& a, const region& b)
{
    return common_time(a, b) > SAME * std::min(duration(a), duration(b)) &&
           common_band(a, b) > SAME * std::min(width(a), width(b));
}

// Of all that one of them covers, both do so much.
double common_share(const region& a, const region& b)
{
    const double common = std::max(0.0, common_time(a, b)) * std::max(0.0, common_band(a, b));
    const auto area = [](const region& one) { return duration(one) * (one.high - one.low); };
    return common / std::max(area(a) + area(b) - common, std::numeric_limits<double>::min());
}

// A short and wide one and a long and narrow one.
bool crosses(const region& a, const region& b)
{
    const double longer = duration(a) / duration(b), wider = width(a) / width(b);
    return std::max(longer, wider) > 1 / SAME && std::min(longer, wider) < SAME;
}

// Begin and end at once, as well as their spectrograms show it.
bool together(const region& a, const region& b, double tolerance = 1)
{
    const double most = tolerance * std::max(4.0 * std::max(a.size, b.size),
                                             TOGETHER * std::min(duration(a), duration(b)));
    return std::abs(double(a.start) - double(b.start)) < most &&
           std::abs(double(a.stop) - double(b.stop)) < most;
}

// Two tones of one keyed signal, or the two sides of its spectrum.
bool are_tones(const region& a, const region& b)
{
    if (!together(a, b, EXACTLY) || (a.from_start && b.from_start && a.to_end && b.to_end))
        return false;
    const double apart = std::max(a.low - b.high, b.low - a.high);
    return std::max(a.power, b.power) < TONES_ALIKE * std::min(a.power, b.power) &&
           apart < TONES_APART * std::max(width(a), width(b));
}

region joined(region one, const region& other)
{
    one.noise_density = std::max(one.noise_density, other.noise_density);
    one.start = std::min(one.start, other.start);
    one.stop = std::max(one.stop, other.stop);
    one.low = std::min(one.low, other.low);
    one.high = std::max(one.high, other.high);
    one.power += other.power;
    one.noise = one.noise_density * width(one);
    one.from_start |= other.from_start;
    one.to_end |= other.to_end;
    return one;
}

double center(const region& one) { return (one.low + one.high) / 2; }

// One of two weaker ones beside a signal, which may be the sides of its spectrum.
bool may_be_side(const region& one, const region& whole)
{
    const double away = std::abs(center(one) - center(whole));
    return whole.bins > LINE && whole.power > SIDE_POWER * one.power &&
           2 * away > whole.high - whole.low &&
           away < (0.5 + SIDE_REACH) * width(whole) + width(one) / 2 &&
           common_time(one, whole) > 0.8 * duration(one);
}

// They come and go together, within the signal's time, as far from its middle.
bool are_sides(const region& one, const region& other, const region& whole)
{
    const auto alike = [](double a, double b, double most) { return a < most * b && b < most * a; };
    return 2 * std::abs(center(one) + center(other) - 2 * center(whole)) <
               width(one) + width(other) &&
           common_time(one, other) > 0.5 * std::min(duration(one), duration(other)) &&
           alike(width(one), width(other), SIDES_ALIKE) &&
           alike(one.power, other.power, SIDES_ALIKE * SIDES_ALIKE) && may_be_side(other, whole);
}

bool is_side(const region& one, const region& whole, const std::vector<region>& all)
{
    return may_be_side(one, whole) && std::any_of(all.begin(), all.end(), [&](const region& other) {
               return are_sides(one, other, whole);
           });
}

// What is weaker and within one's box, is told with it.
bool is_within(const region& one, const region& whole)
{
    return one.power < whole.power && common_time(one, whole) > 0.8 * duration(one) &&
           common_band(one, whole) > 0.8 * (one.high - one.low);
}

// The band that holds 99 % of the energy of all of them (ITU-R SM.443), as if each were even.
void set_band(region& whole, const std::vector<region>& parts)
{
    constexpr double BEYOND = 0.005; // on each side
    double total = 0;
    for (const auto& one : parts)
        total += energy(one);
    const auto place = [&](double share) {
        double low = -0.5, high = 0.5;
        while (high - low > 1e-6) {
            const double middle = (low + high) / 2;
            double below = 0;
            for (const auto& one : parts)
                below += energy(one) * std::clamp((middle - one.low) / width(one), 0.0, 1.0);
            (below < share * total ? low : high) = middle;
        }
        return low;
    };
    whole.low = place(BEYOND);
    whole.high = place(1 - BEYOND);
    whole.power = total / duration(whole);
    whole.noise = whole.noise_density * width(whole);
}

void join_sides(std::vector<region>& emissions)
{
    std::sort(emissions.begin(), emissions.end(), [](const region& a, const region& b) {
        return a.power > b.power;
    });
    const auto drop = [&](std::size_t from, const auto& which) {
        emissions.erase(std::remove_if(emissions.begin() + from, emissions.end(), which),
                        emissions.end());
    };
    for (std::size_t i = 0; i < emissions.size(); i++) {
        std::vector<region> parts{ emissions[i] };
        for (std::size_t n = 0; n < parts.size();) { // the next ones are beside those that it has
            n = parts.size();
            auto reach = emissions[i];
            for (const auto& one : parts) {
                reach.low = std::min(reach.low, one.low);
                reach.high = std::max(reach.high, one.high);
            }
            for (auto k = i + 1; k < emissions.size(); k++)
                if (is_side(emissions[k], reach, emissions))
                    parts.push_back(emissions[k]);
            drop(i + 1, [&](const region& one) {
                return std::find(parts.begin(), parts.end(), one) != parts.end();
            });
        }
        if (parts.size() == 1)
            continue;
        set_band(emissions[i], parts);
        drop(i + 1, [&](const region& one) { return is_within(one, emissions[i]); });
    }
}

void join_tones(std::vector<region>& emissions)
{
    for (std::size_t i = 0; i < emissions.size(); i++)
        for (auto k = i + 1; k < emissions.size();)
            if (are_tones(emissions[i], emissions[k])) {
                emissions[i] = joined(emissions[i], emissions[k]);
                emissions.erase(emissions.begin() + k);
                k = i + 1; // it is wider now
            } else
                k++;
}

bool is_track_of(const region& a, const region& b)
{
    return a.size == b.size && a.track == b.track;
}

bool better(const region& a, const region& b)
{
    const auto shown = [](const region& one) {
        return std::min({ one.bins - std::min(one.bins - 1, LINE - 1), one.rows, RESOLVED });
    };
    const auto off = [](const region& one) {
        return one.size > MIDDLE ? one.size / MIDDLE : MIDDLE / one.size;
    };
    if (shown(a) != shown(b))
        return shown(a) > shown(b);
    if (shown(a) < RESOLVED)
        return duration(a) * width(a) < duration(b) * width(b);
    if (off(a) != off(b))
        return off(a) < off(b);
    return duration(a) * width(a) > duration(b) * width(b);
}

// Whether a finer resolution shows several signals in a region, or one in a part of its band; the tones of one
// keyed signal begin and end together.
bool is_composite(const region& whole, const std::vector<region>& all)
{
    std::vector<region> parts;
    for (const auto& one : all)
        if (one.size > whole.size && one.rows >= 4 && one.bins >= 2 &&
            width(one) < FINER * width(whole) && common_band(one, whole) > 0.8 * width(one) &&
            common_time(one, whole) > 0.6 * std::min(duration(one), duration(whole)))
            parts.push_back(one);
    return std::any_of(parts.begin(), parts.end(), [&](const region& part) {
        // What comes and goes while the power of the whole stays is a phase of it.
        if (whole.swing < STEADY &&
            (duration(part) < LASTING * duration(whole) || part.swing > SWINGS * whole.swing))
            return false;
        const double share = part.power * common_time(part, whole) / energy(whole);
        if (share > MUCH && !together(part, whole))
            return true;
        return share > MOST && std::none_of(parts.begin(), parts.end(), [&](const region& tone) {
                   return tone.size == part.size && !same(tone, part) && together(tone, part) &&
                          tone.power > TONE * part.power;
               });
    });
}

// Whether shorter windows, in which its band is resolved as well, show several signals one after the other.
bool is_sequence(const region& whole, const std::vector<region>& all)
{
    std::vector<region> parts;
    for (const auto& one : all)
        if (one.size < whole.size && one.rows >= RESOLVED && one.bins >= RESOLVED + LINE &&
            one.power > 0.5 * whole.power && duration(one) < 0.9 * duration(whole) &&
            common_time(one, whole) > 0.8 * duration(one) &&
            common_band(one, whole) > 0.6 * std::max(width(one), width(whole)))
            parts.push_back(one);
    std::sort(parts.begin(), parts.end(), [](const region& a, const region& b) {
        return std::tie(a.size, a.start) < std::tie(b.size, b.start);
    });
    return std::adjacent_find(
               parts.begin(), parts.end(), [](const region& part, const region& next) {
                   return next.size == part.size && next.start > part.stop + PAUSE * part.size &&
                          common_band(part, next) > 0.6 * std::max(width(part), width(next));
               }) != parts.end();
}

// Of those that are the same signal, the one that shows it best; worked out for those that are asked for and what
// they hang together with.
class choice
{
public:
    explicit choice(const std::vector<region>& all) : d_all(all), d_verdicts(all.size(), UNKNOWN) {}

    bool is_best(std::size_t which)
    {
        if (d_verdicts[which] == UNKNOWN)
            judge(which);
        return d_verdicts[which] == BEST;
    }

private:
    enum verdict : char { UNKNOWN, MET, WORSE, BEST };

    void judge(std::size_t which)
    {
        std::vector<std::size_t> group{ which };
        d_verdicts[which] = MET;
        for (std::size_t i = 0; i < group.size(); i++)
            for (std::size_t k = 0; k < d_all.size(); k++)
                if (d_verdicts[k] == UNKNOWN && touch(d_all[group[i]], d_all[k])) {
                    d_verdicts[k] = MET;
                    group.push_back(k);
                }
        std::vector<region> regions;
        for (auto k : group)
            regions.push_back(d_all[k]);
        std::vector<std::size_t> plain, best;
        for (auto k : group) {
            d_verdicts[k] = WORSE;
            if (!is_composite(d_all[k], regions) && !is_sequence(d_all[k], regions))
                plain.push_back(k);
        }
        std::sort(
            plain.begin(), plain.end(), [&](auto a, auto b) { return better(d_all[a], d_all[b]); });
        for (auto k : plain) {
            const auto& one = d_all[k];
            const bool is_phase = std::any_of(best.begin(), best.end(), [&](auto i) {
                const auto& other = d_all[i];
                return same(one, other) &&
                       (crosses(one, other)
                            ? duration(one) < duration(other) && one.power < MORE * other.power
                            : one.size < other.size || one.power < COVERED * other.power);
            });
            if (is_phase)
                continue;
            best.erase(std::remove_if(best.begin(),
                                      best.end(),
                                      [&](auto i) {
                                          const auto& other = d_all[i];
                                          const bool is_part = same(one, other) &&
                                                               crosses(one, other) &&
                                                               duration(other) < duration(one) &&
                                                               other.power < MORE * one.power;
                                          if (is_part)
                                              d_verdicts[i] = WORSE;
                                          return is_part;
                                      }),
                       best.end());
            best.push_back(k);
            d_verdicts[k] = BEST;
        }
    }

    const std::vector<region>& d_all;
    std::vector<verdict> d_verdicts;
};

// With the beginning and the end that the shortest windows show.
region timed(region one, const std::vector<region>& all)
{
    const region* shortest = &one;
    for (const auto& other : all)
        if (other.size < shortest->size && together(one, other) &&
            common_band(one, other) > SAME * width(one) &&
            width(other) < width(one) + 4.0 / other.size)
            shortest = &other;
    const auto start = shortest->start, stop = shortest->stop;
    one.start = start;
    one.stop = stop;
    return one;
}

// Whether one is a stronger one's splatter or its image.
bool is_trace(const region& one, const region& other)
{
    const double fainter = other.power / one.power;
    if (!(fainter > FAINT_AT_IT) || common_time(one, other) < 0.8 * duration(one) - 2.0 * one.size)
        return false;
    const double apart = std::max(one.low - other.high, other.low - one.high);
    if (apart < AT_IT * std::log10(fainter) * width(other))
        return true;
    if (fainter < FAINT)
        return false;
    const bool at_once = together(one, other);
    const double reach = 3.0 / one.size;
    const double denser = other.power / width(other) / (one.power / width(one));
    const double mirrored = std::abs(center(one) + center(other));
    return ((at_once || snr(one) < LOW) && apart < std::max(NEAR * width(other), reach)) ||
           ((at_once || snr(one) < STRONG / FAR) && denser > STRONG && snr(other) > STRONG &&
            apart < std::max(FAR * width(other), reach)) ||
           (at_once && fainter > IMAGE && mirrored < std::max(width(other), 4.0 / one.size));
}

// Neither of what the noise floor is not known well enough for.
bool stands_out(const region& one)
{
    return snr(one) > (one.from_start && one.to_end ? LEAST_SNR_ALWAYS : LEAST_SNR);
}

} // namespace

detector_core::detector_core(std::int64_t longest)
{
    for (auto size : WINDOWS)
        d_trackers.emplace_back(size);
    set_longest(longest);
}

void detector_core::set_longest(std::int64_t longest)
{
    if (longest < 0)
        throw std::invalid_argument("longest is " + std::to_string(longest) +
                                    ", expected a number of samples, or 0");
    d_longest = longest ? std::max<std::uint64_t>(longest, LARGEST) : 0;
    for (auto& tracker : d_trackers)
        tracker.set_memory(d_longest);
}

void detector_core::push(const sample* samples, std::size_t n)
{
    while (n) {
        const auto taken = std::min<std::size_t>(n, STEP - d_end % STEP);
        d_usable.assign(samples, samples + taken);
        for (auto& one : d_usable)
            if (!(std::abs(one.real()) < LOUDEST && std::abs(one.imag()) < LOUDEST))
                one = 0;
        for (auto& tracker : d_trackers)
            tracker.push(d_usable.data(), taken);
        samples += taken;
        n -= taken;
        d_end += taken;
        if (d_end % (d_pending.size() > BUSY ? BUSY_STEP : STEP) == 0)
            settle(false);
    }
}

void detector_core::finish()
{
    for (auto& tracker : d_trackers)
        tracker.finish();
    settle(true);
    d_recent.clear();
    for (auto& tracker : d_trackers)
        tracker.begin(d_end);
}

void detector_core::retune()
{
    finish();
    for (auto& tracker : d_trackers)
        tracker.forget();
}

std::vector<detector_core::emission> detector_core::take()
{
    return std::exchange(d_emissions, {});
}

// Says what has ended, where nothing that still goes on could be a part of it, and pieces of what goes on; or all
// there is.
void detector_core::settle(bool all)
{
    for (auto& tracker : d_trackers) {
        auto ended = tracker.take();
        d_pending.insert(d_pending.end(), ended.begin(), ended.end());
    }
    if (d_pending.empty() && !d_longest && d_going.empty())
        return;
    std::uint64_t judged = d_end;
    std::vector<region> open;
    std::vector<char> waits(d_pending.size());
    if (!all) {
        for (const auto& tracker : d_trackers) {
            judged = std::min(judged, tracker.judged());
            const auto more = tracker.open();
            open.insert(open.end(), more.begin(), more.end());
        }
        waits = waiting(open, judged);
    }
    const auto pace = std::max<std::uint64_t>(STEP, d_longest / PACE);
    const bool due = d_end % pace < BUSY_STEP && is_due(open);
    if (!due && std::all_of(waits.begin(), waits.end(), [](char one) { return one; })) {
        give_up(open);
        return;
    }

    auto everything = d_pending;
    everything.insert(everything.end(), open.begin(), open.end());
    choice best(everything);
    std::vector<region> ended, go_on, left;
    const auto is_emission = [&](std::size_t i) {
        const auto& one = everything[i];
        const auto is_new = [&](const region& told) {
            return common_share(one, told) <= TOLD && !is_trace(one, told);
        };
        if (!stands_out(one) || !best.is_best(i) ||
            !std::all_of(d_recent.begin(), d_recent.end(), is_new))
            return false;
        for (std::size_t k = 0; k < everything.size(); k++)
            if (is_trace(one, everything[k]) && best.is_best(k))
                return false;
        return true;
    };
    const auto judge = [&](std::size_t i, std::vector<region>& emissions) {
        if (is_emission(i))
            emissions.push_back(timed(everything[i], everything));
    };
    for (std::size_t i = 0; i < d_pending.size(); i++)
        if (!waits[i])
            judge(i, ended);
        else {
            left.push_back(d_pending[i]);
            if (due)
                judge(i, go_on);
        }
    if (due)
        for (auto i = d_pending.size(); i < everything.size(); i++)
            judge(i, go_on);
    d_pending = std::move(left);
    say(std::move(ended), std::move(go_on));
    give_up(open);
}

// Whether some of what goes on has gone on for long enough.
bool detector_core::is_due(const std::vector<region>& open) const
{
    return d_longest && std::any_of(open.begin(), open.end(), [&](const region& one) {
               auto told = one.start;
               for (const auto& other : d_going)
                   if (goes_on_in(other, one))
                       told = std::max(told, other.told);
               return one.stop > told + d_longest + MARGIN;
           });
}

// Which of those that have ended wait for what touches them and may still change.
std::vector<char> detector_core::waiting(const std::vector<region>& open,
                                         std::uint64_t judged) const
{
    const auto n = d_pending.size();
    std::vector<char> waits(n);
    for (std::size_t i = 0; i < n; i++)
        waits[i] = d_pending[i].stop + LARGEST > judged ||
                   std::any_of(open.begin(), open.end(), [&](const region& other) {
                       return touch(d_pending[i], other);
                   });
    // What belongs to one that waits does, too; for so long.
    const auto spread = [&](std::vector<char>& which, std::uint64_t patience) {
        std::vector<std::size_t> group;
        for (std::size_t i = 0; i < n; i++)
            if (which[i])
                group.push_back(i);
        for (std::size_t i = 0; i < group.size(); i++)
            for (std::size_t k = 0; k < n; k++)
                if (!which[k] && (touch(d_pending[group[i]], d_pending[k]) ||
                                  are_tones(d_pending[group[i]], d_pending[k]))) {
                    which[k] = true;
                    group.push_back(k);
                }
        for (std::size_t i = 0; i < n; i++)
            which[i] &= d_pending[i].stop + patience > judged;
    };
    spread(waits, PATIENCE);
    if (std::all_of(waits.begin(), waits.end(), [](char one) { return one; }))
        return waits;
    // So do the sides of what still goes on, or waits.
    auto wholes = open, all = open;
    for (std::size_t i = 0; i < n; i++) {
        all.push_back(d_pending[i]);
        if (waits[i])
            wholes.push_back(d_pending[i]);
    }
    std::vector<char> sides(n);
    for (std::size_t i = 0; i < n; i++)
        sides[i] = !waits[i] && std::any_of(wholes.begin(), wholes.end(), [&](const region& whole) {
            return is_side(d_pending[i], whole, all);
        });
    spread(sides, SIDES_PATIENCE);
    for (std::size_t i = 0; i < n; i++)
        waits[i] |= sides[i];
    return waits;
}

// Whether the region is what goes on, at this resolution or at another one.
bool detector_core::goes_on_in(const going& one, const region& other)
{
    const auto& shown = one.shown;
    if (is_track_of(shown, other))
        return true;
    const double widest = std::max(width(shown), width(other));
    const double least = 4.0 / std::min(shown.size, other.size);
    return other.start < one.told && other.stop > one.told &&
           common_band(shown, other) >
               SAME * std::min(shown.high - shown.low, other.high - other.low) &&
           widest < ALIKE * std::max(least, std::min(width(shown), width(other)));
}

void detector_core::say(std::vector<region> ended, std::vector<region> open)
{
    join_sides(ended);
    join_tones(ended);
    const auto wholes = ended; // wider now, and so is their splatter
    ended.erase(std::remove_if(ended.begin(),
                               ended.end(),
                               [&](const region& one) {
                                   return std::any_of(
                                       wholes.begin(), wholes.end(), [&](const region& whole) {
                                           return is_trace(one, whole);
                                       });
                               }),
                ended.end());
    join_tones(open);
    std::sort(ended.begin(), ended.end(), [](const region& a, const region& b) {
        return a.stop < b.stop;
    });
    const auto n_ended = ended.size();
    auto all = std::move(ended);
    all.insert(all.end(), open.begin(), open.end());
    const auto of = known(all);
    const auto n_before = d_emissions.size();
    for (std::size_t i = 0; i < all.size(); i++) {
        const auto& one = all[i];
        const bool continues = i >= n_ended, is_new = of[i] == d_going.end();
        going it = is_new ? going{ 0, one.start, one.start, one } : *of[i];
        it.shown = one;
        say(it, one.stop, continues);
        if (!continues) {
            if (!is_new)
                d_going.erase(of[i]);
            d_recent.push_back(one);
            if (d_recent.size() > RECENT)
                d_recent.erase(d_recent.begin());
        } else if (!is_new)
            *of[i] = it;
        else if (it.number)
            d_going.push_back(it);
    }
    std::stable_sort(d_emissions.begin() + n_before,
                     d_emissions.end(),
                     [](const emission& a, const emission& b) {
                         return a.start + a.n_samples < b.start + b.n_samples;
                     });
}

// Which of those that go on each of the emissions is, d_going.end() for none: by its track, else by its band.
std::vector<std::list<detector_core::going>::iterator>
detector_core::known(const std::vector<region>& emissions)
{
    std::vector<std::list<going>::iterator> of(emissions.size(), d_going.end());
    for (const bool by_track : { true, false })
        for (auto it = d_going.begin(); it != d_going.end(); ++it) {
            if (std::find(of.begin(), of.end(), it) != of.end())
                continue;
            for (std::size_t i = 0; i < of.size(); i++)
                if (of[i] == d_going.end() && (by_track ? is_track_of(it->shown, emissions[i])
                                                        : goes_on_in(*it, emissions[i]))) {
                    of[i] = it;
                    break;
                }
        }
    return of;
}

// As many pieces as there are up to there; the last one, too, if it has ended.
void detector_core::say(going& one, std::uint64_t stop, bool continues)
{
    while (d_longest && stop > one.told + d_longest + MARGIN)
        say_piece(one, one.told + d_longest, true);
    if (!continues)
        say_piece(one, std::max(stop, one.told + 1), false);
}

void detector_core::say_piece(going& one, std::uint64_t stop, bool continues)
{
    if (!one.number)
        one.number = ++d_number;
    const auto& shown = one.shown;
    d_emissions.push_back({ one.number,
                            one.told,
                            stop - one.told,
                            one.began,
                            (shown.low + shown.high) / 2,
                            shown.high - shown.low,
                            10 * std::log10(snr(shown)),
                            shown.noise_density,
                            shown.from_start || (shown.to_end && !continues),
                            continues });
    one.told = stop;
}

// What went on and is to be seen no more, nor has been told as another emission's end, ends here.
void detector_core::give_up(const std::vector<region>& open)
{
    for (auto it = d_going.begin(); it != d_going.end();) {
        bool goes_on = false;
        for (const auto* regions : { &open, &std::as_const(d_pending) })
            for (const auto& one : *regions)
                if (goes_on_in(*it, one)) {
                    it->shown.stop = std::max(it->shown.stop, one.stop);
                    goes_on = true;
                }
        if (goes_on) {
            ++it;
            continue;
        }
        say(*it, it->shown.stop, false);
        it = d_going.erase(it);
    }
}

} // namespace sr2cnn
} // namespace gr
