#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the cost of the parts grows: with batch, dimensions, classes and channels.

.venv/bin/python docs/performance_picture.py docs/performance.png
"""

import sys
import time

import numpy as np
from gnuradio import analog, blocks, gr, sr2cnn
from gnuradio.sr2cnn.benchmark.parts import DIM, N_KNOWN, N_UNKNOWN, stream
from sr2cnn_learn.benchmark.row import best_rate
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.plots.curves import draw_scaling
from sr2cnn_learn.plots.file import picture

MODELS = "sr2cnn", "sr2cnn-paper"
BATCHES = 2 ** np.arange(11)
DIMS = 2 ** np.arange(4, 10)
CLASSES = 2 ** np.arange(1, 9)
CHANNELS = 2 ** np.arange(1, 7)
SECONDS = 0.5  # of a measurement


def encoder(model):
    """Frames/s by batch."""
    bundle = Bundle.load(model)
    frames = np.random.default_rng(0).standard_normal((max(BATCHES), bundle.frame_len, 2))
    frames = frames.astype(np.float32)
    return [best_rate(n, lambda: bundle.encode(frames[:n], n), SECONDS) for n in BATCHES]


def discriminator(distance="diagonal", **shape):
    """Frames/s of the kernel."""
    options, covariances, z = stream(**shape)
    if distance == "mahalanobis":
        options["covariances"] = covariances
    else:
        options["variances"] = np.diagonal(covariances, axis1=1, axis2=2).copy()
    kernel = sr2cnn.discriminator_kernel(distance=distance, **options)
    return best_rate(len(z), lambda: kernel.predict(z), SECONDS, time.thread_time)


def wideband(n_channels):
    """Samples/s of processor time of a band of noise, in which nobody transmits."""
    top_block = gr.top_block()
    source = analog.fastnoise_source_c(analog.GR_GAUSSIAN, 1.0)
    chain = sr2cnn.wideband_recognizer(int(n_channels), sample_rate=1e6)
    top_block.connect(source, chain, blocks.null_sink(gr.sizeof_short))
    start = time.process_time()
    top_block.start()
    time.sleep(4 * SECONDS)
    top_block.stop()
    top_block.wait()
    return source.nitems_written(0) / (time.process_time() - start)


def main():
    (path,) = sys.argv[1:]
    shape = f"{N_KNOWN} known, {N_UNKNOWN} discovered classes"
    core = "frames/s of one core"
    distances = "diagonal", "euclidean", "mahalanobis"
    known = [discriminator(n_known=n) for n in CLASSES]
    discovered = [discriminator(n_unknown=n) for n in CLASSES]
    panels = [
        ("encoder", "frames a call", "frames/s", {model: (BATCHES, encoder(model)) for model in MODELS}),
        (
            f"discriminator, {shape}",
            "semantic dimensions t",
            core,
            {distance: (DIMS, [discriminator(distance, dim=n) for n in DIMS]) for distance in distances},
        ),
        (
            f"discriminator, diagonal, t = {DIM}",
            "classes",
            core,
            {
                f"known, {N_UNKNOWN} discovered": (CLASSES, known),
                f"discovered, {N_KNOWN} known": (CLASSES, discovered),
            },
        ),
        (
            "wideband recognizer",
            "channels",
            "samples/s of one core",
            {"nobody transmits": (CHANNELS, [wideband(n) for n in CHANNELS])},
        ),
    ]
    with picture(path, (10, 7.5), dpi=90) as figure:
        draw_scaling(figure, panels)


if __name__ == "__main__":
    main()
