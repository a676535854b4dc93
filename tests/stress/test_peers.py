# SPDX-License-Identifier: GPL-3.0-or-later
"""Many subscribers, and metrics that are asked for all the time."""

import json
import threading
import urllib.request

import pytest
from stress import descriptors, size, until

pytest.importorskip("gnuradio")

import zmq
from gnuradio.sr2cnn.outputs.json_lines import JsonLines, read_json_lines
from gnuradio.sr2cnn.outputs.prometheus import Prometheus
from gnuradio.sr2cnn.outputs.zmq_pub import ZmqPub
from waiting import PATIENCE

SUBSCRIBERS = size(40, 200)
EVENTS = 500  # fewer than wait for one subscriber
SCRAPES = size(400, 20_000)
SCRAPERS = 16
LABEL = {"label": "QPSK", "n_frames": 3, "class_id": 0, "known": True, "score": 0.5}


def test_every_subscriber_hears_every_event():
    before = descriptors()
    output = ZmqPub(0)
    with zmq.Context() as context:
        sockets = [context.socket(zmq.SUB) for _ in range(SUBSCRIBERS)]
        for socket in sockets:
            socket.linger = 0
            socket.subscribe("")
            socket.connect(output.endpoint)
        heard = set()

        def all_are_there():
            output.write("status", {"hello": True})
            for k, socket in enumerate(sockets):
                while socket.poll(0):
                    socket.recv_multipart()
                    heard.add(k)
            return len(heard) == len(sockets)

        until(all_are_there)
        for n in range(EVENTS):
            output.write("labels", {**LABEL, "n": n})
        for socket in sockets:
            numbers = []
            while len(numbers) < EVENTS:
                assert socket.poll(60_000)
                kind, text = socket.recv_multipart()
                if kind == b"labels":
                    numbers.append(json.loads(text)["n"])
            assert numbers == list(range(EVENTS))
            socket.close()
    assert not output.lost
    output.close()
    until(lambda: descriptors() <= before)


def test_metrics_asked_for_all_the_time(tmp_path):
    """Every answer is whole, and no event is lost meanwhile."""
    before = descriptors()
    lines = JsonLines(tmp_path / "events.jsonl")
    output = Prometheus(0, outputs=[lines])
    url = f"http://127.0.0.1:{output.port}/metrics"
    faults = []

    def scrape():
        last = 0
        try:
            for _ in range(SCRAPES // SCRAPERS):
                with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                    text = answer.read().decode()
                values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
                told = float(values.get('sr2cnn_label_frames_total{label="QPSK"}', 0))
                assert told >= last
                last = told
        except Exception as error:
            faults.append(error)

    scrapers = [threading.Thread(target=scrape) for _ in range(SCRAPERS)]
    for thread in scrapers:
        thread.start()
    n = 0
    while any(thread.is_alive() for thread in scrapers):
        for out in (lines, output):
            out.write("labels", {**LABEL, "n": n})
        n += 1
        scrapers[n % SCRAPERS].join(0.001)
    for thread in scrapers:
        thread.join()
    assert not faults
    lines.close()
    output.close()
    assert (lines.lost, output.lost, output.written) == (0, 0, n)
    assert [event["n"] for event in read_json_lines(tmp_path / "events.jsonl")] == list(range(n))
    until(lambda: descriptors() <= before)
