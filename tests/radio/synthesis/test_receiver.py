# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a receiver: each as strong as it says."""

import numpy as np
import pytest

pytest.importorskip("gnuradio")
from gnuradio.sr2cnn.synthesis.receiver import EDGE, FAULTS, Faults, Receiver

N = 1 << 18


def db(power):
    return 10 * np.log10(power)


def received(receiver, antenna, n_blocks=1):
    """What it makes of samples, silence before and behind them."""
    whole = np.pad(np.asarray(antenna, np.complex64), receiver.delay)
    return np.concatenate([receiver.receive(block) for block in np.array_split(whole, n_blocks)])


def receiver(monkeypatch, loudest=1.0, seed=0, **faults):
    monkeypatch.setitem(FAULTS, "of the test", Faults(**faults))
    return Receiver("of the test", loudest, np.random.default_rng(seed))


def tone(frequency, power=1.0):
    return np.sqrt(power) * np.exp(2j * np.pi * frequency * np.arange(N))


def line(samples, frequency):
    return db(np.abs(np.mean(samples * tone(-frequency))) ** 2)


def test_ideal(monkeypatch):
    samples = received(Receiver("none", 1.0, np.random.default_rng(1)), np.zeros(N))
    assert db(np.mean(np.abs(samples) ** 2)) == pytest.approx(-15, abs=0.1)
    assert np.abs(samples.mean()) < 4 * samples.std() / np.sqrt(N)
    spectrum = np.abs(np.fft.fft(samples.reshape(-1, 64))) ** 2
    assert np.ptp(db(spectrum.mean(axis=0))) < 1


def test_dc(monkeypatch):
    one = receiver(monkeypatch, dc=(-10, -10))
    samples = received(one, np.zeros(N))
    assert one.drawn["dc"] == -10
    assert line(samples, 0) - db(samples.var()) == pytest.approx(-10, abs=0.2)


def test_image(monkeypatch):
    samples = received(receiver(monkeypatch, 1e4, image=(25, 25)), tone(0.125, 1e4))
    assert line(samples, 0.125) - line(samples, -0.125) == pytest.approx(25, abs=0.2)


def test_slope(monkeypatch):
    one = receiver(monkeypatch, slope=(8, 8))
    noise = db(np.mean(np.abs(np.fft.fft(received(one, np.zeros(N)).reshape(-1, 64))) ** 2, axis=0))
    frequency = np.fft.fftfreq(64)
    within = np.abs(frequency) < 0.4
    rise, _ = np.polyfit(frequency[within], noise[within], 1)
    assert rise == pytest.approx(one.drawn["slope"], abs=0.5) and abs(rise) == pytest.approx(8, abs=0.5)
    outside = np.abs(frequency) > 0.5 - EDGE / 4
    assert noise[outside].mean() < noise[within].mean() - 5
    slopes = {np.sign(receiver(monkeypatch, slope=(8, 8), seed=k).drawn["slope"]) for k in range(9)}
    assert slopes == {-1, 1}


def test_clipping(monkeypatch):
    samples = received(receiver(monkeypatch, 101, headroom=(-3, -3)), tone(0.01, 100))
    top = np.max([np.abs(samples.real), np.abs(samples.imag)], axis=0)
    assert top.max() == 1 and np.mean(top == 1) > 0.3
    samples = received(Receiver("none", 101, np.random.default_rng(1)), tone(0.01, 100))
    assert max(np.abs(samples.real).max(), np.abs(samples.imag).max()) < 0.6


@pytest.mark.parametrize("faults", ["mild", "strong"])
def test_blocks_leave_no_trace(faults):
    """Nor does the filter shift anything in time."""
    antenna = np.zeros(N, np.complex64)
    antenna[N // 3] = 1e4
    whole, blocks = (
        received(Receiver(faults, 1e8, np.random.default_rng(2)), antenna, n_blocks) for n_blocks in (1, 7)
    )
    assert len(whole) == N and np.argmax(np.abs(whole)) == N // 3
    np.testing.assert_allclose(whole, blocks, atol=1e-6)


def test_as_strong_as_called():
    draws = {
        name: [Receiver(name, 1.0, np.random.default_rng(k)).drawn for k in range(20)] for name in FAULTS
    }
    assert set(draws["none"][0]) == {"headroom"}
    for fault, worse in (("dc", max), ("image", min), ("headroom", min)):
        mild, strong = ([drawn[fault] for drawn in draws[name]] for name in ("mild", "strong"))
        assert worse(mild + strong) in strong and len(set(mild)) > 10
