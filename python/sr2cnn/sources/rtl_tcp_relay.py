# SPDX-License-Identifier: GPL-3.0-or-later
"""Between gr-osmosdr's client of rtl_tcp and the server. Nothing here knows GNU Radio.

That client does not see its server hang up: its thread then turns for good and takes a core, and the source
can be neither used nor closed. Where a server takes it in and says nothing, it waits for that holding the
interpreter's lock: for good, too, and deaf to Ctrl-C. A process of its own that passes the bytes on has
neither: who opens the source hears in time that the server is not there, and when the server hangs up, or
the process is ended, the client's connection is reset, which it does see.

This file is that process, too, and starts fast because it needs the standard library alone.
"""

import re
import select
import socket
import struct
import subprocess
import sys

PATIENCE = 5.0  # seconds for the server to answer, and for the client to come
HEADER = 12  # bytes that a server begins with: "RTL0", tuner, number of gains
PIECE = 1 << 16
SERVER = re.compile(r"(^|[\s,])rtl_tcp(=[^\s,]*)?(?=[\s,]|$)")  # in device arguments
HOST, PORT = "127.0.0.1", "1234"  # gr-osmosdr's defaults


class RtlTcpRelay:
    """The connection to a server.

    Args:
        arguments: device arguments of gr-osmosdr that match `SERVER`

    Attributes:
        arguments: those to give to gr-osmosdr in their place

    Raises:
        OSError: the server is not there, or no such one
    """

    def __init__(self, arguments):
        match = SERVER.search(arguments)
        host, _, port = (match[2] or "=")[1:].strip("'\"").partition(":")
        self._process = subprocess.Popen(
            [sys.executable, "-IS", __file__, host or HOST, port or PORT, str(PATIENCE)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for who reads the samples
        )
        said = self._process.stdout.readline().strip()
        if not said.isdecimal():
            self.close()
            raise OSError(said or "its relay has died")
        server = f"{match[1]}rtl_tcp=127.0.0.1:{said}"
        self.arguments = arguments[: match.start()] + server + arguments[match.end() :]

    def close(self):
        """End the connection, whatever it is at. To do it again is no matter."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def main(host, port, patience):
    """Say the port that the client is to come to, or what is wrong; then pass on."""
    try:
        server = socket.create_connection((host, int(port)), float(patience))
        header = b""
        while len(header) < HEADER:
            piece = server.recv(HEADER - len(header))
            if not piece:
                raise OSError("the server hung up at once")
            header += piece
        if not header.startswith(b"RTL0"):
            raise OSError("no rtl_tcp server")
        listener = socket.create_server(("127.0.0.1", 0), backlog=1)
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(print(error))
    print(listener.getsockname()[1], flush=True)
    listener.settimeout(float(patience))
    try:
        client, _ = listener.accept()
    except OSError:
        return  # it did not come
    listener.close()
    # However it ends, the client sees a reset, not an end, which it would overlook.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.settimeout(None)
    client.sendall(header)
    _pass_on(server, client)


def _pass_on(*ends):
    """What each of both says to the other, until one hangs up."""
    while True:
        for end in select.select(ends, [], [])[0]:
            try:
                data = end.recv(PIECE)
                ends[end is ends[0]].sendall(data)
            except OSError:
                return
            if not data:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
