# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of a recording as an iterator, in the caller's own loop."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from cli_support import run_cli
from waiting import PATIENCE, until

pytest.importorskip("gnuradio")

from gnuradio import sr2cnn
from gnuradio.sr2cnn import labelling
from sr2cnn_learn import recordings

FRAME_LEN = 128


@pytest.fixture(scope="module")
def recording(tmp_path_factory, mixed_samples):
    path = tmp_path_factory.mktemp("recording") / "a.cf32"
    mixed_samples.astype(np.complex64).tofile(path)
    return path


def n_frames(events):
    return sum(event["n_frames"] for event in events if event["event"] == "label")


def what(events):
    """What was heard where, by kind: within one they keep their order. Floats depend on the batches."""
    kinds = {event["event"] for event in events} - {"status"}
    keys = "file", "label", "class_id", "start_sample", "n_frames", "n_samples", "burst", "sample_rate"
    return {
        kind: [[event.get(key) for key in keys] for event in events if event["event"] == kind]
        for kind in kinds
    }


@pytest.mark.parametrize("condition", [False, True])
def test_events_are_those_of_classify(condition, recording, tiny_bundle):
    options = [
        "--condition" if condition else "--no-condition",
        "--rate",
        "48k",
        "--device",
        "cpu",
        "--labels",
    ]
    result = run_cli("classify", recording, "--model", tiny_bundle, *options)
    said = [json.loads(line) for line in result.stdout.splitlines()]
    read = []
    labels = sr2cnn.label_recording(
        recording, str(tiny_bundle), rate=48e3, condition=condition, device="cpu", progress=read.append
    )
    events = list(labels)
    assert what(events) == what(said) and any(event["event"] == "status" for event in events)
    assert events[0]["event"] == "recording" and read[-1] == labels.recording.n_samples
    if condition:  # an id an emission
        judged = [event for event in events if event["event"] == "emission" and event["label"]]
        assert labels.frames_by_class().total() == len(judged)
    else:
        assert labels.frames_by_class().total() == n_frames(events)
        assert n_frames(events) == labels.recording.n_samples // FRAME_LEN


def test_a_recording_waits_for_who_takes_its_events(tmp_path, mixed_samples, tiny_bundle, monkeypatch):
    monkeypatch.setattr(labelling, "MOST_WAITING", 3)
    path = tmp_path / "long.cf32"
    with path.open("wb") as file:
        for _ in range(4_000_000 // len(mixed_samples)):
            mixed_samples.astype(np.complex64).tofile(file)
    read = []
    labels = sr2cnn.label_recording(
        path, str(tiny_bundle), condition=False, device="cpu", max_run=8, batch_size=64, progress=read.append
    )
    events = iter(labels)
    first = [next(events) for _ in range(5)]
    until(lambda: labels._source.samples_read, steady=2.0)
    assert labels._source.samples_read < labels.recording.n_samples / 2
    assert n_frames(first + list(events)) == labels.recording.n_samples // FRAME_LEN
    assert read == sorted(read) and read[-1] == labels.recording.n_samples


def test_leaving_the_loop_ends_the_flowgraph(recording, tiny_bundle, flowgraphs):
    events = iter(sr2cnn.label_recording(recording, str(tiny_bundle), condition=False, device="cpu"))
    next(events), next(events)
    assert flowgraphs
    events.close()
    assert not flowgraphs

    def tired(samples):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(sr2cnn.label_recording(recording, str(tiny_bundle), device="cpu", progress=tired))
    assert not flowgraphs


def test_what_cannot_be_read_to_its_end_is_an_error(recording, tiny_bundle, monkeypatch):
    def blocks(self):
        yield np.zeros(10 * FRAME_LEN, np.complex64) + 1
        raise OSError("the disk is gone")

    monkeypatch.setattr(recordings._Raw, "read_blocks", blocks)
    events = []
    with pytest.raises(OSError, match="the disk is gone"):
        for event in sr2cnn.label_recording(recording, str(tiny_bundle), condition=False, device="cpu"):
            events.append(event)
    assert n_frames(events) == 10


def test_arguments_are_checked_before_anything_runs(recording, tiny_bundle, tmp_path):
    for arguments, error in (
        ((tmp_path / "none.cf32", str(tiny_bundle)), FileNotFoundError),
        ((recording, str(tmp_path / "none.pt")), FileNotFoundError),
        ((recording, str(tiny_bundle), "cf99"), ValueError),
    ):
        with pytest.raises(error):
            sr2cnn.label_recording(*arguments)


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from gnuradio import sr2cnn
events = sr2cnn.label_recording({path!r}, {model!r}, condition=False, device="cpu", max_run=8)
iterator = iter(events)  # a name that is still there when the interpreter ends
for n, event in enumerate(iterator):
    if n == 20:
        print("listening", flush=True)
        {then}
print("all", flush=True)
"""


@pytest.mark.parametrize(
    "then, status, last",
    [
        ("1 / 0", 1, "division by zero"),
        ("sys.exit(7)", 7, ""),
        ("pass", -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_a_script_ends_as_it_would_without(then, status, last, mixed_samples, tiny_bundle, tmp_path):
    path = tmp_path / "long.cf32"
    with path.open("wb") as file:
        file.write(mixed_samples.astype(np.complex64).tobytes())
        file.truncate(1 << 34)  # hours of silence, in no room
    script = SCRIPT.format(path=str(path), model=str(tiny_bundle), then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "listening\n"
    if then == "pass":
        process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout) == (status, "") and stderr.strip().endswith(last)
    assert "terminate" not in stderr and ("Traceback" in stderr) == bool(last)
