# SPDX-License-Identifier: GPL-3.0-or-later
"""The detector in flowgraphs. What it makes of samples is tested in lib/qa_detector_core.cc."""

import json
import re
import subprocess
import sys

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.sr2cnn_python import detector_kernel, power_spectra
from message_log import message_log
from places import ROOT, SHARED
from scipy import signal
from sr2cnn_learn.evaluation.scene import reported_emissions, score

RATE = 48_000
START, SECONDS = 5 * RATE, 20


def run(samples, sample_rate=0.0, tags=(), detector=None):
    """What the detector says of samples: list of dicts."""
    tag_list = []
    for offset, key, value in tags:
        tag = gr.tag_t()
        tag.offset, tag.key, tag.value = offset, pmt.intern(key), value
        tag_list.append(tag)
    source = blocks.vector_source_c(samples, False, 1, tag_list)
    detector = detector or sr2cnn.detector(sample_rate)
    log = message_log("emissions")
    top_block = gr.top_block()
    top_block.connect(source, detector)
    top_block.msg_connect((detector, "emissions"), (log, "emissions"))
    top_block.run()
    return log["emissions"]


def noise(n, seed=1):
    random = np.random.default_rng(seed)
    return (random.standard_normal((n, 2)) @ [1, 1j] / np.sqrt(2)).astype(np.complex64)


def band(n, *emissions, seed=1):
    """Noise of unit power, and (start, samples, center, width, dB in it) of Gaussian noise that fills a band."""
    samples = noise(n, seed)
    for k, (start, count, center, width, snr) in enumerate(emissions):
        taps = signal.firwin(2 * round(8 / width) + 1, width)
        filled = signal.oaconvolve(noise(count + len(taps) - 1, 100 + k), taps, "valid")
        filled *= np.sqrt(10 ** (snr / 10) * width / np.sum(taps**2))
        samples[start : start + count] += filled * np.exp(2j * np.pi * center * np.arange(count))
    return samples


@pytest.mark.parametrize("size", [256, 1024, 4096])
def test_spectra_are_those_of_scipy(size):
    samples = noise(10_000)
    _, _, powers = signal.spectrogram(
        samples, 1.0, "blackmanharris", size, size // 2, detrend=False, return_onesided=False
    )
    found = power_spectra(samples, size)
    assert np.allclose(found, np.fft.fftshift(powers.T, axes=1), rtol=1e-3, atol=1e-4)
    assert power_spectra(samples[: size - 1], size).shape == (0, size)


def detect(samples, kernel, step=10_000):
    """What a kernel tells of samples, until they end."""
    told = []
    for at in range(0, len(samples), step):
        kernel.push(samples[at : at + step])
        told += kernel.take()
    kernel.finish()
    return told + kernel.take()


def test_kernel_without_a_flowgraph():
    (found,) = detect(band(400_000, (100_000, 150_000, 0.2, 0.1, 15)), detector_kernel())
    assert found.number == 1 and not found.cut_off and not found.continues
    assert abs(found.start - 100_000) < 1000 and abs(found.n_samples - 150_000) < 2000
    assert found.center == pytest.approx(0.2, abs=5e-3) and found.bandwidth == pytest.approx(0.1, rel=0.1)
    assert found.snr == pytest.approx(15, abs=3) and 0.7 < found.noise_density < 2


def test_kernel_tells_of_what_goes_on_in_pieces():
    kernel = detector_kernel(longest="1e5")
    samples = band(700_000, (100_000, 450_000, 0.2, 0.1, 15))
    *pieces, last = detect(samples, kernel)
    assert [(one.number, one.n_samples, one.continues) for one in pieces] == [(1, 100_000, True)] * 4
    assert last.number == 1 and not last.continues and abs(last.n_samples - 50_000) < 2000
    for before, after in zip(pieces, [*pieces[1:], last], strict=True):
        assert before.start + before.n_samples == after.start and after.began == pieces[0].start
    kernel.set_longest(0)
    kernel.retune()
    (whole,) = detect(samples, kernel)
    assert (whole.number, whole.continues) == (2, False) and abs(whole.n_samples - 450_000) < 2000


@pytest.mark.parametrize("longest", [-1, 0.5, "much", 1e30])
def test_kernel_names_a_bad_longest(longest):
    with pytest.raises(ValueError, match="longest is"):
        detector_kernel(longest)
    with pytest.raises(ValueError, match="longest is"):
        detector_kernel().set_longest(longest)


