# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals in several channels of a band: each found in its own, all through one network."""

import numpy as np
import pmt
import pytest
from burst_support import run, tag
from gnuradio import sr2cnn
from gnuradio.sr2cnn.wideband_recognizer import channel_filter
from scipy import signal
from signals import noise, qpsk, shifted

N_CHANNELS, RATE, FREQ = 8, 800e3, 433.9e6
#: (start and length in samples, symbols a sample, frequency over the rate): two at once, and neighbours.
SIGNALS = [(400_000, 400_000, 80, 0.26), (500_000, 400_000, 100, -0.12), (1_100_000, 300_000, 64, 0.13)]
N = 1_600_000


@pytest.fixture(scope="module")
def band():
    x = noise(N, 0.05)
    for k, (start, n, sps, frequency) in enumerate(SIGNALS):
        x[start : start + n] += shifted(qpsk(n, sps, seed=k), frequency)
    return x.astype(np.complex64)


@pytest.fixture(scope="module")
def heard(band, tiny_bundle):
    tags = [tag(0, "rx_freq", pmt.from_double(FREQ))]
    chain = sr2cnn.wideband_recognizer(N_CHANNELS, RATE, str(tiny_bundle))
    sink, messages = run(band, chain, ["labels", "novel", "bursts", "status"], tags)
    return np.array(sink.data()), messages


def test_each_signal_is_a_burst_of_its_channel(heard):
    bursts = sorted(heard[1]["bursts"], key=lambda one: one["start_sample"])
    assert len(bursts) == len(SIGNALS)
    for one, (start, n, sps, frequency) in zip(bursts, SIGNALS):
        assert one["channel"] == round(frequency * N_CHANNELS) + N_CHANNELS // 2
        # The channelizer's filter takes its time, and looks at blocks of 128 samples of a channel.
        assert abs(one["start_sample"] - start) < 200 * N_CHANNELS
        assert abs(one["n_samples"] - n) < 300 * N_CHANNELS
        assert one["rx_freq"] == pytest.approx(FREQ + frequency * RATE, abs=0.1 * RATE / sps)
        assert one["bandwidth"] == pytest.approx(1.17 * RATE / sps, rel=0.2)
        assert one["symbol_rate"] == pytest.approx(RATE / sps, rel=0.01)
        assert one["sample_rate"] == RATE


def test_labels_tell_the_channel_and_the_place_in_the_band(heard):
    ids, messages = heard
    assert sum(one["n_frames"] for one in messages["labels"]) == len(ids) > 100
    of = {one["burst"]: one for one in messages["bursts"]}
    seen = dict.fromkeys(of, 0)
    for one in messages["labels"]:
        burst = of[one["burst"]]
        assert one["channel"] == burst["channel"] and one["rx_freq"] == burst["rx_freq"]
        first, n = burst["start_sample"], burst["n_samples"]
        assert first <= one["start_sample"]
        assert one["start_sample"] + one["n_samples"] <= first + n + N_CHANNELS
        seen[one["burst"]] += one["n_samples"]
    for number, n in seen.items():  # all but the last part of a frame
        assert 0.97 < n / of[number]["n_samples"] <= 1.001


def test_two_at_once_take_turns(heard):
    order = [one["burst"] for one in heard[1]["labels"]]
    first = order.index(2)
    assert 1 in order[first:]  # the first goes on after the second began


@pytest.mark.parametrize("n_channels", [2, 3, 8, 64])
def test_channel_filter(n_channels):
    taps = channel_filter(n_channels)
    frequencies = np.linspace(0, n_channels / 2, 20_000)  # over a channel's rate
    _, response = signal.freqz(taps, worN=frequencies, fs=n_channels)
    level = 20 * np.log10(np.abs(response) + 1e-12)
    assert np.abs(level[frequencies < 0.4]).max() < 0.1
    assert level[frequencies > 0.6].max() < -68  # the formula for the length is a rule of thumb
    assert len(taps) < 25 * n_channels


@pytest.mark.parametrize(
    "n_channels, rate, word", [(1, 1e6, "n_channels is 1"), (4, -1.0, "sample_rate is -1")]
)
def test_constructor_refuses(n_channels, rate, word, tiny_bundle):
    with pytest.raises(ValueError, match=word):
        sr2cnn.wideband_recognizer(n_channels, rate, str(tiny_bundle))
