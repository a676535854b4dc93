# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio Companion itself, on a display that nobody sees: keys are pressed as a user presses them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from places import APP, ROOT

EXAMPLES = ROOT / "examples"
GENEROUS = 120  # seconds for GNU Radio Companion to do anything

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs xvfb and xdotool"
)


@pytest.fixture
def display():
    """Environment of a display of its own."""
    reads, writes = os.pipe()
    command = ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writes], stderr=subprocess.DEVNULL)
    os.close(writes)
    with os.fdopen(reads) as number:
        name = f":{number.readline().strip()}"
    yield {**os.environ, "DISPLAY": name, "CUDA_VISIBLE_DEVICES": ""}
    server.terminate()
    server.wait()


def until(holds, what):
    give_up = time.monotonic() + GENEROUS
    while not (found := holds()):
        assert time.monotonic() < give_up, what
        time.sleep(0.25)
    return found


class Companion:
    """`sr2cnn grc FLOWGRAPH`, with keys to press."""

    def __init__(self, flowgraph, environment):
        self.environment, self._title = environment, f"{flowgraph.stem}.grc"
        command = [sys.executable, str(APP), "grc", str(flowgraph)]
        self._log = flowgraph.with_suffix(".log")
        with open(self._log, "wb") as log:  # no pipe, which would be full one day
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_for_window(self):
        def shown():
            assert self.process.poll() is None, self._log.read_text()
            return self.windows(self._title)

        try:
            self.window = until(shown, "no window of GNU Radio Companion")[0]
        except AssertionError:
            print(self._log.read_text())  # pytest shows it
            raise

    def xdotool(self, *words):
        done = subprocess.run(
            ["xdotool", *map(str, words)], env=self.environment, capture_output=True, text=True
        )
        return done.stdout.split()

    def windows(self, title):
        return self.xdotool("search", "--onlyvisible", "--name", title)

    def press_until(self, key, holds, what):
        """Press a key until it has done what it should: at first the window may not listen yet."""

        def pressed():
            self.xdotool("windowfocus", "--sync", self.window, "key", key)
            for _ in range(40):
                if found := holds():
                    return found
                time.sleep(0.25)

        return until(pressed, what)

    def end(self):
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(self.process.pid, signal.SIGKILL)  # with terminals and flowgraphs
        self.process.wait()


def running(script):
    """Whether Python runs a script; a shell around it has the name inside a longer argument."""
    for about in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if script in about.read_bytes().decode(errors="replace").split("\0"):
                return True
        except OSError:  # it has just ended
            pass
    return False


@pytest.fixture
def companion(display, tmp_path):
    """Starts GNU Radio Companion with a flowgraph, as someone who has never used it."""
    home = tmp_path / "home"
    (home / ".gnuradio").mkdir(parents=True)
    environment = {
        **display,
        "HOME": str(home),
        "GRC_HIER_PATH": str(tmp_path / "blocks"),
        "PYTHONFAULTHANDLER": "1",  # where it crashes, if it does
    }
    (tmp_path / "blocks").mkdir()
    running = []

    def start(flowgraph):
        running.append(one := Companion(flowgraph, environment))  # it ends even if it shows nothing
        one.wait_for_window()
        return one

    yield start
    for one in running:
        one.end()


def copied(name, folder, **parameters):
    """An example with its recording in a folder of its own; parameters of the flowgraph set."""
    for file in EXAMPLES.glob("band.sigmf-*"):
        shutil.copy(file, folder)
    graph = yaml.safe_load((EXAMPLES / f"{name}.grc").read_text())
    for block in graph["blocks"]:
        if block["name"] in parameters:
            block["parameters"]["value"] = parameters[block["name"]]
    path = folder / f"{name}.grc"
    path.write_text(yaml.safe_dump(graph))
    return path


def known(path):
    """Names of the known classes in a file of events, while it is being written."""
    lines = path.read_text().splitlines() if path.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return {event["label"] for event in events if event["event"] == "label" and event["known"]}


