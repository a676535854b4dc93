# SPDX-License-Identifier: GPL-3.0-or-later
"""What all commands share: options of one meaning, readers that have seen enough, paths that are none."""

import json
import os
import resource
import signal
import subprocess
import sys

import click
import numpy as np
import pytest
from cli_support import run_cli, write_small_bundle
from click.testing import CliRunner
from places import APP

pytest.importorskip("gnuradio")

from sr2cnn_learn.cli.app import sr2cnn
from sr2cnn_learn.cli.common import GivenPath, Hertz
from waiting import PATIENCE

READER_GONE = 128 + signal.SIGPIPE
LINES = ("classify", "monitor", "watch")  # give events, not figures


def every_command(command=sr2cnn, words=()):
    """(words, command) of every command that does something, ("classes", "list") and so on."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from every_command(command.get_command(context, name), (*words, name))
    else:
        yield words, command


def options():
    for words, command in every_command():
        for option in command.params:
            yield words, option


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("bundle") / "small.pt", seed=5)


# -- one meaning ----------------------------------------------------------------------------------------


def test_json_means_the_same_in_all():
    commands = dict(every_command())
    assert len(commands) > 20
    with_json = {words for words, option in options() if "--json" in option.opts}
    assert {("bench",), ("demo",), ("evaluate",), ("train",), ("tune",), ("classes", "list")} < with_json
    for words in with_json:
        by_name = {name: option for option in commands[words].params for name in option.opts}
        assert by_name["--json"].is_flag
        assert words[0] in LINES or isinstance(by_name["--json-file"].type, GivenPath)
        assert "json" not in " ".join(by_name["--json"].secondary_opts)


def test_hertz_everywhere():
    of_hertz = [(words, option) for words, option in options() if {"--rate", "--freq"} & set(option.opts)]
    assert len(of_hertz) >= 5
    assert all(isinstance(option.type, Hertz) for _, option in of_hertz)
    for words, command in every_command():
        names = {name for option in command.params for name in option.opts}
        hears_nothing = words in (("bench",), ("dataset", "scene"))
        assert "--freq" in names or "--rate" not in names or hears_nothing


def test_json_on_stdout_and_to_a_file(bundle, tmp_path):
    out = tmp_path / "card.json"
    result = run_cli("info", bundle, "--json", "--json-file", out)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == json.loads(out.read_text())
    result = run_cli("info", bundle, "--json-file", out)
    assert result.returncode == 0 and "distance" in result.stdout
    result = CliRunner().invoke(sr2cnn, ["info", str(bundle), "--json-file", str(tmp_path / "none/x.json")])
    assert result.exit_code == 1 and "none/x.json: no such folder" in result.output


# -- readers that have seen enough ----------------------------------------------------------------------


def without_a_reader(*arguments):
    """The command, its stdout a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, str(APP), *map(str, arguments)]
        return subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "arguments",
    ["--help", "train --help", "dataset modulations", "dataset modulations --json", "doctor"],
)
def test_a_reader_that_is_gone(arguments):
    result = without_a_reader(*arguments.split())
    assert (result.returncode, result.stderr) == (READER_GONE, "")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_info_for_nobody(arguments, bundle):
    result = without_a_reader("info", bundle, *arguments)
    assert (result.returncode, result.stderr) == (READER_GONE, "")