def test_where_when_how_wide_how_strong():
    (found,) = run(band(400_000, (100_000, 150_000, 0.2, 0.1, 15)), 1e6)
    assert found["emission"] == 1 and not found["cut_off"]
    assert abs(found["start_sample"] - 100_000) < 1000 and abs(found["n_samples"] - 150_000) < 2000
    assert found["duration"] == pytest.approx(found["n_samples"] / 1e6)
    assert found["frequency_offset"] == pytest.approx(200e3, abs=5e3)
    assert found["bandwidth"] == pytest.approx(100e3, rel=0.1)
    assert found["snr"] == pytest.approx(15, abs=2)
    assert found["sample_rate"] == 1e6 and "center_frequency" not in found


def test_without_a_rate_all_is_a_share_of_it():
    (found,) = run(band(400_000, (100_000, 150_000, 0.2, 0.1, 15)))
    assert found["frequency_offset_share"] == pytest.approx(0.2, abs=5e-3)
    assert found["bandwidth_share"] == pytest.approx(0.1, rel=0.1)
    assert not {"frequency_offset", "duration", "sample_rate"} & set(found)


def test_what_the_radio_says():
    samples = band(900_000, (100_000, 150_000, 0.2, 0.1, 15), (600_000, 150_000, 0.2, 0.1, 15))
    number = pmt.from_double
    tags = [(0, "rx_rate", number(2e6)), (0, "rx_freq", number(100e6)), (450_000, "rx_freq", number(200e6))]
    first, second = run(samples, tags=tags)
    assert first["sample_rate"] == second["sample_rate"] == 2e6
    assert first["center_frequency"] == pytest.approx(100.4e6, abs=1e4)
    assert second["center_frequency"] == pytest.approx(200.4e6, abs=1e4)
    given, _ = run(samples, 1e6, tags)  # wins over what tags say
    assert given["sample_rate"] == 1e6


@pytest.mark.parametrize("key", ["rx_time", "rx_freq"])
def test_none_spans_a_gap_or_a_retune(key):
    samples = band(400_000, (100_000, 200_000, 0.2, 0.1, 15))
    time = pmt.make_tuple(pmt.from_uint64(1), pmt.from_double(0.5))
    values = dict(rx_time=[time, time], rx_freq=[pmt.from_double(1e8), pmt.from_double(2e8)])[key]
    before, after = run(samples, 1e6, [(0, key, values[0]), (200_000, key, values[1])])
    assert before["cut_off"] and after["cut_off"]
    assert before["start_sample"] + before["n_samples"] <= 200_000 == after["start_sample"]


@pytest.mark.parametrize("value", ["much", pmt.from_double(float("nan")), pmt.PMT_NIL, pmt.from_double(-5)])
@pytest.mark.parametrize("key", ["rx_time", "rx_freq", "rx_rate"])
def test_strange_tags_stop_nothing(key, value):
    value = pmt.intern(value) if isinstance(value, str) else value
    samples = band(400_000, (100_000, 150_000, 0.2, 0.1, 15))
    assert len(run(samples, 1e6, [(50_000, key, value)])) == 1


def test_numbers_and_samples_count_on_over_runs():
    detector = sr2cnn.detector(1e6)
    samples = band(300_000, (100_000, 100_000, 0.2, 0.1, 15))
    (first,) = run(samples, detector=detector)
    (second,) = run(samples, detector=detector)
    assert (first["emission"], second["emission"], detector.emissions) == (1, 2, 2)
    assert second["start_sample"] - first["start_sample"] == pytest.approx(300_000, abs=500)


def test_rate_can_be_set():
    detector = sr2cnn.detector("1e6")
    assert detector.sample_rate() == 1e6
    detector.set_sample_rate(2e6)
    (found,) = run(band(400_000, (100_000, 150_000, 0.2, 0.1, 15)), detector=detector)
    assert found["sample_rate"] == detector.sample_rate() == 2e6


