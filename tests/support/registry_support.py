# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of known and unknown modulations, and runs of a recognizer that keeps a registry."""

import functools

import numpy as np
from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.synthesis.radioml import synthesize
from places import ROOT
from sr2cnn_learn.iq import as_complex
from sr2cnn_learn.registry import Registry, fingerprint

MODEL = ROOT / "models" / "sr2cnn-zeroshot.pt"
KNOWN, UNKNOWN = ("QPSK", "BPSK"), ("GFSK", "AM-SSB")  # to that model
N = 120  # frames of each
RUN = 20  # of them in a row


@functools.cache
def frames_by_modulation():
    """complex64 (N, 128) of each modulation."""
    return {name: as_complex(synthesize(name, 18, N, seed=7)) for name in KNOWN + UNKNOWN}


@functools.cache
def stream():
    """The frames (4 N, 128) in turns of RUN a modulation, and their modulations (4 N,)."""
    found = frames_by_modulation()
    turns = [found[name].reshape(-1, RUN, 128) for name in found]
    frames = np.stack(turns, axis=1).reshape(-1, 128)
    truth = np.tile(np.repeat(list(found), RUN), N // RUN)
    return frames, truth


def make(path, model=MODEL, **parameters):
    registry = path and str(path)
    return sr2cnn.recognizer(str(model), device="cpu", condition=False, registry=registry, **parameters)


def run(recognizer, frames=None):
    """The class ids of the frames, by a flowgraph that runs to its end."""
    frames = stream()[0] if frames is None else frames
    top, sink = gr.top_block(), blocks.vector_sink_s()
    top.connect(blocks.vector_source_c(frames.ravel()), recognizer, sink)
    top.run()
    return np.array(sink.data())


# -- a registry of three known classes on a plane --

DIM, FRAME_LEN = 2, 8
CENTERS = np.array([[0.0, 0], [10, 0], [0, 20]])


def plane():
    return sr2cnn.discriminator_kernel(CENTERS, np.ones((3, 2)), lambda1=0.5, lambda2=0)


def small(**options):
    return Registry("plane", fingerprint(CENTERS), DIM, FRAME_LEN, **options)


def told(registry, kernel, z, now=1.8e9):
    """The kernel judges z, the registry gets frames that hold the number of their vector."""
    ids = kernel.predict(z)
    frames = np.repeat(np.arange(len(z), dtype=np.complex64)[:, None], FRAME_LEN, axis=1)
    registry.offer(ids, frames, now)
    registry.update(kernel.state(), kernel.merged, now)
    return ids


def filled(n=40, **options):
    registry, kernel = small(**options), plane()
    z = np.array([[-30.0, 0], [300, 1], [0, 0]])[np.arange(n) % 3]
    told(registry, kernel, z + 0.01 * np.arange(n)[:, None])
    registry.rename(-2, "Prüfsender [7]")
    return registry
