# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server that strangers cannot fill: for scrapes, which take milliseconds."""

import contextlib
import socket
import threading
import time
from http.server import ThreadingHTTPServer

MOST_CONNECTIONS = 32  # at once; a new one then ends the oldest
LONGEST = 5.0  # seconds that a connection may take, however busy it looks
TICK = 0.5  # seconds between looks at them


class MetricsServer(ThreadingHTTPServer):
    """Listens from the start; `serve` it in a thread.

    Args:
        address: IP address to listen on
        port: 0 takes any that is free
        handler: `http.server.BaseHTTPRequestHandler`

    Raises:
        OSError: it cannot listen there
    """

    request_queue_size = MOST_CONNECTIONS

    def __init__(self, address, port, handler):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._until = {}  # by connection, the oldest first: when its time is up
        self._changed = threading.Condition()
        super().__init__((address, port), handler)
        self.socket.settimeout(TICK)  # for a connection that is gone before it is accepted, too

    def serve(self, ended):
        """Serve until the event is set, then close."""
        with self:
            while not ended.is_set():
                self.handle_request()
                self._end_late()
        with self._changed:
            for connection in self._until:
                _end(connection)

    def _end_late(self):
        now = time.monotonic()
        with self._changed:
            for connection, until in self._until.items():
                if until < now:
                    _end(connection)

    def get_request(self):
        try:
            return super().get_request()
        except TimeoutError:
            raise
        except OSError:  # descriptors have run out, and the next attempt would come at once
            time.sleep(TICK)
            raise

    def process_request(self, request, client_address):
        with self._changed:
            if len(self._until) >= MOST_CONNECTIONS:
                _end(next(iter(self._until)))
                if not self._changed.wait_for(lambda: len(self._until) < MOST_CONNECTIONS, TICK):
                    self.shutdown_request(request)
                    return
            self._until[request] = time.monotonic() + LONGEST
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        with self._changed:
            self._until.pop(request, None)
            self._changed.notify_all()

    def handle_error(self, request, client_address):
        """A peer that went: nothing to tell."""


def _end(connection):
    """Its thread then finds it closed, and gives it back."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
