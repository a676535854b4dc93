# SPDX-License-Identifier: GPL-3.0-or-later
"""The semantic space on a plane."""

from collections import deque

import numpy as np

MOST_KNOWN = 64  # known classes on the map before they are heard
MOST_HEARD = 40  # more classes on the map, once they are heard
MOST_RUNS = 400  # latest runs on the map
MOVED = 0.05  # of the distance to the nearest class: a center that moved by more is placed anew
MOST_DIM = 4096  # of vectors whose dimension is not given
FIT_FROM = 3  # classes whose centers span a plane
SCALE = 0.5  # of the shrinkage by projection: with more, the map is a scatter; with less, a heap


class SemanticMap:
    """Known and discovered classes, and runs of frames, as points of a plane.

    The plane is that of the two principal components of the known classes' centers. What lies off it, as
    most discovered classes do, would be drawn onto some known class by a mere projection. So every class is
    drawn as near to its projection as it can be, but never nearer to another class than `scale` times their
    distance in the semantic space. A run is drawn where the projection puts it as seen from its class.

    The center of a discovered class is the mean of its frames. Without the known classes' centers those are
    means, too, and the plane is fitted to all classes anew as they are heard.

    Args:
        centers: float (K, dim), of the known classes, the first `MOST_KNOWN` of which are shown at once; None
            if they are not known

    Attributes:
        dim: of the semantic vectors, None until the first
        scale: of the map, half the median of what the projection leaves of the distance between known classes
    """

    def __init__(self, centers=None):
        self._given = {} if centers is None else dict(enumerate(np.asarray(centers, float)[:MOST_KNOWN]))
        self.dim = len(self._given[0]) if self._given else None
        self.scale = SCALE
        self._means = {}  # class id -> (frames, mean vector), where no center is given
        self._runs = deque(maxlen=MOST_RUNS)  # class id, vector
        self._placed = {}  # class id -> (center, position)
        self._basis = None
        self._fitted_to = (0, 0)
        self._n_runs = 0
        if self._given:
            self._fit(np.array(list(self._given.values())))

    def take(self, class_id, vector, n_frames):
        """Count a run of frames: their mean vector.

        Returns:
            whether it is one, of `dim` finite numbers
        """
        try:
            vector = np.asarray(vector, float)
        except (TypeError, ValueError):
            return False
        if vector.ndim != 1 or vector.size != (self.dim or np.clip(vector.size, 2, MOST_DIM)):
            return False
        if not np.all(np.abs(vector) < 1e30):
            return False
        self.dim = vector.size
        self._runs.append((class_id, vector))
        self._n_runs += 1
        if class_id not in self._given:
            frames, mean = self._means.get(class_id, (0, vector))
            frames += n_frames
            self._means[class_id] = frames, mean + (vector - mean) * (n_frames / frames)
        return True

    def merge(self, source, into):
        """Make the runs of one class those of another, and its mean part of the other's."""
        if source not in self._means:
            return
        frames, mean = self._means.pop(source)
        others, other = self._means.get(into, (0, mean))
        self._means[into] = frames + others, (frames * mean + others * other) / (frames + others)
        self._runs = deque(((into if id == source else id, vector) for id, vector in self._runs), MOST_RUNS)

    def keep(self, class_ids):
        """Forget the classes that were heard but for these."""
        self._means = {id: mean for id, mean in self._means.items() if id in class_ids}

    def classes(self):
        """Positions of the classes, those heard being the `MOST_HEARD` most frequent: id -> float (2,)."""
        if not self._given:
            self._fit_to_heard()
        heard = sorted(self._means.items(), key=lambda item: -item[1][0])[:MOST_HEARD]
        centers = self._given | {id: mean for id, (_, mean) in heard}
        self._placed = {id: placed for id, placed in self._placed.items() if id in centers}
        # Discovered ones last: the map of the known ones does not depend on them.
        out = {id: -np.linalg.norm(center - self._middle) for id, center in centers.items()}
        for id in sorted(centers, key=lambda id: (id < 0, out[id] if id >= 0 else -id)):
            self._place(id, centers[id])
        return {id: position for id, (_, position) in self._placed.items()}

    def runs(self):
        """The latest runs of the classes last asked for.

        Returns:
            class ids, int (N,), and positions, float (N, 2)
        """
        drawn = [(id, vector, *self._placed[id]) for id, vector in self._runs if id in self._placed]
        if not drawn:
            return np.empty(0, int), np.empty((0, 2))
        ids, vectors, centers, positions = map(np.array, zip(*drawn))
        return ids, positions + (vectors - centers) @ self._basis

    def nearest_known(self, class_id):
        """Id and distance of the known class nearest to a discovered one on the map, or None."""
        known = {id: center for id, (center, _) in self._placed.items() if id >= 0}
        if not known or class_id not in self._placed or class_id >= 0:
            return None
        distances = np.linalg.norm(np.array(list(known.values())) - self._placed[class_id][0], axis=1)
        return list(known)[int(distances.argmin())], float(distances.min())

    def _fit_to_heard(self):
        """Fit the plane to what was heard, if that has become much more."""
        classes, runs = self._fitted_to
        if not self._runs or (len(self._means) == classes and self._n_runs < 2 * runs):
            return
        self._fitted_to = len(self._means), self._n_runs
        centers = [mean for _, mean in self._means.values()]
        self._fit(np.array(centers if len(centers) >= FIT_FROM else [vector for _, vector in self._runs]))

    def _fit(self, points):
        self._placed.clear()
        self._middle = points.mean(0)
        rows = np.concatenate([points - self._middle, np.zeros((2, points.shape[1]))])  # two at least
        axes = np.linalg.svd(rows, full_matrices=False)[2][:2].T
        if self._basis is None:
            largest = axes[np.abs(axes).argmax(0), [0, 1]]
            self._basis = axes * np.where(largest < 0, -1.0, 1.0)
        else:  # turned so that the map moves as little as possible
            u, _, v = np.linalg.svd(axes.T @ self._basis)
            self._basis = axes @ u @ v
        left = _distances(*[self._project(points)] * 2)[np.triu_indices(len(points), 1)]
        apart = _distances(points, points)[np.triu_indices(len(points), 1)]
        if apart.any():
            self.scale = SCALE * float(np.median(left[apart > 0] / apart[apart > 0]))

    def _project(self, vectors):
        return (vectors - self._middle) @ self._basis

    def _place(self, id, center):
        others = [placed for other, placed in self._placed.items() if other != id]
        foot = self._project(center)
        if not others:
            self._placed[id] = center, foot
            return
        centers, positions = map(np.array, zip(*others))
        distances = np.linalg.norm(centers - center, axis=1)
        if id in self._placed and np.linalg.norm(self._placed[id][0] - center) <= MOVED * distances.min():
            return
        self._placed[id] = center, nearest_outside(foot, positions, self.scale * distances)


