# SPDX-License-Identifier: GPL-3.0-or-later
"""A flowgraph that runs again, or is locked and unlocked: samples and bursts count on."""

import itertools

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.sources.reopening_source import reopening_source
from message_log import message_log
from waiting import until

LEN = 128


class samples(gr.sync_block):
    """These samples once, over all runs; holds at each of `stops` until `go` is called."""

    def __init__(self, samples, stops=()):
        gr.sync_block.__init__(self, "samples", None, [np.complex64])
        self.samples, self.done = samples, 0
        self.stops = sorted(stops)

    def go(self):
        self.stops.pop(0)

    def work(self, input_items, output_items):
        out = output_items[0]
        n = min(len(out), min([*self.stops[:1], len(self.samples)]) - self.done, 1000)
        if n == 0:
            return 0 if self.stops else -1
        out[:n] = self.samples[self.done : self.done + n]
        self.done += n
        return n


def ramp(n):
    return np.arange(n).astype(np.complex64)


def of_frames(recognizer):
    """In place of the network: frame k, by its first sample, is of class k % 2; the first samples."""
    seen, centers = [], recognizer.encoder.bundle.centers

    def encode(frames, batch_size):
        first = frames[:, 0].real.astype(int)
        seen.extend(first.tolist())
        return centers[first // LEN % 2].astype(np.float32)

    recognizer.encoder.bundle.encode = encode
    return seen


@pytest.mark.parametrize("live", [False, True])
def test_start_samples_over_lock_and_unlock(tiny_bundle, live):
    """Framing begins anew at each unlock; each label tells where its frame was in the stream."""
    n, stops = 1000 * LEN, [40_000, 90_001, 100_000]
    source = samples(ramp(n), stops)
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", condition=False, live=live)
    seen, log, top = of_frames(recognizer), message_log("labels"), gr.top_block()
    top.connect(source, recognizer)
    top.msg_connect((recognizer, "labels"), (log, "labels"))
    top.start()
    expected = []
    for first, stop in itertools.pairwise([0, *stops, n]):
        expected += range(first, stop - LEN + 1, LEN)
        until(lambda: recognizer.discriminator.frames() == len(expected))
        if stop < n:
            top.lock()
            top.unlock()
            source.go()
    top.wait()
    told = [label["start_sample"] + LEN * k for label in log["labels"] for k in range(label["n_frames"])]
    assert told == seen == expected


@pytest.mark.parametrize("live", [False, True])
def test_start_samples_of_a_second_run(tiny_bundle, live):
    source = blocks.vector_source_c(ramp(10 * LEN + 50))
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", condition=False, live=live)
    of_frames(recognizer)
    log, top = message_log("labels"), gr.top_block()
    top.connect(source, recognizer)
    top.msg_connect((recognizer, "labels"), (log, "labels"))
    for _ in range(3):
        source.rewind()
        top.run()
    expected = [run * (10 * LEN + 50) + LEN * k for run in range(3) for k in range(10)]
    assert [label["start_sample"] for label in log["labels"]] == expected


def test_frames_of_a_second_run_do_not_mix_with_the_first():
    source, framer = blocks.vector_source_c(ramp(300)), sr2cnn.framer(LEN)
    sink, top = blocks.vector_sink_c(LEN), gr.top_block()
    top.connect(source, framer, sink)
    for run in range(2):
        source.rewind()
        sink.reset()
        top.run()
        frames = np.array(sink.data()).reshape(-1, LEN)
        assert np.array_equal(frames.ravel().real, np.arange(2 * LEN))
        told = {str(tag.key): pmt.to_python(tag.value) for tag in sink.tags()}
        assert told == {"frame_start": 300 * run, "stream_start": 300 * run}


@pytest.fixture
def bursts():
    """Four bursts over noise, complex64."""
    rng = np.random.default_rng(3)
    quiet, parts = 12_000, []
    for _ in range(4):
        symbols = rng.choice([-1, 1], 400) + 1j * rng.choice([-1, 1], 400)
        parts += [np.zeros(quiet), 3 * np.repeat(symbols, 8) * np.exp(0.3j * np.arange(3200))]
    x = np.concatenate([*parts, np.zeros(quiet)])
    return (x + 0.1 * (rng.normal(size=len(x)) + 1j * rng.normal(size=len(x)))).astype(np.complex64)


def test_emissions_of_a_second_run(tiny_bundle, bursts):
    source = blocks.vector_source_c(bursts)
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", sample_rate=1e6)
    log, top = message_log("labels", "emissions"), gr.top_block()
    top.connect(source, recognizer)
    sr2cnn.connect_events(top, recognizer, log)
    counts = [0]
    for _ in range(3):
        source.rewind()
        top.run()
        counts.append(len(log["emissions"]))
    assert counts[1] >= 3
    runs = [log["emissions"][first:last] for first, last in itertools.pairwise(counts)]
    numbers = [emission["emission"] for emission in log["emissions"]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    for k, run in enumerate(runs):  # each where it was, in a run that follows the one before
        assert all(k * len(bursts) <= one["start_sample"] < (k + 1) * len(bursts) for one in run)
    places = {emission["emission"]: emission for emission in log["emissions"]}
    assert len(log["labels"]) >= 9
    for label in log["labels"]:
        emission = places[label["emission"]]
        assert all(label[key] == emission[key] for key in ("start_sample", "n_samples", "label", "n_frames"))


@pytest.mark.parametrize("n", [1, 2047, 2048, 2049, 10_001])
def test_the_finder_takes_every_sample(tiny_bundle, n):
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", sample_rate=1e6)
    top = gr.top_block()
    top.connect(blocks.vector_source_c(ramp(n)), recognizer)
    top.run()
    assert recognizer.finder.ring.end == n


def test_a_burst_that_stop_cuts_off_is_told(tiny_bundle, bursts):
    source = samples(bursts, [14_500])
    conditioner, log, top = sr2cnn.conditioner(1e6), message_log("bursts"), gr.top_block()
    top.connect(source, conditioner, blocks.null_sink(8))
    top.msg_connect((conditioner, "bursts"), (log, "bursts"))
    top.start()
    until(lambda: conditioner.cutter._taken == 14_500)
    top.stop()
    top.wait()
    (burst,) = log["bursts"]
    assert abs(burst["start_sample"] - 12_000) < 200
    assert abs(burst["start_sample"] + burst["n_samples"] - 14_500) < 200


@pytest.mark.parametrize("again", ["run", "unlock"])
def test_tags_behind_a_tagger_are_where_their_frames_are(tiny_bundle, again):
    n, stop = 200 * LEN, 100 * LEN + 17
    source, framer = samples(ramp(n), [stop]), sr2cnn.framer(LEN)
    encoder = sr2cnn.encoder(str(tiny_bundle), "cpu")
    discriminator = sr2cnn.discriminator_from_bundle(str(tiny_bundle), emit="every")
    tagger, sink, top = sr2cnn.tagger(LEN, 0, "every"), blocks.vector_sink_c(), gr.top_block()
    top.connect(source, framer, encoder, discriminator, (tagger, 1))
    top.connect(source, tagger, sink)
    top.start()
    until(lambda: source.done == stop)
    if again == "run":
        top.stop()
        top.wait()
        sink.reset()
        source.go()
        top.run()
    else:
        top.lock()
        sink.reset()
        top.unlock()
        source.go()
        top.wait()
    out = np.array(sink.data()).real
    assert out[0] == stop and np.array_equal(out, np.arange(stop, n))
    offsets = [tag.offset for tag in sink.tags() if str(tag.key) == "signal_class"]
    assert out[offsets].tolist() == np.arange(stop, n - LEN + 1, LEN).tolist()


def test_a_reopening_source_counts_on():
    made = []

    def radio(freq):
        made.append(blocks.vector_source_c(np.ones(5000), True))
        return made[-1], 1e6

    source = reopening_source("radio", radio, report=lambda line: None)
    top, head = gr.top_block(), blocks.head(gr.sizeof_gr_complex, 3000)
    log = message_log("gap")
    top.connect(source, head, blocks.null_sink(8))
    top.msg_connect((source, "gap"), (log, "gap"))
    top.run()
    first = source.samples
    head.reset()
    top.run()
    assert source.samples >= first + 3000
