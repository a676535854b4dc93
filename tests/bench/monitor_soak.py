# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn monitor` for a long time, as typed, with all outputs: memory and losses.

    .venv/bin/python tests/bench/monitor_soak.py --minutes 30

A recording of bursts with pauses of noise, as long as the run, is played at its sample rate into
`sr2cnn monitor --no-condition` with rotating JSON lines, SigMF annotations, a ZeroMQ publisher and metrics. A
subscriber takes every event, a scraper asks for the metrics once a second. Prints the monitor's memory (RSS)
minute by minute, and what each output took and lost. Needs 2 bytes of disk a sample: 3.6 GB for 30 minutes at
1 MS/s. SigMF annotations are 50 000 at most: those beyond count as lost by that output, and the monitor ends in
status 1.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import click
import numpy as np
import sigmf
import zmq
from gnuradio.sr2cnn.benchmark.live import bursts
from gnuradio.sr2cnn.outputs.json_lines import read_json_lines
from prometheus_client.parser import text_string_to_metric_families

APP = Path(__file__).parents[2] / "apps" / "sr2cnn"
SCALE = 25  # of the samples in ci8
PERIOD = 1.0  # seconds between looks
ROTATE = "20M"
PATIENCE = 120  # seconds to begin, and to end, after those of the recording


def record(path, seconds, rate):
    """A SigMF recording, ci8, of the bursts again and again."""
    pairs = bursts().view(np.float32).reshape(-1, 2)
    period = np.clip(np.rint(SCALE * pairs), -127, 127).astype(np.int8)
    left = int(seconds * rate)
    with open(path.with_suffix(".sigmf-data"), "wb") as file:
        while left > 0:
            file.write(period[:left].tobytes())
            left -= len(period)
    meta = sigmf.SigMFFile(global_info={"core:datatype": "ci8", "core:sample_rate": rate})
    meta.add_capture(0)
    path.write_text(meta.dumps())


