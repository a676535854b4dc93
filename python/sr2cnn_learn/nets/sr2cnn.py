# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of the paper: encoder F, classifier C and decoder D (Dong et al., IEEE TSP 2021, section III).

F is four 3×3 convolutions over the frame as a one-channel image of two rows, I and Q, and three fully
connected layers; D mirrors it, taking the places of the maxima from F's max-pooling. C is one linear
layer. Where the paper is silent, see docs/paper-preset.md.

No layer in front of a batch norm has a bias. The norm would take it out again, so it gets no gradient but
rounding errors, which Adam blows up to full steps; at the small scale of normalised frames the norm's running
mean lags behind these by several standard deviations, and the network fails outside training.
"""

import torch
from torch import nn
from torch.nn import functional

from .registry import network

CHANNELS = (64, 128, 256, 512)
HIDDEN = (1024, 512)
REDUCTION = 16  # samples of a frame for one column behind the last pooling


def normalise(iq: torch.Tensor) -> torch.Tensor:
    """Divide each frame by its Σ|x|, as RadioML does; an all-zero frame stays zero. (N, L, 2) → same."""
    magnitude = torch.sqrt(iq.square().sum(dim=2, keepdim=True)).sum(dim=1, keepdim=True)
    return iq / magnitude.clamp_min(1e-30)


def unpool(x, places):
    """Undo a (1, 2) max-pooling: values back to their places, zeros elsewhere.

    The operator itself, since ``functional.max_unpool2d`` cannot be traced.
    """
    return torch.ops.aten.max_unpool2d(x, places, [x.shape[2], 2 * x.shape[3]])


class ConvStage(nn.Module):
    """3×3 convolution, batch norm, ReLU, dropout of whole channels."""

    def __init__(self, channels_in: int, channels_out: int, dropout: float):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x):
        return self.dropout(functional.relu(self.norm(self.conv(x))))


class DeconvStage(nn.Module):
    """3×3 transposed convolution, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x)))


