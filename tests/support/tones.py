# SPDX-License-Identifier: GPL-3.0-or-later
"""Data files that a network learns to tell apart within a few steps."""

import numpy as np
from sr2cnn_learn.datasets import save_radioml
from sr2cnn_learn.iq import interleaved


def write_tones(path, tones, seed=0, n_frames=40, noise=0.1, snrs=(16, 18)):
    """A data file of tones in noise, {name: cycles a sample}; 0 is noise alone."""
    rng = np.random.default_rng(seed)
    t = np.arange(128)

    def frames(frequency):
        phase = rng.uniform(0, 2 * np.pi, (n_frames, 1))
        x = np.exp(1j * (2 * np.pi * frequency * t + phase)) * (frequency > 0)
        x = x + noise * (rng.standard_normal((n_frames, 128, 2)) @ [1, 1j])
        x /= np.abs(x).sum(1, keepdims=True)
        return interleaved(x)

    save_radioml(path, {(name, snr): frames(f) for name, f in tones.items() for snr in snrs})
    return path
