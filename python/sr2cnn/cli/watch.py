# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn watch`: what an event sink publishes, as a live table."""

import json
import time

import click
from rich.live import Live
from rich.table import Table
from sr2cnn_learn.cli.output import check_reader, stdout_console
from sr2cnn_learn.names import check_name, shown
from sr2cnn_learn.quantities import loads_finite
from sr2cnn_learn.wording import percent

from ..display.label_counts import LabelCounts, is_count, is_finite
from ..messages import EVENTS
from ..outputs.discovered_labels import DiscoveredLabels
from ..outputs.output import Output
from ..sources.address import connectable

KINDS = tuple(EVENTS)
LARGEST = 1 << 20  # bytes of a message
CUT_OFF = 64 * LARGEST  # who sends more than that at once is disconnected before it fills the memory
LONGEST_LABEL = 40  # characters shown
MOST_FRAMES = 1 << 53
MAX_ROWS = 40
TICK_MS = 250
STATUS = ("model", "frames_in", "frames_out", "frames_dropped", "latency_ms_p50", "latency_ms_p99")


@click.command()
@click.argument("address", default="tcp://127.0.0.1:5555")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, no table.")
def watch(address, as_json):
    """Show what an event sink publishes over ZeroMQ, until Ctrl-C.

    ADDRESS is that of the event sink, tcp://HOST:PORT, or a mere PORT of this machine. The table tells
    each class's share of the frames since the command started, when it was last heard, and the mean
    score of its frames (below 1: known); discovered classes are marked. Messages that are none of an
    event sink's are counted, never shown. The sink may start later or go away and come back.

    \b
    Examples:
      sr2cnn watch
      sr2cnn watch tcp://sensor.local:5555
      sr2cnn watch 5555 --json | jq -r 'select(.event == "novel") | .label'
    """
    import zmq

    address = connectable(address)
    seen = Seen()
    console = stdout_console()
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.maxmsgsize = CUT_OFF
        socket.ipv6 = True
        for kind in KINDS:
            socket.subscribe(kind)
        try:
            try:
                socket.connect(address)
            except zmq.ZMQError as error:
                raise ValueError(f"{address}: {error}") from None
            if as_json:
                for event in _events(socket, seen):
                    check_reader()
                    if event is not None:
                        click.echo(json.dumps(event))
                return
            with Live(console=console, auto_refresh=False) as live:
                live.update(seen.table(address), refresh=True)
                shown = time.monotonic()
                try:
                    for _ in _events(socket, seen):
                        if time.monotonic() - shown >= TICK_MS / 1000:
                            live.update(seen.table(address), refresh=console.is_terminal)
                            shown = time.monotonic()
                finally:
                    live.update(seen.table(address))
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            if seen.ignored:
                click.echo(f"{seen.ignored} messages ignored: not an event sink's", err=True)


def _events(socket, seen):
    """Events as they come, and None when for a while none does."""
    while True:
        if not socket.poll(TICK_MS):
            yield None
            continue
        event = seen.take(socket.recv_multipart())
        if event is not None:
            yield event