def nearest_outside(point, middles, radii):
    """The point nearest to a given one that lies within none of some circles.

    That is the point itself, or it lies on one circle, straight out, or where two circles meet.

    Args:
        point: float (2,)
        middles, radii: float (N, 2) and (N,), of the circles

    Returns:
        float (2,)
    """
    out = point - middles
    length = np.linalg.norm(out, axis=1, keepdims=True)
    out = np.where(length > 1e-12, out / np.maximum(length, 1e-12), [1.0, 0.0])
    a, b = np.triu_indices(len(middles), 1)
    between = middles[b] - middles[a]
    d = np.linalg.norm(between, axis=1)
    meet = (d > 1e-12) & (d <= radii[a] + radii[b]) & (d >= np.abs(radii[a] - radii[b]))
    a, b, between, d = a[meet], b[meet], between[meet], d[meet, None]
    along = (d**2 + radii[a, None] ** 2 - radii[b, None] ** 2) / (2 * d)
    across = np.sqrt(np.maximum(radii[a, None] ** 2 - along**2, 0))
    unit = between / d
    normal = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    foot = middles[a] + along * unit
    found = np.concatenate(
        [point[None], middles + radii[:, None] * out, foot + across * normal, foot - across * normal]
    )
    found = found[np.argsort(((found - point) ** 2).sum(1))]
    inside = (radii - _distances(found, middles)).max(1)
    slack = 1e-9 * (1 + np.abs(radii).max())
    return found[int(np.maximum(inside, slack).argmin())]


def _distances(a, b):
    return np.linalg.norm(a[:, None] - b[None], axis=2)
