/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "discriminator_core.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <stdexcept>

// One function for each instruction set; which one, the machine decides when the library is loaded.
// All of them round alike: the library is compiled without fused multiplications and additions.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(SR2CNN_SANITIZE)
#define SR2CNN_FOR_ANY_CPU __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define SR2CNN_FOR_ANY_CPU
#endif

namespace gr {
namespace sr2cnn {

namespace {

constexpr int LANES = discriminator_core::LANES;
// LANES numbers, wherever they lie. Name it, do not leave it to auto, which forgets the alignment.
typedef double lanes
    __attribute__((vector_size(LANES * sizeof(double)), aligned(alignof(double)), may_alias));

constexpr int MERGE_SUPPORT = 5; // members of each of two classes from which they are compared
constexpr std::size_t MERGE_RECENT = 32; // members of each that are compared
constexpr double MERGE_REACH = 1.5;      // largest distance of their centers over Θ1

constexpr double RELATIVE_FLOOR = 1e-3; // "floor": share of the class's mean variance
constexpr double ABSOLUTE_FLOOR = 1e-12;
constexpr double RELATIVE_ZERO = 1e-12;  // "ignore": below this share counts as zero
constexpr double ABSOLUTE_ZERO = 1e-200; // and below this, whose inverse could not be squared

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

std::string shape_of(const ndarray& array)
{
    std::string text = "(";
    for (std::size_t i = 0; i < array.shape.size(); i++)
        text += (i ? ", " : "") + std::to_string(array.shape[i]);
    return text + ")";
}

void check_values(const std::string& what, const std::vector<double>& values)
{
    for (const double value : values)
        if (!(std::abs(value) <= LARGEST))
            fail(what + " hold a value that is not finite, or beyond " + shown_number(LARGEST));
}

void check_centers(const ndarray& centers)
{
    if (centers.shape.size() != 2 || centers.values.empty())
        fail("centers have shape " + shape_of(centers) +
             ", expected (K, dim) with K and dim at least 1");
    check_values("centers", centers.values);
}

void check_covariances(const ndarray& covariances, std::size_t n_known, std::size_t dim)
{
    if (covariances.shape != std::vector<std::size_t>{ n_known, dim, dim }) {
        const auto d = std::to_string(dim);
        fail("covariances have shape " + shape_of(covariances) + ", expected (" +
             std::to_string(n_known) + ", " + d + ", " + d + ") as of the centers");
    }
    check_values("covariances", covariances.values);
    for (std::size_t k = 0; k < n_known; k++) {
        Eigen::Map<const Eigen::MatrixXd> own(covariances.values.data() + k * dim * dim, dim, dim);
        const auto which = "covariance of class " + std::to_string(k);
        if ((own - own.transpose()).cwiseAbs().maxCoeff() > 1e-9 * own.cwiseAbs().maxCoeff())
            fail(which + " is not symmetric");
        if (own.diagonal().minCoeff() < 0)
            fail(which + " has a negative variance");
    }
}

void check_variances(const ndarray& variances, std::size_t n_known, std::size_t dim)
{
    if (variances.shape != std::vector<std::size_t>{ n_known, dim })
        fail("variances have shape " + shape_of(variances) + ", expected (" +
             std::to_string(n_known) + ", " + std::to_string(dim) + ") as of the centers");
    check_values("variances", variances.values);
    const double least = *std::min_element(variances.values.begin(), variances.values.end());
    if (least < 0)
        fail("variances hold " + shown_number(least) + ", expected none below 0");
}

void check_thresholds(const ndarray& thresholds, std::size_t n_known)
{
    if (thresholds.shape != std::vector<std::size_t>{ n_known })
        fail("thresholds have shape " + shape_of(thresholds) + ", expected (" +
             std::to_string(n_known) + ")");
    for (double threshold : thresholds.values)
        if (!(threshold > 0 && threshold <= LARGEST))
            fail("thresholds hold a value that is no number above 0 and up to " +
                 shown_number(LARGEST));
}

void check_labels(const std::vector<std::string>& labels, std::size_t n_known)
{
    if (!labels.empty() && labels.size() != n_known)
        fail("classes are " + std::to_string(labels.size()) + " labels, expected " +
             std::to_string(n_known) + ", one a center");
    for (const auto& label : labels) {
        check_class_name(label);
        if (std::count(labels.begin(), labels.end(), label) > 1)
            fail("class label '" + label + "' is given twice");
        if (is_default_name(label))
            fail("class label '" + label + "' is one of discovered classes");
    }
}

// With 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, ... members a class is compared with the others.
bool is_due(std::int64_t count)
{
    std::int64_t power = 1;
    while (power <= count / 2)
        power *= 2;
    return count >= MERGE_SUPPORT && count % (power / 4) == 0;
}

// Up to LANES frames (n, t) to a block (t, LANES), their values side by side.
template <typename T>
void lay_side_by_side(const T* __restrict frames, int n, std::size_t t, double* __restrict z)
{
    if (n < LANES)
        std::fill(z, z + t * LANES, 0.0);
    for (std::size_t j = 0; j < t; j++)
        for (int lane = 0; lane < n; lane++)
            z[j * LANES + lane] = frames[lane * t + j];
}

// Of two vectors, in partial sums so that the terms need not wait for each other.
SR2CNN_FOR_ANY_CPU
double squared_distance(const double* __restrict a, const double* __restrict b, std::size_t t)
{
    lanes even = {}, odd = {};
    std::size_t j = 0;
    for (; j + 2 * LANES <= t; j += 2 * LANES) {
        const lanes first =
            *reinterpret_cast<const lanes*>(a + j) - *reinterpret_cast<const lanes*>(b + j);
        const lanes second = *reinterpret_cast<const lanes*>(a + j + LANES) -
                             *reinterpret_cast<const lanes*>(b + j + LANES);
        even += first * first;
        odd += second * second;
    }
    even += odd;
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++)
        sum += even[lane];
    for (; j < t; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

// For each of the frames of a block: Σ_j ((z_j − center_j)·factor_j)², in partial sums,
// so that the terms need not wait for each other.
SR2CNN_FOR_ANY_CPU
void sum_scaled_squares(const double* __restrict block,
                        const double* __restrict center,
                        const double* __restrict factor,
                        std::size_t t,
                        double* __restrict sums)
{
    const lanes* z = reinterpret_cast<const lanes*>(block);
    lanes even = {}, odd = {};
    std::size_t j = 0;
    for (; j + 1 < t; j += 2) {
        const lanes first = (z[j] - center[j]) * factor[j];
        const lanes second = (z[j + 1] - center[j + 1]) * factor[j + 1];
        even += first * first;
        odd += second * second;
    }
    if (j < t) {
        const lanes last = (z[j] - center[j]) * factor[j];
        even += last * last;
    }
    *reinterpret_cast<lanes*>(sums) = even + odd;
}

// For each of the frames of a block: Σ_j z_j²
SR2CNN_FOR_ANY_CPU
void sum_squares(const double* __restrict block, std::size_t t, double* __restrict sums)
{
    const lanes* z = reinterpret_cast<const lanes*>(block);
    lanes sum = {};
    for (std::size_t j = 0; j < t; j++)
        sum += z[j] * z[j];
    *reinterpret_cast<lanes*>(sums) = sum;
}

// For each of the frames of a block: |whiten · (z − center)|², whiten (t, t) upper
// triangular, in row order.
SR2CNN_FOR_ANY_CPU
void sum_turned_squares(const double* __restrict block,
                        const double* __restrict center,
                        const double* __restrict whiten,
                        std::size_t t,
                        double* __restrict scratch,
                        double* __restrict sums)
{
    const lanes* z = reinterpret_cast<const lanes*>(block);
    lanes* offset = reinterpret_cast<lanes*>(scratch);
    for (std::size_t j = 0; j < t; j++)
        offset[j] = z[j] - center[j];
    lanes sum = {};
    std::size_t i = 0;
    for (; i + 1 < t; i += 2) { // two rows at a time read the offset half as often
        const double *row = whiten + i * t, *next = row + t;
        lanes first = offset[i] * row[i], second = {};
        for (std::size_t j = i + 1; j < t; j++) {
            first += offset[j] * row[j];
            second += offset[j] * next[j];
        }
        sum += first * first + second * second;
    }
    if (i < t) {
        const lanes last = offset[i] * whiten[i * t + i];
        sum += last * last;
    }
    *reinterpret_cast<lanes*>(sums) = sum;
}

Eigen::VectorXd
inverse_deviation(const Eigen::VectorXd& variances, std::size_t k, const std::string& zero_variance)
{
    const double mean = variances.mean();
    if (zero_variance == "floor") {
        const double least = std::max(RELATIVE_FLOOR * mean, ABSOLUTE_FLOOR);
        return variances.cwiseMax(least).cwiseSqrt().cwiseInverse();
    }
    const double zero = std::max(RELATIVE_ZERO * mean, ABSOLUTE_ZERO);
    if (!(variances.array() > zero).any())
        fail("class " + std::to_string(k) +
             " has no variance at all, which zero_variance 'ignore' cannot measure by");
    return variances.unaryExpr([zero](double v) { return v > zero ? 1 / std::sqrt(v) : 0; });
}

} // namespace

discriminator_core::discriminator_core(const discriminator_options& options) : d_parameters(options)
{
    check_parameters(d_parameters);
    const auto& distance = d_parameters.distance;
    check_centers(options.centers);
    const auto n_known = options.centers.shape[0];
    const auto dim = options.centers.shape[1];
    d_centers = Eigen::Map<const matrix>(options.centers.values.data(), n_known, dim);

    if (options.variances && options.covariances)
        fail("variances and covariances are both given, expected one of them");
    matrix spread = matrix::Ones(n_known, dim);
    if (distance != "euclidean") {
        if (distance == "mahalanobis" && !options.covariances)
            fail("distance 'mahalanobis' needs covariances (K, dim, dim)");
        if (!options.variances && !options.covariances)
            fail("distance '" + distance + "' needs variances (K, dim)");
        if (options.covariances) {
            check_covariances(*options.covariances, n_known, dim);
            spread =
                Eigen::Map<const matrix>(options.covariances->values.data(), n_known * dim, dim);
            if (distance != "mahalanobis") {
                matrix variances(n_known, dim);
                for (std::size_t k = 0; k < n_known; k++)
                    variances.row(k) = spread.middleRows(k * dim, dim).diagonal();
                spread = variances;
            }
        } else {
            check_variances(*options.variances, n_known, dim);
            spread = Eigen::Map<const matrix>(options.variances->values.data(), n_known, dim);
        }
    }
    set_whitening(spread);

    set_may_discover(options.may_discover);
    check_labels(options.classes, n_known);
    d_classes = options.classes;
    d_thresholds.assign(n_known, theta1());
    if (options.thresholds) {
        check_thresholds(*options.thresholds, n_known);
        d_thresholds = options.thresholds->values;
    }

    d_block.resize(dim * LANES);
    d_offset.resize(dim * LANES);
    d_distances.resize(n_known * LANES);
    d_squares.resize(LANES);
    d_frame.resize(dim);
    d_sorted.resize(n_known);
}

void discriminator_core::set_whitening(const matrix& spread)
{
    const auto& [distance, zero_variance] =
        std::tie(d_parameters.distance, d_parameters.zero_variance);
    const auto dim = d_centers.cols();
    for (std::size_t k = 0; k < n_known(); k++) {
        if (distance == "mahalanobis") {
            Eigen::SelfAdjointEigenSolver<matrix> eigen(spread.middleRows(k * dim, dim));
            const Eigen::VectorXd variances = eigen.eigenvalues();
            if (variances.minCoeff() < -1e-9 * variances.cwiseAbs().maxCoeff())
                fail("covariance of class " + std::to_string(k) + " is not positive semidefinite");
            const Eigen::MatrixXd whiten =
                inverse_deviation(variances, k, zero_variance).asDiagonal() *
                eigen.eigenvectors().transpose();
            // Of the matrices that give the same length the triangular one costs half.
            const Eigen::HouseholderQR<Eigen::MatrixXd> qr(whiten);
            d_whitening.emplace_back(qr.matrixQR().triangularView<Eigen::Upper>());
        } else {
            Eigen::VectorXd variances = spread.row(k);
            if (distance == "isotropic")
                variances.setConstant(variances.mean());
            d_whitening.emplace_back(inverse_deviation(variances, k, zero_variance).transpose());
        }
    }
}

void discriminator_core::set(const std::string& name, const parameter_value& value)
{
    if (!set_parameter(d_parameters, name, value))
        fail("there is no parameter '" + name + "' that can be set");
    if (name == "lambda1")
        d_thresholds.assign(n_known(), theta1());
}

void discriminator_core::set_may_discover(std::optional<int> may_discover)
{
    if (may_discover && *may_discover < 0)
        fail("may_discover is " + std::to_string(*may_discover) + ", expected at least 0");
    d_may_discover = may_discover;
}

template <typename T>
void discriminator_core::predict(const T* z,
                                 std::size_t n,
                                 decision* decisions,
                                 const merge_listener& before_merge)
{
    const std::size_t t = dim();
    for (std::size_t start = 0; start < n; start += LANES, z += LANES * t) {
        const int count = std::min<std::size_t>(LANES, n - start);
        lay_side_by_side(z, count, t, d_block.data());
        compute_distances();

        for (int lane = 0; lane < count; lane++) {
            decision& out = decisions[start + lane];
            out.support = 0;
            out.id = INVALID;
            out.score = std::numeric_limits<double>::infinity();
            // A distance that overflows, NaN where it is a difference of two such, is infinite.
            for (std::size_t k = 0; d_squares[lane] <= LARGEST * LARGEST && k < n_known(); k++) {
                const double score = d_distances[k * LANES + lane] / d_thresholds[k];
                if (score < out.score) {
                    out.score = score;
                    out.id = k;
                }
            }
            if (out.id != INVALID) {
                out.distance = d_distances[out.id * LANES + lane];
                const bool known = out.score < 1; // Eq. 9
                if (!known || d_parameters.rival_support)
                    std::copy(z + lane * t, z + (lane + 1) * t, d_frame.begin());
                if (!known)
                    discover(d_frame.data(), out);
                else if (d_parameters.rival_support)
                    try_rivals(d_frame.data(), out);
            } else {
                out.score = out.distance = std::numeric_limits<double>::quiet_NaN();
            }
            d_frames++;
            d_invalid += out.id == INVALID;
            if (d_parameters.merge_separation > 0 && !d_frozen && is_due(out.support)) {
                std::optional<std::pair<int, int>> due;
                for (int id = out.id; (due = merge_of(find(id))); id = due->second) {
                    const auto [from, into] = *due;
                    if (before_merge)
                        before_merge(start + lane + 1, from, into);
                    const auto name = d_discovered[find(from)].name;
                    merge(from, into);
                    if (name != default_name(from))
                        d_discovered[find(into)].name = name;
                }
            }
        }
    }
}

template void
discriminator_core::predict(const float*, std::size_t, decision*, const merge_listener&);
template void
discriminator_core::predict(const double*, std::size_t, decision*, const merge_listener&);

// Eq. 8 for the frames of d_block and all known classes, and their squared lengths.
void discriminator_core::compute_distances()
{
    const std::size_t t = dim();
    sum_squares(d_block.data(), t, d_squares.data());
    for (std::size_t k = 0; k < n_known(); k++) {
        const matrix& whiten = d_whitening[k];
        const double *center = d_centers.row(k).data(), *z = d_block.data();
        double* sums = d_distances.data() + k * LANES;
        if (whiten.rows() == 1)
            sum_scaled_squares(z, center, whiten.data(), t, sums);
        else
            sum_turned_squares(z, center, whiten.data(), t, d_offset.data(), sums);
        std::transform(sums, sums + LANES, sums, [](double sum) { return std::sqrt(sum); });
    }
}

void discriminator_core::discover(const double* z, decision& out)
{
    const std::size_t n = d_discovered.size();
    const bool full = d_frozen || d_next_id < -MAX_UNKNOWN ||
                      (d_parameters.max_unknown && n >= std::size_t(*d_parameters.max_unknown));
    if (n == 0 && full) {
        out.id = INVALID;
        return;
    }
    const auto [nearest, distance] = nearest_discovered(z, 1);
    if (!full && (n == 0 || !(distance <= theta2_of(z)))) {
        if (d_may_discover == 0) {
            d_refused++;
            out.id = INVALID;
            return;
        }
        if (d_may_discover)
            --*d_may_discover;
        record(z, d_frames);
        out.id = d_discovered[n].id;
        out.support = 1;
    } else {
        join(nearest, z, out);
    }
}

// A frame that a known class takes, against the discovered classes with members enough.
void discriminator_core::try_rivals(const double* z, decision& out)
{
    const auto [nearest, distance] = nearest_discovered(z, d_parameters.rival_support);
    if (!std::isfinite(distance))
        return;
    for (std::size_t k = 0; k < n_known(); k++)
        if (std::sqrt(squared_distance(z, d_centers.row(k).data(), dim())) <= distance)
            return;
    join(nearest, z, out);
    out.score = 1; // only known is below
}

// Place of the nearest discovered class with members enough, and its Euclidean distance;
// infinity where there is none.
std::pair<std::size_t, double>
discriminator_core::nearest_discovered(const double* z, std::int64_t least_count) const
{
    std::size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < d_discovered.size(); i++) {
        if (d_discovered[i].count < least_count)
            continue;
        const double squared = squared_distance(z, d_unknown.row(i).data(), dim());
        if (squared < least) {
            least = squared;
            nearest = i;
        }
    }
    return { nearest, std::sqrt(least) };
}

// Makes a frame a member of the i-th discovered class, Eq. 17, 18.
void discriminator_core::join(std::size_t i, const double* z, decision& out)
{
    auto& joined = d_discovered[i];
    if (!d_frozen) {
        const Eigen::Map<const Eigen::RowVectorXd> point(z, dim());
        joined.count++;
        d_unknown.row(i) += (point - d_unknown.row(i)) / double(joined.count);
        joined.last_frame = d_frames;
        if (d_parameters.merge_separation > 0)
            remember(joined, z, d_frames);
    }
    out.id = joined.id;
    out.support = joined.count;
}

// Θ2 = (d1 + λ2·d_med)/(1 + λ2), Euclidean throughout, Eq. 16.
double discriminator_core::theta2_of(const double* z)
{
    for (std::size_t k = 0; k < n_known(); k++)
        d_sorted[k] = std::sqrt(squared_distance(z, d_centers.row(k).data(), dim()));
    std::sort(d_sorted.begin(), d_sorted.end());
    const auto n = d_sorted.size();
    const double typical = d_parameters.theta2 == "median"
                               ? (d_sorted[(n - 1) / 2] + d_sorted[n / 2]) / 2
                               : std::accumulate(d_sorted.begin(), d_sorted.end(), 0.0) / double(n);
    const double theta2 =
        (d_sorted.front() + d_parameters.lambda2 * typical) / (1 + d_parameters.lambda2);
    if (d_parameters.theta2_limit == 0)
        return theta2;
    return std::min(theta2, d_parameters.theta2_limit * theta1());
}

void discriminator_core::record(const double* z, std::int64_t frame)
{
    const auto n = Eigen::Index(d_discovered.size());
    if (n == d_unknown.rows())
        d_unknown.conservativeResize(std::max<Eigen::Index>(16, 2 * n), dim());
    d_unknown.row(n) = Eigen::Map<const Eigen::RowVectorXd>(z, dim());
    d_discovered.push_back({ d_next_id, default_name(d_next_id), 1, frame, frame });
    if (d_parameters.merge_separation > 0)
        remember(d_discovered.back(), z, frame);
    d_next_id--;
}

// Takes a frame among the last members of a class, in place of the first of them.
void discriminator_core::remember(discovered_class& known, const double* z, std::int64_t frame)
{
    auto& frames = known.recent_frames;
    const auto n = frames.size();
    if (n < MERGE_RECENT) {
        frames.push_back(frame);
        known.recent.insert(known.recent.end(), z, z + dim());
        return;
    }
    const auto first = std::min_element(frames.begin(), frames.end()) - frames.begin();
    if (frame < frames[first])
        return;
    frames[first] = frame;
    std::copy(z, z + dim(), known.recent.begin() + first * dim());
}

// Ids of the younger and the older of two classes to be merged, one of them a class that has a
// new member; none where it is separate from all others.
std::optional<std::pair<int, int>> discriminator_core::merge_of(std::size_t grown) const
{
    std::optional<std::size_t> nearest;
    double least = d_parameters.merge_separation;
    for (std::size_t i = 0; i < d_discovered.size(); i++) {
        const double own = separation(grown, i);
        if (own < least) {
            least = own;
            nearest = i;
        }
    }
    if (!nearest)
        return std::nullopt;
    const int a = d_discovered[grown].id, b = d_discovered[*nearest].id;
    return std::pair{ std::min(a, b), std::max(a, b) };
}

// Ashman's D of the last members of two classes along the line through their centers; infinite
// where they cannot be merged.
double discriminator_core::separation(std::size_t a, std::size_t b) const
{
    constexpr double never = std::numeric_limits<double>::infinity();
    const auto is_named = [](const discovered_class& known) {
        return known.name != default_name(known.id);
    };
    for (const auto i : { a, b })
        if (d_discovered[i].recent_frames.size() < MERGE_SUPPORT)
            return never;
    if (a == b || (is_named(d_discovered[a]) && is_named(d_discovered[b])))
        return never;
    const Eigen::RowVectorXd line = d_unknown.row(b) - d_unknown.row(a);
    if (!(line.norm() <= MERGE_REACH * theta1()))
        return never;
    double means[2], variances = 0;
    for (const auto i : { a, b }) {
        const auto n = d_discovered[i].recent_frames.size();
        const Eigen::Map<const matrix> members(d_discovered[i].recent.data(), n, dim());
        Eigen::VectorXd along = (members.rowwise() - d_unknown.row(a)) * line.transpose();
        const double mean = along.mean();
        along.array() -= mean;
        variances += along.squaredNorm() / double(n - 1);
        means[i == b] = mean;
    }
    const double gap = std::abs(means[0] - means[1]);
    const double deviation = std::sqrt(variances / 2);
    return deviation > 0 ? gap / deviation : gap == 0 ? 0 : never;
}

std::size_t discriminator_core::find(int id) const
{
    for (std::size_t i = 0; i < d_discovered.size(); i++)
        if (d_discovered[i].id == id)
            return i;
    fail("there is no discovered class " + std::to_string(id));
}

void discriminator_core::rename(int id, const std::string& name)
{
    auto& known = d_discovered[find(id)];
    check_class_name(name);
    if (std::count(d_classes.begin(), d_classes.end(), name))
        fail("the name '" + name + "' is that of a known class");
    bool taken = is_default_name(name) && name != default_name(id);
    for (const auto& other : d_discovered)
        taken = taken || (other.name == name && other.id != id);
    if (taken)
        fail("the name '" + name + "' belongs to another class; merge them instead");
    known.name = name;
}

void discriminator_core::merge(int src, int dst)
{
    if (src == dst)
        fail("class " + std::to_string(src) + " cannot be merged into itself");
    const std::size_t from = find(src), into = find(dst);
    const auto& source = d_discovered[from];
    auto& target = d_discovered[into];
    const auto total = source.count + target.count;
    d_unknown.row(into) +=
        (d_unknown.row(from) - d_unknown.row(into)) * (double(source.count) / double(total));
    target.count = total;
    target.first_frame = std::min(source.first_frame, target.first_frame);
    target.last_frame = std::max(source.last_frame, target.last_frame);
    if (d_parameters.merge_separation > 0)
        for (std::size_t i = 0; i < source.recent_frames.size(); i++)
            remember(target, source.recent.data() + i * dim(), source.recent_frames[i]);
    d_merged[src] = dst;
    remove(from);
}

void discriminator_core::forget(int id) { remove(find(id)); }

void discriminator_core::remove(std::size_t i)
{
    d_discovered.erase(d_discovered.begin() + i);
    for (; i < d_discovered.size(); i++)
        d_unknown.row(i) = d_unknown.row(i + 1);
}

} // namespace sr2cnn
} // namespace gr
