# SPDX-License-Identifier: GPL-3.0-or-later
"""What all outputs share: they fail alone, and say so once."""

import logging
import threading

from sr2cnn_learn.names import shown

from ..reporting import Seldom


class Output:
    """One way out for events. Nothing that goes wrong in it reaches the caller.

    A subclass has a ``name`` and implements `_write`, which raises what went wrong; `flush` and `_close`
    where it needs them. `_write` and `_close` are called by one thread at a time. What a retry may cure, a
    full disk or a port in use, is retried with later events.

    Args:
        report: called with a line of text when the output begins to fail; default: a logger's `error`

    Attributes:
        written, lost: counts of events
        fault: what is wrong now, in a line, or None
    """

    name = "output"
    holds = False  # whether events are out at the next `flush` only
    keeps = False  # whether events are to stay: one that is lost is a result lost

    def __init__(self, report=None):
        self.written = 0
        self.lost = 0
        self.fault = None
        self._report = Seldom(report or logging.getLogger(__name__).error, again=False)
        self._closed = False
        self._lock = threading.RLock()

    def write(self, kind, event):
        """Take an event of a kind; what cannot be taken is counted and lost."""
        with self._lock:
            if self._closed:
                self.lost += 1
            elif self._attempt(self._write, kind, event):
                self.written += 1
                if not self.holds:
                    self.fault = None
            else:
                self.lost += 1

    def flush(self):
        """See to it that what was taken is out, as far as that can be waited for.

        A file that a later event can open again is closed: there may be none.
        """

    def close(self):
        """Flush, and give back files, ports and threads. Later events are lost."""
        self.flush()
        with self._lock:
            if not self._closed:
                self._attempt(self._close)
            self._closed = True

    def _attempt(self, function, *arguments):
        """Whether it worked."""
        try:
            function(*arguments)
        except Exception as error:  # whatever it is: it must not end the caller's flowgraph
            self._fail(error)
            return False
        return True

    def _fail(self, error):
        self.fault = f"{self.name}: {str(error) or type(error).__name__}"
        self._report(shown(f"{self.fault}; the flowgraph goes on"))

    def _write(self, kind, event):
        raise NotImplementedError

    def _close(self):
        pass


def results_lost(outputs):
    """What is wrong with the outputs that keep events, a line each."""
    bad = [output for output in outputs if output.keeps and (output.lost or output.fault)]
    return [output.fault or f"{output.name}: {output.lost} events lost" for output in bad]
