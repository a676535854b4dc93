# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn evaluate --scene`: matches worked out by hand, and figures held against an independent program's."""

import json
import subprocess
import sys

import numpy as np
import pytest
from cli_support import fails
from places import SHARED
from sigmf_support import annotation, record
from sr2cnn_learn.evaluation.scene import Emission, match, read_truth, reported_emissions, score
from sr2cnn_learn.modulations import FAMILIES

YARDSTICK = SHARED / "scenes" / "score.py"


def box(start, stop, low, high, label=None, snr=None):
    """Samples, and kHz."""
    return Emission(start, stop, low * 1e3, high * 1e3, label, snr)


def heard(number, start, count, center, width, label="QPSK", **more):
    """An event `emission`, in samples and kHz."""
    where = {"start_sample": start, "n_samples": count, "frequency_offset": center * 1e3}
    return {
        "event": "emission",
        "emission": number,
        **where,
        "bandwidth": width * 1e3,
        "label": label,
        **more,
    }


def test_a_third_of_the_emission_is_enough():
    truth = [box(0, 1000, 0, 100)]
    assert match(truth, [box(0, 310, 0, 100)]).pairs == {0: 0}
    assert match(truth, [box(0, 300, 0, 100)]).pairs == {}  # 0.3 is not above 0.3
    assert match(truth, [box(0, 500, 0, 60)]).pairs == {}  # half of the time and 60 % of the band: 0.3
    assert match(truth, [box(0, 500, 0, 64)]).pairs == {0: 0}
    assert match(truth, [box(-500, 1500, 0, 150)]).pairs == {0: 0}  # thrice its size


def test_one_event_an_emission_the_best_first():
    truth = [box(0, 1000, 0, 100), box(1000, 2000, 0, 100)]
    both = box(0, 1900, 0, 100)  # covers the first whole, 0.53, and 0.45 of the second
    matching = match(truth, [both])
    assert matching.pairs == {0: 0} and matching.spare == 0
    # The second takes the event that the first would have, which falls back on its other.
    matching = match(truth, [box(400, 1800, 0, 100), box(0, 400, 0, 100)])
    assert matching.pairs == {1: 0, 0: 1}
    matching = match(truth[:1], [box(0, 500, 0, 100), box(0, 990, 0, 100), box(500, 1000, 0, 100)])
    assert matching.pairs == {0: 1} and (matching.spare, matching.ghosts) == (2, 0)


def test_ghosts_touch_nothing():
    truth = [box(0, 1000, 0, 100)]
    pieces = [box(0, 60, 0, 100), box(60, 100, 0, 100), box(2000, 3000, 0, 100), box(0, 1000, 200, 300)]
    matching = match(truth, pieces)  # 6 % of it, 4 % of it, another time, another frequency
    assert matching.pairs == {} and (matching.spare, matching.ghosts) == (4, 3)
    assert match([], pieces).ghosts == 4
    assert match(truth, []) == match(truth, pieces[:0])


def test_narrow_ones_count_as_4_khz(tmp_path):
    edges = {"core:freq_lower_edge": 9990.0, "core:freq_upper_edge": 10_010.0}
    truth = read_truth(record(tmp_path / "a", [annotation(0, 1000, "TONE", **edges)]))
    assert truth == [Emission(0, 1000, 8e3, 12e3, "TONE")]
    assert match(truth, reported_emissions([heard(1, 0, 1000, 11, 0.1)])).pairs == {0: 0}  # 3 of 5 kHz
    assert match(truth, reported_emissions([heard(1, 0, 1000, 12.5, 0.1)])).pairs == {}  # 1.5 of 6.5 kHz


def test_truth_of_a_tuned_part_of_a_recording(tmp_path):
    """Edges are absolute where the capture says where it was tuned to, and indices begin at core:offset."""
    path = tmp_path / "a.sigmf-meta"
    mine = {"core:generator": "gr-sr2cnn", "core:label": "OOK"}
    edges = {"core:freq_lower_edge": 868.0e6, "core:freq_upper_edge": 868.1e6}
    notes = [
        {"core:sample_start": 500, "core:sample_count": 100, "core:label": "QPSK", "scene:snr": 9.5, **edges},
        {"core:sample_start": 600, "core:sample_count": 50, **mine},
        {"core:sample_start": 700, "core:sample_count": 100, "core:label": "GFSK", **edges},
    ]
    captures = [
        {"core:sample_start": 100, "core:frequency": 868e6},
        {"core:sample_start": 650, "core:frequency": 867e6},
    ]
    about = {"core:datatype": "ci16_le", "core:version": "1.0.0", "core:offset": 100}
    about["core:extensions"] = [{"name": "scene", "version": "1.0.0", "optional": True}]
    path.write_text(json.dumps({"global": about, "captures": captures, "annotations": notes}))
    assert read_truth(path) == [
        Emission(400, 500, 0.0, 100e3, "QPSK", 9.5),
        Emission(600, 700, 1000e3, 1100e3, "GFSK"),
    ]


