# SPDX-License-Identifier: GPL-3.0-or-later
"""The soak of tests/bench/soak.py for a few seconds."""

import pytest

pytest.importorskip("gnuradio")

import monitor_soak
from gnuradio.sr2cnn.outputs.json_lines import read_json_lines
from soak import soak

GROWTH = 200e6  # bytes; a leak of samples would be more
MONITOR_GROWTH = 20e6  # within half of ten seconds
RATE = 100e3


@pytest.mark.parametrize("condition", [False, True])
def test_nothing_is_lost_and_memory_is_bounded(condition, tiny_bundle, tmp_path):
    figures = soak(6, RATE, str(tiny_bundle), condition, folder=tmp_path)
    status = figures["status"]
    judged = status["frames_out"] - status["invalid"]
    # Each frame, or emission, is in a label, but those dropped, those not judged, and those that waited at the end.
    if condition:
        assert judged == figures["labels"] > 8 and status["emissions_left_out"] == 0
    else:
        assert judged == figures["frames"] > 100 and figures["labels"] > 10
    waiting = status["frames_in"] - status["frames_out"] - status["frames_dropped"]
    assert 0 <= waiting <= 2000
    if not condition:
        assert status["frames_in"] <= figures["samples"] // 128
    assert not any(figures["lost"].values())
    events = list(read_json_lines(tmp_path / "events.jsonl"))
    assert sum(event["event"] == "label" for event in events) == figures["labels"]
    assert 0 < figures["received"] <= len(events)  # the subscriber may have come late
    assert (tmp_path / "soak.sigmf-meta").stat().st_size > 0
    assert figures["rss_end"] - figures["rss_warm"] < GROWTH
    assert 0 < figures["latency_p50"] <= figures["latency_p99"]


def test_the_monitor_as_typed(tiny_bundle, tmp_path):
    """All outputs of `sr2cnn monitor` agree, nothing is lost, and memory stays where it was."""
    seconds = 10
    figures = monitor_soak.soak(seconds, RATE, str(tiny_bundle), tmp_path)
    assert figures["returncode"] == 0, figures["said"]
    status, received, written = figures["status"], figures["received"], figures["written"]
    assert status["frames_in"] == seconds * RATE // 128
    assert status["frames_in"] == status["frames_out"] + status["frames_dropped"]
    assert status["frames_dropped"] == status["frames_overrun"]
    assert figures["missed"] == 0
    # The subscriber may come a moment late; what comes when the publisher closes it gets, too.
    for kind, event in ("labels", "label"), ("status", "status"):
        assert received[kind] + figures["late"][kind] == written[event]
    assert received["labels"] > 100
    lost = {key: n for key, n in figures["metrics"].items() if key[0] == "sr2cnn_events_lost_total"}
    assert len(lost) == 5 and not any(lost.values())
    assert figures["scrapes"] > 3 and 0 < figures["annotations"] <= written["label"]
    memory = figures["rss"]
    half = memory[len(memory) // 2][1]
    assert memory[-1][1] - half < MONITOR_GROWTH
