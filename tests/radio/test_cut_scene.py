# SPDX-License-Identifier: GPL-3.0-or-later
"""Emissions of a band of our own transmitters, cut out of the boxes of their truth.

`python tests/radio/test_cut_scene.py SEED …` prints the figures of docs/cutting.md.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import signal
from sr2cnn_learn.conditioning import BlockSpectra, cut_out
from sr2cnn_learn.recordings import open_recording

pytest.importorskip("gnuradio")
from gnuradio.sr2cnn.synthesis.scene import Scene, write_scene

RATE, SECONDS, DENSITY = 2e6, 3, 4  # as `sr2cnn dataset scene` has it
BINS = 1024
NO_SYMBOLS = "AM-DSB", "NBFM", "WBFM", "OFDM", "CHIRP", "TONE"


def floor(samples):
    """Noise power per cycle a sample at each bin, in rising order of frequency."""
    _, _, powers = signal.spectrogram(
        samples, 1.0, "blackmanharris", BINS, BINS // 2, return_onesided=False, detrend=False
    )
    level = np.fft.fftshift(np.quantile(powers, 0.2, axis=1) / -np.log1p(-0.2))
    return np.array([np.median(level[max(0, k - 40) : k + 40]) for k in range(BINS)])


def cut_scene(folder, seed):
    """(label, what its annotation says in samples and cycles a sample, ``Cut``) of each emission of a scene."""
    path = Path(folder) / f"scene{seed}.sigmf-meta"
    notes = write_scene(path, Scene(rate=RATE, seconds=SECONDS, density=DENSITY, seed=seed))
    samples = open_recording(path).samples()
    level, spectra = floor(samples), BlockSpectra(lambda start, stop: samples[start:stop])
    for note in notes:
        low, high = (note[f"core:freq_{side}_edge"] / RATE for side in ("lower", "upper"))
        told = SimpleNamespace(
            start=note["core:sample_start"],
            n_samples=note["core:sample_count"],
            center=(low + high) / 2,
            width=high - low,
            bandwidth=max(high - low, 3 / 4096),
            snr=note["scene:snr"],
            noise_density=level[int((low + high + 1) / 2 * BINS)],
            symbol_rate=(note.get("scene:baud") or 0) / RATE,
        )
        yield note["core:label"], told, cut_out(spectra, told, 8, most_frames=256)


def figures(emissions):
    """What came of them, to be printed: symbol rates, shares of edges, bandwidths over those of the truth."""
    rates, edges, widths = Counter(), [], []
    for label, told, cut in emissions:
        if label in NO_SYMBOLS:
            rates["none, as there is none" if cut.symbol_rate is None else "where there is none"] += 1
        elif cut.symbol_rate is None:
            rates["not seen"] += 1
        else:
            rates["right" if abs(cut.symbol_rate / told.symbol_rate - 1) < 0.01 else "wrong"] += 1
        stop = told.start + told.n_samples
        edges += [abs(cut.start - told.start), abs(cut.start + cut.n_samples - stop)]
        if label not in NO_SYMBOLS:
            widths.append(cut.bandwidth / told.width)
    edges, widths = np.array(edges) / RATE * 1e3, np.array(widths)
    return {
        "emissions": len(edges) // 2,
        "symbol rates": dict(rates),
        "edges within 1 ms": np.mean(edges < 1),
        "edges within 0.1 ms": np.mean(edges < 0.1),
        "bandwidths within a quarter": np.mean(np.abs(widths - 1) < 0.25),
        "least and largest bandwidth": (widths.min(), widths.max()),
    }


def test_places_widths_and_symbol_rates_of_a_scene(tmp_path):
    found = figures(cut_scene(tmp_path, seed=14))
    rates = found["symbol rates"]
    assert rates["right"] > 0.75 * (rates["right"] + rates.get("not seen", 0))
    assert rates.get("wrong", 0) <= 1 and rates.get("where there is none", 0) <= 2
    assert found["edges within 1 ms"] > 0.95 and found["edges within 0.1 ms"] > 0.8
    assert found["bandwidths within a quarter"] > 0.93


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        emissions = [one for seed in sys.argv[1:] for one in cut_scene(folder, int(seed))]
    for name, value in figures(emissions).items():
        print(f"{name}: {value}")
