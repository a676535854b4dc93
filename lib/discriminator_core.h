/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DISCRIMINATOR_CORE_H
#define INCLUDED_SR2CNN_DISCRIMINATOR_CORE_H

#include "names.h"
#include <Eigen/Dense>
#include <cmath>
#include <cstdint>
#include <functional>
#include <gnuradio/sr2cnn/discriminator_options.h>
#include <map>
#include <utility>

namespace gr {
namespace sr2cnn {

//! Most frames that a state may say: int64 holds all that counts them on, a double each of them.
constexpr std::int64_t MOST_FRAMES = std::int64_t(1) << 53;

//! What is decided about one frame.
struct decision {
    int id; //!< >= 0 known class, < 0 discovered class, INVALID neither
    //! min d_k/Θ_k, but 1 where a rival took a frame with less: below 1 means known, and nothing
    //! else does. NaN if the frame could not be compared with the known classes.
    double score;
    double distance;      //!< the d_k of that class, Eq. 8
    std::int64_t support; //!< members of the discovered class, this frame included; or 0
};

//! A discovered class; the center is the running mean of its members, Eq. 17 and 18.
struct discovered_class {
    int id;
    std::string name;
    std::int64_t count;
    std::int64_t first_frame;
    std::int64_t last_frame;
    // Its last members, while classes are merged: frames, and values (n, dim).
    std::vector<std::int64_t> recent_frames = {};
    std::vector<double> recent = {};
};

/*!
 * \brief Algorithm 2 of the SR2CNN paper: known class, discovered class or a new one.
 *
 * Knows nothing of GNU Radio, computes in double, is not thread-safe. It decides exactly as
 * sr2cnn_learn.discriminator.Discriminator does, the reference in numpy. A frame's result does
 * not depend on how the stream was cut into calls.
 *
 * Everything that checks throws std::invalid_argument with the value and what was expected,
 * and leaves the object as it was.
 */
class discriminator_core
{
public:
    // Known distances are computed for this many frames side by side: sums then run along the
    // frames and not across them, so the result of a frame cannot depend on its neighbours.
    static constexpr int LANES = 8;

    //! Called before classes are merged: after how many frames of the call, and their ids.
    using merge_listener = std::function<void(std::size_t decided, int from, int into)>;

    explicit discriminator_core(const discriminator_options& options);

    //! Decides on n frames of dim() values each, in order. Allocates only for a new class, or where
    //! classes are merged. A frame's id is that before the merge.
    template <typename T>
    void predict(const T* z,
                 std::size_t n,
                 decision* decisions,
                 const merge_listener& before_merge = {});

    std::size_t dim() const { return d_centers.cols(); }
    std::size_t n_known() const { return d_centers.rows(); }
    //! Frames that came, not counting those of restored states.
    std::int64_t frames() const { return d_frames - d_frames_before; }
    std::int64_t invalid() const { return d_invalid; }
    //! Frames that would have been the first of one class more than may be discovered.
    std::int64_t refused() const { return d_refused; }

    const discriminator_parameters& parameters() const { return d_parameters; }
    std::optional<int> may_discover() const { return d_may_discover; }
    bool frozen() const { return d_frozen; }
    const std::vector<double>& thresholds() const { return d_thresholds; }

    //! Sets a parameter that is not fixed by its name.
    void set(const std::string& name, const parameter_value& value);
    void set_may_discover(std::optional<int> may_discover);

    //! Id of the class that is discovered next.
    int next_id() const { return d_next_id; }
    //! The discovered classes in order of discovery.
    const std::vector<discovered_class>& discovered() const { return d_discovered; }
    //! Center (dim) of the i-th of discovered().
    const double* discovered_center(std::size_t i) const { return d_unknown.row(i).data(); }
    //! Place of a class in discovered(). Throws if there is none with this id.
    std::size_t find(int id) const;

    void rename(int id, const std::string& name);
    //! Makes src part of dst; the center becomes the mean of all members.
    void merge(int src, int dst);
    //! Which class each merged one went into, since the last restore or load.
    const std::map<int, int>& merged() const { return d_merged; }
    //! Drops a class. Its id is never used again.
    void forget(int id);
    //! While frozen no class is discovered and no center moves.
    void freeze(bool on) { d_frozen = on; }

    //! The discovered classes as a text, see discriminator_file.cc.
    std::string state() const;
    //! Replaces the discovered classes by those of a state of the same model. Their frames are
    //! counted on from there, and no id that was given out, here or there, is given again. A class
    //! whose name is refused, see rename(), keeps its default name. Returns these refusals.
    //! Throws std::invalid_argument, and leaves all as it was, if it is not such a text.
    std::vector<std::string> restore(const std::string& text);
    //! Writes the state to a text file, whole or not at all. Throws
    //! std::runtime_error if it cannot be written.
    void save(const std::string& path) const;
    //! Restores the state in such a file. Throws std::runtime_error if it cannot be read or is not such a file.
    std::vector<std::string> load(const std::string& path);

private:
    using matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

    void set_whitening(const matrix& spread);
    void compute_distances();
    void discover(const double* z, decision& out);
    void try_rivals(const double* z, decision& out);
    void join(std::size_t i, const double* z, decision& out);
    std::pair<std::size_t, double> nearest_discovered(const double* z,
                                                      std::int64_t least_count) const;
    double theta1() const { return d_parameters.lambda1 * 3 * std::sqrt(double(dim())); } // Eq. 10
    double theta2_of(const double* z);
    void record(const double* z, std::int64_t frame);
    void remember(discovered_class& known, const double* z, std::int64_t frame);
    std::optional<std::pair<int, int>> merge_of(std::size_t grown) const;
    double separation(std::size_t a, std::size_t b) const;
    void remove(std::size_t i);
    std::uint64_t fingerprint() const;

    matrix d_centers;                 // (K, dim)
    std::vector<matrix> d_whitening;  // per class (1, dim) factors or (dim, dim) triangular
    std::vector<double> d_thresholds; // (K) Θ_k
    discriminator_parameters d_parameters;
    std::optional<int> d_may_discover;
    std::vector<std::string> d_classes; // labels of the known ones; or empty

    std::vector<discovered_class> d_discovered;
    matrix d_unknown; // (capacity, dim) centers of the discovered classes, in their order
    int d_next_id = -1;
    bool d_frozen = false;
    std::map<int, int> d_merged;
    std::int64_t d_frames = 0;        // judged, those of restored states included
    std::int64_t d_frames_before = 0; // those
    std::int64_t d_invalid = 0;
    std::int64_t d_refused = 0;

    // Scratch, so that a frame allocates nothing.
    std::vector<double> d_block;     // (dim, LANES) frames side by side
    std::vector<double> d_offset;    // (dim, LANES) z - S_k
    std::vector<double> d_distances; // (K, LANES)
    std::vector<double> d_squares;   // (LANES) |z|²
    std::vector<double> d_frame;     // (dim) one frame
    std::vector<double> d_sorted;    // (K)
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DISCRIMINATOR_CORE_H */
