# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn tune`, and the encoders that take what it found."""

import json
import os

import pytest
import torch
from cli_support import run_cli, write_small_bundle
from sr2cnn_learn import tuning
from sr2cnn_learn.benchmark import row
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.tuning import BATCHES, Tuning, cache_path, kept, thread_counts, tune


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def bundle(tiny_bundle):
    return Bundle.load(tiny_bundle)


def test_as_typed(tiny_bundle, tmp_path):
    result = run_cli("tune", tiny_bundle)
    assert result.returncode == 0, result.stderr
    assert all(str(batch) in result.stdout for batch in BATCHES) and str(cache_path()) in result.stdout
    found = kept(Bundle.load(tiny_bundle))
    assert found.batch_size in BATCHES and found.threads in thread_counts()
    sr2cnn = pytest.importorskip("gnuradio.sr2cnn")
    encoder = sr2cnn.encoder(str(tiny_bundle), "cpu")
    assert (encoder.batch_size, torch.get_num_threads()) == (found.batch_size, found.threads)
    assert sr2cnn.encoder(str(tiny_bundle), "cpu", 48).batch_size == 48
    other = write_small_bundle(tmp_path / "other.pt")
    assert kept(Bundle.load(other)) == Tuning()
    assert sr2cnn.encoder(str(other), "cpu").batch_size == 256


@pytest.mark.parametrize(
    "rates, expected",
    [
        ({(256, 1): 94, (256, 2): 100}, (256, 2)),  # one thread is too slow
        ({(256, 1): 96, (256, 2): 100}, (256, 1)),
        ({(64, 2): 96, (128, 2): 97, (512, 2): 100}, (64, 2)),
        ({(1024, 1): 95, (32, 2): 100}, (1024, 1)),
    ],
)
def test_the_fewest_threads_then_the_smallest_batch(bundle, rates, expected, monkeypatch):
    monkeypatch.setattr(tuning, "thread_counts", lambda: [1, 2])
    monkeypatch.setattr(row, "best_rate", lambda n, *_: rates.get((n, torch.get_num_threads()), 1))
    threads = torch.get_num_threads()
    best, measured = tune(bundle)
    assert (best.batch_size, best.threads) == expected
    assert len(measured) == 2 * len(BATCHES) and torch.get_num_threads() == threads
    assert kept(bundle) == best


def test_several_bundles_are_kept(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(row, "best_rate", lambda n, *_: n)
    other = Bundle.load(write_small_bundle(tmp_path / "other.pt"))
    tune(bundle)
    tune(other)
    assert kept(bundle) == kept(other) == Tuning(1024, 1)
    assert len(json.loads(cache_path().read_text())) == 2


@pytest.mark.parametrize("threads", [1, "2", None, -1, 1 << 20, True])
@pytest.mark.parametrize("batch_size", [0, "64", 1 << 20, None, 1.5])
def test_what_makes_no_sense_is_passed_over(bundle, batch_size, threads):
    cache_path().parent.mkdir(parents=True)
    entry = {"batch_size": batch_size, "threads": threads}
    cache_path().write_text(json.dumps({tuning._key(bundle): entry}))
    assert kept(bundle) == Tuning()


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\x00", '{"a": 1}'])
def test_a_damaged_file_is_passed_over_and_replaced(bundle, text, monkeypatch):
    cache_path().parent.mkdir(parents=True)
    cache_path().write_text(text)
    assert kept(bundle) == Tuning()
    monkeypatch.setattr(row, "best_rate", lambda n, *_: n)
    tune(bundle)
    assert kept(bundle) == Tuning(1024, 1)


def test_thread_counts(monkeypatch):
    for n, expected in ((1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, n=n: set(range(n)))
        assert thread_counts() == expected
