# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of the presets ``residual`` and ``lite``: a small residual encoder over the frame in time.

It sees each frame at unit power, its carrier phase taken out as far as the fourth power shows it, as I, Q,
envelope and phase step from sample to sample. Mean and standard deviation over time (statistics pooling)
tell how what the last stage finds is distributed, wherever in the frame it is.

The time series is an image one pixel high, channels innermost in memory: PyTorch's 2-D convolutions take that
layout, at nearly the machine's matrix-product rate whatever the batch, and its 1-D ones do not.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from .registry import network

FEATURES = 4  # I, Q, envelope, phase step
STEM_KERNEL = 7
CHANNELS = (48, 80, 128)  # of the stages
REDUCTION = 8  # samples of a frame for one column behind the last stage


def unit_power(i: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each frame at unit mean power; an all-zero frame stays zero. I and Q, (N, L) each → same."""
    power = (i * i + q * q).mean(dim=1, keepdim=True)
    scale = torch.rsqrt(power.clamp_min(1e-30))
    return i * scale, q * scale


def without_phase(i: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn each frame so that Σx⁴ is real and positive. I and Q, (N, L) each → same.

    For PAM, QPSK and QAM this takes the carrier's phase out up to a multiple of 90° (the fourth-power phase
    estimate; Moeneclaey and de Jonghe, IEEE Trans. Commun. 42, 1994); for the rest it does no harm.
    """
    i2, q2 = i * i - q * q, 2 * i * q
    i4, q4 = i2 * i2 - q2 * q2, 2 * i2 * q2
    phase = torch.atan2(q4.sum(dim=1, keepdim=True), i4.sum(dim=1, keepdim=True)) / 4
    cos, sin = torch.cos(phase), torch.sin(phase)
    return i * cos + q * sin, q * cos - i * sin


def frame_features(iq: torch.Tensor, remove_phase: bool = True) -> torch.Tensor:
    """What the encoder sees of a frame: I, Q, envelope, phase step / π. (N, L, 2) → (N, 4, L)."""
    i, q = unit_power(*iq.unbind(2))
    if remove_phase:
        i, q = without_phase(i, q)
    envelope = torch.sqrt(i * i + q * q)
    real = i[:, 1:] * i[:, :-1] + q[:, 1:] * q[:, :-1]
    imaginary = q[:, 1:] * i[:, :-1] - i[:, 1:] * q[:, :-1]
    step = functional.pad(torch.atan2(imaginary, real) / math.pi, [1, 0])
    return torch.stack([i, q, envelope, step], dim=1)


def statistics(x: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of each channel over time. (N, C, L) → (N, 2 C)."""
    x = x.float()  # in training's bfloat16 nothing would be left of a small variance
    mean = x.mean(dim=2)
    variance = (x.square().mean(dim=2) - mean.square()).clamp_min(0)
    return torch.cat([mean, torch.sqrt(variance + 1e-6)], dim=1)


def conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution over time in front of a batch norm: padded, without bias (see nets/sr2cnn.py)."""
    return nn.Conv2d(
        channels_in, channels_out, (1, kernel), (1, stride), padding=(0, kernel // 2), bias=False
    )


class ResidualBlock(nn.Module):
    """Two convolutions of three taps with batch norm, and a way past them (He et al., CVPR 2016)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv1 = conv(channels_in, channels_out, 3, stride)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = conv(channels_out, channels_out, 3)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.past = nn.Identity()
        if stride > 1 or channels_in != channels_out:
            self.past = nn.Sequential(
                conv(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.past(x))


@network("residual")
class ResidualNet(nn.Module):
    """F and C of the presets ``residual`` and ``lite``; the former's has 7.1 MFLOP a frame of 128 samples.

    Args:
        n_classes: number of known classes K
        n_background: number of classes B that are trained along but are no targets
        frame_len: samples a frame, a multiple of 8
        dim: dimension t of the semantic space; with background classes its last axis is the evidence
            for them: evidence_weight · P(any background class), next to nothing for a known frame; bounded,
            so that it does not tear a discovered class apart
        dropout: share of pooled features dropped in training
        remove_phase: take the carrier's phase out of each frame first, see ``without_phase``
        channels: of the three stages
        evidence_weight: length of the axis of evidence
    """

    normalisation = "unit power"

    def __init__(
        self,
        n_classes,
        n_background=0,
        frame_len=128,
        dim=64,
        dropout=0.1,
        remove_phase=True,
        channels=CHANNELS,
        evidence_weight=0.0,
    ):
        if n_classes < 2:
            raise ValueError(f"n_classes is {n_classes}, expected at least 2")
        if frame_len < REDUCTION or frame_len % REDUCTION:
            raise ValueError(f"frame_len is {frame_len}, expected a multiple of {REDUCTION}")
        super().__init__()
        first, *others = channels
        self.n_classes, self.n_background = n_classes, n_background
        self.remove_phase = remove_phase
        self.evidence_weight = float(evidence_weight)
        self.embedding_dim = dim - (n_background > 0)
        self.stem = nn.Sequential(conv(FEATURES, first, STEM_KERNEL, 2), nn.BatchNorm2d(first), nn.ReLU())
        stages = [ResidualBlock(first, first, 1)]
        for channels_in, channels_out in zip(channels, others):
            stages.append(ResidualBlock(channels_in, channels_out, 2))
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(2 * channels[-1], self.embedding_dim)
        self.classifier = nn.Linear(self.embedding_dim, n_classes + n_background)
        self.to(memory_format=torch.channels_last)

    @classmethod
    def arguments_of(cls, shapes, card):
        """See `registry.network`; what no weight shows is in the recipe that the network was trained by."""
        recipe = (card.get("provenance") or {}).get("recipe") or {}
        n_classes, embedding_dim = len(card["classes"]), shapes["project.weight"][0]
        n_background = shapes["classifier.weight"][0] - n_classes
        n_stages = sum(name.startswith("stages.") and name.endswith(".conv1.weight") for name in shapes)
        return dict(
            n_classes=n_classes,
            n_background=n_background,
            frame_len=card["frame_len"],
            dim=embedding_dim + (n_background > 0),
            remove_phase=bool(recipe.get("remove_phase", True)),
            channels=[shapes[f"stages.{k}.conv1.weight"][0] for k in range(n_stages)],
            evidence_weight=recipe.get("evidence_weight", 0.0),
        )

    def embed(self, iq):
        """Semantic vectors without the axis of evidence: (N, frame_len, 2) → (N, embedding_dim)."""
        x = frame_features(iq, self.remove_phase).unsqueeze(2)
        x = self.stages(self.stem(x.contiguous(memory_format=torch.channels_last))).squeeze(2)
        return self.project(self.dropout(statistics(x)))

    def training_outputs(self, iq):
        """What the losses need: dict of embedding z (N, embedding_dim) and logits of all classes (N, K + B)."""
        z = self.embed(iq)
        return {"z": z, "logits": self.classifier(z)}

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        """Semantic vectors: float32 (N, frame_len, 2), I and Q of any scale → float32 (N, dim)."""
        z = self.embed(iq)
        if not self.n_background:
            return z
        logits = self.classifier(z)
        background = torch.softmax(logits, dim=1)[:, self.n_classes :].sum(dim=1, keepdim=True)
        return torch.cat([z, self.evidence_weight * background], dim=1)

    def classify(self, z: torch.Tensor) -> torch.Tensor:
        """Logits of the known classes: (N, dim) → (N, K)."""
        return self.classifier(z[:, : self.embedding_dim])[:, : self.n_classes]

    @torch.no_grad()
    def settle(self, origin, basis):
        """Fix the axes of the semantic space when training is over.

        The embedding becomes (z − origin) · basis; both linear layers take that up, so it costs nothing and
        ``classify`` gives what it gave.

        Args:
            origin: (embedding_dim,) array
            basis: (embedding_dim, embedding_dim) array, invertible
        """
        origin, basis = (torch.as_tensor(a, dtype=torch.float64) for a in (origin, basis))
        project, classifier = self.project, self.classifier
        project.bias.copy_((project.bias.double() - origin) @ basis)
        project.weight.copy_(basis.T @ project.weight.double())
        rows = classifier.weight.double()
        classifier.bias.copy_(classifier.bias.double() + rows @ origin)
        classifier.weight.copy_(torch.linalg.solve(basis, rows.T).T)
