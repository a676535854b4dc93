# SPDX-License-Identifier: GPL-3.0-or-later
"""Names from strangers: refused where they enter; where they are shown, they do not command the terminal."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cli_support import CLASSES, events, fails, run_cli, write_small_bundle
from sigmf_support import annotation, record
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.cli.output import stdout_console
from sr2cnn_learn.datasets import load_dataset, save_radioml
from sr2cnn_learn.registry import Registry

HOSTILE = ["\x1b[31mred", "\x9b31mred", "\u202eKSPB", "two\nlines"]  # ESC, C1, right to left, a line more
MARKUP = "[bold red]:smile:[/]"


def is_clean(result):
    """Nothing but lines of printable text."""
    text = result.stdout + result.stderr
    return all(c.isprintable() for line in text.split("\n") for c in line)


def with_card(source, path, **changes):
    """A copy of a bundle with another card, as only a stranger writes it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename.endswith("/card.json"):
                data = json.dumps(json.loads(data) | changes).encode()
            new.writestr(member, data)
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("bundle") / "small.pt")


@pytest.mark.parametrize("name", HOSTILE)
def test_bundle_is_refused(bundle, tmp_path, name):
    for changes in (dict(name=name), dict(classes=[name, *CLASSES[1:]])):
        path = with_card(bundle, tmp_path / "bad.pt", **changes)
        with pytest.raises(ValueError, match="expected printable text"):
            Bundle.read(path)
    result = run_cli("info", path)
    fails(result, "bad.pt", ascii(name)[1:-1], "is no class name")
    assert is_clean(result)


@pytest.mark.parametrize("name", HOSTILE)
def test_data_set_is_refused(tmp_path, name):
    frames = {(name, 0): np.ones((2, 128, 2), np.float32)}
    for file in ("data.npz", "data.pkl"):
        save_radioml(tmp_path / file, frames)
        with pytest.raises(ValueError, match="is no class name"):
            load_dataset(tmp_path / file)
    result = run_cli("dataset", "info", tmp_path / file)
    fails(result, file, ascii(name)[1:-1])
    assert is_clean(result)


def test_annotations_of_a_recording_are_refused(tmp_path):
    path = record(tmp_path / "x", [annotation(0, 256, "\x1b[2J")])
    result = run_cli("dataset", "info", path)
    fails(result, "x.sigmf-meta", "\\x1b[2J", "is no class name")
    assert is_clean(result)


def test_file_names_are_escaped(tmp_path):
    pytest.importorskip("gnuradio")
    file = tmp_path / "\x1b[2J\u202e.cf32"
    np.exp(0.3j * np.arange(4096)).astype(np.complex64).tofile(file)
    result = run_cli("classify", file, "--no-condition")
    assert result.returncode == 0 and is_clean(result)
    assert "\\x1b[2J\\u202e.cf32: 32 frames labelled" in result.stderr
    assert events(result.stdout)[0]["file"] == str(file)
    fails(result := run_cli("classify", f"{file}x"), "\\x1b[2J\\u202e.cf32x")
    assert is_clean(result)


def test_names_of_before_are_escaped(tmp_path):
    """A registry may hold names that were given before they were refused: they are told of, not taken."""
    of_model = Bundle.read("sr2cnn")
    pytest.importorskip("gnuradio")
    from gnuradio import sr2cnn

    kernel = sr2cnn.discriminator_kernel(**of_model.discriminator_options())
    held = Registry.of_model(of_model)
    far = of_model.centers.mean(0) + 100 * np.eye(of_model.dim)[:3]
    held.offer(kernel.predict(far.astype(np.float32)), np.ones((3, 128), np.complex64), 1.7e9)
    held.update(kernel.state(), kernel.merged, 1.7e9)
    for known, name in zip(held.classes, [*HOSTILE[:2], MARKUP], strict=True):
        known.name = name
    held.save(tmp_path / "radio.classes")
    result = run_cli("classes", "list", tmp_path / "radio.classes")
    assert is_clean(result) and "\\x1b[31mred" in result.stdout + result.stderr


def test_markup_is_text(bundle, tmp_path):
    path = with_card(bundle, tmp_path / "markup.pt", name=MARKUP, classes=[MARKUP, *CLASSES[1:]])
    lines = run_cli("info", path).stdout.splitlines()
    assert lines[0].startswith(MARKUP) and sum(MARKUP in line for line in lines) >= 2
    save_radioml(tmp_path / "data.npz", {(MARKUP, 0): np.ones((2, 128, 2), np.float32)})
    assert MARKUP in run_cli("dataset", "info", tmp_path / "data.npz").stdout


@pytest.mark.parametrize("name", [*HOSTILE, MARKUP])
def test_console_shows_text_as_it_is(name):
    from rich.table import Table

    table = Table(name, title=name, caption=name)
    table.add_row(name)
    console = stdout_console(file=io.StringIO(), width=100)
    console.print(name, Path(name), sep="\n")
    console.print(table)
    text = console.file.getvalue()
    assert text.count(ascii(name)[1:-1]) == 6
    assert all(c.isprintable() for line in text.split("\n") for c in line)
