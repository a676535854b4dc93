# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn monitor` at a radio by its real driver: gr-osmosdr, at an rtl_tcp server that plays a recording."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
import sigmf
from cli_support import events, run_cli, write_small_bundle
from places import APP
from rtl_tcp_server import SET_FREQ, SET_GAIN, SET_GAIN_MODE, SET_RATE, RtlTcpServer
from signals import fsk, noise, qpsk, shifted
from waiting import PATIENCE, until

pytest.importorskip("gnuradio")
pytest.importorskip("osmosdr", reason="gr-osmosdr is not installed")

from gnuradio.sr2cnn.outputs.json_lines import read_json_lines
from gnuradio.sr2cnn.sources.address import Address
from gnuradio.sr2cnn.sources.radio import open_source
from gnuradio.sr2cnn.sources.supervision import LATE

RATE = 250e3
FREQ = 868e6
SECONDS = 2
EDGE = 256  # samples by which the beginning of an emission that a gap cut may be wrong
# start and length (s), center (Hz), samples of unit power
BURSTS = [
    (0.2, 0.25, -60e3, lambda n: fsk(n, 25, 1.0)),
    (0.8, 0.20, 40e3, lambda n: qpsk(n, 20)),
    (1.4, 0.15, 5e3, lambda n: qpsk(n, 16)),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("model") / "small.pt")


@pytest.fixture(scope="module")
def scene():
    x = noise(int(SECONDS * RATE))
    for start, length, center, make in BURSTS:
        n, first = int(length * RATE), int(start * RATE)
        x[first : first + n] += 25 * shifted(make(n), center / RATE)
    return x.astype(np.complex64)


