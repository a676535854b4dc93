# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of known and unknown modulations, and runs of a recognizer that keeps a registry."""

import functools

import numpy as np
from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.synthesis.radioml import synthesize
from places import ROOT
from sr2cnn_learn.iq import as_complex

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
