# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn bench` as typed, and its yardsticks against what they are to measure."""

import json
import os

import numpy as np
import pytest
from cli_support import run_cli
from gnuradio.sr2cnn.benchmark.live import bursts
from gnuradio.sr2cnn.benchmark.parts import N_KNOWN, N_UNKNOWN, plain_loop, stream
from gnuradio.sr2cnn.sr2cnn_python import discriminator_kernel
from sr2cnn_learn.benchmark import limit
from sr2cnn_learn.benchmark.encoders import encoders, flop_of
from sr2cnn_learn.benchmark.limit import Limit
from sr2cnn_learn.benchmark.row import Row, best_rate
from sr2cnn_learn.cli.bench import cells
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.nets.residual import ResidualNet


def test_every_part_as_typed(tmp_path, tiny_bundle):
    out = tmp_path / "bench.json"
    result = run_cli("bench", "--model", tiny_bundle, "--seconds", 0.02, "--rate", "100k", "--json-file", out)
    assert result.returncode == 0, result.stderr
    rows = json.loads(out.read_text())["rows"]
    assert {row["part"] for row in rows} == {
        "machine",
        "encoder",
        "detector",
        "discriminator",
        "framer and queue",
        "flowgraph",
        "latency",
    }
    for row in rows:
        assert np.isfinite(row["value"])
    spent = [row["ratio"] for row in rows if row["unit"] == "s in work"]
    assert sum(spent) == pytest.approx(1) and min(spent) >= 0
    shares = [row["ratio"] for row in rows if row["of"] in ("limit", "encoder alone")]
    assert len(shares) > 20 and min(shares) > 0 and max(shares) <= 1
    (named,) = (row["what"] for row in rows if row["what"].startswith("limit: "))
    assert named in result.stdout
    products = {row["what"] for row in rows if row["part"] == "machine"} - {named}
    assert products == {"torch.mm", "oneDNN convolution", "ONNX Runtime MatMul", "numpy.matmul"}


def test_to_import_it_changes_nothing_for_others():
    """GNU Radio counts what blocks take in a benchmark alone, not in each program that imports a part of one."""
    assert "GR_CONF_PERFCOUNTERS_ON" not in os.environ


def test_wrong_part_is_named():
    result = run_cli("bench", "--parts", "encoder,kernels")
    assert result.returncode == 2 and "'kernels', expected some of encoder" in result.stderr


def test_all_discriminators_of_the_benchmark_agree():
    """What is compared for speed decides alike."""
    options, covariances, z = stream()
    variances = np.diagonal(covariances, axis1=1, axis2=2).copy()
    z = z[:300]
    for distance in ("diagonal", "mahalanobis"):
        spread = dict(covariances=covariances) if distance == "mahalanobis" else dict(variances=variances)
        full = dict(options, distance=distance, **spread)
        kernel = discriminator_kernel(**full)
        ids = kernel.predict(z)
        assert np.array_equal(ids, Discriminator(**full).predict(z))
        assert len(kernel.discovered) == N_UNKNOWN and set(ids[ids >= 0]) == set(range(N_KNOWN))
        matrices = covariances if distance == "mahalanobis" else [np.diag(v) for v in variances]
        plain = plain_loop(z, options["centers"], matrices, options["lambda1"], options["lambda2"])
        assert np.array_equal(plain, ids)


def test_an_encoder_faster_than_every_product_is_the_limit(tiny_bundle, monkeypatch):
    """As on processors whose widest registers torch.mm leaves idle."""
    monkeypatch.setattr(limit, "products", lambda device: [("slow", 1.0, lambda: None)])
    yardstick = Limit()
    rows, best = encoders([tiny_bundle], yardstick, seconds=0.01)
    shares = {row.what: row.ratio for row in rows}
    fastest = max(shares, key=shares.get)
    assert shares[fastest] == 1 and fastest.startswith("tiny, ")
    name, most = yardstick.best()
    assert name == fastest
    whole, slow = yardstick.rows()
    assert (whole.what, whole.value) == (f"limit: {fastest}", most)
    assert slow.what == "slow" and 0 < slow.ratio < 1 and slow.of == "limit"
    assert best == {tiny_bundle: max(row.value for row in rows)}


def test_each_product_takes_part_at_its_best():
    of = {}
    for name, flop, work in limit.products():
        work()
        of.setdefault(name, []).append(flop)
    squares = [2 * size**3 for size in limit.SIZES]
    assert of.pop("oneDNN convolution") == [2 * 64 * 64 * 3 * 256**2]
    assert of == dict.fromkeys(["torch.mm", "numpy.matmul", "ONNX Runtime MatMul"], squares)
    yardstick = Limit()
    yardstick.note("torch.mm", 2.0)
    yardstick.note("torch.mm", 1.0)
    assert yardstick.best() == ("torch.mm", 2.0)


def test_flop_by_hand():
    network = ResidualNet(2, dim=4, channels=(1, 1, 1)).eval()
    # Two for each multiplication: stem, three blocks, the ways past two of them, the linear layer.
    multiplications = 64 * 4 * 7 + 64 * 3 * 2 + (32 + 16) * (3 * 2 + 1) + 2 * 4
    assert flop_of(network, 128) == 2 * multiplications


def test_best_rate_takes_the_fastest():
    times = iter([0, 5, 5, 6, 6, 10])  # calls of 5, 1 and 4 seconds
    assert best_rate(10, lambda: None, seconds=0, clock=lambda: next(times)) == 10


def test_cells():
    assert cells(Row("a", "b", 1.5e9, "FLOP/s")) == ("a", "b", "1.5 GFLOP/s", "", "", "")
    assert cells(Row("a", "b", 8200.0, "frames/s", 0.5, "c", 0.9))[2:] == (
        "8.2 k frames/s",
        "0.5",
        "c",
        "≥ 0.9  missed",
    )
    assert cells(Row("a", "b", 12.0, "ms", at_most=20))[5] == "≤ 20"


def test_the_benchmarks_signal_is_loud():
    samples = bursts(pause=0)
    assert samples.dtype == np.complex64 and np.all(np.isfinite(samples))
    frames = samples[: len(samples) // 128 * 128].reshape(-1, 128)
    assert np.mean(np.abs(frames) ** 2, axis=1).min() > 0.1