def test_an_emission_that_goes_on_is_one():
    events = [
        heard(1, 100, 1000, 0, 10, "BPSK", continues=True),
        heard(2, 50, 10, 50, 10, None),
        heard(1, 100, 5000, 1, 20, "QPSK"),
        heard(2, 70, 10, 50, 10),  # told from where it went on
    ]
    assert reported_emissions(events) == [box(100, 5100, -9, 11, "QPSK"), box(50, 80, 45, 55, "QPSK")]


def test_bursts_stand_in_with_the_label_of_most_frames():
    def burst(number, start, count=100):
        where = {"start_sample": start, "n_samples": count, "frequency_offset": 0.0, "bandwidth": 8e3}
        return {"event": "burst", "burst": number, **where}

    def label(number, name, n):
        return {"event": "label", "burst": number, "label": name, "n_frames": n}

    about = {"event": "recording", "file": "a.cf32"}
    bursts = [label(1, "QPSK", 3), label(1, "BPSK", 2), label(1, "BPSK", 2), burst(1, 0), burst(2, 200, None)]
    events = [about, {"event": "label", "label": "GFSK", "n_frames": 9}, *bursts]
    assert reported_emissions(events) == [box(0, 100, -4, 4, "BPSK"), box(200, 200, -4, 4)]
    assert reported_emissions([*events, heard(1, 0, 10, 0, 8)]) == [box(0, 10, -4, 4, "QPSK")]
    with pytest.raises(ValueError, match="2 recordings"):
        reported_emissions([*events, about])


@pytest.mark.parametrize(
    "broken",
    [{"n_samples": "9"}, {"bandwidth": None}, {"label": 3}, {"emission": True}, {"start_sample": 0.5}],
)
def test_broken_events_are_refused(broken):
    with pytest.raises(ValueError, match=next(iter(broken))):
        reported_emissions([{**heard(1, 0, 10, 0, 8), **broken}])


def test_score():
    truth = [
        box(0, 100, 0, 10, "QPSK", 3.0),
        box(200, 300, 0, 10, "QAM16", 8.0),
        box(400, 500, 0, 10, "2FSK", 9.9),
        box(600, 700, 0, 10, "DVB-T2", 10.0),
    ]
    reported = [
        box(200, 300, 0, 10, "QAM64"),
        box(400, 500, 0, 10, "2FSK"),
        box(600, 700, 0, 10, "unknown_1"),
        box(900, 999, 0, 10, "QPSK"),
    ]
    empty = [], [box(0, 10, 0, 10, None)]
    counts = {"emissions": 4, "found": 0.75, "exact": 0.25, "family": 0.5}
    missed = {"found": 0.0, "exact": 0.0, "family": 0.0}
    assert score([(truth, reported), empty]) == {
        **counts,
        "reported": 5,
        "spare": 2,
        "ghosts": 2,
        "by_snr": [
            {"from": 2, "to": 4, "emissions": 1, **missed},
            {"from": 8, "to": 10, "emissions": 2, "found": 1.0, "exact": 0.5, "family": 1.0},
            {"from": 10, "to": 12, "emissions": 1, **missed, "found": 1.0},
        ],
    }
    alone = score([empty])
    assert alone["found"] is None and alone["emissions"] == 0 and alone["ghosts"] == 1


def test_families_have_all_that_is_transmitted():
    transmitters = pytest.importorskip("gnuradio.sr2cnn.synthesis.transmitters").TRANSMITTERS
    assert set(transmitters) <= set(FAMILIES)


