# SPDX-License-Identifier: GPL-3.0-or-later
"""The discriminator P (Algorithm 2 of the SR2CNN paper) in plain numpy.

This is the reference: short, readable and slow. ``gnuradio.sr2cnn.discriminator_kernel`` is
the same in C++ with the same API, and the tests hold the two together frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .discriminator_parameters import LARGEST, MAX_UNKNOWN, PARAMETERS, DiscriminatorParameters
from .names import check_name, default_name, is_default_name

#: Class id of a frame that cannot be judged (not finite, or nowhere to put it).
INVALID = -32768
MERGE_SUPPORT = 5  # members of each of two classes from which they are compared
MERGE_RECENT = 32  # members of each that are compared
MERGE_REACH = 1.5  # largest distance of their centers over Θ1

_RELATIVE_FLOOR = 1e-3  # "floor": least variance, as a share of the class's mean variance
_ABSOLUTE_FLOOR = 1e-12
_RELATIVE_ZERO = 1e-12  # "ignore": a variance below this share of the mean counts as zero
_ABSOLUTE_ZERO = 1e-200  # and one below this, whose inverse could not be squared


@dataclass(eq=False)
class Discovered:
    """One discovered class; ``center`` is the running mean of its members (Eq. 17, 18)."""

    id: int
    name: str
    center: np.ndarray
    count: int
    first_frame: int
    last_frame: int


class Discriminator:
    """Decides, frame by frame, between the known classes and classes discovered on the way.

    Args:
        centers: (K, dim) semantic centers S_k of the known classes.
        variances: (K, dim) variances of each class; for ``"diagonal"`` and ``"isotropic"``.
            ``"euclidean"`` does without.
        covariances: (K, dim, dim), for ``"mahalanobis"``; the other distances accept it in
            place of ``variances`` and use its diagonal.
        thresholds: (K,) Θ_k of each class in place of one Θ1; the class is then the argmin
            of d_k/Θ_k. Setting ``lambda1`` later returns to the one Θ1.
        classes: (K,) labels of the known classes: no discovered class is given one of them. Empty: unknown.
        may_discover: how many classes may still be discovered, counted down with each; a frame that would
            be the first of one more is INVALID. None: any number.
        *positional, **named: the fields of `DiscriminatorParameters`: ``lambda1``, ``lambda2``, … They are
            properties of the discriminator, too; those that are not fixed can be set.

    Attributes:
        frames, invalid: frames that came, and those of them that got INVALID
        refused: those of them that ``may_discover`` stood against
        scores: of the last `predict`, see there

    Raises:
        ValueError: an argument is out of range, with its value and what was expected.
    """

    def __init__(
        self,
        centers,
        variances=None,
        *positional,
        covariances=None,
        thresholds=None,
        classes=(),
        may_discover=None,
        **named,
    ):
        parameters = DiscriminatorParameters(*positional, **named)
        self._centers = _checked_centers(centers)
        self._n_known, self._dim = self._centers.shape
        spread = _checked_spread(self._centers, variances, covariances, parameters.distance)
        self._whitening = _whitening(spread, parameters.distance, parameters.zero_variance)
        self._parameters = parameters
        self._thresholds = np.full(self._n_known, self._theta1())
        self.may_discover = may_discover
        self._classes = _checked_labels(classes, self._n_known)
        if thresholds is not None:
            self._thresholds = _checked_thresholds(thresholds, self._n_known)

        self._recorded: list[Discovered] = []
        self._recent: dict[int, list] = {}  # per id its last members: frame, vector
        self._merged: dict[int, int] = {}
        self._next_id = -1
        self._frozen = False
        self.frames = 0
        self.invalid = 0
        self.refused = 0
        self.scores = np.empty(0)

    # -- parameters -----------------------------------------------------------------------

    @property
    def may_discover(self) -> int | None:
        return self._may_discover

    @may_discover.setter
    def may_discover(self, value):
        if value is not None and value < 0:
            raise ValueError(f"may_discover is {value}, expected at least 0")
        self._may_discover = value

    @property
    def thresholds(self) -> np.ndarray:
        """(K,) Θ_k in use; all the same, Θ1, unless thresholds per class were given."""
        return self._thresholds.copy()

    @property
    def whitening(self) -> list[np.ndarray]:
        """(dim,) factors or a (dim, dim) matrix a class: z − S_k times it is as long as d(z, S_k)."""
        return self._whitening

    # -- Algorithm 2 ----------------------------------------------------------------------

    def predict(self, z) -> np.ndarray:
        """Class ids of ``z`` (N, dim), in order; what was discovered carries over.

        Returns (N,) int64: k >= 0 a known class, < 0 a discovered one, INVALID neither.
        ``scores`` then holds (N,) min d_k/Θ_k, but 1 where a rival took a frame with less: below 1 means
        known, and nothing else does. NaN where a frame could not be compared with the known classes.
        """
        z = np.asarray(z, dtype=np.float64)
        ids, self.scores = self.nearest_known(z)
        valid = ids != INVALID
        contested = valid if self.rival_support else valid & ~(self.scores < 1)
        for n in np.flatnonzero(contested):
            if self.scores[n] < 1:
                ids[n] = self._rival_of(z[n], self.frames + n, ids[n])
                if ids[n] < 0:
                    self.scores[n] = 1
            else:
                ids[n] = self._discover(z[n], self.frames + n)
            if self.merge_separation and INVALID < ids[n] < 0 and not self._frozen:
                self._merge_with_others(find_class(self._recorded, ids[n]))
        self.frames += len(z)
        self.invalid += int(np.count_nonzero(ids == INVALID))
        return ids

    def nearest_known(self, z) -> tuple[np.ndarray, np.ndarray]:
        """The nearest known class of each of ``z`` (N, dim), however far; nothing is discovered.

        Returns (N,) int64 argmin of d_k/Θ_k and (N,) that d_k/Θ_k. INVALID and NaN for a vector that is not
        finite, or so far away that no distance is.
        """
        z = np.asarray(z, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != self._dim:
            raise ValueError(f"z has shape {z.shape}, expected (N, {self._dim})")
        ratios = np.full((len(z), self._n_known), np.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            valid = np.einsum("nd,nd->n", z, z) <= LARGEST**2
            # A distance that overflows, NaN where it is a difference of two such, is infinite.
            ratios[valid] = np.fmin(self._distances(z[valid]) / self._thresholds, np.inf)
        nearest = np.min(ratios, axis=1)
        judged = np.isfinite(nearest)
        ids = np.where(judged, np.argmin(ratios, axis=1), INVALID)
        return ids, np.where(judged, nearest, np.nan)

    def _distances(self, z: np.ndarray) -> np.ndarray:
        """(N, K) generalised distances d(z, S_k), Eq. 8."""
        columns = []
        for center, whiten in zip(self._centers, self._whitening):
            offset = z - center
            offset = offset * whiten if whiten.ndim == 1 else offset @ whiten
            columns.append(np.sqrt(np.sum(offset**2, axis=1)))
        return np.stack(columns, axis=1)

    def _discover(self, z: np.ndarray, frame: int) -> int:
        """Id of a frame that no known class took: the nearest discovered class or a new one."""
        full = self._frozen or self._next_id < -MAX_UNKNOWN
        if self.max_unknown is not None:
            full = full or len(self._recorded) >= self.max_unknown
        nearest, distance = self._nearest_discovered(z)
        if nearest is None and full:
            return INVALID
        if nearest is None or not (full or distance <= self._theta2_of(z)):
            if self._may_discover == 0:
                self.refused += 1
                return INVALID
            if self._may_discover is not None:
                self._may_discover -= 1
            new = Discovered(self._next_id, default_name(self._next_id), z.copy(), 1, frame, frame)
            self._recorded.append(new)
            self._next_id -= 1
            self._remember(new.id, [(frame, z.copy())])
            return new.id
        return self._join(nearest, z, frame)

    def _rival_of(self, z: np.ndarray, frame: int, id: int) -> int:
        """Id of a frame that known class ``id`` takes: that, or of a discovered class that is nearer."""
        rival, distance = self._nearest_discovered(z, self.rival_support)
        if rival is None or np.min(np.linalg.norm(z - self._centers, axis=1)) <= distance:
            return id
        return self._join(rival, z, frame)

    def _nearest_discovered(self, z: np.ndarray, least_count: int = 1):
        """The nearest discovered class with members enough, or None, and its Euclidean distance."""
        candidates = [known for known in self._recorded if known.count >= least_count]
        if not candidates:
            return None, np.inf
        distances = [np.linalg.norm(z - known.center) for known in candidates]
        return candidates[int(np.argmin(distances))], min(distances)

    def _join(self, joined: Discovered, z: np.ndarray, frame: int) -> int:
        if not self._frozen:
            joined.count += 1
            joined.center += (z - joined.center) / joined.count
            joined.last_frame = frame
            self._remember(joined.id, [(frame, z.copy())])
        return joined.id

    def _remember(self, id: int, members: list):
        if self.merge_separation:
            recent = self._recent.get(id, []) + members
            self._recent[id] = sorted(recent, key=lambda member: member[0])[-MERGE_RECENT:]

    def _merge_with_others(self, grown: Discovered):
        """Merges a class that has a new member with those that it is not separate from.

        Looked at with 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, … members.
        """
        steps = 2 ** (grown.count.bit_length() - 1) // 4
        if grown.count < MERGE_SUPPORT or grown.count % steps:
            return
        while grown is not None:
            grown = self._merge_with_nearest(grown)

    def _merge_with_nearest(self, grown: Discovered):
        """The class that ``grown`` is part of now; None if there is none to merge with."""
        separations = [(self._separation(grown, other), other) for other in self._recorded]
        separations = [pair for pair in separations if pair[0] < self.merge_separation]
        if not separations:
            return None
        _, other = min(separations, key=lambda pair: pair[0])
        older, younger = (grown, other) if grown.id > other.id else (other, grown)
        self.merge(younger.id, older.id)
        if _is_named(younger):
            older.name = younger.name
        return older

    def _separation(self, a: Discovered, b: Discovered) -> float:
        """Ashman's D of the last members of two classes; infinite where they cannot be merged."""
        of_a, of_b = self._recent.get(a.id, ()), self._recent.get(b.id, ())
        if a is b or min(len(of_a), len(of_b)) < MERGE_SUPPORT or (_is_named(a) and _is_named(b)):
            return np.inf
        line = b.center - a.center
        if np.linalg.norm(line) > MERGE_REACH * self._theta1():
            return np.inf
        of_a, of_b = (np.array([(z - a.center) @ line for _, z in recent]) for recent in (of_a, of_b))
        gap = abs(np.mean(of_a) - np.mean(of_b))
        deviation = np.sqrt((np.var(of_a, ddof=1) + np.var(of_b, ddof=1)) / 2)
        return gap / deviation if deviation > 0 else 0.0 if gap == 0 else np.inf

    def _theta2_of(self, z: np.ndarray) -> float:
        """Θ2 = (d1 + λ2·d_med)/(1 + λ2), Euclidean throughout (Eq. 16)."""
        distances = np.linalg.norm(z - self._centers, axis=1)
        typical = np.median(distances) if self.theta2 == "median" else np.mean(distances)
        theta2 = (np.min(distances) + self.lambda2 * typical) / (1 + self.lambda2)
        if not self.theta2_limit:
            return theta2
        return min(theta2, self.theta2_limit * self._theta1())

    def _theta1(self) -> float:
        """Θ1 = λ1·3·√t (Eq. 10)."""
        return self.lambda1 * 3 * np.sqrt(self._dim)

    # -- discovered classes ---------------------------------------------------------------

    @property
    def discovered(self) -> list[Discovered]:
        """Copies of the discovered classes, in order of discovery."""
        return [
            Discovered(d.id, d.name, d.center.copy(), d.count, d.first_frame, d.last_frame)
            for d in self._recorded
        ]

    @property
    def n_discovered(self) -> int:
        return len(self._recorded)

    @property
    def frozen(self) -> bool:
        return self._frozen

    def rename(self, id: int, name: str):
        """Names a discovered class. ValueError if the name is another's, known or not, or none at all."""
        rename_class(self._recorded, id, name, self._classes)

    def merge(self, src: int, dst: int):
        """Makes class ``src`` part of ``dst``; the center becomes the mean of all members."""
        merge_classes(self._recorded, src, dst)
        self._merged[src] = dst
        self._remember(dst, self._recent.pop(src, []))

    @property
    def merged(self) -> dict[int, int]:
        """Which class each merged one went into."""
        return dict(self._merged)

    def forget(self, id: int):
        """Drops a discovered class. Its id is never used again."""
        self._recorded.remove(find_class(self._recorded, id))
        self._recent.pop(id, None)

    def freeze(self, on: bool = True):
        """While frozen no class is discovered and no center moves."""
        self._frozen = bool(on)


