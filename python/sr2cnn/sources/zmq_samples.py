# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples over ZeroMQ, from publishers that may send anything. Nothing here knows GNU Radio."""

import contextlib

import numpy as np
import zmq

from ..reporting import Seldom

LARGEST = 1 << 26  # bytes of a message; ZeroMQ cuts a publisher off that sends more
SAMPLE = np.dtype("<c8")
# What GNU Radio's ZMQ sinks put before the samples with Pass Tags: magic, version, offset, number of tags.
TAG_HEADER = np.dtype([("magic", "<u2"), ("version", "u1"), ("offset", "<u8"), ("tags", "<u8")])


class ZmqSamples:
    """Subscribes to a publisher of complex float samples, as GNU Radio's ZMQ PUB Sink, with a key or without.

    Args:
        address: to connect to; the publisher need not be there yet
        report: called with a line of text about messages that are left out, at most once a minute

    Attributes:
        left_out: number of messages that were no samples

    Raises:
        OSError: there is no such address
    """

    def __init__(self, address, report):
        self._report = Seldom(report)
        self._name = f"zmq:{address}"
        self._address = address
        self.left_out = 0
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.maxmsgsize = LARGEST
        self._socket.ipv6 = "[" in address
        self._socket.subscribe(b"")
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise OSError(error.errno, f"{self._name}: {error}") from None

    def receive(self, timeout):
        """The next samples: complex64 (n,), or None when within `timeout` seconds none come."""
        if not self._socket.poll(1000 * timeout):
            self._connect_again()
            return None
        *keys, data = self._socket.recv_multipart()
        wrong = _what_is_wrong(keys, data)
        if not wrong:
            return np.frombuffer(data, SAMPLE)
        self.left_out += 1
        self._report(f"{self._name}: {wrong}; {self.left_out} messages left out so far")
        return None

    def _connect_again(self):
        """After a message that was too long ZeroMQ itself does not always."""
        cut_off = False
        while self._monitor.poll(0):
            self._monitor.recv_multipart()
            cut_off = True
        if cut_off:
            with contextlib.suppress(zmq.ZMQError):  # it may have forgotten the address
                self._socket.disconnect(self._address)
            self._socket.connect(self._address)

    def close(self):
        """What comes then is lost."""
        self._socket.disable_monitor()
        self._socket.close()


def _what_is_wrong(keys, data):
    if len(keys) > 1:
        return f"a message of {len(keys) + 1} parts, expected samples, or a key and samples"
    if len(data) >= TAG_HEADER.itemsize:
        header = np.frombuffer(data, TAG_HEADER, 1)[0]
        # No offset and no number of tags is so large; as samples it would be one in 10^20.
        if header["magic"] == 0x5FF0 and header["version"] == 1 and header["tags"] < 1 << 20:
            return "a message with tags, expected samples alone: set Pass Tags to No at the publisher"
    if not data or len(data) % SAMPLE.itemsize:
        return f"a message of {len(data)} bytes, expected samples of {SAMPLE.itemsize} bytes (complex float)"
    return None
