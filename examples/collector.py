#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several sensors publish, in one table, or as JSON lines with the sensor's name; until Ctrl-C.

A sensor is `sr2cnn monitor --zmq ADDRESS`, examples/sensor.py, or any event sink with a ZMQ address.
Sensors may come later, go away and come back.

    .venv/bin/python examples/collector.py roof=tcp://10.0.0.7:5555 yard=tcp://10.0.0.8:5555
    .venv/bin/python examples/collector.py here=5555 --json | jq -r 'select(.event == "novel") | .sensor'
"""

import argparse
import contextlib
import json
import signal
import time

import zmq
from gnuradio.sr2cnn.cli.watch import CUT_OFF, KINDS, Seen
from gnuradio.sr2cnn.sources.address import connectable
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

TICK_MS = 250


def sensor(text):
    """NAME=ADDRESS, as a pair."""
    name, equals, address = text.partition("=")
    if not equals or not name.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r}, expected NAME=ADDRESS")
    try:
        return name, connectable(address)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def table(sensors):
    """One table of them all; sensors are name -> `Seen`."""
    shown = Table("sensor", "class", "share", "last heard", "mean score")
    now = time.monotonic()
    for name, seen in sensors.items():
        total = seen.frames - seen.gone
        for heard in seen.largest()[:10]:
            shown.add_row(
                escape(name),
                escape(heard.name) + ("" if heard.known else "  new"),
                f"{100 * heard.frames / max(total, 1):.1f} %",
                f"{now - heard.last:.0f} s ago",
                "–" if heard.score is None else f"{heard.score:.2f}",
                style=None if heard.known else "cyan",
            )
        if not seen.classes:
            shown.add_row(escape(name), "nothing heard yet")
        shown.add_section()
    return shown


def received(sockets, sensors):
    """Events, each with its sensor's name, as they come; None when for a while none does."""
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    while True:
        ready = poller.poll(TICK_MS)
        if not ready:
            yield None
        for socket, _ in ready:
            name = sockets[socket]
            event = sensors[name].take(socket.recv_multipart())
            if event is not None:  # else it was none of an event sink's
                yield {"sensor": name, **event}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sensors", type=sensor, nargs="+", metavar="NAME=ADDRESS")
    parser.add_argument("--json", action="store_true", help="JSON lines, no table")
    options = parser.parse_args()

    sockets, sensors = {}, {}
    context = zmq.Context()
    for name, address in options.sensors:
        if name in sensors:
            parser.error(f"two sensors are named {name!r}")
        socket = context.socket(zmq.SUB)
        socket.linger = 0
        socket.maxmsgsize = CUT_OFF
        for kind in KINDS:
            socket.subscribe(kind)
        socket.connect(address)
        sockets[socket], sensors[name] = name, Seen()

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # head has seen enough
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        if options.json:
            for event in received(sockets, sensors):
                if event is not None:
                    print(json.dumps(event), flush=True)
        with Live(table(sensors), console=Console(highlight=False), auto_refresh=False) as live:
            shown = time.monotonic()
            for _ in received(sockets, sensors):
                if time.monotonic() - shown >= TICK_MS / 1000:
                    live.update(table(sensors), refresh=True)
                    shown = time.monotonic()
    context.destroy()


if __name__ == "__main__":
    main()
