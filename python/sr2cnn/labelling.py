# SPDX-License-Identifier: GPL-3.0-or-later
"""Flowgraphs that label samples: one over a recording as an iterator of events, and what runs any of them."""

import atexit
import contextlib
import gc
import queue
import sys
import threading
import time
from collections import Counter

import numpy as np
from gnuradio import gr
from sr2cnn_learn.discriminator import resolve

from .base import sync_block
from .messages import connect_events, event, event_receiver
from .recognizer import recognizer
from .recording_source import recording_source

TICK = 0.2  # seconds
TURN = 1e-3  # seconds that a thread of Python keeps others waiting: each block in Python is one
PATIENCE = 10  # seconds for the blocks to end what they are at
MOST_WAITING = 1000  # events that nobody has taken: a recording then waits
BREATH = 0.01  # seconds until it looks again


def label_recording(path, model="sr2cnn", datatype=None, rate=None, freq=None, progress=None, **options):
    """The events of a recording, as they come: what a flowgraph of a recording source and a recognizer tells.

    The first is that of the recording (``"event": "recording"``), the others are a recognizer's, see
    docs/messages.md. Where events are not taken the flowgraph waits, so that memory stays bounded; who leaves
    the loop early, by an error or by Ctrl-C, ends it.

    Args:
        path, datatype: see `recording_source`
        model: path of a bundle, or the bare name of a shipped model
        rate, freq: Hz, sample rate and center frequency; they win over the recording's
        progress: called several times a second in the caller's thread, with the samples read so far; what it
            raises ends the labelling
        **options: others of `recognizer`

    Returns:
        a `RecordingLabels`: dicts, to be iterated over once

    Raises:
        FileNotFoundError, ValueError: the recording or the model is missing or damaged, or an argument is out
            of range
        OSError: raised by the iteration, where reading ends early
    """
    return RecordingLabels(path, model, datatype, rate, freq, progress, options)


class RecordingLabels:
    """What `label_recording` gives.

    Attributes:
        recording: the open `Recording`
        recognizer: the `recognizer`, whose counts tell about the frames
    """

    def __init__(self, path, model, datatype, rate, freq, progress, options):
        self._receiver = _event_queue()
        self._source = _patient_source(self._receiver.events, str(path), datatype, rate, freq)
        self.recording = self._source.recording
        self.recognizer = recognizer(
            model=model,
            sample_rate=self.recording.sample_rate or 0.0,
            # A recording's labels shall not depend on the machine's speed.
            **{"max_new_per_minute": None, **options},
        )
        self._ids = _id_counter()
        self._flowgraph = flowgraph([self._source], self.recognizer, [self._receiver], [self._ids])
        self._progress = progress or (lambda samples: None)
        self._about = {
            "event": "recording",
            "file": str(path),
            "datatype": self.recording.datatype,
            "sample_rate": self.recording.sample_rate,
            "center_frequency": self.recording.center_frequency,
            "n_samples": self.recording.n_samples,
            "trailing_bytes": self.recording.trailing_bytes,
            "model": model,
        }

    def __iter__(self):
        yield self._about
        events, due = self._receiver.events, 0.0
        with running(self._flowgraph) as ended:
            while True:
                over = ended.is_set()  # looked at first: what is not there then will not come
                if time.monotonic() >= due:
                    self._progress(self._source.samples_read)
                    due = time.monotonic() + TICK
                try:
                    yield events.get(timeout=0 if over else TICK)
                except queue.Empty:
                    if over:
                        break
            self._progress(self._source.samples_read)
        if self._source.error:
            raise self._source.error

    def frames_by_class(self):
        """Frames of each class id so far, a Counter; classes that were merged count as one."""
        merged = self.recognizer.discriminator.merged()
        frames = Counter()
        for id, n in zip(resolve(list(self._ids.frames), merged).tolist(), self._ids.frames.values()):
            frames[id] += n
        return frames


def flowgraph(sources, recognizer, receivers=(), sinks=()):
    """A flowgraph that labels samples: source → recognizer, and whoever hears of it.

    Args:
        sources: blocks in a row, the first the source of complex samples
        recognizer: a `recognizer` or `wideband_recognizer`
        receivers: blocks that get the events of the source and of the recognizer, see `connect_events`
        sinks: blocks that get the class ids

    Returns:
        gr.top_block
    """
    top_block = gr.top_block()
    top_block.connect(*sources, recognizer)
    for sink in sinks:
        top_block.connect(recognizer, sink)
    for receiver in receivers:
        for source in (sources[0], recognizer):
            connect_events(top_block, source, receiver)
    return top_block


@contextlib.contextmanager
def running(top_block):
    """Runs a flowgraph while the body does: gives an event that is set when the flowgraph has ended.

    When the body is left first, by Ctrl-C above all, the flowgraph is stopped; so it is when the interpreter ends.
    """
    ended = threading.Event()

    def wait():
        top_block.wait()
        ended.set()

    waiting = threading.Thread(target=wait, daemon=True)  # in this thread it would swallow Ctrl-C

    def stop():
        if ended.is_set():
            return
        top_block.stop()
        if not waiting.ident:  # Ctrl-C came while it started
            waiting.start()
        ended.wait(PATIENCE)  # the interpreter must not end under running blocks

    turn = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    gc.freeze()  # torch alone has so many objects that a look through them would hold up everything
    atexit.register(stop)
    try:
        top_block.start()
        waiting.start()
        yield ended
    finally:
        stop()
        atexit.unregister(stop)
        gc.unfreeze()
        sys.setswitchinterval(turn)


def run(top_block, on_tick, period=TICK):
    """Run to the end, calling `on_tick` every `period` seconds; what that raises, Ctrl-C above all, or a
    true value from it, stops the flowgraph."""
    with running(top_block) as ended:
        while not ended.wait(period) and not on_tick():
            pass


class _event_queue(event_receiver):
    """Events for another thread to take."""

    def __init__(self):
        event_receiver.__init__(self, "SR2CNN Event Queue")
        self.events = queue.SimpleQueue()

    def _take(self, port, message):
        self.events.put(event(message, port))


class _patient_source(recording_source):
    """A recording that waits while many events do."""

    def __init__(self, events, *arguments):
        recording_source.__init__(self, *arguments)
        self._events = events

    def work(self, input_items, output_items):
        if self._events.qsize() > MOST_WAITING:
            time.sleep(BREATH)
            return 0
        return super().work(input_items, output_items)


class _id_counter(sync_block):
    """Counts class ids: ``frames``, id → how many."""

    def __init__(self):
        sync_block.__init__(self, name="SR2CNN Id Counter", in_sig=[np.int16], out_sig=None)
        self.frames = Counter()

    def work(self, input_items, output_items):
        ids, frames = np.unique(input_items[0], return_counts=True)
        self.frames.update(dict(zip(ids.tolist(), frames.tolist())))
        return len(input_items[0])
