# SPDX-License-Identifier: GPL-3.0-or-later
"""A band of many emissions: what is in the samples is what the annotations say."""

import itertools
import json

import numpy as np
import pytest
from sr2cnn_learn.evaluation.scene import LEAST_WIDTH, match, read_truth
from sr2cnn_learn.recordings import open_recording

pytest.importorskip("gnuradio")
from gnuradio.sr2cnn.synthesis import scene as scenes
from gnuradio.sr2cnn.synthesis.scene import MODULATIONS, Scene, plan, write_scene
from gnuradio.sr2cnn.synthesis.transmitters import TRANSMITTERS

FULL_SCALE = 32768


def written(path, **options):
    """A scene's samples and annotations."""
    scene = Scene(**options)
    annotations = write_scene(path, scene)
    recording = open_recording(path.with_suffix(".sigmf-meta"))
    assert recording.n_samples == scene.n_samples and recording.sample_rate == scene.rate
    assert recording.annotations == annotations
    return recording.samples(), annotations


def extent(note):
    return slice(note["core:sample_start"], note["core:sample_start"] + note["core:sample_count"])


def edges(note):
    return np.array([note["core:freq_lower_edge"], note["core:freq_upper_edge"]])


def alone(annotations, margin):
    """Those beside which nothing else is on the air."""
    for note in annotations:
        here = extent(note)
        others = (extent(other) for other in annotations if other is not note)
        if all(o.stop + margin < here.start or here.stop + margin < o.start for o in others):
            yield note


@pytest.mark.parametrize("seed", range(2))
def test_strength_width_and_time_are_as_told(tmp_path, seed):
    """Measured anew from the samples, of emissions so strong that the noise leaves their widths alone."""
    rate = 500e3
    samples, annotations = written(
        tmp_path / "a", rate=rate, seconds=10, density=0.4, snr=(38, 50), faults="none", seed=seed
    )
    quiet = np.ones(len(samples), bool)
    for note in annotations:
        quiet[extent(note)] = False
    density = np.mean(np.abs(samples[quiet]) ** 2) / rate  # of the noise, W/Hz
    measured = list(alone(annotations, 1000))
    assert len(measured) > 4
    for note in measured:
        burst = samples[extent(note)]
        n = 2 * len(burst)
        power = np.abs(np.fft.fft(burst, n)) ** 2 / n / len(burst) - density * rate / n
        frequency = np.fft.fftfreq(n, 1 / rate)
        order = np.argsort(frequency)
        low, high = edges(note)
        width = max(high - low, LEAST_WIDTH)
        snr = 10 * np.log10(power.sum() / (density * width))
        assert snr == pytest.approx(note["scene:snr"], abs=0.3), note
        # what is farther from it is noise
        near = np.abs(frequency[order] - (low + high) / 2) < 3 * width
        share = np.cumsum(power[order] * near)
        found = np.interp([0.005, 0.995], share / share[-1], frequency[order])
        np.testing.assert_allclose(found, (low, high), atol=0.08 * (high - low) + 100, err_msg=str(note))
        before = samples[max(0, extent(note).start - 500) : extent(note).start]
        loud = 0.05 * np.mean(np.abs(burst) ** 2)
        assert not len(before) or np.mean(np.abs(before) ** 2) < loud
        n = int(1e-3 * rate + 2 * rate / width)
        assert max(np.abs(burst[:n]) ** 2) > loud and max(np.abs(burst[-n:]) ** 2) > loud


def test_symbol_rate_is_as_told(tmp_path):
    """A line in the power at the symbol rate."""
    rate = 500e3
    options = dict(modulations=("QPSK", "OOK"), density=0.4, snr=(30, 40), faults="none", seed=5)
    samples, annotations = written(tmp_path / "a", rate=rate, seconds=6, **options)
    notes = [note for note in alone(annotations, 1000) if note["core:sample_count"] > 10_000]
    assert len(notes) > 3
    for note in notes:
        burst = samples[extent(note)]
        trace = np.abs(burst) ** 2

        def strength(frequency):
            return np.abs(np.sum(trace * np.exp(-2j * np.pi * frequency / rate * np.arange(len(trace)))))

        baud, step = note["scene:baud"], 2 * rate / len(trace)
        assert strength(baud) > 3 * max(strength(baud + k * step) for k in (-3, -2, 2, 3))
        assert 1 < (edges(note)[1] - edges(note)[0]) / baud < 2.1


@pytest.mark.parametrize("seed", range(3))
def test_nothing_overlaps(tmp_path, seed):
    """Not even what counts as 4 kHz wide overlaps enough to be taken for another."""
    scene = Scene(rate=2e6, seconds=1.0, density=6.0, seed=seed)
    annotations = write_scene(tmp_path / "a", scene)
    for one, other in itertools.combinations(annotations, 2):
        a, b = extent(one), extent(other)
        gap = 0.02 * scene.rate
        if a.start < b.stop + gap and b.start < a.stop + gap:
            (low, high), (least, most) = edges(one), edges(other)
            assert high + 1e3 < least or most + 1e3 < low, (one, other)
    for note in annotations:
        assert extent(note).start >= 0 and extent(note).stop <= scene.n_samples
        assert np.all(np.abs(edges(note)) < 0.48 * scene.rate)
        assert 3 <= note["scene:snr"] <= 30
    truth = read_truth(tmp_path / "a.sigmf-meta")
    assert match(truth, truth).pairs == {k: k for k in range(len(truth))}
    on_air = sum(note["core:sample_count"] for note in annotations) / scene.n_samples
    assert on_air == pytest.approx(6, rel=0.1)