def rss(pid):
    """Resident memory of a process, bytes; None where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])
    except (OSError, IndexError):
        return None


def free_port():
    import socket

    with socket.socket() as any_free:
        any_free.bind(("127.0.0.1", 0))
        return any_free.getsockname()[1]


class Subscriber(threading.Thread):
    """Takes every event that is published.

    Attributes:
        received: counts by kind
        late: counts by kind of events before it was there
        missed: events between those that came
    """

    def __init__(self, port):
        super().__init__()
        self.received, self.late, self.missed = Counter(), Counter(), 0
        self._port, self._next, self._ending = port, {}, threading.Event()

    def run(self):
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            socket.linger = 0
            socket.rcvhwm = 0
            socket.subscribe("")
            socket.connect(f"tcp://127.0.0.1:{self._port}")
            while socket.poll(200) or not self._ending.is_set():
                if not socket.poll(0):
                    continue
                kind, text = socket.recv_multipart()
                kind, sequence = kind.decode(), json.loads(text)["sequence"]
                if kind in self._next:
                    self.missed += sequence - self._next[kind]
                else:
                    self.late[kind] = sequence
                self._next[kind] = sequence + 1
                self.received[kind] += 1

    def end(self):
        self._ending.set()
        self.join()


def scrape(port):
    """The metrics as a dict (name, sorted labels) → value; None while there are none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
    except OSError:
        return None
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def soak(seconds, rate, model="sr2cnn", folder=None, report=lambda line: None):
    """Run it.

    Args:
        seconds, rate: of the recording: its length, and samples a second
        model: bundle, or a shipped model
        folder: for all files; None for a temporary one
        report: called with a line of text each minute

    Returns:
        dict of figures: ``rss`` (list of (seconds, bytes)), ``received``, ``late``, ``missed`` (of the
        subscriber), ``scrapes``, ``metrics`` (the last), ``written`` (counts of events in the JSON lines
        that rotation kept), ``status`` (the last), ``annotations``, ``returncode``, ``said`` (on stderr)
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(folder or temporary)
        recording, lines = folder / "air.sigmf-meta", folder / "events.jsonl"
        record(recording, seconds, rate)
        published, metrics_port = free_port(), free_port()
        command = [sys.executable, APP, "monitor", "--source", f"file:{recording}", "--no-condition"]
        command += ["--model", model, "--out", lines, "--rotate", ROTATE, "--sigmf"]
        command += ["--zmq", published, "--prometheus", metrics_port]
        memory, metrics, scrapes = [], {}, 0
        subscriber = Subscriber(published)
        subscriber.start()
        with (
            open(folder / "said", "w+") as said,
            subprocess.Popen(list(map(str, command)), stderr=said) as process,
        ):
            try:
                began = time.monotonic()
                minutes = itertools.count(1)
                due = 60 * next(minutes)
                while process.poll() is None:
                    time.sleep(PERIOD)
                    now, resident = time.monotonic() - began, rss(process.pid)
                    if resident is not None:
                        memory.append((now, resident))
                    found = scrape(metrics_port)
                    if found:
                        metrics, scrapes = found, scrapes + 1
                    if now >= due:
                        due = 60 * next(minutes)
                        n = metrics.get(("sr2cnn_events_total", "labels"), 0)
                        report(f"{now / 60:3.0f} min: RSS {memory[-1][1] / 1e6:.1f} MB, {n:.0f} labels")
                    if now > seconds + PATIENCE:
                        process.send_signal(signal.SIGTERM)
                        process.wait(PATIENCE)
            finally:
                process.kill()
                subscriber.end()
            said.seek(0)
            text = said.read()
        kept = sorted(folder.glob("events.jsonl*"), key=os.path.getmtime)
        events = itertools.chain.from_iterable(map(read_json_lines, kept))
        written, status = Counter(), {}
        for event in events:
            written[event["event"]] += 1
            if event["event"] == "status":
                status.update(event)
        annotations = json.loads(recording.read_text())["annotations"]
        return {
            "rss": memory,
            "received": subscriber.received,
            "late": subscriber.late,
            "missed": subscriber.missed,
            "scrapes": scrapes,
            "metrics": metrics,
            "written": written,
            "status": status,
            "annotations": len(annotations),
            "returncode": process.returncode,
            "said": text,
        }


def at(memory, seconds):
    """Memory at a time, bytes; None where it was not running any more."""
    later = [resident for when, resident in memory if when >= seconds]
    return later[0] if later else None


@click.command(help=__doc__.splitlines()[0])
@click.option("--minutes", type=float, default=30, show_default=True)
@click.option("--rate", type=float, default=1e6, show_default=True, help="Samples a second.")
@click.option("--model", default="sr2cnn", show_default=True, help="Bundle, or a shipped model.")
def main(minutes, rate, model):
    figures = soak(60 * minutes, rate, model, report=click.echo)
    memory, metrics, status = figures["rss"], figures["metrics"], figures["status"]
    for third in (1, 2, 3):
        resident = at(memory, 60 * minutes * third / 3) or memory[-1][1]
        click.echo(f"memory       {resident / 1e6:.2f} MB at minute {minutes * third / 3:g}")
    frames = [f"{status.get(f'frames_{what}', 0)} {what}" for what in ("in", "out", "dropped", "overrun")]
    click.echo(f"frames       {', '.join(frames)}")
    for kind, n in sorted(figures["received"].items()):
        click.echo(f"{kind:12} {n} over ZeroMQ")
    click.echo(f"missed       {figures['missed']} by the subscriber")
    click.echo(f"JSON lines   {sum(figures['written'].values())} in the files that rotation kept")
    click.echo(f"annotations  {figures['annotations']}")
    click.echo(f"metrics      asked for {figures['scrapes']} times")
    for key, n in sorted(metrics.items()):
        if key[0] == "sr2cnn_events_lost_total":
            click.echo(f"lost         {n:.0f} events by {key[1]}")
    click.echo(f"status       {figures['returncode']}")
    for line in figures["said"].splitlines():
        click.echo(f"said         {line}")


if __name__ == "__main__":
    main()
