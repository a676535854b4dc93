# SPDX-License-Identifier: GPL-3.0-or-later
"""The event sink."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn


def label_message(**more):
    meta = pmt.to_pmt({"label": "QPSK", "known": True, "score": 0.5, **more})
    meta = pmt.dict_add(meta, pmt.intern("start_sample"), pmt.from_uint64(2**63))
    return pmt.cons(meta, pmt.init_f32vector(3, [1.0, 2.0, float("nan")]))


def lines(path):
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


def test_events_are_json_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = sr2cnn.event_sink(str(path))
    sink._on_labels(label_message(distance=float("inf"), rx_time=(5, 0.25)))
    sink._on_novel(label_message())
    sink._on_status(pmt.to_pmt({"frames_in": 3, "mean_batch": None, "list": [1, 2j]}))
    label, novel, status = lines(path)
    assert label == {
        "event": "label",
        "label": "QPSK",
        "known": True,
        "score": 0.5,
        "start_sample": 2**63,
        "distance": None,
        "rx_time": [5, 0.25],
        "vector": [1.0, 2.0, None],
    }
    assert novel["event"] == "novel"
    assert status == {"event": "status", "frames_in": 3, "mean_batch": None, "list": [1, [0, 2]]}
    assert (sink.lines_written, sink.lines_lost) == (3, 0)


@pytest.mark.parametrize("message", [pmt.PMT_T, pmt.intern("x"), pmt.from_long(1), pmt.PMT_NIL])
def test_what_is_no_event_is_logged_and_lost(tmp_path, message):
    path = tmp_path / "events.jsonl"
    sink = sr2cnn.event_sink(str(path))
    sink._on_status(message)
    assert (sink.lines_lost, path.read_text()) == (1, "")


class talker(gr.sync_block):
    """A sink that publishes a message an item, and one at stop."""

    def __init__(self):
        gr.sync_block.__init__(self, "talker", [np.uint8], None)
        self.message_port_register_out(pmt.intern("out"))

    def work(self, input_items, output_items):
        for item in input_items[0]:
            self.message_port_pub(pmt.intern("out"), pmt.to_pmt({"n": int(item)}))
        return len(input_items[0])

    def stop(self):
        self.message_port_pub(pmt.intern("out"), pmt.to_pmt({"n": -1}))
        return True


@pytest.mark.parametrize("attempt", range(5))
def test_events_at_the_end_of_a_run_are_not_lost(tmp_path, attempt):
    path = tmp_path / "events.jsonl"
    source, block = blocks.vector_source_b(list(range(200))), talker()
    sink = sr2cnn.event_sink(str(path))
    top_block = gr.top_block()
    top_block.connect(source, block)
    top_block.msg_connect((block, "out"), (sink, "status"))
    top_block.run()
    sink.drain()
    assert [line["n"] for line in lines(path)] == [*range(200), -1]


def test_full_disk():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    sink = sr2cnn.event_sink("/dev/full")
    for _ in range(3):
        sink._on_status(pmt.to_pmt({"n": 1}))
    assert (sink.lines_written, sink.lines_lost) == (0, 3)


def test_no_half_line_stays(tmp_path):
    """A file system that takes a part of a line, as one that is filling up does."""
    code = f"""
        import pmt, resource, signal
        from gnuradio import sr2cnn
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        sink = sr2cnn.event_sink({str(tmp_path / "events.jsonl")!r})
        for n in range(10):
            sink._on_status(pmt.to_pmt({{"n": n}}))
        assert sink.lines_lost > 0, sink.lines_written
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        sink._on_status(pmt.to_pmt({{"n": 10}}))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
    numbers = [line["n"] for line in lines(tmp_path / "events.jsonl")]
    assert numbers == [0, 1, 2, 10]


def test_standard_output_and_its_closed_pipe():
    code = """
        import pmt
        from gnuradio import sr2cnn
        sink = sr2cnn.event_sink()
        for n in range(20000):
            sink._on_status(pmt.to_pmt({"n": n}))
        assert sink.lines_lost > 0
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert json.loads(process.stdout.readline()) == {"event": "status", "n": 0}
        process.stdout.close()
    assert process.returncode == 0


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sr2cnn.event_sink(str(tmp_path / "nowhere" / "events.jsonl"))
