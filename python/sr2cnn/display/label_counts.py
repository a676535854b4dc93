# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts of labels by class, in bounded memory."""

from dataclasses import dataclass

MOST_CLASSES = 1000  # of more than that, the longest unheard give way


@dataclass
class Heard:
    """A class that was heard.

    Attributes:
        key: which it is
        name, known: as the labels say
        order: how many classes were heard before it
        frames: of it, since the start
        last: when the latest label came, on the caller's clock, s
        scored, scores: frames that had a score, and the sum of theirs
    """

    key: int | str
    name: str
    known: bool
    order: int
    frames: int = 0
    last: float = 0.0
    scored: int = 0
    scores: float = 0.0

    @property
    def score(self):
        """Mean over its frames, or None."""
        return self.scores / self.scored if self.scored else None

    def take_over(self, other):
        """Count the frames of another class as this one's."""
        self.last = max(self.last, other.last)
        self.frames += other.frames
        self.scored += other.scored
        self.scores += other.scores


class LabelCounts:
    """Counts frames by class. A class goes by a key that the caller chooses: its id, or its label.

    Attributes:
        classes: key -> `Heard`, `MOST_CLASSES` at most
        frames: of all classes, forgotten ones too
    """

    def __init__(self):
        self.classes = {}
        self.frames = 0
        self._n_heard = 0

    @property
    def gone(self):
        """Frames of classes that were forgotten, or gave way to others."""
        return self.frames - sum(heard.frames for heard in self.classes.values())

    def largest(self):
        """The classes, those with most frames first."""
        return sorted(self.classes.values(), key=lambda heard: (-heard.frames, heard.order))

    def hear(self, key, name, known):
        """The `Heard` of a class, made if there is none."""
        if key not in self.classes:
            if len(self.classes) >= MOST_CLASSES:
                self.forget(min(self.classes.values(), key=lambda heard: heard.last).key)
            self.classes[key] = Heard(key, name, known, self._n_heard)
            self._n_heard += 1
        return self.classes[key]

    def count(self, heard, event):
        """Count the frames of a label event for a class; ``n_frames`` is a count."""
        n, score = event["n_frames"], event.get("score")
        self.frames += n
        heard.frames += n
        if is_finite(score):
            heard.scored += n
            heard.scores += n * score

    def forget(self, key):
        """A class is no more: its `Heard`, or None if there is none."""
        return self.classes.pop(key, None)


def is_integer(value):
    """Whether it is an int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value, most=(1 << 64) - 1):
    """Whether it is an int that counts something."""
    return is_integer(value) and 0 <= value <= most


def is_finite(value):
    """Whether it is a number that can be summed and shown."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100
