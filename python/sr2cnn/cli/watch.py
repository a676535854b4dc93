# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn watch`: what an event sink publishes, as a live table."""

import json
import time
from dataclasses import dataclass

import click
from rich.live import Live
from rich.table import Table
from sr2cnn_learn.cli.output import check_reader, stdout_console
from sr2cnn_learn.wording import percent
from sr2cnn_learn.names import check_name, shown
from sr2cnn_learn.quantities import loads_finite

from ..outputs.discovered_labels import DiscoveredLabels
from ..outputs.output import Output
from ..sources.address import connectable

KINDS = ("labels", "novel", "bursts", "status", "gap")
LARGEST = 1 << 20  # bytes of a message
CUT_OFF = 64 * LARGEST  # who sends more than that at once is disconnected before it fills the memory
MOST_CLASSES = 1000  # of more than that, the longest unheard give way
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


@dataclass
class Heard:
    """A class since the start. ``scores`` is the sum over frames, ``last`` a `time.monotonic`."""

    known: bool
    frames: int = 0
    scored: int = 0
    scores: float = 0.0
    last: float = 0.0


class Seen:
    """What came so far.

    The frames of a discovered class that is merged go to the class that it is part of now.

    Attributes:
        classes: label -> `Heard`
        gone: frames of classes that were forgotten, or gave way to others
        status: the last status
        gaps: how often the source of samples was gone
        missed: events that this subscriber did not keep up with
        ignored: messages that were no events
    """

    def __init__(self):
        self.classes = {}
        self.gone = 0
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
        if _is_count(sequence):
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
                self._let_go(label, heir)
        elif kind == "gap":
            self.gaps += 1

    def _count(self, event):
        label = event["label"]
        if label not in self.classes and len(self.classes) >= MOST_CLASSES:
            self._let_go(min(self.classes, key=lambda label: self.classes[label].last))
        self._labels.heard(event)
        heard = self.classes.setdefault(label, Heard(event["known"]))
        heard.known = event["known"]
        heard.frames += event["n_frames"]
        heard.last = time.monotonic()
        if event.get("score") is not None:
            heard.scored += event["n_frames"]
            heard.scores += event["n_frames"] * event["score"]

    def _let_go(self, label, heir=None):
        self._labels.drop(label)
        gone = self.classes.pop(label)
        if heir is None:
            self.gone += gone.frames
            return
        heard = self.classes[heir]
        heard.last = max(heard.last, gone.last)
        heard.frames += gone.frames
        heard.scored += gone.scored
        heard.scores += gone.scores

    def table(self, title):
        """A rich table of it all."""
        table = Table("class", "share", "frames", "last heard", "mean score", title=title)
        total = self.gone + sum(heard.frames for heard in self.classes.values())
        order = sorted(self.classes.items(), key=lambda item: -item[1].frames)
        now = time.monotonic()
        for label, heard in order[:MAX_ROWS]:
            table.add_row(
                shown(label, LONGEST_LABEL) + ("" if heard.known else "  new"),
                percent(heard.frames / total if total else None),
                str(heard.frames),
                f"{now - heard.last:.0f} s ago",
                f"{heard.scores / heard.scored:.2f}" if heard.scored else "–",
                style=None if heard.known else "cyan",
            )
        more = [(f"{len(order) - MAX_ROWS} more", sum(heard.frames for _, heard in order[MAX_ROWS:]))]
        for what, frames in more * (len(order) > MAX_ROWS) + [("no more there", self.gone)] * bool(self.gone):
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
    if "label" in event:
        check_name(event["label"])
    return kind.decode(), event


def check(kind, event):
    """Check that an event can be counted and shown.

    Raises:
        ValueError: it cannot
    """
    if kind not in ("labels", "novel"):
        return
    if not isinstance(event.get("label"), str):
        raise ValueError(f"label {repr(event.get('label'))[:60]}")
    if not isinstance(event.get("known"), bool):
        raise ValueError(f"known {repr(event.get('known'))[:60]}")
    if not _is_count(event.get("n_frames")):
        raise ValueError(f"n_frames {repr(event.get('n_frames'))[:60]}")
    score = event.get("score")
    if score is not None and not _is_finite(score):
        raise ValueError(f"score {repr(score)[:60]}")


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_FRAMES


def _is_finite(value):
    """Whether it is a number that sums and prints well."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100


def _shown(value):
    if _is_finite(value):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    return shown(value, LONGEST_LABEL) if isinstance(value, str) else "?"
