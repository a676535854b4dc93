# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed, as ratios of what was measured in this one run.

    make bench

Absolute figures depend on the machine and what else it does; compare the ratios.
"""

import time

import click
import numpy as np
from gnuradio import blocks, gr, sr2cnn
from rich.console import Console
from rich.table import Table
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.discriminator import Discriminator

REPEATS = 3


def best_rate(n_frames, work):
    """Frames/s of the fastest of a few runs."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return n_frames / min(seconds)


def flowgraph_rate(model, samples, n_frames):
    def work():
        top = gr.top_block()
        source = blocks.vector_source_c(samples)
        recognizer = sr2cnn.recognizer(model, device="cpu")
        sink = blocks.null_sink(gr.sizeof_short)
        top.connect(source, recognizer, sink)
        start = time.perf_counter()
        top.run()
        times.append(time.perf_counter() - start)

    times = []
    for _ in range(REPEATS):
        work()
    return n_frames / min(times)


@click.command()
@click.option("--model", default="sr2cnn", show_default=True, help="Bundle to measure.")
@click.option("--frames", default=4096, show_default=True, help="Frames a run.")
def bench(model, frames):
    """Encoder, discriminator and whole flowgraph against each other."""
    bundle = Bundle.load(model)
    rng = np.random.default_rng(0)
    samples = (rng.standard_normal((frames * bundle.frame_len, 2)) @ [1, 1j]).astype(np.complex64)
    framed = samples.reshape(frames, -1)
    z = bundle.encode(framed)
    options = bundle.discriminator_options()

    encoder = best_rate(frames, lambda: bundle.encode(framed))
    reference = best_rate(frames, lambda: Discriminator(**options).predict(z))
    kernel = best_rate(frames, lambda: sr2cnn.discriminator_kernel(**options).predict(z))
    flowgraph = flowgraph_rate(model, samples.tolist(), frames)

    table = Table("part", "frames/s", "ratio", title=f"{bundle.name}, {frames} frames of noise")
    table.add_row("encoder alone", f"{encoder:,.0f}", "1")
    table.add_row("recognizer flowgraph", f"{flowgraph:,.0f}", f"{flowgraph / encoder:.2f} × encoder")
    table.add_row("discriminator, numpy", f"{reference:,.0f}", "1")
    table.add_row("discriminator, C++", f"{kernel:,.0f}", f"{kernel / reference:.0f} × numpy")
    Console().print(table)


if __name__ == "__main__":
    bench()
