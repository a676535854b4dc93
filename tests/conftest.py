# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of more than one test file."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

CLASSES = ["BPSK", "QPSK", "GFSK"]

# A loaded machine is no fault.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")

ENDING = 60  # seconds that a flowgraph may take to end

# A shell starts its background jobs deaf to Ctrl-C, and so would be the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """What earlier runs and users found out on this machine stays out of the tests, and theirs out of it."""
    old = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        if "MPLCONFIGDIR" not in os.environ:  # its list of fonts takes long to make
            patch.setenv("MPLCONFIGDIR", str(old / "matplotlib"))
        yield


@pytest.fixture
def typed(capsys):
    """Runs the command line as `run_cli` does, within this process: to start one takes seconds."""
    from sr2cnn_learn.cli.app import sr2cnn

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            sr2cnn.main(list(map(str, arguments)), prog_name="sr2cnn")
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, end.value.code, out, err)

    return run


@pytest.fixture(autouse=True)
def flowgraphs(monkeypatch):
    """The top blocks that the test started and did not wait for. They end with it, whatever happens.

    One that is let go of while it runs would hang pytest: GNU Radio then joins its threads holding the
    interpreter's lock, for which Python blocks wait.
    """
    running = []
    if "gnuradio" in sys.modules:  # else the test has no flowgraph
        from gnuradio import gr

        start, wait = gr.top_block.start, gr.top_block.wait

        def start_and_keep(top_block, *arguments):
            start(top_block, *arguments)
            running.append(top_block)

        def wait_and_let_go(top_block):
            wait(top_block)
            if top_block in running:
                running.remove(top_block)

        monkeypatch.setattr(gr.top_block, "start", start_and_keep)
        monkeypatch.setattr(gr.top_block, "wait", wait_and_let_go)
    yield running
    for top_block in list(running):
        end(top_block)


def end(top_block):
    """Stop it and wait. What does not end is never let go of."""

    def stop_and_wait():
        top_block.stop()
        top_block.wait()

    thread = threading.Thread(target=stop_and_wait, daemon=True)
    thread.start()
    thread.join(ENDING)
    if thread.is_alive():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(top_block))
        faulthandler.dump_traceback(all_threads=True)
        pytest.fail(f"a flowgraph did not end within {ENDING} s")


def _frames_of_classes(n, seed):
    """Synthetic frames: complex64 (3 n, 128), labels (3 n,). Tones and noise, easily told apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(CLASSES)), n)
    tone = np.exp(2j * np.pi * np.outer(0.02 + 0.15 * labels, np.arange(128)))
    noise = rng.normal(size=(2, len(labels), 128)) * (0.05 + 0.2 * labels[:, None])
    return (tone + noise[0] + 1j * noise[1]).astype(np.complex64), labels


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory):
    """Path of a whole model bundle: a network of random weights, semantics measured with it."""
    import torch
    from sr2cnn_learn.bundle import Bundle
    from sr2cnn_learn.card import SCHEMA
    from sr2cnn_learn.nets.sr2cnn import normalise
    from sr2cnn_learn.semantics import class_semantics

    dim = 16
    torch.manual_seed(0)

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(2, 16, 9, stride=4)
            self.dense = torch.nn.Linear(16, dim)
            self.classifier = torch.nn.Linear(dim, len(CLASSES))

        def forward(self, iq):
            x = torch.relu(self.conv(normalise(iq).transpose(1, 2)))
            return self.dense(x.mean(2))

        def classify(self, z):
            return self.classifier(z)

    network = Tiny().eval()
    frames, labels = _frames_of_classes(40, seed=1)
    with torch.no_grad():
        z = network(torch.view_as_real(torch.from_numpy(frames))).numpy()
    card = {
        "schema": SCHEMA,
        "name": "tiny",
        "classes": CLASSES,
        "frame_len": 128,
        "dim": dim,
        "samples_per_symbol": 8,
        "distance": "diagonal",
        "lambda1": 0.4,
        "lambda2": 1.0,
        "theta2": "median",
    }
    path = tmp_path_factory.mktemp("bundle") / "tiny.pt"
    Bundle.save(path, network, card, class_semantics(z, labels, len(CLASSES)))
    return path


@pytest.fixture(scope="session")
def mixed_samples():
    """complex64 (128·600 + 50,): known and strange frames in turns, and a partial last frame."""
    known, _ = _frames_of_classes(100, seed=2)
    rng = np.random.default_rng(3)
    shape = (300, 128)
    strange = rng.normal(size=shape) * np.exp(2j * np.pi * 0.4 * np.arange(128))
    strange[150:] = np.sign(rng.normal(size=(150, 128)))
    frames = np.concatenate([known, strange.astype(np.complex64)])
    samples = frames[rng.permutation(len(frames))].ravel()
    return np.concatenate([samples, samples[:50]])


@pytest.fixture(scope="session")
def replay(tmp_path_factory):
    """Path of a small data set in the RadioML layout: three known classes and an unseen one."""
    from sr2cnn_learn.datasets import save_radioml
    from sr2cnn_learn.iq import interleaved

    frames, labels = _frames_of_classes(12, seed=4)
    mapping = {}
    for k, name in enumerate(CLASSES):
        own = frames[labels == k]
        pairs = interleaved(own)
        mapping[name, 16], mapping[name, 18] = pairs[:5], pairs[5:]
    rng = np.random.default_rng(5)
    mapping["AM-SSB", 18] = rng.normal(size=(9, 128, 2)).astype(np.float32)
    path = tmp_path_factory.mktemp("replay") / "replay.npz"
    save_radioml(path, mapping)
    return path
