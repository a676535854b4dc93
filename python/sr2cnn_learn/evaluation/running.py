# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-set figures that grow with a stream."""

from collections import Counter

import numpy as np

from ..discriminator import INVALID
from ..names import label_of


def _ratio(part, whole):
    return part / whole if whole else None


class RunningScore:
    """Counts truth against class ids as they come.

    Args:
        classes: names of the known classes in the model's order
    """

    def __init__(self, classes):
        self.classes = list(classes)
        if not self.classes:
            raise ValueError("classes is empty, expected the names of the known classes")
        self._counts = Counter()

    def update(self, truth, ids):
        """Count frames.

        Args:
            truth: (N,) labels
            ids: (N,) class ids; frames that could not be judged (INVALID) are not counted

        Raises:
            ValueError: the lengths differ, or an id is beyond the known classes
        """
        ids = np.asarray(ids)
        if len(truth) != len(ids):
            raise ValueError(f"{len(truth)} labels and {len(ids)} ids, expected as many of both")
        if len(ids) and ids.max() >= len(self.classes):
            raise ValueError(f"class id {ids.max()}, expected at most {len(self.classes) - 1}")
        self._counts.update((t, i) for t, i in zip(truth, ids.tolist()) if i != INVALID)

    def label(self, class_id):
        """The name of a class id: a known class, or ``unknown_<n>``."""
        return label_of(class_id, self.classes)

    def report(self):
        """The figures so far.

        Returns:
            dict: ``frames``; ``known_accuracy``, ``tkr`` and ``tur``, each a share or None as in
            ``open_set_metrics``; ``new_classes``, a list of dicts ``label``, ``frames`` and ``made_of``
            (truth → frames), largest first; ``confusion``, truth → label → frames
        """
        known = accepted = right = unknown = rejected = 0
        confusion, made_of = {}, {}
        for (truth, class_id), n in sorted(self._counts.items()):
            label = self.label(class_id)
            confusion.setdefault(truth, {})[label] = n
            if class_id < 0:
                made_of.setdefault(label, {})[truth] = n
            if truth in self.classes:
                known += n
                accepted += n * (class_id >= 0)
                right += n * (label == truth)
            else:
                unknown += n
                rejected += n * (class_id < 0)
        new = [dict(label=k, frames=sum(v.values()), made_of=v) for k, v in made_of.items()]
        return dict(
            frames=known + unknown,
            known_accuracy=_ratio(right, known),
            tkr=_ratio(accepted, known),
            tur=_ratio(rejected, unknown),
            new_classes=sorted(new, key=lambda entry: -entry["frames"]),
            confusion=confusion,
        )
