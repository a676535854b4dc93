# SPDX-License-Identifier: GPL-3.0-or-later
"""The small parts by pytest-benchmark, to compare one change with another:

    .venv/bin/python -m pytest tests/bench --benchmark-enable

Without --benchmark-enable each runs once. Ratios, and the whole flowgraph: `sr2cnn bench`.
"""

import numpy as np
import pytest
from gnuradio.sr2cnn.benchmark.live import MODULATIONS, bursts
from gnuradio.sr2cnn.benchmark.parts import N_UNKNOWN, stream
from gnuradio.sr2cnn.sr2cnn_python import discriminator_kernel
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.conditioning import Conditioner
from sr2cnn_learn.discriminator import Discriminator


@pytest.fixture(scope="module", params=["TorchScript", "ONNX Runtime"])
def bundle(request):
    return Bundle.load("sr2cnn", engine=request.param)


@pytest.mark.parametrize("batch", [1, 64, 256])
def test_encoder(benchmark, bundle, batch):
    frames = np.random.default_rng(0).standard_normal((batch, bundle.frame_len, 2)).astype(np.float32)
    z = benchmark(bundle.encode, frames, batch)
    assert z.shape == (batch, bundle.dim)


@pytest.mark.parametrize("distance", ["diagonal", "mahalanobis"])
@pytest.mark.parametrize("implementation", [discriminator_kernel, Discriminator])
def test_discriminator(benchmark, implementation, distance):
    options, covariances, z = stream()
    if distance == "mahalanobis":
        options["covariances"] = covariances
    else:
        options["variances"] = np.diagonal(covariances, axis1=1, axis2=2).copy()
    discriminator = implementation(distance=distance, **options)
    benchmark(discriminator.predict, z[:1024])
    assert len(discriminator.discovered) == N_UNKNOWN


def test_conditioner(benchmark):
    """A burst of each of five modulations in noise."""
    samples = bursts()

    def condition():
        conditioner = Conditioner()
        return conditioner.push(samples) + conditioner.finish()

    pieces = benchmark(condition)
    assert len({piece.burst.number for piece in pieces}) == len(MODULATIONS)
