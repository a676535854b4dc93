# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that a block publishes once a second."""

import time
import weakref

import pmt

PERIOD = 1.0  # seconds


class StatusPort:
    """A message port of a Python block for a dict once a second.

    Args:
        block: the block; the port is registered with it
        report: method of it that returns the dict, of plain Python values
        port: its name
    """

    def __init__(self, block, report, port="status"):
        self._report = weakref.WeakMethod(report)  # the block owns this port, not the other way round
        self._port = pmt.intern(port)
        self._due = 0.0
        block.message_port_register_out(self._port)

    def tick(self):
        """Publish if the last message is a second old; to be called from work."""
        if time.monotonic() >= self._due:
            self.publish()

    def publish(self):
        """Publish now."""
        self._due = time.monotonic() + PERIOD
        report = self._report()
        report.__self__.message_port_pub(self._port, pmt.to_pmt(report()))
