# SPDX-License-Identifier: GPL-3.0-or-later
"""The soak of tests/bench/soak.py for a few seconds."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("gnuradio")

from gnuradio.sr2cnn.outputs.json_lines import read_json_lines  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent / "bench"))
from soak import soak  # noqa: E402

GROWTH = 200e6  # bytes; a leak of samples would be more
RATE = 100e3


@pytest.mark.parametrize("condition", [False, True])
def test_nothing_is_lost_and_memory_is_bounded(condition, tiny_bundle, tmp_path):
    figures = soak(6, RATE, str(tiny_bundle), condition, folder=tmp_path)
    status = figures["status"]
    assert status["frames_out"] > 100 and figures["labels"] > 10
    # Each frame is in a label, but those dropped, those not judged, and those that waited at the end.
    assert figures["frames"] == status["frames_out"] - status["invalid"]
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
