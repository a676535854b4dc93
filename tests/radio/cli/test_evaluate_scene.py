# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn evaluate MODEL --scene`."""

import json
import subprocess
import sys

import pytest
from cli_support import run_cli, write_small_bundle
from places import SHARED
from sr2cnn_learn.recordings import read_sigmf

pytest.importorskip("gnuradio")

SCENES = SHARED / "scenes"


@pytest.mark.skipif(not SCENES.exists(), reason=f"no {SCENES}")
@pytest.mark.parametrize("name", ["band_a", "band_b"])
def test_figures_are_those_of_an_independent_program(tmp_path, name):
    """Whether the scene has been labelled by `sr2cnn classify` or is labelled now."""
    truth = SCENES / f"{name}.truth.json"
    meta = read_sigmf(SCENES / f"{name}.sigmf-meta")
    for note in json.loads(truth.read_text()):
        start, count = (note.pop(f"core:sample_{what}") for what in ("start", "count"))
        meta.add_annotation(start, count, metadata=note)
    scene = tmp_path / f"{name}.sigmf-meta"
    scene.write_text(meta.dumps())
    scene.with_suffix(".sigmf-data").symlink_to(SCENES / f"{name}.sigmf-data")
    model = write_small_bundle(tmp_path / "small.pt")

    events = tmp_path / "events.jsonl"
    result = run_cli("classify", scene, "--model", model, "--out", events)
    assert result.returncode == 0, result.stderr
    printed = subprocess.run(
        [sys.executable, SCENES / "score.py", truth, events], check=True, capture_output=True, text=True
    ).stdout
    expected = json.loads(printed)
    assert expected["reported"] and expected["found"]
    for how in (["--events", events], [model]):
        result = run_cli("evaluate", "--scene", scene, *how, "--json")
        assert result.returncode == 0, result.stderr
        figures = json.loads(result.stdout)
        assert {key: figures[key] for key in expected} == expected