@pytest.mark.parametrize("command", ["classify", "monitor"])
def test_one_line_of_a_flowgraph_is_enough(command, bundle, tmp_path):
    """It ends at once, whatever of its files is left, without a word about the pipe."""
    n = 1 << 24  # minutes for a monitor at this rate
    path = tmp_path / "long.ci8"
    np.random.default_rng(0).integers(-100, 100, 2 * n, dtype=np.int8).tofile(path)
    last = tmp_path / "last.ci8"  # a second file, which must not be begun
    last.write_bytes(path.read_bytes()[:100_000])
    of = {
        "classify": [path, last, "--no-condition"],
        "monitor": ["--source", f"file:{path}", "--rate", "50k", "--no-condition", "--out", "-"],
    }
    arguments = [sys.executable, APP, command, "--model", bundle, *of[command]]
    with subprocess.Popen(
        [str(each) for each in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert json.loads(process.stdout.readline())
            process.stdout.close()
            stderr = process.stderr.read()
            assert process.wait(timeout=PATIENCE) == READER_GONE, stderr
        finally:
            process.kill()
    assert all(word not in stderr for word in ("Error", "rror:", "Broken", "Traceback", "last.ci8")), stderr


# -- paths that are none --------------------------------------------------------------------------------

PATHS = [  # {} is the path that is none; the others are right
    "train --out new.pt --data {}",
    "train --data data.npz --out {}",
    "train --data data.npz --out new.pt --background {}",
    "train --data data.npz --out new.pt --teacher {}",
    "train --data data.npz --out new.pt --json-file {}",
    "info {}",
    "info small.pt --json-file {}",
    "evaluate {} --data data.npz",
    "evaluate small.pt --data {}",
    "classify {} --model small.pt",
    "classify a.cf32 --model {}",
    "classify a.cf32 --model small.pt --out {}",
    "monitor --fast --out - --model small.pt --source file:{}",
    "monitor --fast --out - --source file:a.cf32 --model {}",
    "monitor --fast --source file:a.cf32 --model small.pt --out {}",
    "monitor --fast --out - --source file:a.cf32 --model small.pt --registry {}",
    "monitor --out - --config {}",
    "dataset info {}",
    "dataset leakage {}",
    "dataset radioml2016 --snr 18 --modulations BPSK --frames-per-key 1 --out {}",
    "dataset signal202002 --snr 18 --modulations BPSK --frames-per-key 1 --out {}",
    "demo --model small.pt --json-file {}",
    "demo --model {}",
    "bench --parts latency --seconds 0.01 --model {}",
    "tune {}",
    "reproduce table4 --data {}",
    "classes list {}",
    "classes list small.classes --model {}",
    "classes rename {} unknown_1 DECT",
    "classes promote small.classes unknown_1 --out {}",
    "classes promote small.classes unknown_1 --model {} --out new.pt",
    "classes promote small.classes unknown_1 --model small.pt --out new.pt --rest {}",
]
FOLDERS = [
    "demo --model small.pt --out {}",
    "reproduce table4 --work {}",
    "classes export small.classes --out {}",
]


@pytest.fixture(scope="module")
def place(bundle, tmp_path_factory):
    """A folder with a bundle, a registry, a recording, a data set and a folder."""
    from sr2cnn_learn.bundle import Bundle
    from sr2cnn_learn.datasets import save_radioml
    from sr2cnn_learn.registry import Registry

    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    (folder / "small.pt").write_bytes(bundle.read_bytes())
    Registry.of_model(Bundle.read(bundle)).save(folder / "small.classes")
    (rng.standard_normal((1000, 2)) * 0.1).astype("f4").tofile(folder / "a.cf32")
    frames = {(name, 18): rng.standard_normal((20, 128, 2)).astype("f4") for name in ("BPSK", "GFSK")}
    save_radioml(folder / "data.npz", frames)
    (folder / "a folder").mkdir()
    return folder


@pytest.mark.parametrize("path", ["", ".", "/", "a folder", "none/x", "a.cf32/x"])
def test_what_is_no_path(path, place, monkeypatch):
    """A folder where a file is expected, nothing, what cannot be read or written: one clear line."""
    monkeypatch.chdir(place)
    before = sorted(file.name for file in place.iterdir())
    of_folders = FOLDERS if path in ("", "a.cf32/x") else []
    for typed in [*PATHS, *of_folders]:
        words = [word.replace("{}", path) for word in typed.split()]
        result = CliRunner().invoke(sr2cnn, words)
        told = f"{typed}: {result.exit_code}, {result.exception!r}, {result.output}"
        assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit), told
        usage, _, line = result.output.rpartition("Error: ")
        assert "Error: " in result.output and len(line.splitlines()) == 1, told
        assert not any(word in line for word in ("PosixPath", "Errno", "empty name", "object", "codec")), told
        assert sorted(file.name for file in place.iterdir()) == before, told


# -- output that is lost --------------------------------------------------------------------------------


def on_a_full_disk(*arguments, cwd, stdout, size=1000):
    """The command, its stdout a file, on a disk full when a file has so many bytes; its Error line."""
    with open(stdout, "w") as file:
        result = subprocess.run(
            [sys.executable, str(APP), *map(str, arguments)],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            timeout=PATIENCE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},  # as in many containers
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    return result.stderr.rpartition("Error: ")[2]


@pytest.mark.parametrize("out", ["labels.jsonl", "-"])
@pytest.mark.parametrize(
    "typed",
    ["classify {}", "monitor --fast --source file:{}"],
)
def test_events_that_the_disk_does_not_take(typed, out, place, tmp_path):
    recording = tmp_path / "long.cf32"
    (np.random.default_rng(1).standard_normal((20_000, 2)) * 0.1).astype("f4").tofile(recording)
    out = out if out == "-" else tmp_path / out
    words = [*typed.format(recording).split(), "--no-condition", "--model", "small.pt"]
    assert "too large" in on_a_full_disk(*words, "--out", out, cwd=place, stdout=tmp_path / "stdout")


def test_figures_that_the_disk_does_not_take(place, tmp_path):
    stdout, card = tmp_path / "stdout", tmp_path / "card.json"
    assert "too large" in on_a_full_disk("info", "small.pt", "--json", cwd=place, stdout=stdout, size=100)
    typed = ["info", "small.pt", "--json-file", card]
    assert "too large" in on_a_full_disk(*typed, cwd=place, stdout=stdout, size=100)
    assert not card.exists()
    assert "too large" in on_a_full_disk("info", "small.pt", cwd=place, stdout=stdout, size=100)  # a table


def test_a_registry_that_cannot_be_saved(place, tmp_path):
    monitor = ["monitor", "--source", "file:a.cf32", "--rate", "1M", "--fast", "--no-condition"]
    monitor += ["--model", "small.pt", "--out", "-", "--registry", tmp_path / "radio.classes"]
    error = on_a_full_disk(*monitor, cwd=place, stdout=tmp_path / "stdout", size=100)
    assert "radio.classes: not saved" in error


def test_a_pipe_without_samples(place):
    monitor = ["monitor", "--source", "stdin:cf32", "--rate", "1M", "--model", "small.pt", "--out", "-"]
    result = run_cli(*monitor, cwd=place, stdin=subprocess.DEVNULL)
    assert result.returncode == 1 and result.stderr.rpartition("Error: ")[2].strip() == "no samples came"