def test_lengths_and_widths_spread_evenly_in_log():
    emissions = plan(Scene(rate=2e6, seconds=8, density=2.0, modulations=("QPSK", "GMSK"), seed=3))
    widths, lengths = (np.log([getattr(e, name) for e in emissions]) for name in ("width", "n_samples"))
    for values, low, high in ((widths, 3e3, 2e6 / 6), (lengths, 0.02 * 2e6, 0.5 * 2e6)):
        place = (values - np.log(low)) / np.log(high / low)
        assert -0.02 < place.min() < 0.2 and 0.8 < place.max() < 1.02
        assert place.mean() == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("modulation", TRANSMITTERS)
def test_every_transmitter(tmp_path, modulation):
    options = dict(rate=1e6, seconds=0.6, density=0.8, modulations=(modulation,), snr=(20, 20))
    samples, annotations = written(tmp_path / "a", **options)
    assert annotations and {note["core:label"] for note in annotations} == {modulation}
    note = annotations[0]
    assert (note["scene:baud"] is None) == (
        modulation in {"AM-DSB", "AM-SSB", "NBFM", "WBFM", "OFDM", "CHIRP", "TONE", "NOISE", "BAND-NOISE"}
    )
    assert np.isfinite(samples).all() and edges(note)[0] < edges(note)[1]


def test_any_blocks_give_the_same_samples():
    scene = Scene(rate=300e3, seconds=1.0, density=2.0, seed=2)
    for planned in plan(scene):
        one = scenes._OnAir(planned, scene)
        whole, blocks = np.zeros((2, scene.n_samples), np.complex64)
        one.add_to(whole, 0)
        for first in range(0, scene.n_samples, 7777):
            one.add_to(blocks[first : first + 7777], first)
        np.testing.assert_allclose(blocks, whole, atol=1e-5 * np.abs(whole).max())
        assert np.mean(np.abs(whole[one.start : one.stop]) ** 2) == pytest.approx(one.power, rel=0.03)
        assert not whole[: one.start].any() and not whole[one.stop :].any()


def test_at_the_rate_of_the_transmitters(tmp_path):
    """Tones then need no resampling."""
    options = dict(rate=200e3, seconds=0.5, density=0.5, modulations=("TONE",), seed=1)
    samples, annotations = written(tmp_path / "a", **options)
    assert annotations and np.isfinite(samples).all()


def test_an_empty_band(tmp_path):
    """Noise and faults alone."""
    samples, annotations = written(tmp_path / "a", rate=200e3, seconds=2, density=0, seed=1)
    assert annotations == []
    making = json.loads((tmp_path / "a.sigmf-meta").read_text())["global"]["scene:making"]
    assert making["faults"] == "mild" and set(making["receiver"]) == {"dc", "image", "slope", "headroom"}
    dc = 10 * np.log10(np.abs(samples.mean()) ** 2 / samples.var())
    assert dc == pytest.approx(making["receiver"]["dc"], abs=1.5)  # the filter passes noise unevenly


def test_strong_signals_clip_where_asked(tmp_path):
    options = dict(rate=200e3, seconds=1, density=1.0, snr=(30, 30), seed=4)
    clipped = {}
    for faults in ("none", "strong"):
        samples, _ = written(tmp_path / faults, faults=faults, **options)
        parts = np.abs(samples.view(np.float32))
        clipped[faults] = np.mean(parts >= (FULL_SCALE - 1) / FULL_SCALE)
    assert clipped["none"] == 0 and clipped["strong"] > 1e-3


def test_default_modulations_are_of_our_own_transmitters():
    assert set(MODULATIONS) <= set(TRANSMITTERS) and len(MODULATIONS) == 16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(rate=10e3), "sample rate is 10000 Hz, expected 40000"),
        (dict(rate=float("nan")), "sample rate is nan"),
        (dict(seconds=0), "seconds is 0"),
        (dict(seconds=1e300), "seconds is 1e\\+300"),
        (dict(density=-1), "density is -1"),
        (dict(snr=(30, 3)), "SNR is 30 to 3 dB"),
        (dict(snr=(3, 300)), "SNR is 3 to 300 dB"),
        (dict(modulations=("FM",)), "'FM'"),
        (dict(faults="some"), "'some'"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        Scene(**{"rate": 1e6, "seconds": 1.0, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(density=30.0, seconds=0.2), "density is 30, which has no room in 100000 Hz"),
        (dict(modulations=("WBFM",), rate=48e3), "WBFM fits into 6000 Hz"),
        (dict(seconds=0.01), "and 0.01 s"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        write_scene(tmp_path / "a", Scene(**{"rate": 100e3, "seconds": 1.0, **options}))
    assert not list(tmp_path.iterdir())


def test_all_or_nothing(tmp_path, monkeypatch):
    """Metadata that cannot be written leaves the recording of before as it was."""
    path = tmp_path / "a.sigmf-meta"
    options = dict(rate=100e3, seconds=0.5, density=0.5)
    write_scene(path, Scene(**options))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(before) == {"a.sigmf-meta", "a.sigmf-data"}
    with monkeypatch.context() as patch, pytest.raises(OSError, match="full"):

        def full(self, **options):
            raise OSError("the disk is full")

        patch.setattr("sigmf.SigMFFile.dumps", full)
        write_scene(path, Scene(**options, seed=1))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    write_scene(path, Scene(**options, seed=1))
    assert path.read_bytes() != before[path.name]
    (tmp_path / "b.sigmf-data").mkdir()
    with pytest.raises(IsADirectoryError):
        write_scene(tmp_path / "b", Scene(**options))
