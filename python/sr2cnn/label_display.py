# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels on the screen."""

import time
from collections import deque

import pmt
from sr2cnn_learn.bundle import Bundle, find
from sr2cnn_learn.quantities import number, takes_numbers

from .messages import CMD, SPECTRA, event, event_receiver

PORTS = ("labels", "novel", "emissions", "status")
MOST_WAITING = 20_000  # messages for the panel to take


class label_display(event_receiver):
    """A Qt panel: classes as a table, a timeline and a map of the semantic space; drops and latency above; and,
    where it is told of ``spectra``, a waterfall with a box for each emission.

    A double-click on a discovered class in the table names it: connect ``cmd`` to the recognizer's. The
    flowgraph never waits for the panel; where messages come faster than it takes them, the oldest are left
    out and it says how many. The panel may be closed at any time.

    Message inputs ``labels``, ``novel``, ``emissions``, ``status``: those of a recognizer or discriminator;
    ``spectra``: that of a `spectrum` of the same samples. Message output ``cmd``: dicts for the port of that
    name.

    Args:
        model: path of a bundle, or the bare name of a shipped model, for the known classes on the map; None
            or "": the map is fitted to what comes
        window: seconds that the timeline and the waterfall cover
        sample_rate: Hz, of the stream, where its labels do not say; None or 0: the timeline then goes by the
            time of arrival
        parent: QWidget that the panel becomes part of, or None

    Attributes:
        missed: number of messages left out

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, or an argument is out of range
        RuntimeError: there is no QApplication
    """

    @takes_numbers(window=number, sample_rate=number)
    def __init__(self, model=None, window=60.0, sample_rate=None, parent=None):
        from PyQt5.QtWidgets import QApplication  # imported here, so that the other blocks load quickly

        from .display.label_panel import LabelPanel

        event_receiver.__init__(self, "SR2CNN Label Display", PORTS)
        if QApplication.instance() is None:  # Qt would end the process
            raise RuntimeError("there is no QApplication: make one before a label_display")
        self.message_port_register_in(pmt.intern(SPECTRA))
        self.set_msg_handler(pmt.intern(SPECTRA), self._on_spectra)
        self.missed = 0
        self._waiting = deque(maxlen=MOST_WAITING)
        self._panel = LabelPanel(
            events=self._events,
            rename=self._rename,
            bundle=Bundle.read(find(model)) if model else None,
            window=window,
            sample_rate=sample_rate or None,
            missed=lambda: self.missed,
            report=self.logger.error,
            parent=parent,
        )
        self.message_port_register_out(pmt.intern(CMD))

    def widget(self):
        """The panel, a QWidget."""
        return self._panel

    @takes_numbers(window=number)
    def set_window(self, window):
        """Seconds that timeline and waterfall cover. The timeline keeps what lies in them."""
        self._panel.set_window(window)

    @takes_numbers(sample_rate=number)
    def set_sample_rate(self, sample_rate):
        """Hz, of labels that come from now on and do not say theirs; None or 0: it is unknown."""
        self._panel.set_sample_rate(sample_rate or None)

    def _on_spectra(self, message):
        self._take(SPECTRA, message)

    def _take(self, port, message):
        # A flowgraph's thread: the panel's takes it from here when it has time.
        self.missed += len(self._waiting) == MOST_WAITING
        self._waiting.append((port, message, time.monotonic()))

    def _events(self):
        """What waits, as the panel asks for it."""
        while self._waiting:
            port, message, at = self._waiting.popleft()
            try:
                about = event(message, port) if port != SPECTRA else event(message) | {"event": SPECTRA}
            except Exception:  # of what strangers send
                self.missed += 1
            else:
                yield about, at

    def _rename(self, class_id, name):
        command = pmt.to_pmt({"rename": {"id": class_id, "name": name}})
        self.message_port_pub(pmt.intern(CMD), command)
