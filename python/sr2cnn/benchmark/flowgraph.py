# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole flowgraph: how fast, where the time goes, how late its labels are."""

import tempfile
import threading
import time
from pathlib import Path

from gnuradio import blocks, gr
from sr2cnn_learn.benchmark.row import Row

from .. import labelling
from ..event_sink import event_sink
from ..recognizer import recognizer
from .live import Latencies, bursts, clock, rss

CAPPED = 16  # discovered classes, so that memory may not grow with them
MAX_RUN = 64  # frames of a label, so that labels come often
WARM = 100  # labels before latencies count
RUNS = 3


def bare_rate(bundle, frames, batch_size, n_frames):
    """Frames/s over n frames of a bundle's encoder alone, in batches out of frames, again and again."""
    whole = len(frames) // batch_size * batch_size or len(frames)
    start, done = time.perf_counter(), 0
    while done < n_frames:
        batch = frames[done % whole :][:batch_size]
        bundle.encode(batch, batch_size)
        done += len(batch)
    return done / (time.perf_counter() - start)


def flowgraph(model, device="cpu", seconds=4.0):
    """Rows of file source → recognizer → null sink: speed, memory, processor time by block.

    The bare encoder takes turns with the flowgraph, over as many frames of the same samples in batches of the
    same size: both rates are those of a whole run. The processor time needs GNU Radio's performance counters,
    to be switched on before it makes a block (``GR_CONF_PERFCOUNTERS_ON`` in the environment). They count the
    blocks' own threads: not those that the encoder computes in besides.

    Args:
        model: name or path of a bundle
        device: as of the recognizer
        seconds: for each of a few runs, about
    """
    samples = bursts(pause=0)
    rates, bare_rates = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bursts.cf32"
        samples.tofile(path)
        for run in range(RUNS):
            source = blocks.file_source(gr.sizeof_gr_complex, str(path), True)
            chain = recognizer(model, device=device, condition=False, max_unknown=CAPPED)
            bundle, batch_size = chain.encoder.bundle, chain.encoder.batch_size
            frame_len = bundle.frame_len
            frames = samples[: len(samples) // frame_len * frame_len].reshape(-1, frame_len)
            if run == 0:
                n_frames = max(4096, int(seconds * bare_rate(bundle, frames, batch_size, 8 * batch_size)))
            bare_rates.append(bare_rate(bundle, frames, batch_size, n_frames))
            head = blocks.head(gr.sizeof_gr_complex, n_frames * frame_len)
            sink = blocks.null_sink(gr.sizeof_short)
            top_block = labelling.flowgraph([source, head], chain, sinks=[sink])
            memory = []
            quarter = threading.Timer(n_frames / bare_rates[-1] / 4, lambda: memory.append(rss()))
            quarter.start()
            start = time.perf_counter()
            top_block.run()
            rates.append(n_frames / (time.perf_counter() - start))
            quarter.cancel()
            memory.append(rss())
    # What the flowgraph did its encoder did, too, so that it cannot have been faster.
    rate, bare, name = max(rates), max(bare_rates + rates), bundle.name
    rows = [
        Row("flowgraph", f"{name}, encoder alone, batch {batch_size}", bare, "frames/s"),
        Row("flowgraph", f"{name}", rate, "frames/s", rate / bare, "encoder alone", 0.9),
        Row("flowgraph", f"{name}, every sample", rate * frame_len, "samples/s", at_least=5e6),
        Row(
            "flowgraph",
            f"{name}, memory at the end",
            memory[-1] / 1e6,
            "MB",
            memory[-1] / memory[0],
            "memory after a quarter",
            at_most=1.02,
        ),
    ]
    parts = {
        "file source": source,
        "head": head,
        "framer": chain.framer,
        "encoder": chain.encoder,
        "discriminator": chain.discriminator,
        "null sink": sink,
    }
    spent = {part: block.pc_work_time_total() * 1e-9 for part, block in parts.items()}
    total = sum(spent.values())
    rows += [
        Row("flowgraph", f"{name}, {part}", own, "s in work", own / total, "all blocks")
        for part, own in spent.items()
    ]
    return rows


def latency(model, rate=1e6, device="cpu", seconds=10.0):
    """Row of the time from a sample's due time to its label, at a paced rate: 99 % quantile."""
    source = blocks.vector_source_c(bursts(pause=0), True)
    paced = clock(rate)
    chain = recognizer(model, device=device, condition=False, live=True, max_run=MAX_RUN, max_unknown=CAPPED)
    latencies = Latencies(WARM)
    sink = event_sink(path="", outputs=[latencies])
    top_block = labelling.flowgraph([source, paced], chain, [sink])
    with labelling.running(top_block):
        time.sleep(seconds)
    sink.close()
    p50, p99 = latencies.quantiles()
    name = chain.encoder.bundle.name
    dropped = latencies.status.get("frames_dropped", 0)
    at = f"{rate / 1e6:g} MS/s"
    return [
        Row("latency", f"{name}, median at {at}", 1e3 * p50, "ms"),
        Row("latency", f"{name}, 99 % at {at}, {dropped} frames dropped", 1e3 * p99, "ms", at_most=20),
    ]