def _parameter(field) -> property:
    name = field.name

    def get(self):
        return getattr(self._parameters, name)

    def set(self, value):
        self._parameters = replace(self._parameters, **{name: value})
        if name == "lambda1":
            self._thresholds = np.full(self._n_known, self._theta1())

    return property(get, None if field.metadata["fixed"] else set, doc=field.metadata["about"])


for _field in PARAMETERS:
    setattr(Discriminator, _field.name, _parameter(_field))


def find_class(classes: list[Discovered], id: int) -> Discovered:
    """The class of an id. ValueError if there is none."""
    for known in classes:
        if known.id == id:
            return known
    raise ValueError(f"there is no discovered class {id}")


def rename_class(classes: list[Discovered], id: int, name: str, labels=()):
    """Names one of the classes, see `Discriminator.rename`; ``labels`` are those of the known classes."""
    known = find_class(classes, id)
    check_name(name)
    if name in labels:
        raise ValueError(f"the name '{name}' is that of a known class")
    of_another = is_default_name(name) and name != default_name(id)
    if of_another or any(d.name == name and d.id != id for d in classes):
        raise ValueError(f"the name '{name}' belongs to another class; merge them instead")
    known.name = name


def merge_classes(classes: list[Discovered], src: int, dst: int) -> tuple[Discovered, Discovered]:
    """Makes one of the classes part of another; both, the first no longer one of them."""
    if src == dst:
        raise ValueError(f"class {src} cannot be merged into itself")
    source, target = find_class(classes, src), find_class(classes, dst)
    total = source.count + target.count
    target.center += (source.center - target.center) * (source.count / total)
    target.count = total
    target.first_frame = min(source.first_frame, target.first_frame)
    target.last_frame = max(source.last_frame, target.last_frame)
    classes.remove(source)
    return source, target


