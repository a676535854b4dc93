/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_DISCRIMINATOR_OPTIONS_H
#define INCLUDED_SR2CNN_DISCRIMINATOR_OPTIONS_H

#include <cstddef>
#include <gnuradio/sr2cnn/parameter.h>
#include <optional>
#include <string>
#include <vector>

namespace gr {
namespace sr2cnn {

//! Class id of a frame that cannot be judged.
constexpr int INVALID = -32768;

//! Discovered classes are -1 ... -32767, so that every id fits the int16 class stream.
constexpr int MAX_UNKNOWN = 32767;

//! Numbers in rows, with the shape that they came with.
struct ndarray {
    std::vector<std::size_t> shape;
    std::vector<double> values;
};

/*!
 * \brief Parameters of Algorithm 2 (Dong et al., SR2CNN, IEEE TSP 2021; equations are the paper's).
 *
 * The same as sr2cnn_learn.discriminator_parameters.DiscriminatorParameters.
 */
struct discriminator_parameters {
    //! Θ1 = lambda1·3·√dim, Eq. 10. Setting it returns from thresholds per class to the one Θ1.
    double lambda1 = 0.4;

    //! Weight of the typical distance to the known centers in Θ2, Eq. 16.
    double lambda2 = 1.0;

    //! A_k of Eq. 8: "mahalanobis" Σ_k, "diagonal" its diagonal, "isotropic" trace/dim,
    //! "euclidean" the identity.
    std::string distance = "diagonal";

    //! "median" or "mean" of the distances to the known centers in Θ2.
    std::string theta2 = "median";

    //! "floor": a variance is at least 1e-3 of its class's mean. "ignore": dimensions
    //! without variance do not count.
    std::string zero_variance = "floor";

    //! Frames a discovered class needs before it is announced. No effect on ids.
    int min_support = 1;

    //! Most discovered classes kept; then the nearest takes the frame. None: as many as ids.
    std::optional<int> max_unknown;

    //! Members from which a discovered class is a rival of the known ones: it then takes
    //! frames within Θ1, too, that lie nearer (Euclidean) to its center than to any known
    //! one. 0: never, as in the paper.
    int rival_support = 0;

    //! Largest Θ2 over Θ1 = lambda1·3·√dim. Without it Θ2 grows with the distance to the known
    //! centers, so that what lies far from them all becomes one class. 0: no limit, as in the
    //! paper. For distances that are in the scale of the Euclidean one.
    double theta2_limit = 0;

    //! Two discovered classes are merged, the younger into the older one, where the last
    //! members of both along the line through their centers show no gap: where Ashman's D,
    //! the distance of their means over the root mean square of their standard deviations, is
    //! below this. The halves of one cloud have 2.6 (normal) to 3.5 (uniform). Two classes
    //! that the operator named stay apart. 0: never, as in the paper. For distances that are
    //! in the scale of the Euclidean one.
    double merge_separation = 0;

    static auto table()
    {
        using own = discriminator_parameters;
        constexpr bool fixed = true;
        return std::tuple{
            parameter("lambda1", &own::lambda1, above(0)),
            parameter("lambda2", &own::lambda2, at_least(0)),
            parameter("distance",
                      &own::distance,
                      { "diagonal", "isotropic", "euclidean", "mahalanobis" },
                      fixed),
            parameter("theta2", &own::theta2, { "median", "mean" }),
            parameter("zero_variance", &own::zero_variance, { "floor", "ignore" }, fixed),
            parameter("min_support", &own::min_support, at_least(1)),
            parameter("max_unknown", &own::max_unknown, between(0, MAX_UNKNOWN)),
            parameter("rival_support", &own::rival_support, at_least(0)),
            parameter("theta2_limit", &own::theta2_limit, at_least(0)),
            parameter("merge_separation", &own::merge_separation, at_least(0)),
        };
    }
};

//! What the discriminator decides by: the semantics of a model and the parameters.
struct discriminator_options : discriminator_parameters {
    //! (K, dim) semantic centers S_k of the known classes, Eq. 7.
    ndarray centers;

    //! (K, dim) variances, for "diagonal" and "isotropic"; "euclidean" does without.
    std::optional<ndarray> variances;

    //! (K, dim, dim), for "mahalanobis"; the other distances accept it in place of
    //! the variances and use its diagonal.
    std::optional<ndarray> covariances;

    //! (K,) labels of the known classes: no discovered class is given one of them. Empty: unknown.
    std::vector<std::string> classes;

    //! How many classes may still be discovered, counted down with each; a frame that would be the
    //! first of one more is INVALID. None: any number.
    std::optional<int> may_discover;

    //! (K,) Θ_k in place of one Θ1; the class is then the argmin of d_k/Θ_k.
    std::optional<ndarray> thresholds;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_DISCRIMINATOR_OPTIONS_H */
