# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at any moment: registry and JSON lines stay readable, and little is lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from places import ROOT
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.registry import Registry, locked

pytest.importorskip("gnuradio")

from registry_support import make, run

KILLS = 10
CHILD = ROOT / "tests" / "support" / "kill_child.py"


def events(path):
    """The events in the file. Only a line at which a life ended may be cut."""
    if not path.exists():
        return []
    found, torn = [], 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError:
            torn += 1
    assert torn < KILLS
    return found


def until(condition, child):
    end = time.monotonic() + 120
    while not condition():
        assert child.poll() is None and time.monotonic() < end
        time.sleep(0.005)


def test_kill_at_ten_moments(tmp_path, tiny_bundle, mixed_samples):
    path, lines, samples = tmp_path / "radio.classes", tmp_path / "events.jsonl", tmp_path / "iq.npy"
    np.save(samples, mixed_samples)
    command = [sys.executable, *map(str, (CHILD, tiny_bundle, path, lines, samples))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    environment = {**os.environ, "GR_CONF_LOG_LOG_FILE": "stderr"}
    chance = random.Random(5)
    empty = Registry.of_model(Bundle.read(tiny_bundle))
    before = empty
    with subprocess.Popen(command, env=environment, **pipes) as child:
        for _ in range(KILLS):
            n, least = len(events(lines)), chance.randint(1, 400)
            child.stdin.write("\n")
            child.stdin.flush()
            pid = int(child.stdout.readline())
            until(lambda: len(events(lines)) >= n + least, child)
            time.sleep(chance.uniform(0, 0.1))
            os.kill(pid, signal.SIGKILL)
            assert child.stdout.readline() == f"{-signal.SIGKILL}\n"

            held = Registry.load(path) if path.exists() else empty
            lived = events(lines)[n:]
            # What the lines say was saved is there: no more than the last interval is lost.
            told = [event["registry_frames"] for event in lived if "registry_frames" in event]
            assert told == sorted(told)
            assert held.frames >= max(told, default=before.frames) >= before.frames
            # And nothing that was there before is lost, or is another's now.
            assert held.next_id <= before.next_id
            for known in before.classes:
                after = held.find(known.id)
                assert after.name == known.name and after.first_frame == known.first_frame
                assert after.count >= known.count and after.last_frame >= known.last_frame
                assert after.samples.first_seen == known.samples.first_seen
                assert after.samples.offered >= known.samples.offered
            before = held
        child.stdin.close()
    assert before.classes and before.frames > 1000
    with locked(path):  # the killed hold nothing
        pass

    # And the next life goes on from there.
    recognizer = make(path, tiny_bundle)
    assert recognizer.discriminator.state() == before.state()
    ids = run(recognizer, mixed_samples)
    after = Registry.load(path)
    assert after.frames == before.frames + len(ids)
    assert {known.id for known in before.classes} <= {known.id for known in after.classes}
    left = {file.name for file in tmp_path.iterdir()}  # what the killed were at is gone
    assert left == {"radio.classes", ".radio.classes.lock", "events.jsonl", "iq.npy"}


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_kill_within_a_save_leaves_the_old_file(tmp_path, tiny_bundle, mixed_samples, function):
    path = tmp_path / "radio.classes"
    run(make(path, tiny_bundle), mixed_samples)
    old = path.read_bytes()
    program = f"""
import os, signal, sys
from sr2cnn_learn.registry import Registry
held = Registry.load(sys.argv[1])
held.rename(-1, "renamed")
os.{function} = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
held.save(sys.argv[1])
"""
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == -signal.SIGKILL
    assert path.read_bytes() == old
    assert make(path, tiny_bundle).discriminator.discovered()[0].name == "unknown_1"