def resolve(ids, merged) -> np.ndarray:
    """Class ids (N,) with each merged class replaced by the one that it is part of now.

    Args:
        merged: dict from id to id, ``merged`` of a discriminator
    """
    ids = np.array(ids)
    for id in np.unique(ids[ids < 0]).tolist():
        now = id
        while now in merged:
            now = merged[now]
        ids[ids == id] = now
    return ids


def _is_named(known: Discovered) -> bool:
    """Whether the operator named a class: two such classes are kept apart."""
    return known.name != default_name(known.id)


def _check_values(what, array):
    if not (np.abs(array) <= LARGEST).all():
        raise ValueError(f"{what} hold a value that is not finite, or beyond {LARGEST:g}")


def _checked_labels(labels, n_known) -> list[str]:
    labels = list(labels)
    if labels and len(labels) != n_known:
        raise ValueError(f"classes are {len(labels)} labels, expected {n_known}, one a center")
    for k, label in enumerate(labels):
        check_name(label)
        if label in labels[:k]:
            raise ValueError(f"class label '{label}' is given twice")
        if is_default_name(label):
            raise ValueError(f"class label '{label}' is one of discovered classes")
    return labels


def _shape(array) -> str:
    return "(" + ", ".join(str(n) for n in array.shape) + ")"