class Seen(LabelCounts):
    """What came so far, by label.

    The frames of a discovered class that is merged go to the class that it is part of now.

    Attributes:
        status: the last status
        gaps: how often the source of samples was gone
        missed: events that this subscriber did not keep up with
        ignored: messages that were no events
    """

    def __init__(self):
        super().__init__()
        self.status = {}
        self.gaps = 0
        self.missed = 0
        self.ignored = 0
        self._next = {}
        self._labels = DiscoveredLabels()

    def take(self, parts):
        """Count a message, a list of bytes: the event, or None if it is none."""
        try:
            kind, event = parse(parts)
            self.add(kind, event)
        except ValueError:
            self.ignored += 1
            return None
        sequence = event.get("sequence")
        if is_count(sequence, MOST_FRAMES):
            # A sink that was started anew counts from 0.
            self.missed += max(0, sequence - self._next.get(kind, sequence))
            self._next[kind] = sequence + 1
        return event

    def add(self, kind, event):
        """Count an event that `check` has passed."""
        if kind == "labels":
            self._count(event)
        elif kind == "status":
            self.status = event
            for label, heir in self._labels.let_go(event):
                gone = self.forget(label)
                if heir is not None:
                    self.classes[heir].take_over(gone)
        elif kind == "gap":
            self.gaps += 1

    def _count(self, event):
        label = event["label"]
        heard = self.hear(label, label, event["known"])
        heard.known, heard.last = event["known"], time.monotonic()
        self._labels.heard(event)
        self.count(heard, event)

    def forget(self, label):
        self._labels.drop(label)
        return super().forget(label)

    def table(self, title):
        """A rich table of it all."""
        table = Table("class", "share", "frames", "last heard", "mean score", title=title)
        total, gone, order = self.frames, self.gone, self.largest()
        now = time.monotonic()
        for heard in order[:MAX_ROWS]:
            table.add_row(
                shown(heard.name, LONGEST_LABEL) + ("" if heard.known else "  new"),
                percent(heard.frames / total if total else None),
                str(heard.frames),
                f"{now - heard.last:.0f} s ago",
                "–" if heard.score is None else f"{heard.score:.2f}",
                style=None if heard.known else "cyan",
            )
        more = [(f"{len(order) - MAX_ROWS} more", sum(heard.frames for heard in order[MAX_ROWS:]))]
        for what, frames in more * (len(order) > MAX_ROWS) + [("no more there", gone)] * bool(gone):
            table.add_row(what, percent(frames / total if total else None), str(frames))
        notes = [f"{key} {_shown(self.status[key])}" for key in STATUS if key in self.status]
        notes += [f"gaps {self.gaps}"] * bool(self.gaps)
        notes += [f"missed {self.missed}"] * bool(self.missed)
        notes += [f"ignored {self.ignored}"] * bool(self.ignored)
        table.caption = ", ".join(notes) or "nothing heard yet"
        return table


class LiveTable(Output):
    """An output that `Seen` counts, to be shown from another thread."""

    name = "table"

    def __init__(self, report=None):
        super().__init__(report)
        self._seen = Seen()

    def _write(self, kind, event):
        check(kind, event)
        self._seen.add(kind, event)

    def table(self, title):
        with self._lock:
            return self._seen.table(title)


def parse(parts):
    """A message as an event sink's: its kind and the event.

    Args:
        parts: list of bytes

    Raises:
        ValueError: it is none
    """
    if len(parts) != 2:
        raise ValueError(f"{len(parts)} parts, expected 2")
    kind, data = parts
    if kind not in [k.encode() for k in KINDS]:
        raise ValueError(f"kind {kind[:20]!r}, expected one of {', '.join(KINDS)}")
    if len(data) > LARGEST:
        raise ValueError(f"{len(data)} bytes, expected at most {LARGEST}")
    event = loads_finite(data)
    if not isinstance(event, dict):
        raise ValueError(f"a {type(event).__name__}, expected an object")
    check(kind.decode(), event)
    if event.get("label") is not None:
        check_name(event["label"])
    return kind.decode(), event


def check(kind, event):
    """Check that an event can be counted and shown.

    Raises:
        ValueError: it cannot
    """
    if kind == "emissions" and event.get("label") is None:  # without a verdict
        return
    if kind not in ("labels", "novel", "emissions"):
        return
    if not isinstance(event.get("label"), str):
        raise ValueError(f"label {repr(event.get('label'))[:60]}")
    if not isinstance(event.get("known"), bool):
        raise ValueError(f"known {repr(event.get('known'))[:60]}")
    if not is_count(event.get("n_frames"), MOST_FRAMES):
        raise ValueError(f"n_frames {repr(event.get('n_frames'))[:60]}")
    score = event.get("score")
    if score is not None and not is_finite(score):
        raise ValueError(f"score {repr(score)[:60]}")


def _shown(value):
    if is_finite(value):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    return shown(value, LONGEST_LABEL) if isinstance(value, str) else "?"
