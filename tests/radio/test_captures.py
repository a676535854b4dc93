# SPDX-License-Identifier: GPL-3.0-or-later
"""Real recordings, where they are at hand: emissions, their place in the spectrum, and their names."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from cli_support import FRAME_LEN, events, run_cli
from places import SHARED

CAPTURES = SHARED / "captures"
RECORDINGS = sorted(CAPTURES.glob("*.sigmf-meta"))
pytestmark = pytest.mark.skipif(not RECORDINGS, reason=f"no recordings in {CAPTURES}")

# What the systems are by their standards and data sheets. Bandwidth: of 99 % of the power, 1.2 to 1.4 symbol
# rates for BPSK and QPSK as filtered there, the subcarriers of 802.11, 2 chip rates for 2-FSK of modulation
# index 1. Center: half the line of x² for BPSK, the middle of both tones for FSK, 0 where the receiver was
# tuned to it. Bursts: where the power in the band, smoothed over 32 samples, crosses the middle in dB of its
# levels before and after; None where it goes on to the end.
BANDS = {
    "satellite_ao73_bpsk1200": (1118, 1500),
    "satellite_itasat1_bpsk1200": (1600, 1500),
    "satellite_il01_bpsk9600": (11_960, 13_000),
    "satellite_picsat_9k6_bpsk9600": (12_000, 13_000),
    "satellite_meteor_qpsk72k": (0, 94_000),
    "wifi_conducted_24mbps": (0, 16.6e6),
    "wifi_conducted_ht65mbps": (0, 17.8e6),
    "wifi_radiated_ht19mbps": (0, 17.8e6),
    "wmbus_868M_2fsk": (-17_000, 200_000),
}
BURSTS = {
    "satellite_ao73_bpsk1200": [(0, None)],
    "satellite_il01_bpsk9600": [(25_541, 33_115)],
    "satellite_itasat1_bpsk1200": [(107_322, None)],
    "satellite_meteor_qpsk72k": [(0, None)],
    "satellite_picsat_9k6_bpsk9600": [(17_430, 110_665), (114_363, None)],
    "wmbus_868M_2fsk": [(382_902, 393_584), (729_057, 752_460)],
}
FAINT = 5.0  # dB; nobody knows what else is there that is as weak
FAMILY = {"bpsk": {"BPSK"}, "qpsk": {"QPSK"}, "2fsk": {"2FSK", "GFSK", "CPFSK", "GMSK"}, "wifi": {"OFDM"}}


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """What `sr2cnn classify` says of each recording: dict name → (recording, emissions in order)."""
    out = tmp_path_factory.mktemp("captures") / "emissions.jsonl"
    result = run_cli("classify", *RECORDINGS, "--out", out)
    assert result.returncode == 0, result.stderr
    found = {}
    for event in events(out.read_text()):
        if event["event"] == "recording":
            emissions = {}
            found[Path(event["file"]).stem] = event, emissions
        elif event["event"] == "emission" and event["snr"] > FAINT:
            emissions[event["emission"]] = event  # of one that goes on, the last report
    by_start = {
        name: (recording, sorted(emissions.values(), key=lambda event: event["start_sample"]))
        for name, (recording, emissions) in found.items()
    }
    return by_start


def but(names, reason, fail):
    """Names to be tried, of which some fail today."""
    mark = pytest.mark.xfail(strict=True, reason=reason)
    assert set(fail) <= set(names)
    return [pytest.param(name, marks=mark) if name in fail else name for name in names]


# Of a receiver for speech that leaves silence beside its pass band, and of a millisecond that one signal fills: there
# is no noise in sight to tell the emission from.
PASS_BAND = ["satellite_ao73_bpsk1200", "satellite_itasat1_bpsk1200"]
FILLED = [name for name in BANDS if "wifi" in name]
NO_NOISE = "all that a receiver lets through is taken for the emission where no noise is beside it"


@pytest.mark.parametrize("name", but(BURSTS, NO_NOISE, fail=PASS_BAND[1:]))
def test_emissions_within_a_millisecond(heard, name):
    recording, emissions = heard[name]
    millisecond = recording["sample_rate"] / 1000
    assert len(emissions) == len(BURSTS[name])
    for emission, (start, end) in zip(emissions, BURSTS[name]):
        assert abs(emission["start_sample"] - start) <= millisecond
        end = recording["n_samples"] if end is None else end
        assert abs(emission["start_sample"] + emission["n_samples"] - end) <= millisecond


@pytest.mark.parametrize("name", but(BANDS, NO_NOISE, fail=PASS_BAND + FILLED))
def test_center_and_bandwidth(heard, name):
    center, bandwidth = BANDS[name]
    assert heard[name][1]
    for emission in heard[name][1]:
        assert emission["bandwidth"] == pytest.approx(bandwidth, rel=0.25)
        assert emission["frequency_offset"] == pytest.approx(center, abs=0.1 * bandwidth)


@pytest.mark.parametrize("name", but(BANDS, NO_NOISE, fail=PASS_BAND + FILLED[1:]))
def test_every_emission_is_named(heard, name):
    family = next(labels for part, labels in FAMILY.items() if part in name)
    assert {emission["label"] for emission in heard[name][1]} <= family


def test_unknown_systems_are_discovered_and_kept_apart(tmp_path):
    """One after the other in one stream of discovery, by a model that knows neither OFDM nor wide FSK."""
    out = tmp_path / "registry.npz"
    mostly = defaultdict(Counter)
    for path in RECORDINGS:
        if "wifi" in path.stem or "wmbus" in path.stem:
            events_file = tmp_path / f"{path.stem}.jsonl"
            result = run_cli(
                "monitor",
                "--source",
                f"file:{path}",
                "--fast",
                "--model",
                "sr2cnn-zeroshot",
                "--registry",
                out,
                "--out",
                events_file,
            )
            assert result.returncode == 0, result.stderr
            for event in events(events_file.read_text()):
                # Not the line of a steady carrier beside the telegrams.
                if event["event"] == "emission" and event["label"] and event["bandwidth"] > 50e3:
                    mostly[path.stem][event["label"]] += event["n_samples"]
    largest = {name: time.most_common(1)[0][0] for name, time in mostly.items()}
    wifi = {label for name, label in largest.items() if "wifi" in name}
    assert len(wifi) == 1 and largest["wmbus_868M_2fsk"] not in wifi
    assert all(label.startswith("unknown_") for label in largest.values())


def test_every_whole_frame_gets_a_label_without_conditioning(tmp_path):
    out = tmp_path / "labels.jsonl"
    result = run_cli("classify", *RECORDINGS, "--no-condition", "--out", out)
    assert result.returncode == 0, result.stderr
    frames, expected = {}, {}
    for event in events(out.read_text()):
        if event["event"] == "recording":
            file = event["file"]
            frames[file], expected[file] = 0, event["n_samples"] // FRAME_LEN
        elif event["event"] == "label":
            assert event["label"]
            frames[file] += event["n_frames"]
    assert len(frames) == len(RECORDINGS) and frames == expected