def _checked_centers(centers) -> np.ndarray:
    centers = np.array(centers, dtype=np.float64)
    if centers.ndim != 2 or 0 in centers.shape:
        raise ValueError(f"centers have shape {_shape(centers)}, expected (K, dim) with K and dim at least 1")
    _check_values("centers", centers)
    return centers


def _checked_spread(centers, variances, covariances, distance) -> np.ndarray:
    """The variances (K, dim) or covariances (K, dim, dim) that the distance needs."""
    n_known, dim = centers.shape
    if variances is not None and covariances is not None:
        raise ValueError("variances and covariances are both given, expected one of them")
    if distance == "euclidean":
        return np.ones((n_known, dim))
    if distance == "mahalanobis" and covariances is None:
        raise ValueError("distance 'mahalanobis' needs covariances (K, dim, dim)")
    if variances is None and covariances is None:
        raise ValueError(f"distance '{distance}' needs variances (K, dim)")

    if covariances is not None:
        covariances = np.array(covariances, dtype=np.float64)
        if covariances.shape != (n_known, dim, dim):
            raise ValueError(
                f"covariances have shape {_shape(covariances)}, "
                f"expected ({n_known}, {dim}, {dim}) as of the centers"
            )
        _check_values("covariances", covariances)
        for k, covariance in enumerate(covariances):
            largest = np.abs(covariance).max()
            if np.abs(covariance - covariance.T).max() > 1e-9 * largest:
                raise ValueError(f"covariance of class {k} is not symmetric")
            if np.diagonal(covariance).min() < 0:
                raise ValueError(f"covariance of class {k} has a negative variance")
        if distance == "mahalanobis":
            return covariances
        return np.diagonal(covariances, axis1=1, axis2=2)

    variances = np.array(variances, dtype=np.float64)
    if variances.shape != (n_known, dim):
        raise ValueError(
            f"variances have shape {_shape(variances)}, expected ({n_known}, {dim}) as of the centers"
        )
    _check_values("variances", variances)
    if variances.min() < 0:
        raise ValueError(f"variances hold {variances.min():g}, expected none below 0")
    return variances


