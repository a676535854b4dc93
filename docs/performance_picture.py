#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the cost of the parts grows: with batch, dimensions, classes and channels.

    .venv/bin/python docs/performance_picture.py docs/performance.png
"""

import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from gnuradio import analog, blocks, gr, sr2cnn
from gnuradio.sr2cnn.benchmark.parts import DIM, N_KNOWN, N_UNKNOWN, stream
from sr2cnn_learn.benchmark.row import best_rate
from sr2cnn_learn.bundle import Bundle

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
    (picture,) = sys.argv[1:]
    figure, ((batch, dim), (classes, channels)) = plt.subplots(2, 2, figsize=(10, 7.5))
    for model in MODELS:
        batch.loglog(BATCHES, encoder(model), "o-", label=model)
    batch.set(title="encoder", xlabel="frames a call", ylabel="frames/s")
    for distance in ("diagonal", "euclidean", "mahalanobis"):
        dim.loglog(DIMS, [discriminator(distance, dim=n) for n in DIMS], "o-", label=distance)
    shape = f"{N_KNOWN} known, {N_UNKNOWN} discovered classes"
    dim.set(title=f"discriminator, {shape}", xlabel="semantic dimensions t", ylabel="frames/s of one core")
    known = [discriminator(n_known=n) for n in CLASSES]
    discovered = [discriminator(n_unknown=n) for n in CLASSES]
    classes.loglog(CLASSES, known, "o-", label=f"known, {N_UNKNOWN} discovered")
    classes.loglog(CLASSES, discovered, "o-", label=f"discovered, {N_KNOWN} known")
    classes.set(title=f"discriminator, diagonal, t = {DIM}", xlabel="classes", ylabel="frames/s of one core")
    channels.loglog(CHANNELS, [wideband(n) for n in CHANNELS], "o-", label="nobody transmits")
    channels.set(title="wideband recognizer", xlabel="channels", ylabel="samples/s of one core")
    for axes in figure.axes:
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(picture, dpi=90)


if __name__ == "__main__":
    main()
