# SPDX-License-Identifier: GPL-3.0-or-later
"""Events to subscribers over ZeroMQ."""

import errno
import json
import os
import re
import stat
import weakref
from collections import Counter

from .output import Output

LINGER_MS = 500  # that closing waits for subscribers to take what they have not yet
LARGEST_SUBSCRIPTION = 1024  # bytes; who sends more is cut off


class ZmqPub(Output):
    """A ZeroMQ PUB socket: each event is a message of two parts, its kind (the topic) and its JSON.

    It never waits. A subscriber that does not keep up misses events, the others do not; the JSON's
    ``sequence``, which counts from 0 for each kind, tells it how many.

    Args:
        address: to bind to, see `endpoint`
        queue: most messages that wait for one subscriber
        report: see `Output`

    Attributes:
        endpoint: where it listens, None while the address cannot be had
        lost: here, of the events that were sent, how many found a subscriber's queue run full, too

    Raises:
        ValueError: the address is none
    """

    name = "ZMQ"

    def __init__(self, address, queue=1000, report=None):
        super().__init__(report)
        import zmq

        self._zmq = zmq
        self._address = endpoint(address)
        self.name = f"ZMQ {self._address}"
        self._sequence = Counter()
        self.endpoint = None
        self._context = zmq.Context()
        self._socket = socket = self._context.socket(zmq.PUB)
        # Garbage collection and the interpreter's end give subscribers their time, too.
        self._finalizer = weakref.finalize(self, _end, self._context, socket)
        socket.sndhwm = queue
        socket.maxmsgsize = LARGEST_SUBSCRIPTION
        socket.tcp_keepalive = 1  # a peer that went without a word is forgotten, and its queue
        socket.ipv6 = "[" in self._address
        socket.setsockopt(zmq.XPUB_NODROP, 1)  # a full queue is told, see _write
        self._attempt(self._bind)

    def _bind(self):
        path = self._address.removeprefix("ipc://")
        # ZeroMQ would delete whatever is there.
        if path != self._address and os.path.lexists(path) and not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "is no socket, and not replaced by one", path)
        self._socket.bind(self._address)
        self.endpoint = self._socket.getsockopt_string(self._zmq.LAST_ENDPOINT)

    def _write(self, kind, event):
        if self.endpoint is None:
            self._bind()
        text = json.dumps({**event, "sequence": self._sequence[kind]}, allow_nan=False)
        self._sequence[kind] += 1
        parts = [kind.encode(), text.encode()]
        zmq, socket = self._zmq, self._socket
        try:
            socket.send_multipart(parts, zmq.DONTWAIT)
        except zmq.Again:
            socket.getsockopt(zmq.EVENTS)  # hears now what subscribers have taken meanwhile
            socket.setsockopt(zmq.XPUB_NODROP, 0)
            socket.send_multipart(parts, zmq.DONTWAIT)  # to those that have room
            socket.setsockopt(zmq.XPUB_NODROP, 1)
            raise BlockingIOError("a subscriber does not keep up and misses events") from None

    def _close(self):
        self._finalizer()


def endpoint(address):
    """A ZeroMQ address, from an address or a mere port.

    Args:
        address: a port (5555 or ``"5555"``) of the loopback interface; or, in full,
            ``"tcp://<interface>:<port>"`` with a name, an IP address or ``*`` for all interfaces;
            or ``"ipc://<path>"``. Port 0 takes any that is free

    Raises:
        ValueError: it is none of these
    """
    expected = "a port, tcp://<interface>:<port> or ipc://<path>"
    port = match = None
    if isinstance(address, int) and not isinstance(address, bool):
        host, port = "127.0.0.1", address
    elif isinstance(address, str) and address.isascii() and address.isprintable():
        if address.startswith("ipc://") and len(address) > len("ipc://"):
            return address
        if match := re.fullmatch(r"(?:tcp://(\*|[\w.-]+|\[[\w:.%]+\]):)?(\d+)", address):
            host, port = match[1] or "127.0.0.1", int(match[2])
    if port is None or not 0 <= port <= 65535:
        raise ValueError(f"ZMQ address is {address!r}, expected {expected}")
    return f"tcp://{'127.0.0.1' if host == 'localhost' else host}:{port}"


def _end(context, socket):
    socket.close(LINGER_MS)
    context.term()
