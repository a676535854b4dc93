# SPDX-License-Identifier: GPL-3.0-or-later
"""The recognizer: the whole chain in one block."""

import itertools

import numpy as np
import pmt
import pytest
from cli_support import events, run_cli
from gnuradio import blocks, gr, sr2cnn
from message_log import message_log
from sr2cnn_learn.bundle import Bundle
from waiting import until


def run(samples, bundle, sink=None, **parameters):
    """A recognizer of samples that are centered already."""
    recognizer = sr2cnn.recognizer(str(bundle), device="cpu", condition=False, **parameters)
    source, log = blocks.vector_source_c(samples), message_log("labels", "novel", "status")
    top_block = gr.top_block()
    top_block.connect(source, recognizer)
    if sink is not None:
        top_block.connect(recognizer, sink)
    sr2cnn.connect_events(top_block, recognizer, log)
    top_block.run()
    return recognizer, log


def fsk_burst(path, rate=250e3, offset=31e3):
    """A recording of a burst of 2FSK beside the middle of the band, above noise."""
    rng = np.random.default_rng(6)
    frequency = np.repeat(rng.choice([-1, 1], 1500), 20) * 6e3 + offset
    burst = np.exp(2j * np.pi * np.cumsum(frequency) / rate)
    samples = rng.normal(size=(80_000, 2)) @ [0.02, 0.02j]
    samples[30_000 : 30_000 + len(burst)] += burst
    samples.astype(np.complex64).tofile(path)


def test_emissions_by_default_are_those_of_classify(tmp_path):
    path = tmp_path / "burst.cf32"
    fsk_burst(path)
    source, recognizer = sr2cnn.recording_source(str(path), sample_rate=250e3), sr2cnn.recognizer()
    log, top_block = message_log("labels", "emissions"), gr.top_block()
    top_block.connect(source, recognizer)
    sr2cnn.connect_events(top_block, recognizer, log)
    top_block.run()
    result = run_cli("classify", path, "--rate", "250000", "--labels")
    assert result.returncode == 0, result.stderr
    theirs = events(result.stdout)
    for port, keys in (
        ("labels", ("label", "n_frames", "start_sample", "n_samples", "emission")),
        ("emissions", ("label", "n_frames", "start_sample", "n_samples", "candidates")),
    ):
        said = [event for event in theirs if event["event"] == port[:-1]]
        assert [[one[key] for key in keys] for one in log[port]] == [
            [one[key] for key in keys] for one in said
        ]
    emission = min(log["emissions"], key=lambda emission: emission["start_sample"])
    assert emission["label"] == "2FSK" and emission["known"] and emission["n_frames"] > 50
    assert emission["candidates"][0][0] == "2FSK"


@pytest.mark.parametrize("connected", [True, False])
def test_labels_cover_every_frame(tiny_bundle, mixed_samples, connected):
    sink = blocks.vector_sink_s() if connected else None
    recognizer, log = run(mixed_samples, tiny_bundle, sink)
    assert recognizer.frames == sum(run["n_frames"] for run in log["labels"]) == 600
    assert recognizer.samples_left == 50
    ends = [run["start_sample"] + 128 * run["n_frames"] for run in log["labels"]]
    assert [run["start_sample"] for run in log["labels"]] == [0, *ends[:-1]]
    if connected:
        assert len(sink.data()) == 600


def test_one_status_for_the_chain(tiny_bundle, mixed_samples):
    samples = mixed_samples.copy()
    samples[1000] = np.nan
    _, log = run(samples, tiny_bundle)
    last = log["status"][-1]
    assert (last["frames_in"], last["frames_out"]) == (600, 599)
    assert last["frames_dropped"] == last["frames_skipped"] == 1
    assert last["mean_batch"] >= 1
    assert 0 < last["latency_ms_p50"] <= last["latency_ms_p99"]
    assert last["model"] == "tiny"


def test_novel_is_announced(tiny_bundle, mixed_samples):
    recognizer, log = run(mixed_samples, tiny_bundle, min_support=3)
    supported = [d.id for d in recognizer.discriminator.discovered() if d.count >= 3]
    assert sorted(message["class_id"] for message in log["novel"]) == sorted(supported)
    assert supported
    for message in log["novel"]:  # the fixture's bundle has no attribute weights
        nearest = message["description"].pop("nearest_known")
        assert nearest["label"] in ("BPSK", "QPSK", "GFSK") and nearest["distance"] > 0
        assert not message["description"]


@pytest.mark.parametrize("lambda1", [None, 0.05])
def test_nearest_known_by_the_recognizer_s_own_threshold(tiny_bundle, mixed_samples, lambda1):
    _, log = run(mixed_samples, tiny_bundle, lambda1=lambda1)
    assert log["novel"]
    bundle = Bundle.read(tiny_bundle)
    for message in log["novel"]:
        nearest = bundle.describe(message["vector"])["nearest_known"]
        nearest["distance"] *= bundle.lambda1 / (lambda1 or bundle.lambda1)
        assert message["description"]["nearest_known"] == pytest.approx(nearest)


def test_explicit_parameters_win_over_the_model(tiny_bundle):
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", lambda1=0.7, theta2="mean")
    assert recognizer.discriminator.lambda1() == 0.7
    assert recognizer.discriminator.lambda2() == 1.0
    assert recognizer.discriminator.theta2() == "mean"


