# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle whose network is two linear layers, and one file of a bundle in place of another."""

import zipfile

import numpy as np
from torch import nn


class Small(nn.Module):
    """Two linear layers in the shape of a real network: fast, and its output is easy to check."""

    def __init__(self, frame_len=16, dim=4, n_classes=3):
        super().__init__()
        self.down = nn.Linear(2 * frame_len, dim)
        self.up = nn.Linear(dim, 2 * frame_len)
        self.head = nn.Linear(dim, n_classes)

    def forward(self, iq):
        return self.down(iq.flatten(1))

    def classify(self, z):
        return self.head(z)


class SmallWithDecoder(Small):
    def reconstruct(self, iq):
        return self.up(self(iq)).reshape(iq.shape)


def card(**changes):
    return {
        **dict(
            schema=1,
            name="small",
            classes=["A", "B", "C"],
            frame_len=16,
            dim=4,
            samples_per_symbol=8,
            distance="diagonal",
            lambda1=0.4,
            lambda2=1.0,
            theta2="median",
        ),
        **changes,
    }


def semantics(**changes):
    arrays = dict(centers=np.eye(3, 4), variances=np.ones((3, 4)), counts=np.array([5, 6, 7]))
    return {**arrays, **changes}


def rewrite(path, name, data, compression=zipfile.ZIP_STORED):
    """Replace (or, with None, drop) one extra file of the archive."""
    with zipfile.ZipFile(path) as archive:
        members = {m.filename: archive.read(m) for m in archive.infolist()}
    [full] = [m for m in members if m.endswith(f"/extra/{name}")]
    del members[full]
    if data is not None:
        members[full] = data
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
