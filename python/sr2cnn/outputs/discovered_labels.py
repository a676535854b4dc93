# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels go when discovered classes do."""


class DiscoveredLabels:
    """The labels that discovered classes were heard under, for what counts by label."""

    def __init__(self):
        self._ids = {}  # by label, the latest last

    def heard(self, event):
        """Take a ``labels`` event whose label has counts of its own."""
        label, id = event["label"], event.get("class_id")
        self._ids.pop(label, None)
        if isinstance(id, int) and id < 0:
            self._ids[label] = id

    def drop(self, label):
        """The label has no counts of its own any more."""
        self._ids.pop(label, None)

    def let_go(self, status):
        """Labels of the classes that are no more, by a status's ``merged`` or ``forgotten``.

        Returns:
            list of pairs, the label and that which takes its counts, None if there is none
        """
        merged, forgotten = status.get("merged"), status.get("forgotten")
        gone = [(id, None) for id in forgotten] if isinstance(forgotten, list) else []
        if isinstance(merged, dict) and merged.get("from") != merged.get("into"):
            gone.append((merged.get("from"), merged.get("into")))
        pairs = []
        for id, into in gone:
            *_, heir = None, *(label for label, other in self._ids.items() if other == into)
            for label in [label for label, other in self._ids.items() if other == id]:
                self.drop(label)
                pairs.append((label, heir))
        return pairs