@contextlib.contextmanager
def monitor(source, model, out, *options):
    """A running monitor, at `FREQ` unless told otherwise; it ends with the body, and well."""
    command = [
        sys.executable,
        str(APP),
        "monitor",
        "--source",
        source,
        "--model",
        str(model),
        "--out",
        str(out),
    ]
    command += ["--rate", str(RATE), *map(str, options)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, stderr
        finally:
            process.kill()


def heard(out, kind):
    return [event for event in read_json_lines(out) if event["event"] == kind] if out.exists() else []


def gaps(out):
    """All but those that a loaded machine makes."""
    return [gap for gap in heard(out, "gap") if gap["reason"] != LATE]


def in_a_row(out):
    """Emissions behind the last gap of any kind."""
    begin = max([gap["start_sample"] for gap in heard(out, "gap")], default=0)
    return [emission for emission in heard(out, "emission") if emission["start_sample"] > begin + 1000]


def alike(emission, emissions):
    """Those at the same place of the recording, whichever time it is played."""
    return [
        other
        for other in emissions
        if abs(other["frequency_offset"] - emission["frequency_offset"]) < 2e3
        and abs(other["duration"] - emission["duration"]) < 0.02
    ]


def test_a_radio_is_heard_as_the_file(scene, tmp_path):
    scene.tofile(tmp_path / "air.sigmf-data")
    meta = sigmf.SigMFFile(global_info={"core:datatype": "cf32_le", "core:sample_rate": RATE})
    meta.add_capture(0, {"core:frequency": FREQ})
    (tmp_path / "air.sigmf-meta").write_text(meta.dumps())
    file = f"file:{tmp_path / 'air.sigmf-meta'}"
    result = run_cli("monitor", "--source", file, "--fast", "--out", "-")
    assert result.returncode == 0, result.stderr
    told = events(result.stdout)
    of_file = [event for event in told if event["event"] == "emission"]
    assert len(of_file) == len(BURSTS)

    out = tmp_path / "radio.jsonl"
    with RtlTcpServer(scene, RATE, FREQ) as server:
        tuning = "--freq", "868M", "--gain", "30"
        with monitor(f"osmosdr:rtl_tcp={server.address}", "sr2cnn", out, *tuning):
            of_radio = until(lambda: (found := in_a_row(out))[2 * len(BURSTS) :] and found)
        assert server.values(SET_RATE) == [RATE] and server.values(SET_FREQ) == [FREQ]
        assert server.values(SET_GAIN_MODE)[-1] == 1  # by hand
        assert server.values(SET_GAIN)[-1] == 297  # the R820T's nearest to 30 dB, in tenths
        assert server.clients == 1
    assert not gaps(out)
    late = None  # samples by which the radio plays it later than the file
    period = SECONDS * RATE
    for emission in of_file:
        first, *_ = alike(emission, of_radio)
        assert abs(first["center_frequency"] - emission["center_frequency"]) < 2e3
        assert abs(first["center_frequency"] - FREQ - first["frequency_offset"]) < 1
        shift = first["start_sample"] - emission["start_sample"]
        late = shift if late is None else late
        off = (shift - late) % period
        assert min(off, period - off) < 0.01 * RATE
        assert abs(first["n_frames"] - emission["n_frames"]) <= 0.2 * emission["n_frames"]
        assert first["label"] == emission["label"]
    assert all(alike(emission, of_file) for emission in of_radio)


def test_a_retune_is_honoured_and_told(scene, model, tmp_path):
    """The configuration file says another frequency, and SIGHUP that it is to be read."""
    out, config = tmp_path / "radio.jsonl", tmp_path / "monitor.toml"
    config.write_text('freq = "868M"\n')
    with RtlTcpServer(scene, RATE, FREQ) as server:
        with monitor(f"osmosdr:rtl_tcp={server.address}", model, out, "--config", config) as process:
            until(lambda: len(heard(out, "emission")) >= len(BURSTS))
            config.write_text('freq = "868.02M"\n')
            process.send_signal(signal.SIGHUP)
            (gap,) = until(lambda: gaps(out))
            behind = gap["start_sample"]
            until(
                lambda: (
                    sum(emission["start_sample"] >= behind for emission in heard(out, "emission"))
                    >= len(BURSTS)
                )
            )
        assert server.values(SET_FREQ) == [FREQ, FREQ + 20e3] and server.clients == 1
    assert gap["reason"] == "tuned to 868020000 Hz" and gap["rx_freq"] == FREQ + 20e3
    kinds = {False: set(), True: set()}
    for emission in heard(out, "emission"):
        after = emission["start_sample"] >= behind - EDGE
        assert after or emission["start_sample"] + emission["n_samples"] <= behind + EDGE  # nothing spans it
        tuned = FREQ + 20e3 * after
        assert abs(emission["center_frequency"] - tuned - emission["frequency_offset"]) < 1
        kinds[after].add(round(emission["center_frequency"], -4))
    # On the air they are where they were. One that the tuning cut may be anywhere near.
    for _, _, center, _ in BURSTS:
        for where in kinds.values():
            assert any(abs(freq - FREQ - center) <= 10e3 for freq in where)


@pytest.mark.parametrize(
    "text, words",
    [
        ('freq = "lots"', "lots"),
        ("freq = ", "not TOML"),
        ('frequency = "1M"', "unknown key"),
        ("", "no freq"),
    ],
)
def test_a_retune_that_cannot_be(text, words, scene, model, tmp_path):
    out, config = tmp_path / "radio.jsonl", tmp_path / "monitor.toml"
    config.write_text('freq = "868M"\n')
    with RtlTcpServer(scene, RATE, FREQ) as server:
        with monitor(f"osmosdr:rtl_tcp={server.address}", model, out, "--config", config) as process:
            until(lambda: heard(out, "emission"))
            config.write_text(text)
            process.send_signal(signal.SIGHUP)
            lines = iter(process.stderr.readline, "")
            assert words in next(line for line in lines if "not tuned" in line)
            before = len(heard(out, "emission"))
            until(lambda: len(heard(out, "emission")) > before)
        assert server.values(SET_FREQ) == [FREQ] and not gaps(out)


def test_a_server_that_hangs_up(scene, model, tmp_path):
    """The driver does not see it, and would turn in its thread for good."""
    out = tmp_path / "radio.jsonl"
    with RtlTcpServer(scene, RATE, FREQ) as server:
        with monitor(f"osmosdr:rtl_tcp={server.address}", model, out, "--freq", FREQ) as process:
            until(lambda: heard(out, "emission"))
            server.hang_up()
            (gap,) = until(lambda: gaps(out))
            until(lambda: any(e["start_sample"] >= gap["start_sample"] for e in heard(out, "emission")))
            threads = subprocess.run(
                ["ps", "-L", "-o", "comm=", "-p", str(process.pid)], capture_output=True, text=True
            ).stdout
        assert server.values(SET_FREQ) == [FREQ, FREQ] and server.clients == 2
    assert threads.count("rtl_tcp_source") == 1  # none left behind
    assert gap["reason"] == "it ended" and gap["rx_freq"] == FREQ  # not found out by waiting for samples
    for event in heard(out, "emission"):
        first, behind = event["start_sample"], event["start_sample"] + event["n_samples"]
        assert behind <= gap["start_sample"] + EDGE or first >= gap["start_sample"] - EDGE


@pytest.mark.parametrize("says, words", [(b"", "timed out"), (b"HTTP/1.0 400 \r\n", "no rtl_tcp server")])
def test_a_server_that_is_none(says, words, monkeypatch):
    """One that says nothing would hold the interpreter in the driver, Ctrl-C and all."""
    monkeypatch.setattr("gnuradio.sr2cnn.sources.rtl_tcp_relay.PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            with listener.accept()[0] as client:
                client.sendall(says)
                with contextlib.suppress(ConnectionError):
                    client.recv(1)  # until it hangs up

        thread = threading.Thread(target=answer)
        thread.start()
        address = Address.parse(f"osmosdr:rtl_tcp=127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(OSError, match=words):
            open_source(address, RATE, FREQ)
        thread.join()


def test_no_server(model):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    radio = "--freq", "1M", "--rate", "1M", "--out", "-", "--model", model
    result = run_cli("monitor", "--source", f"osmosdr:rtl_tcp=127.0.0.1:{free}", *radio)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    line = result.stderr.splitlines()[-1]  # drivers say things of their own before
    assert line.startswith(f"Error: osmosdr:rtl_tcp=127.0.0.1:{free}: ") and "refused" in line
