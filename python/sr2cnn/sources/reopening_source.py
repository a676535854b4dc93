# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio that is opened again when it goes away."""

import contextlib
import math
import re
import threading
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr

from ..base import sync_block
from .radio import Radio
from .supervision import Supervisor

GAP = pmt.intern("gap")
RX_TIME, RX_RATE, RX_FREQ = map(pmt.intern, ("rx_time", "rx_rate", "rx_freq"))
PATIENCE = 2.0  # seconds that closing a source may take
_hung = []  # flowgraphs whose source does not react yet: to destroy them would wait for it


class reopening_source(sync_block):
    """Samples of a source block that may end, fall silent or fail; it then is made anew, time and again.

    It never makes the source wait: what the flowgraph does not take within two seconds is dropped.

    The source runs in a flowgraph of its own, so that the one of this block, with all that its blocks have
    counted and learnt, goes on. The first sample of all, and the first after each gap, carries ``rx_time``
    (tuple; the source's own, or else this machine's clock), ``rx_rate`` and, where known, ``rx_freq``.
    When the samples come again, the message output ``gap`` says it: a dict of ``source``, ``begin`` (Unix
    time at which the samples ceased), ``seconds``, ``reason``, ``start_sample`` (uint64: index of the
    first sample behind the gap; that there is none yet when the flowgraph stops within a gap), and, where
    known, ``rx_freq`` behind it. `set_center_freq` makes a gap, too: what radio and driver had
    underway is of neither frequency for certain.

    Output: complex.

    Args:
        name: of the source, for reports
        make: callable that makes the source block, given its center frequency: a `radio.Radio`, or its first
            fields
        freq: center frequency in Hz, None where unknown
        report: called with a line of text when the source goes and when it is back; default: the log
        patience: seconds without samples after which a source counts as gone
        backoff: `supervision.Backoff`, None for the default

    Attributes:
        samples: number of samples put out, in all runs

    Raises:
        whatever `make` raises, the first time
    """

    def __init__(self, name, make, freq=None, report=None, patience=5.0, backoff=None):
        sync_block.__init__(self, name="SR2CNN Reopening Source", in_sig=None, out_sig=[np.complex64])
        self.message_port_register_out(GAP)
        self._name = name
        self._make = make
        report = report or self.logger.warn
        self._supervisor = Supervisor(name, self._open, report, patience, backoff, freq)
        self._rest = None  # samples of the chunk that were not put out yet, and its tags
        self.samples = 0

    def _open(self, freq):
        return _Session(Radio(*self._make(freq)))

    def set_center_freq(self, freq):
        """Tune the radio to that frequency in Hz, now or when it is there again; what became of it is
        reported, and samples, ``rx_freq`` and a ``gap`` follow."""
        self._supervisor.tune(float(freq))

    def start(self):
        self._rest = None
        self._supervisor.start()
        return True

    def stop(self):
        gap = self._supervisor.stop()
        if gap:
            self._publish(gap)
        return True

    def work(self, input_items, output_items):
        out = output_items[0]
        if self._rest is None:
            chunk = self._supervisor.take(0.1)
            if chunk is None:
                return 0
            if chunk.gap:
                self._publish(chunk.gap, chunk.freq)
            self._rest = chunk.samples, self._tags(chunk)
        samples, tags = self._rest
        n = min(len(out), len(samples))
        out[:n] = samples[:n]
        for offset, key, value in tags:
            if offset < n:
                self.add_item_tag(0, self.nitems_written(0) + offset, key, value)
        later = [(offset - n, key, value) for offset, key, value in tags if offset >= n]
        self._rest = (samples[n:], later) if n < len(samples) else None
        self.samples += n
        return n

    def _tags(self, chunk):
        if chunk.began is None:
            return chunk.tags
        own = {pmt.symbol_to_string(key) for offset, key, _ in chunk.tags if offset == 0}
        fraction, seconds = math.modf(chunk.began)
        tags = [
            (0, RX_TIME, pmt.make_tuple(pmt.from_uint64(int(seconds)), pmt.from_double(fraction))),
            (0, RX_RATE, pmt.from_double(float(chunk.sample_rate))),
        ]
        if chunk.freq is not None:
            tags.append((0, RX_FREQ, pmt.from_double(float(chunk.freq))))
        return [tag for tag in tags if pmt.symbol_to_string(tag[1]) not in own] + chunk.tags

    def _publish(self, gap, freq=None):
        about = {} if freq is None else {"rx_freq": float(freq)}
        message = pmt.to_pmt({"source": self._name, **vars(gap), **about})
        start = pmt.from_uint64(self.samples)
        self.message_port_pub(GAP, pmt.dict_add(message, pmt.intern("start_sample"), start))