def test_what_goes_on_is_told_again_and_again():
    samples = band(900_000, (100_000, 750_000, 0.2, 0.1, 15), (200_000, 150_000, -0.2, 0.1, 15))
    detector = sr2cnn.detector(1e6, report_seconds=0.2)
    events = run(samples, detector=detector)
    (short,) = [one for one in events if one["frequency_offset"] < 0]
    *reports, last = [one for one in events if one["frequency_offset"] > 0]
    assert not short["continues"] and abs(short["n_samples"] - 150_000) < 2000
    assert [one["n_samples"] for one in reports] == [200_000, 400_000, 600_000]
    assert all(one["continues"] and not one["cut_off"] for one in reports) and not last["continues"]
    assert abs(last["n_samples"] - 750_000) < 2000 and last["duration"] == last["n_samples"] / 1e6
    for one in reports:
        assert (one["emission"], one["start_sample"]) == (last["emission"], last["start_sample"])
        assert one["bandwidth"] == pytest.approx(100e3, rel=0.1)
    assert detector.emissions == 2
    (whole,) = reported_emissions({"event": "emission", **one} for one in [*reports, last])
    assert whole.stop - whole.start == last["n_samples"]


def test_what_goes_on_needs_a_rate_to_be_told_of():
    samples = band(400_000, (100_000, 300_000, 0.2, 0.1, 15))
    assert len(run(samples, detector=sr2cnn.detector(0, 0.1))) == 1
    tags = [(0, "rx_rate", pmt.from_double(1e6))]
    assert len(run(samples, detector=sr2cnn.detector(0, 0.1), tags=tags)) == 3


def test_how_often_it_is_told_can_be_set():
    detector = sr2cnn.detector(1e6, "1e300")
    samples = band(400_000, (100_000, 300_000, 0.2, 0.1, 15))
    assert len(run(samples, detector=detector)) == 1
    detector.set_report_seconds("0.1")
    assert detector.report_seconds() == 0.1
    assert [one["continues"] for one in run(samples, detector=detector)] == [True, True, False]
    detector.set_report_seconds(0)
    assert len(run(samples, detector=detector)) == 1


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "much"])
def test_bad_report_seconds_are_named(seconds):
    with pytest.raises(ValueError, match="report_seconds is"):
        sr2cnn.detector(1e6, seconds)
    with pytest.raises(ValueError, match="report_seconds is"):
        sr2cnn.detector().set_report_seconds(seconds)


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), "much"])
def test_bad_rate_is_named(rate):
    with pytest.raises(ValueError, match="sample_rate is"):
        sr2cnn.detector(rate)
    with pytest.raises(ValueError, match="sample_rate is"):
        sr2cnn.detector().set_sample_rate(rate)


def test_emissions_reach_an_event_sink(tmp_path):
    samples = band(400_000, (100_000, 150_000, 0.2, 0.1, 15))
    source, detector = blocks.vector_source_c(samples), sr2cnn.detector(1e6)
    sink = sr2cnn.event_sink(str(tmp_path / "events.jsonl"))
    top_block = gr.top_block()
    top_block.connect(source, detector)
    sr2cnn.connect_events(top_block, detector, sink)
    top_block.run()
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert event["event"] == "emission" and event["bandwidth"] == pytest.approx(100e3, rel=0.1)


def test_as_the_documentation_says(tmp_path):
    (script,) = re.findall("```python\n(.*?)```", (ROOT / "docs/detector.md").read_text(), re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (tmp_path / "emissions.jsonl").read_text().splitlines()]
    assert events and all(event["event"] == "emission" for event in events)
    assert all(event["sample_rate"] == 192e3 for event in events)


@pytest.mark.xfail(
    strict=True, reason="the sides of the bursts bridge the pauses between them, in a long window"
)
def test_bursts_in_a_short_recording_are_one_emission_each():
    """Four of rectangular pulses, whose sides reach through the band, in 60,800 samples."""
    random = np.random.default_rng(3)
    samples, starts = 0.1 * noise(60_800) * np.sqrt(2), []
    for k in range(4):
        symbols = np.repeat(random.choice([-1, 1], (400, 2)) @ [1, 1j], 8)
        starts.append(12_000 + 15_200 * k)
        samples[starts[-1] :][:3200] += 3 * symbols * np.exp(0.3j * np.arange(3200))
    found = run(samples, 1e6)
    assert len(found) == 4
    for one, start in zip(found, starts):
        assert abs(one["start_sample"] - start) < 1000 and abs(one["n_samples"] - 3200) < 2000


