# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor for a long time: memory, losses and latency.

    .venv/bin/python tests/bench/soak.py --minutes 60 --rate 1e6

A source of bursts of several modulations, paced by the clock, runs through a live recognizer and an
event sink with all outputs. Prints the memory (RSS) at the start, after the warm-up (a tenth of the
time, a minute at most) and at the end, what was lost, and the latency from sample to label. SigMF
annotations are 50 000 at most: those beyond count as lost by that output.

Latency is that of `gnuradio.sr2cnn.benchmark.live.Latencies`. Runs are cut after few frames
(``--max-run``), so that labels come often. A label is published when the frame after its run has been
judged: that frame, the network's batch and the machine's other work are all part of the figure; and so is
a source that falls behind its clock, which it prints.
"""

import json
import tempfile
import time
from pathlib import Path

import click
import zmq
from gnuradio import blocks, sr2cnn
from gnuradio.sr2cnn.benchmark.live import Latencies, bursts, clock, rss
from gnuradio.sr2cnn.cli.monitor import ROOM
from gnuradio.sr2cnn.labelling import flowgraph, run
from sr2cnn_learn.cli.common import RATE

ROTATE_BYTES = 10_000_000
PARSED = 100  # one event of ZeroMQ in so many: all of them would take the time that belongs to the labels


def soak(seconds, rate, model="sr2cnn", condition=False, max_run=64, folder=None, report=lambda line: None):
    """Run it.

    Args:
        seconds: how long
        rate: samples a second
        model, condition, max_run: of the recognizer
        folder: for the outputs' files; None for a temporary one
        report: called with a line of text now and then

    Returns:
        dict of figures: ``rss_start``, ``rss_warm``, ``rss_end`` in bytes; ``samples``; ``labels``,
        ``frames`` (of labels), ``status`` (the last), ``lost`` (name of output -> events), ``received``
        (events that a ZMQ subscriber got), ``latency_p50``, ``latency_p99`` in seconds; ``behind``, the
        source in seconds
    """
    with tempfile.TemporaryDirectory() as temporary, zmq.Context() as context:
        folder = Path(folder or temporary)
        latencies = Latencies()
        sink = sr2cnn.event_sink(
            str(folder / "events.jsonl"),
            rotate_bytes=ROTATE_BYTES,
            rotate_keep=2,
            sigmf=str(folder / "soak"),
            zmq=f"ipc://{folder}/events",
            prometheus_port=0,
            outputs=[latencies],
        )
        subscriber = context.socket(zmq.SUB)
        subscriber.linger = 0
        subscriber.subscribe("")
        subscriber.connect(f"ipc://{folder}/events")
        source = blocks.vector_source_c(bursts(), True)
        paced = clock(rate)
        paced.set_min_output_buffer(ROOM)
        recognizer = sr2cnn.recognizer(model, live=True, condition=condition, max_run=max_run)
        top_block = flowgraph([source, paced], recognizer, [sink])
        figures = {"rss_start": rss(), "received": 0, "rss_warm": None}
        began = time.monotonic()
        said = began

        def receive():
            while subscriber.poll(0):
                event = subscriber.recv_multipart()[1]
                if figures["received"] % PARSED == 0:
                    json.loads(event)
                figures["received"] += 1

        def tick():
            nonlocal said
            receive()
            now = time.monotonic()
            if figures["rss_warm"] is None and now - began >= min(60, seconds / 10):
                figures["rss_warm"] = rss()
            if now - said > 60:
                said = now
                p99 = 1e3 * latencies.quantiles()[1]
                report(
                    f"{(now - began) / 60:.0f} min: RSS {rss() / 1e6:.0f} MB, {latencies.n_labels} labels, "
                    f"p99 {p99:.0f} ms, {latencies.status.get('frames_dropped', 0)} frames dropped"
                )
            return now - began >= seconds

        run(top_block, tick)
        behind = paced.behind()
        receive()
        figures["rss_end"] = rss()
        sink.close()
        subscriber.close()
        p50, p99 = latencies.quantiles()
        return {
            **figures,
            "samples": paced.nitems_written(0),
            "behind": behind,
            "labels": latencies.n_labels,
            "frames": latencies.n_frames,
            "status": latencies.status,
            "lost": {output.name: output.lost for output in sink.outputs},
            "latency_p50": float(p50),
            "latency_p99": float(p99),
        }


@click.command(help=__doc__.splitlines()[0])
@click.option("--minutes", type=float, default=60, show_default=True)
@click.option("--rate", type=RATE, default="1M", show_default=True, help="Sample rate.")
@click.option("--model", default="sr2cnn", show_default=True, help="Bundle, or a shipped model.")
@click.option("--condition/--no-condition", default=False, show_default=True, help="As of the recognizer.")
@click.option("--max-run", type=int, default=64, show_default=True, help="Most frames of a label.")
def main(minutes, rate, **options):
    figures = soak(60 * minutes, rate, report=click.echo, **options)
    status = figures["status"]
    for what in ("rss_start", "rss_warm", "rss_end"):
        click.echo(f"{what:12} {figures[what] / 1e6:.1f} MB")
    click.echo(f"samples      {figures['samples']}, the source {figures['behind']:.3f} s behind at the end")
    frames = f"{status['frames_in']} in, {status['frames_out']} out, {figures['frames']} in labels"
    click.echo(f"frames       {frames}")
    click.echo(f"dropped      {status['frames_dropped']} frames")
    click.echo(f"labels       {figures['labels']}; over ZMQ {figures['received']} events")
    for name, lost in figures["lost"].items():
        click.echo(f"lost         {lost} events by {name}")
    p50, p99 = 1e3 * figures["latency_p50"], 1e3 * figures["latency_p99"]
    click.echo(f"latency      p50 {p50:.0f} ms, p99 {p99:.0f} ms, sample to label")


if __name__ == "__main__":
    main()
