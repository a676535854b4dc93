# SPDX-License-Identifier: GPL-3.0-or-later
"""Class ids against the truth."""

import numpy as np
import pmt
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.evaluation.running import RunningScore
from sr2cnn_learn.names import shown

from .base import sync_block
from .messages import StatusPort

TRUTH = pmt.intern("truth")


class scorer(sync_block):
    """Scores a stream of class ids against the ``truth`` tags that it carries.

    Ids before the first tag have no truth and are only counted, in `frames_unscored`.

    Input: int16 class ids, with tags ``truth`` (a dict with ``label``) where the truth changes.
    Message output ``score``, once a second and at the end: the dict of
    `sr2cnn_learn.evaluation.running.RunningScore.report`.

    Args:
        classes: names of the known classes in order, or a model (path or name) that has them

    Attributes:
        frames_unscored: ids that came before any truth

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged
    """

    def __init__(self, classes="sr2cnn"):
        if isinstance(classes, str):
            classes = Bundle.read(classes).classes
        self._score = RunningScore(classes)
        self._truth = None
        self.frames_unscored = 0
        sync_block.__init__(self, name="SR2CNN Scorer", in_sig=[np.int16], out_sig=None)
        self._port = StatusPort(self, self.report, "score")

    def report(self):
        """The figures so far, see `RunningScore.report`."""
        return self._score.report()

    def work(self, input_items, output_items):
        ids = input_items[0]
        first = self.nitems_read(0)
        tags = self.get_tags_in_range(0, first, first + len(ids), TRUTH)
        start = 0
        for tag in sorted(tags, key=lambda tag: tag.offset):
            self._add(ids[start : tag.offset - first])
            start = tag.offset - first
            label = pmt.dict_ref(tag.value, pmt.intern("label"), pmt.PMT_NIL)
            self._truth = pmt.symbol_to_string(label) if pmt.is_symbol(label) else None
        self._add(ids[start:])
        self._port.tick()
        return len(ids)

    def _add(self, ids):
        if self._truth is None:
            self.frames_unscored += len(ids)
            return
        try:
            self._score.update([self._truth] * len(ids), ids)
        except ValueError as error:
            self.frames_unscored += len(ids)
            self.logger.error(shown(error))

    def stop(self):
        self._port.publish()
        return True
