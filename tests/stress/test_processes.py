# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn monitor` killed, stopped and without room on the disk."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from cli_support import FRAME_LEN
from places import APP
from sr2cnn_learn.registry import Registry
from stress import size, until

pytest.importorskip("gnuradio")

from gnuradio.sr2cnn.outputs.json_lines import read_json_lines
from waiting import PATIENCE

KILLS = size(2, 20)
STOPS = size(2, 20)
RATE = 200_000
DISK, ROOM = 192, 32  # KiB


@contextlib.contextmanager
def monitor(*arguments, **options):
    """The command as typed, which does not outlive the test."""
    command = [sys.executable, str(APP), "monitor", "--no-condition", *map(str, arguments)]
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def torn_lines(path):
    """The whole events in a file, and how many lines are cut."""
    events, torn = [], 0
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            events.append(json.loads(line))
        except ValueError:
            torn += 1
    return events, torn


def test_killed_at_any_moment(tiny_bundle, mixed_samples, tmp_path):
    """Each life finds a registry and lines that are whole, and goes on behind them."""
    recording, lines, registry = (tmp_path / name for name in ("air.cf32", "events.jsonl", "classes"))
    np.resize(mixed_samples, 20_000 * FRAME_LEN).tofile(recording)
    chance = random.Random(3)
    arguments = ("--source", f"file:{recording}", "--rate", RATE, "--model", tiny_bundle)
    outputs = ("--registry", registry, "--out", lines, "--rotate", "100M", "--zmq", 0, "--prometheus", 0)
    n = torn = frames = 0
    for life in range(KILLS):
        with monitor(*arguments, *outputs, stderr=subprocess.PIPE) as process:
            until(lambda: len(torn_lines(lines)[0]) > n + chance.randint(0, 20) or process.poll() is not None)
            time.sleep(chance.uniform(0, 1))
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGKILL)
            process.wait()
        events, torn = torn_lines(lines)
        assert len(events) > n and torn <= life + 1
        n = len(events)
        if registry.exists():
            held = Registry.load(registry)
            assert held.frames >= frames
            frames = held.frames
    # And the last one ends by itself, with all of it written.
    with monitor(*arguments, *outputs, "--fast") as process:
        assert process.wait(300) == 0
    assert Registry.load(registry).frames >= frames + 20_000
    events = list(read_json_lines(lines))
    assert len(events) > n
    assert events[-1]["event"] == "status" and events[-1]["frames_out"] == 20_000


def test_stopped_and_continued(tiny_bundle, mixed_samples, tmp_path):
    """Nothing of a pipe is lost while the monitor stands still."""
    lines = tmp_path / "events.jsonl"
    chance = random.Random(4)
    samples = np.resize(mixed_samples, STOPS * 400 * FRAME_LEN)
    pieces = np.split(samples.view(np.uint8), STOPS)
    arguments = ("--source", "stdin:cf32", "--rate", RATE, "--model", tiny_bundle, "--out", lines)
    with monitor(*arguments, stdin=subprocess.PIPE) as process:
        for piece in pieces:
            process.stdin.write(piece)
            process.stdin.flush()
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0, 0.5))
            process.send_signal(signal.SIGCONT)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    events = list(read_json_lines(lines))
    labels = [event for event in events if event["event"] == "label"]
    assert sum(event["n_frames"] for event in labels) == len(samples) // FRAME_LEN
    ends = [event["start_sample"] + event["n_samples"] for event in labels]
    assert [event["start_sample"] for event in labels] == [0, *ends[:-1]]
    assert not any(event["event"] == "gap" for event in events)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of DISK KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}k", "sr2cnn-test", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_no_room_on_the_disk(tiny_bundle, mixed_samples, tmp_path, small_disk):
    """It says so, goes on, writes on when there is room, and ends in status 1."""
    recording, lines, registry = tmp_path / "air.ci8", small_disk / "events.jsonl", small_disk / "classes"
    pairs = np.clip(25 * mixed_samples.view(np.float32), -127, 127).astype(np.int8)
    np.resize(pairs, 200 * 2 * RATE).tofile(recording)  # 200 s, most of which are not needed
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((DISK - ROOM) * 1024))
    arguments = ("--source", f"file:{recording}", "--rate", RATE, "--model", tiny_bundle)
    outputs = ("--out", lines, "--registry", registry)
    # stderr to a file, not a pipe that nobody reads.
    with (
        open(tmp_path / "said", "w+") as said,
        monitor(*arguments, *outputs, "--sigmf", stderr=said) as process,
    ):

        def says(words):
            return words in (tmp_path / "said").read_text()

        until(lambda: says("JSON lines") and says("No space left") or process.poll() is not None)
        assert process.poll() is None
        whole, torn = torn_lines(lines)
        n = len(whole)
        ballast.unlink()
        until(lambda: len(torn_lines(lines)[0]) > n + 10 or process.poll() is not None)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 1, (tmp_path / "said").read_text()
        assert says("Error: ") and says("lost")
    _, torn = torn_lines(lines)
    assert torn == 0
