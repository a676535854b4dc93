# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks live as long as the flowgraph that they are connected in, no longer, and say all that they have to.

In processes of their own: a block that is gone too early crashes the interpreter.
"""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

pytest.importorskip("gnuradio")

COMMON = """
    import gc, json, os, sys
    import numpy as np
    import pmt
    from gnuradio import blocks, gr, sr2cnn

    model, samples, folder = sys.argv[1:]
    samples = np.load(samples)

    def receiver(events, **options):
        \"\"\"A flowgraph to whose blocks nobody else holds a reference.\"\"\"
        top = gr.top_block()
        recognizer = sr2cnn.recognizer(model, **options)
        sink = sr2cnn.event_sink(events)
        top.connect(blocks.vector_source_c(samples), recognizer)
        for port in ("labels", "novel", "emissions", "status"):
            top.msg_connect(recognizer, port, sink, port)
        return top

    def told(events):
        return [json.loads(line) for line in open(events)]
"""


@pytest.fixture
def run(tmp_path, tiny_bundle, mixed_samples):
    """Runs a program and gives what it printed; nothing goes to its standard error."""

    def run(code, samples=mixed_samples):
        path = tmp_path / "samples.npy"
        np.save(path, samples)
        command = [sys.executable, "-X", "faulthandler", "-c"]
        command += [textwrap.dedent(COMMON) + textwrap.dedent(code), tiny_bundle, path, tmp_path]
        environment = {
            **os.environ,
            "HOME": str(tmp_path),  # GNU Radio says so when another program writes its file of FFT plans
            "GR_CONF_LOG_LOG_FILE": "stderr",
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(tmp_path),
        }
        result = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
        assert result.returncode == 0, (result.returncode, result.stderr)
        assert not result.stderr
        return result.stdout

    return run


@pytest.fixture
def band(mixed_samples):
    """Bursts over noise: what a receiver hears."""
    rng = np.random.default_rng(7)
    quiet = np.zeros(8000, np.complex64)
    x = np.concatenate([quiet, 5 * mixed_samples[: 128 * 100], quiet, 5 * mixed_samples[-128 * 100 :], quiet])
    noise = rng.normal(size=(2, len(x))) * 0.1
    return (x + noise[0] + 1j * noise[1]).astype(np.complex64)


KINDS = [
    dict(condition=False),
    dict(condition=False, live=True),
    dict(condition=True, sample_rate=1e6),
    dict(condition=True, live=True, registry="radio.classes"),
]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_flowgraph_holds_its_blocks_and_lets_them_go(run, band, options):
    """Nothing but the top block is kept; from the second on they leave nothing behind, without a collection."""
    run(
        f"""
        os.chdir(folder)
        gc.disable()
        left = []
        for k in range(4):
            top = receiver("events", **{options})
            gc.collect() if k == 0 else None  # what nobody holds is gone by now
            top.run()
            assert any(event["event"] == "status" for event in told("events"))
            del top
            left.append((gr.basic_block_ncurrently_allocated(), len(os.listdir("/proc/self/fd"))))
        assert left[1] == left[2] == left[3], left
        """,
        band,
    )


def test_every_python_block_lives_in_its_flowgraph(run, replay):
    run(
        f"""
        from gnuradio.sr2cnn.sources.pacer import pacer
        from gnuradio.sr2cnn.sources.raw_source import raw_source
        from gnuradio.sr2cnn.sources.reopening_source import reopening_source
        from PyQt5.QtWidgets import QApplication

        application = QApplication([])
        samples.tofile(folder + "/iq.cf32")

        def radio(freq):
            return blocks.vector_source_c(samples, True), 1e6

        def chains(top):
            null = lambda: blocks.null_sink(gr.sizeof_gr_complex)
            recording = sr2cnn.recording_source(folder + "/iq.cf32")
            top.connect(recording, pacer(1e7), sr2cnn.conditioner(1e6), null())
            top.connect(raw_source(descriptor=os.open(folder + "/iq.cf32", os.O_RDONLY)), null())
            encoder, scorer = sr2cnn.encoder(model), sr2cnn.scorer(model)
            display = sr2cnn.label_display(model)
            discriminator = sr2cnn.discriminator_from_bundle(model)
            frames = sr2cnn.radioml_source({str(replay)!r}), sr2cnn.framer(128)
            top.connect(*frames, encoder, discriminator, scorer)
            top.msg_connect(discriminator, "labels", display, "labels")
            top.msg_connect(scorer, "score", sr2cnn.event_sink(folder + "/score"), "status")
            source = reopening_source("radio", radio, report=lambda line: None)
            top.connect(source, blocks.head(gr.sizeof_gr_complex, 1000), null())
            top.msg_connect(source, "gap", sr2cnn.event_sink(folder + "/gaps"), "gap")

        top = gr.top_block()
        chains(top)
        gc.collect()
        top.run()
        assert told(folder + "/score")[-1]["frames"] > 0
        """
    )


def test_memory_is_level_when_live_recognizers_come_and_go(run):
    out = run(
        """
        for k in range(60):
            receiver("/dev/null", condition=False, live=True, queue_frames=4096).run()
            if k in (20, 59):
                print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        """
    )
    after_20, after_60 = map(int, out.split())
    assert after_60 - after_20 < 20e6  # with queues that stay it would be 160 MB


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("end", ["run", "stop"])
def test_all_is_told_when_a_flowgraph_has_ended(run, band, options, end):
    """The last label and the status that counts it are in the file, that of each run."""
    run(
        f"""
        import time
        os.chdir(folder)
        before = 0
        for k in range(5):
            top = receiver("events", **{options})
            top.start()
            if {end!r} == "stop":
                while not os.path.getsize("events"):
                    time.sleep(0.001)
                top.stop()
            top.wait()
            events = told("events")
            labels = [event for event in events if event["event"] == "label"]
            status = [event for event in events if "frames_out" in event][-1]
            by_emission = "emissions" in status  # a class id an emission
            n_labelled = len(labels) if by_emission else sum(event["n_frames"] for event in labels)
            assert n_labelled == status["frames_out"] - status["invalid"], (n_labelled, status)
            novel = [event for event in events if event["event"] == "novel"]
            assert len(novel) == status["n_discovered"] - before, (len(novel), status)
            before = status["n_discovered"] if {"registry" in options} else 0
            if {end!r} == "run":
                assert status["network_frames" if by_emission else "frames_out"] > 50, status
                assert status["frames_in"] == status["frames_out"] + status["frames_dropped"], status
        """,
        band,
    )