def dense(features_in: int, features_out: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear layer, batch norm, ReLU and, if asked for, dropout."""
    linear = nn.Linear(features_in, features_out, bias=False)
    layers = [linear, nn.BatchNorm1d(features_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(dropout)) if dropout else nn.Sequential(*layers)


class Encoder(nn.Module):
    """F: normalised frames (N, L, 2) → semantic vectors (N, dim) and the indices of three max-poolings."""

    def __init__(self, frame_len: int, dim: int, dropout: float, conv_dropout: float):
        super().__init__()
        self.conv1 = ConvStage(1, CHANNELS[0], conv_dropout)
        self.conv2 = ConvStage(CHANNELS[0], CHANNELS[1], conv_dropout)
        self.conv3 = ConvStage(CHANNELS[1], CHANNELS[2], conv_dropout)
        self.conv4 = ConvStage(CHANNELS[2], CHANNELS[3], conv_dropout)
        self.dense = nn.Sequential(
            dense(CHANNELS[3] * frame_len // REDUCTION, HIDDEN[0], dropout),
            dense(HIDDEN[0], HIDDEN[1], dropout),
            dense(HIDDEN[1], dim, dropout),
        )

    def forward(self, x):
        x = x.transpose(1, 2).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        x, places1 = functional.max_pool2d_with_indices(self.conv1(x), [1, 2])
        x, places2 = functional.max_pool2d_with_indices(self.conv2(x), [1, 2])
        x, places3 = functional.max_pool2d_with_indices(self.conv3(x), [1, 2])
        x = functional.avg_pool2d(self.conv4(x), [2, 2])
        return self.dense(x.flatten(1)), (places1, places2, places3)


class Decoder(nn.Module):
    """D: semantic vectors (N, dim) and the encoder's pooling indices → normalised frames (N, L, 2).

    The last layer is linear, so that negative I and Q can be reached.
    """

    def __init__(self, frame_len: int, dim: int):
        super().__init__()
        self.dense = nn.Sequential(
            dense(dim, HIDDEN[1]),
            dense(HIDDEN[1], HIDDEN[0]),
            dense(HIDDEN[0], CHANNELS[3] * frame_len // REDUCTION),
        )
        self.conv4 = DeconvStage(CHANNELS[3], CHANNELS[2])
        self.conv3 = DeconvStage(CHANNELS[2], CHANNELS[1])
        self.conv2 = DeconvStage(CHANNELS[1], CHANNELS[0])
        self.conv1 = nn.ConvTranspose2d(CHANNELS[0], 1, 3, padding=1)
        # Frames divided by Σ|x| are small: start there, or D's first errors drown the other losses.
        nn.init.zeros_(self.conv1.weight)
        nn.init.zeros_(self.conv1.bias)

    def forward(self, z, places: tuple[torch.Tensor, torch.Tensor, torch.Tensor]):
        x = self.dense(z)
        x = x.reshape(x.shape[0], 512, 1, -1).contiguous(memory_format=torch.channels_last)
        x = self.conv4(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.conv3(unpool(x, places[2]))
        x = self.conv2(unpool(x, places[1]))
        x = self.conv1(unpool(x, places[0]))
        return x.squeeze(1).transpose(1, 2)


@network("sr2cnn-encoder")
class EncoderClassifier(nn.Module):
    """F and C: all that recognition needs.

    Args:
        n_classes: number of known classes K
        frame_len: samples a frame, a multiple of 16
        dim: dimension t of the semantic space
        dropout: share of features dropped in training, behind the fully connected layers
        conv_dropout: share of channels dropped in training, behind the convolutions
    """

    normalisation = "sum of magnitudes"

    def __init__(self, n_classes, frame_len=128, dim=256, dropout=0.5, conv_dropout=0.1):
        if n_classes < 2:
            raise ValueError(f"n_classes is {n_classes}, expected at least 2")
        if frame_len < REDUCTION or frame_len % REDUCTION:
            raise ValueError(f"frame_len is {frame_len}, expected a multiple of {REDUCTION}")
        super().__init__()
        self.embedding_dim = dim
        self.encoder = Encoder(frame_len, dim, dropout, conv_dropout)
        self.classifier = nn.Linear(dim, n_classes)
        self.to(memory_format=torch.channels_last)

    @classmethod
    def arguments_of(cls, shapes, card):
        """See `registry.network`."""
        n_classes, dim = shapes["classifier.weight"]
        return dict(n_classes=n_classes, frame_len=card["frame_len"], dim=dim)

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        """Semantic vectors: float32 (N, frame_len, 2), I and Q of any scale → float32 (N, dim)."""
        return self.encoder(normalise(iq))[0]

    def classify(self, z: torch.Tensor) -> torch.Tensor:
        """Logits of the known classes: (N, dim) → (N, K)."""
        return self.classifier(z)


@network("sr2cnn")
class SR2CNN(EncoderClassifier):
    """F, C and D together; arguments as of `EncoderClassifier`."""

    def __init__(self, n_classes, frame_len=128, dim=256, dropout=0.5, conv_dropout=0.1):
        super().__init__(n_classes, frame_len, dim, dropout, conv_dropout)
        self._arguments = n_classes, frame_len, dim, dropout, conv_dropout
        self.decoder = Decoder(frame_len, dim)
        self.to(memory_format=torch.channels_last)

    def reconstruct(self, iq: torch.Tensor) -> torch.Tensor:
        """Normalised frames as D rebuilds them: (N, frame_len, 2) → the same."""
        z, places = self.encoder(normalise(iq))
        return self.decoder(z, places)

    def training_outputs(self, iq):
        """All that the losses need from one pass: dict of z, logits, reconstruction, normalised frames."""
        target = normalise(iq)
        z, places = self.encoder(target)
        return {
            "z": z,
            "logits": self.classifier(z),
            "reconstruction": self.decoder(z, places),
            "normalised": target,
        }

    def without_decoder(self):
        """F and C alone, sharing their weights with this network."""
        with torch.device("meta"):  # of no memory: its parts are replaced
            network = EncoderClassifier(*self._arguments)
        network.encoder, network.classifier = self.encoder, self.classifier
        return network