@pytest.mark.parametrize("name", ["recording_to_labels", "sdr_monitor"])  # in a terminal, and with a window
def test_f6_runs_an_example(name, companion, tmp_path):
    grc = companion(copied(name, tmp_path, events="labels.jsonl"))
    grc.press_until("F6", lambda: "QPSK" in known(tmp_path / "labels.jsonl"), f"{name} gave no labels")
    assert (tmp_path / f"{name}_grc.py").exists()


@pytest.mark.parametrize("recording", ["band.sigmf-meta", "not there.cf32"])
def test_what_a_flowgraph_said_stays_to_be_read(recording, companion, tmp_path):
    """GNU Radio Companion's own console shows nothing of what a terminal shows."""
    grc = companion(copied("recording_to_labels", tmp_path, path=recording))
    (terminal,) = grc.press_until("F6", lambda: grc.windows("^Flowgraph$"), "no terminal")
    script = str(tmp_path / "recording_to_labels_grc.py")
    until(lambda: running(script), "the flowgraph did not begin")
    until(lambda: not running(script), "the flowgraph did not end")
    assert grc.windows("^Flowgraph$") == [terminal]
    grc.xdotool("windowfocus", "--sync", terminal, "key", "Return")
    until(lambda: not grc.windows("^Flowgraph$"), "the terminal did not close")


def test_documentation_reaches_the_list_of_blocks_in_the_main_thread():
    """Of two threads that write to GTK's lists one crashes, in one start of sixty."""
    code = """
import runpy, sys, threading
from gi.repository import GLib
from gnuradio.grc.core.utils.extract_docs import SubprocessLoader
runpy.run_path(sys.argv[1])
loop = GLib.MainLoop()
def loaded():
    print(threading.current_thread() is threading.main_thread())
    GLib.idle_add(loop.quit)
loader = SubprocessLoader(callback_query_result=print, callback_finished=loaded)
loader.start()
loader.finish()
loop.run()
"""
    command = [sys.executable, "-c", code, str(ROOT / "apps/grc_companion")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=GENEROUS)
    assert result.stdout == "True\n", result.stderr


HIER = """
options:
  parameters:
    id: our_labels
    title: Our Labels
    category: '[Ours]'
    generate_options: hb
    output_language: python
  states: {coordinate: [8, 8], state: true}
blocks:
- name: pad_in
  id: pad_source
  parameters: {label: in, type: complex, vlen: '1', num_streams: '1', optional: 'False'}
  states: {coordinate: [8, 200], state: true}
- name: recognizer
  id: sr2cnn_recognizer
  parameters: {sample_rate: '0'}
  states: {coordinate: [200, 200], state: true}
- name: pad_out
  id: pad_sink
  parameters: {label: labels, type: message, vlen: '1', num_streams: '1', optional: 'True'}
  states: {coordinate: [600, 200], state: true}
connections:
- [pad_in, '0', recognizer, '0']
- [recognizer, labels, pad_out, in]
metadata: {file_format: 1}
"""


def test_a_hier_block_with_a_recognizer_inside(companion, tmp_path):
    path = tmp_path / "our_labels.grc"
    path.write_text(HIER)
    made = tmp_path / "blocks" / "our_labels.block.yml"
    companion(path).press_until("F5", made.exists, "no block was made of the hier block's flowgraph")

    flowgraph = copied("recording_to_labels", tmp_path, events="labels.jsonl")
    graph = yaml.safe_load(flowgraph.read_text())
    for block in graph["blocks"]:
        if block["name"] == "recognizer":
            block.update(id="our_labels", parameters={})
    port = yaml.safe_load(made.read_text())["outputs"][0]
    assert port["domain"] == "message"
    graph["connections"] = [
        ["source", "0", "recognizer", "0"],
        ["recognizer", "labels", "event_sink", "labels"],
    ]
    flowgraph.write_text(yaml.safe_dump(graph))
    labels = tmp_path / "labels.jsonl"
    companion(flowgraph).press_until("F6", lambda: "QPSK" in known(labels), "the hier block gave no labels")
