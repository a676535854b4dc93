# SPDX-License-Identifier: GPL-3.0-or-later
"""Real recordings, where they are at hand, go through `sr2cnn classify` whole."""

from pathlib import Path

import pytest
from cli_support import FRAME_LEN, events, run_cli

CAPTURES = Path(__file__).parent.parent.parent / "shared" / "captures"
RECORDINGS = sorted(CAPTURES.glob("*.sigmf-meta"))


@pytest.mark.skipif(not RECORDINGS, reason=f"no recordings in {CAPTURES}")
def test_every_whole_frame_gets_a_label(tmp_path):
    pytest.importorskip("gnuradio")
    out = tmp_path / "labels.jsonl"
    result = run_cli("classify", *RECORDINGS, "--out", out)
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
