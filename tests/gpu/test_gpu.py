# SPDX-License-Identifier: GPL-3.0-or-later
"""On a CUDA device: what it computes is what the processor computes, and flowgraphs run on it (run.sh)."""

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sr2cnn_learn.bundle import MODELS, Bundle
from sr2cnn_learn.discriminator import Discriminator

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

SHIPPED = sorted(path.stem for path in MODELS.glob("*.pt"))
FRAME_LEN, PER_SYMBOL = 128, 8
SNRS = 6, 12, 18  # dB
N_EACH = 600  # frames of a modulation at an SNR
SAME = 0.999  # of the ids
SECONDS = 1.0  # of a measurement
BATCHES = {"cpu": (1, 256), "cuda": (1, 64, 256, 1024, 8192)}


@pytest.fixture(scope="module")
def frames():
    """complex64 (N, 128): linear modulations with a raised cosine, FSK, AM, noise; in random order. Made
    without GNU Radio, which a machine with a GPU may not have."""
    rng = np.random.default_rng(11)
    grid = np.array([-3, -1, 1, 3])
    constellations = {
        "BPSK": np.array([-1, 1]),
        "QPSK": np.exp(0.5j * np.pi * np.arange(4)),
        "8PSK": np.exp(0.25j * np.pi * np.arange(8)),
        "QAM16": (grid[:, None] + 1j * grid).ravel(),
    }
    t = np.arange(-4 * PER_SYMBOL, 4 * PER_SYMBOL + 1) / PER_SYMBOL
    pulse = np.sinc(t) * np.cos(0.35 * np.pi * t) / (1 - (0.7 * t) ** 2 + 1e-9)
    n = N_EACH * FRAME_LEN
    symbols = n // PER_SYMBOL + 1
    signals = []
    for points in constellations.values():
        up = np.zeros(symbols * PER_SYMBOL, complex)
        up[::PER_SYMBOL] = rng.choice(points, symbols)
        signals.append(np.convolve(up, pulse, "same")[:n])
    for levels in (np.array([-1, 1]), grid / 3):
        frequency = np.repeat(rng.choice(levels, symbols), PER_SYMBOL)[:n]
        signals.append(np.exp(0.25j * np.cumsum(frequency)))
    signals.append(1 + 0.7 * np.convolve(rng.standard_normal(n), np.ones(64) / 8, "same"))
    found = [rng.standard_normal((n, 2)) @ [1, 1j]]
    for snr in SNRS:
        for signal in signals:
            power = np.mean(np.abs(signal) ** 2) * 10 ** (-snr / 10)
            noise = np.sqrt(power / 2) * rng.standard_normal((n, 2)) @ [1, 1j]
            found.append((signal + noise) * np.exp(1j * rng.uniform(0, 2 * np.pi)))
    return rng.permutation(np.concatenate(found).reshape(-1, FRAME_LEN)).astype(np.complex64)


def test_there_are_shipped_models():
    assert {"sr2cnn", "sr2cnn-lite", "sr2cnn-paper"} <= set(SHIPPED)


@pytest.mark.parametrize("model", SHIPPED)
def test_shipped_models_give_the_ids_of_the_processor(model, frames):
    ids = []
    for device in ("cpu", "cuda"):
        bundle = Bundle.load(model, device)
        assert bundle.device.type == device
        z = bundle.encode(frames)
        ids.append(Discriminator(**bundle.discriminator_options()).predict(z))
    same = np.mean(ids[0] == ids[1])
    print(f"{model}: {same:.3%} of {len(frames)} ids the same, {len(set(ids[0]))} classes")
    assert len(set(ids[0])) > 3
    assert same >= SAME


@pytest.mark.parametrize("model", SHIPPED)
def test_rates(model, frames):
    """No aim: the figures, of batches that go to the device and come back."""
    for device, batches in BATCHES.items():
        encode = Bundle.load(model, device).encode
        for batch in batches:
            some = np.resize(frames, (batch, FRAME_LEN))
            encode(some, batch)
            least, end = np.inf, time.perf_counter() + SECONDS
            while time.perf_counter() < end:
                start = time.perf_counter()
                z = encode(some, batch)
                least = min(least, time.perf_counter() - start)
            assert np.isfinite(z).all()
            print(f"{model}, {device}, batch {batch}: {batch / least:,.0f} frames/s")


@pytest.mark.parametrize("live", [False, True])
def test_a_flowgraph_on_the_device(live, frames):
    pytest.importorskip("gnuradio")
    from gnuradio import blocks, gr, sr2cnn

    ids = []
    for device in ("cpu", "cuda"):
        top, sink = gr.top_block(), blocks.vector_sink_s()
        here = live and device == "cuda"
        recognizer = sr2cnn.recognizer("sr2cnn", device=device, condition=False, live=here)
        assert recognizer.encoder.bundle.device.type == device
        top.connect(blocks.vector_source_c(frames.ravel()), recognizer, sink)
        top.run()
        ids.append(np.array(sink.data()))
    expected, found = ids
    if live:  # frames may be dropped there, at the rate of a file
        assert 0 < len(found) <= len(expected)
    else:
        assert len(found) == len(frames) and np.mean(found == expected) >= SAME