def test_the_sides_of_a_strong_keyed_signal_are_none_of_their_own():
    """Of FSK that is switched, not filtered, 39 dB over the noise."""
    random = np.random.default_rng(6)
    frequency = np.repeat(random.choice([-1, 1], 1500), 20) * 6e3 + 31e3
    samples = 0.02 * noise(80_000) * np.sqrt(2)
    samples[30_000:60_000] += np.exp(2j * np.pi * np.cumsum(frequency) / 250e3)
    (one,) = run(samples, 250e3)
    assert abs(one["frequency_offset"] - 31e3) < 2e3 and 12e3 < one["bandwidth"] < 30e3


def test_an_empty_band_as_a_receiver_gives_it():
    """Sloping noise between the filter's slants, and its own line: no emission."""
    slope = signal.firwin2(129, [0, 0.5, 0.9, 1], [1, 0.7, 0.9, 0.15])
    skew = np.exp(0.2j * np.arange(-64, 65))
    samples = signal.oaconvolve(noise(8_000_000), slope + 0.3 * slope * skew, "same") + (0.5 + 0.2j)
    assert run(samples.astype(np.complex64), 2e6) == []


def keyed(envelope, frequency):
    return envelope * np.exp(2j * np.pi * frequency * np.arange(len(envelope)) / RATE)


def psk31(random):
    phases = np.cumsum(random.integers(0, 2, 312)) % 2 * 2 - 1
    pulses = np.zeros(312 * 1536)
    pulses[::1536] = phases
    return np.convolve(pulses, np.sin(np.pi * (np.arange(3072) + 0.5) / 3072))[: len(pulses)]


def fsk(random, baud, tones, spacing):
    steps = (random.integers(0, tones, round(10 * baud)) - (tones - 1) / 2) * spacing
    return np.exp(2j * np.pi * np.cumsum(np.repeat(steps, round(RATE / baud))) / RATE)


def morse(random):
    """Twenty words a minute."""
    signs = [".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "...."]
    dots = []
    while len(dots) < 160:
        for sign in random.choice(signs, 5):
            dots += [dot for mark in sign for dot in [1] * (1 if mark == "." else 3) + [0]] + [0, 0]
        dots += [0] * 4
    return np.convolve(np.repeat(dots, round(0.06 * RATE)), np.hanning(240) / 120, "same")


@pytest.mark.parametrize(
    ("make", "width"),
    [
        (psk31, 62),
        (lambda random: fsk(random, 45.45, 2, 170), 300),  # RTTY
        (lambda random: fsk(random, 6.25, 8, 6.25), 60),  # as FT8
        (morse, 100),
    ],
    ids=["psk31", "rtty", "ft8", "morse"],
)
def test_narrow_and_slow_ones_are_one_emission_each(make, width):
    alone = keyed(make(np.random.default_rng(3)), 5000)
    samples = noise(SECONDS * RATE)
    gain = np.sqrt(100 * width / RATE / np.mean(np.abs(alone) ** 2))  # 20 dB
    samples[START : START + len(alone)] += gain * alone
    (found,) = run(samples, RATE)
    assert abs(found["start_sample"] - START) < 8192
    assert abs(found["n_samples"] - len(alone)) < 16_384 + (make is morse) * RATE
    assert found["frequency_offset"] == pytest.approx(5000, abs=0.2 * width)
    assert 0.5 * width < found["bandwidth"] < 1.5 * width


@pytest.mark.skipif(not (SHARED / "scenes").exists(), reason=f"no scenes in {SHARED}")
@pytest.mark.parametrize(
    ("name", "rate", "found", "spare", "ghosts"), [("band_a", 2e6, 0.97, 4, 3), ("band_b", 1e6, 1.0, 1, 2)]
)
def test_scenes(name, rate, found, spare, ghosts):
    file = SHARED / "scenes" / f"{name}.sigmf-data"
    samples = (np.fromfile(file, "<i2").astype(np.float32) / 32768).view(np.complex64)
    events = [{"event": "emission", **one} for one in run(samples, rate)]
    truth = [
        {
            "event": "emission",
            "emission": k,
            "start_sample": one["core:sample_start"],
            "n_samples": one["core:sample_count"],
            "frequency_offset": (one["core:freq_lower_edge"] + one["core:freq_upper_edge"]) / 2,
            "bandwidth": one["core:freq_upper_edge"] - one["core:freq_lower_edge"],
        }
        for k, one in enumerate(json.loads((SHARED / "scenes" / f"{name}.truth.json").read_text()))
    ]
    figures = score([(reported_emissions(truth), reported_emissions(events))])
    assert figures["found"] >= found and figures["spare"] <= spare and figures["ghosts"] <= ghosts