@pytest.mark.parametrize(
    "name, value",
    [
        ("lambda1", 0.6),
        ("lambda2", 2.0),
        ("theta2", "mean"),
        ("min_support", 5),
        ("max_unknown", 7),
        ("max_unknown", None),
        ("rival_support", 50),
        ("theta2_limit", 1.5),
        ("merge_separation", 3.5),
        ("max_new_per_minute", 12),
        ("emit", "every"),
        ("max_run", 10),
    ],
)
def test_every_setter_is_passed_through(tiny_bundle, name, value):
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", condition=name != "max_run")
    getattr(recognizer, f"set_{name}")(value)
    assert getattr(recognizer.discriminator, name)() == value


def test_commands_while_running(tiny_bundle, mixed_samples):
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", condition=False)
    source = blocks.vector_source_c(mixed_samples[: 128 * 100], True)
    throttle = blocks.throttle(gr.sizeof_gr_complex, 128 * 200)
    command = blocks.message_strobe(pmt.to_pmt({"lambda1": 0.9, "nonsense": 1}), 100)
    log = message_log("labels", "novel", "status")
    top_block = gr.top_block()
    top_block.connect(source, throttle, recognizer)
    top_block.msg_connect((command, "strobe"), (recognizer, "cmd"))
    sr2cnn.connect_events(top_block, recognizer, log)
    top_block.start()
    until(lambda: any("error" in status for status in log["status"]))
    top_block.stop()
    top_block.wait()
    assert recognizer.discriminator.lambda1() == 0.9
    assert any("nonsense" in str(status.get("error", "")) for status in log["status"])


def test_the_blocks_are_classes_whatever_was_imported():
    for name in ("framer", "encoder", "discriminator", "recognizer", "tagger"):
        assert isinstance(getattr(sr2cnn, name), type)


BAD = [("report_seconds", 0.0), ("frames_per_emission", -1), ("sample_rate", -1.0)]


def test_bad_parameters(tiny_bundle):
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        sr2cnn.recognizer("nowhere.pt")
    for name, value in [("lambda1", -1.0), ("max_run", 0), ("emit", "never"), ("hop", -1), *BAD]:
        with pytest.raises(ValueError, match=f"{name} is"):
            sr2cnn.recognizer(str(tiny_bundle), device="cpu", **{name: value})


def test_an_emission_that_cannot_be_cut_out_stops_nothing(tiny_bundle, mixed_samples, monkeypatch):
    from gnuradio.sr2cnn import emission_frames

    def broken(*arguments, **options):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(emission_frames, "cut_out", broken)
    noise = np.random.default_rng(2).normal(size=(200_000, 2)) @ [0.1, 0.1j]
    noise[50_000:90_000] += np.exp(0.7j * np.arange(40_000))
    recognizer, log = sr2cnn.recognizer(str(tiny_bundle), device="cpu"), message_log("emissions")
    top_block = gr.top_block()
    top_block.connect(blocks.vector_source_c(noise), recognizer)
    top_block.msg_connect((recognizer, "emissions"), (log, "emissions"))
    top_block.run()
    (emission,) = log["emissions"]
    assert emission["label"] is None and "ZeroDivisionError" in emission["reason"]


def test_an_emission_that_goes_on_is_told_again_and_again(tiny_bundle):
    """Each time from its beginning and from all its frames so far; its labels lie end to end."""
    n, start = 2_000_000, 100_000
    rng = np.random.default_rng(4)
    samples = rng.normal(size=(n, 2)) @ [0.1, 0.1j]
    bits = np.convolve(np.repeat(rng.choice([-1, 1], n // 50), 50), np.hanning(100) / 50, "same")
    samples[start:] += bits[: n - start] * np.exp(0.9j * np.arange(n - start))
    recognizer = sr2cnn.recognizer(
        str(tiny_bundle), device="cpu", sample_rate=1e6, report_seconds=0.6, frames_per_emission=50
    )
    log, top_block = message_log("emissions", "labels", "bursts"), gr.top_block()
    top_block.connect(blocks.vector_source_c(samples), recognizer)
    for port in ("emissions", "labels", "bursts"):
        top_block.msg_connect((recognizer, port), (log, port))
    top_block.run()
    told = log["emissions"]
    assert {one["emission"] for one in told} == {1} and len(told) >= 3
    assert [one.get("continues", False) for one in told] == [True] * (len(told) - 1) + [False]
    assert all(abs(one["start_sample"] - start) < 200 for one in told)
    ends = [one["start_sample"] + one["n_samples"] for one in told]
    assert ends == sorted(ends) and ends[-1] == n
    frames = [one["n_frames"] for one in told]
    assert frames == sorted(frames) and frames[0] == 50 < frames[-1]
    labels = log["labels"]
    places = [(one["start_sample"], one["start_sample"] + one["n_samples"]) for one in labels]
    assert all(abs(first - end) < 200 for (_, end), (first, _) in itertools.pairwise(places))
    assert all(one["n_frames"] <= 50 for one in labels)
    (burst,) = log["bursts"]  # under its former name it is told once
    assert burst["burst"] == 1 and burst["n_samples"] == told[-1]["n_samples"]