def _checked_thresholds(thresholds, n_known) -> np.ndarray:
    thresholds = np.array(thresholds, dtype=np.float64)
    if thresholds.shape != (n_known,):
        raise ValueError(f"thresholds have shape {_shape(thresholds)}, expected ({n_known})")
    if not ((thresholds > 0) & (thresholds <= LARGEST)).all():
        raise ValueError(f"thresholds hold a value that is no number above 0 and up to {LARGEST:g}")
    return thresholds


def _whitening(spread, distance, zero_variance) -> list[np.ndarray]:
    """Per class what maps z - S_k to a vector of length d(z, S_k): (dim,) factors or a matrix."""
    whitening = []
    for k, own in enumerate(spread):
        if distance == "mahalanobis":
            variances, directions = np.linalg.eigh(own)
            if variances.min() < -1e-9 * max(abs(variances.max()), abs(variances.min())):
                raise ValueError(f"covariance of class {k} is not positive semidefinite")
            whitening.append(directions * _inverse_deviation(variances, k, zero_variance))
        elif distance == "isotropic":
            mean = np.full_like(own, own.mean())
            whitening.append(_inverse_deviation(mean, k, zero_variance))
        else:
            whitening.append(_inverse_deviation(own, k, zero_variance))
    return whitening


def _inverse_deviation(variances, k, zero_variance) -> np.ndarray:
    mean = variances.mean()
    if zero_variance == "floor":
        return 1 / np.sqrt(np.maximum(variances, max(_RELATIVE_FLOOR * mean, _ABSOLUTE_FLOOR)))
    kept = variances > max(_RELATIVE_ZERO * mean, _ABSOLUTE_ZERO)
    if not kept.any():
        raise ValueError(f"class {k} has no variance at all, which zero_variance 'ignore' cannot measure by")
    return np.where(kept, 1 / np.sqrt(np.where(kept, variances, 1)), 0)
