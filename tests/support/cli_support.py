# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command line as typed, and makes a small bundle for it."""

import json
import subprocess
import sys

import numpy as np
import torch
from places import APP
from sr2cnn_learn.attributes import fit_attributes
from sr2cnn_learn.bundle import Bundle
from waiting import PATIENCE

CLASSES = ["8PSK", "AM-DSB", "BPSK", "CPFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]
FRAME_LEN = 128


def run_cli(*arguments, **options):
    """Run `sr2cnn` in a process of its own; its stdout, stderr and returncode."""
    command = [sys.executable, str(APP), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **options)


def fails(result, *words, status=1):
    """The command failed with one line on stderr that has the words, and without a traceback."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    *usage, line = result.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert not usage or status == 2
    for word in words:
        assert str(word) in line


def events(text):
    return [json.loads(line) for line in text.splitlines()]


class Small(torch.nn.Module):
    """Mean magnitude, its spread, and two correlations: quick, and different for each frame."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(4, len(CLASSES))

    def forward(self, iq):
        iq = iq / iq.square().sum(2).sqrt().sum(1)[:, None, None].clamp(min=1e-12) * FRAME_LEN
        i, q = iq[:, :, 0], iq[:, :, 1]
        magnitude = (i * i + q * q).sqrt()
        turn = i[:, 1:] * q[:, :-1] - q[:, 1:] * i[:, :-1]
        square = i * i - q * q
        parts = [magnitude.square().mean(1), magnitude.std(1), turn.mean(1), square.mean(1).abs()]
        return torch.stack(parts, 1)

    def classify(self, z):
        return self.head(z)


def _frames():
    """Frames of tones and of amplitude-modulated carriers, with and without noise."""
    rng = np.random.default_rng(4)
    level, frequency = rng.uniform(0, 0.7, (400, 1)), rng.uniform(-0.2, 0.2, (400, 1))
    n = np.arange(FRAME_LEN)
    tones = np.exp(2j * np.pi * frequency * n) * (1 + level[::-1] * np.cos(0.2 * n))
    noise = rng.standard_normal((400, FRAME_LEN, 2)) @ [1, 1j]
    return (tones + level**2 * noise).astype(np.complex64)


def write_small_bundle(path, **provenance):
    rng = np.random.default_rng(3)
    network, frames = Small().eval(), _frames()
    with torch.no_grad():
        z = network(torch.view_as_real(torch.from_numpy(frames))).numpy()
    attribute_weights, attributes = fit_attributes(z, frames)
    card = dict(
        schema=1,
        name="small",
        classes=CLASSES,
        frame_len=FRAME_LEN,
        dim=4,
        samples_per_symbol=8,
        distance="diagonal",
        lambda1=0.2,
        lambda2=1.0,
        theta2="median",
        attributes=attributes,
        provenance=provenance,
    )
    semantics = dict(
        centers=rng.uniform(0, 1, (len(CLASSES), 4)),
        variances=np.full((len(CLASSES), 4), 0.1),
        counts=np.full(len(CLASSES), 100),
        attribute_weights=attribute_weights,
    )
    Bundle.save(path, network, card, semantics)
    return path