class _Session:
    """A `Radio` in a flowgraph of its own; see `Supervisor` for what it has to do."""

    def __init__(self, radio):
        self.sample_rate = radio.sample_rate
        self._radio = radio
        source = radio.block
        self._thread_name = _thread_name(source)
        self._ran = False  # whether that thread is known to have been there; a block made of blocks has none
        self._taken = 0
        self._sink = _hand_over()
        self._top_block = gr.top_block("source")
        self._top_block.source = source  # a Python block that nobody holds crashes the interpreter
        self._top_block.connect(source, self._sink)
        self._done = threading.Event()
        self._started = False

    def start(self, put):
        self._sink.put = put
        self._top_block.start()
        self._started = True
        # A Python block's was, though it may be gone again.
        is_python = isinstance(self._top_block.source, gr.gateway.gateway_block)
        self._ran = is_python and bool(_thread_names())
        threading.Thread(target=self._wait, args=(self._top_block,), daemon=True).start()

    def _wait(self, top_block):
        top_block.wait()
        self._done.set()
        if top_block in _hung:  # late, but it did
            self._free(top_block)

    def _free(self, top_block):
        top_block.disconnect_all()  # a device must be free before it can be opened again
        with contextlib.suppress(ValueError):
            _hung.remove(top_block)

    def tune(self, freq):
        if self._radio.tune is None:
            raise OSError("no radio")
        self._radio.tune(freq)

    @property
    def ended(self):
        return self._done.is_set() or self._died()

    def _died(self):
        """Whether the source's thread is gone: where its work raised, GNU Radio ends it and tells nobody."""
        taken = self._sink.nitems_read(0)
        if taken != self._taken:
            self._taken = taken
            return False
        runs = self._thread_name in _thread_names()
        self._ran = self._ran or runs
        return self._ran and not runs

    def close(self):
        top_block, self._top_block = self._top_block, None
        radio, self._radio = self._radio, None
        if radio.hang_up:
            radio.hang_up()
        if self._started:
            top_block.stop()
            if not self._done.wait(PATIENCE):
                _hung.append(top_block)
                if not self._done.is_set():
                    return False
        self._free(top_block)
        return True


def _thread_name(block):
    """Of a block's thread, as GNU Radio and then Linux cut it: the number stays, but for its last digit."""
    name = f"{block.name()}{block.unique_id()}"
    number = re.search(r"\d*$", name).group()
    return (name if len(name) <= 16 else name[: 16 - len(number)] + number)[:15]


def _thread_names():
    """Of this process, as Linux tells them; elsewhere there are none."""
    names = set()
    for thread in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has just ended
            names.add(thread.read_text().rstrip("\n"))
    return names


class _hand_over(sync_block):
    """Calls ``put(samples, tags)`` until that returns False; tags are (offset, key, value)."""

    def __init__(self):
        sync_block.__init__(self, name="SR2CNN Hand Over", in_sig=[np.complex64], out_sig=None)
        self.put = None

    def work(self, input_items, output_items):
        samples = input_items[0]
        first = self.nitems_read(0)
        tags = self.get_tags_in_window(0, 0, len(samples))
        tags = [(tag.offset - first, tag.key, tag.value) for tag in sorted(tags, key=lambda t: t.offset)]
        return len(samples) if self.put(samples.copy(), tags) else -1