def made_up_scene(seed):
    """Truth and events that hit, miss, split, double and cover several of it."""
    rng = np.random.default_rng(seed)
    names = [name for name in FAMILIES if name != "BAND-NOISE"]
    truth, events = [], []
    for _ in range(40):
        start, count = int(rng.integers(0, 100_000)), int(rng.integers(500, 20_000))
        low, width = rng.uniform(-4e5, 4e5), np.exp(rng.uniform(np.log(500), np.log(2e5)))
        edges = {"core:freq_lower_edge": low, "core:freq_upper_edge": low + width}
        label = str(rng.choice(names))
        truth.append(annotation(start, count, label, **edges, **{"scene:snr": rng.uniform(3, 30)}))
        for _ in range(rng.integers(0, 3)):
            near = rng.normal(0, 0.3, 4)
            first = max(0, int(start + near[0] * count))
            more, broad = int(count * np.exp(near[1])), width * np.exp(near[2]) / 1e3
            event = heard(len(events), first, more, (low + width / 2 + near[3] * width) / 1e3, broad)
            events.append({**event, "label": rng.choice([label, str(rng.choice(names)), "unknown_1", None])})
    return truth, events


def with_its_emissions(kind, events):
    """As `emission` events, some in two parts, or as bursts and labels."""
    for k, event in enumerate(events):
        if kind == "emission":
            if k % 3 == 0:
                yield {**event, "n_samples": event["n_samples"] // 2, "continues": True, "label": "TONE"}
        else:
            event = {**event, "event": "burst", "burst": event.pop("emission")}
            for label, n in ((event.pop("label"), 5), ("TONE", 4)):
                if label is not None or k % 2:
                    yield {"event": "label", "burst": event["burst"], "label": label, "n_frames": n}
        yield event


@pytest.mark.skipif(not YARDSTICK.exists(), reason=f"no {YARDSTICK}")
@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_an_independent_program(tmp_path, typed, seed):
    truth, events = made_up_scene(seed)
    events = list(with_its_emissions("emission" if seed % 2 else "burst", events))
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    command = [sys.executable, YARDSTICK, tmp_path / "truth.json", tmp_path / "events.jsonl"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    expected = json.loads(printed)
    scene = record(tmp_path / "scene", truth, np.zeros(200_000, np.complex64))
    result = typed("evaluate", "--scene", scene, "--events", tmp_path / "events.jsonl", "--json")
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert {key: figures[key] for key in expected} == expected
    assert 0.2 < expected["found"] < 1 and expected["spare"] and expected["emissions"] == 40
    assert sum(row["emissions"] for row in figures["by_snr"]) == 40
    assert sum(row["emissions"] * row["found"] for row in figures["by_snr"]) == pytest.approx(
        40 * expected["found"]
    )


def test_command(tmp_path, typed):
    edges = {"core:freq_lower_edge": 0.0, "core:freq_upper_edge": 8e3, "scene:snr": 12.0}
    scene = record(tmp_path / "scene", [annotation(0, 1000, "QPSK", **edges)])
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(heard(1, 0, 1000, 4, 8)) + "\n")
    result = typed("evaluate", "--scene", scene, "--events", events)
    assert result.returncode == 0, result.stderr
    assert "100.00 %" in result.stdout and "12 to 14 dB" in result.stdout
    both = ("--scene", tmp_path / "scene", "--events", events)  # named without the ending, too
    pooled = json.loads(typed("evaluate", *both, *both, "--json").stdout)
    assert pooled["emissions"] == 2 and pooled["found"] == 1 and len(pooled["scenes"]) == 2


def test_refusals(tmp_path, typed):
    edges = {"core:freq_lower_edge": 0.0, "core:freq_upper_edge": 8e3}
    scene = record(tmp_path / "scene", [annotation(0, 1000, "QPSK", **edges)])
    events = tmp_path / "events.jsonl"
    events.write_text('{"event": "recording"}\nnothing\n')
    fails(typed("evaluate", "sr2cnn"), "--data", "--scene", status=2)
    fails(typed("evaluate", "--data", scene), "BUNDLE", status=2)
    fails(typed("evaluate", "sr2cnn", "--data", scene, "--scene", scene), "one of them", status=2)
    fails(typed("evaluate", "--scene", scene), "--events", status=2)
    fails(typed("evaluate", "sr2cnn", "--scene", scene, "--events", events), "BUNDLE", status=2)
    fails(typed("evaluate", "--scene", scene, "--scene", scene, "--events", events), "each", status=2)
    fails(typed("evaluate", "--scene", scene, "--events", events, "--snr", "3"), "--snr", status=2)
    fails(typed("evaluate", "sr2cnn", "--data", scene, "--events", events), "--events", status=2)
    fails(typed("evaluate", "--scene", scene, "--events", events), "events.jsonl", "line 2")
    fails(typed("evaluate", "--scene", tmp_path / "none", "--events", events), "none.sigmf-meta")
    bare = record(tmp_path / "bare", [annotation(7, 1000, "QPSK")])
    fails(typed("evaluate", "--scene", bare, "--events", events), "sample 7", "freq_lower_edge")
