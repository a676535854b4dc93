#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the signals that no model knows, and nothing else: SigMF snippets of each discovered class.

The last samples are kept in memory; where a run of frames is labelled as a discovered class, its samples
go to FOLDER/<class>_<n>.sigmf-meta and .sigmf-data, at most so many of each class. They are what
`sr2cnn classify` labels and what a class can be trained from.

    .venv/bin/python examples/record_unknown.py                                  # of band.sigmf-meta beside this
    .venv/bin/python examples/record_unknown.py --file recording.sigmf-meta --folder unknown
    .venv/bin/python examples/record_unknown.py --device driver=rtlsdr --freq 868.95e6 --rate 1.024e6
"""

import argparse
import datetime
import re
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pmt
import sigmf
from gnuradio import gr, soapy, sr2cnn
from gnuradio.sr2cnn.messages import event, left_over
from sr2cnn_learn.atomic import write_atomically
from sr2cnn_learn.quantities import parse_hertz

BAND = Path(__file__).with_name("band.sigmf-meta")  # made by make_band.py
LABELS = pmt.intern("labels")


class recorder(gr.sync_block):
    """Writes the samples of labels of discovered classes.

    Input: complex, the stream that the recognizer gets. Message input ``labels``: the recognizer's.

    Args:
        folder: for the recordings
        sample_rate: Hz
        frequency: center frequency in Hz, None where unknown
        kept: samples to keep; a label that comes later than that is counted in `missed`
        most: recordings of each class
        least: samples of the shortest label that is worth a recording
    """

    def __init__(self, folder, sample_rate, frequency=None, kept=1 << 22, most=10, least=512):
        gr.sync_block.__init__(self, "Recorder", in_sig=[np.complex64], out_sig=None)
        self.message_port_register_in(LABELS)
        self.set_msg_handler(LABELS, self._on_label)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.about = {"core:datatype": "cf32_le", "core:sample_rate": sample_rate}
        self.frequency = frequency
        self.ring = np.zeros(kept, np.complex64)
        self.end = 0  # samples that came so far; sample n is at n modulo the ring's length
        self.most, self.least = most, least
        self.waiting = []  # labels whose samples have not all come yet
        self.written = Counter()  # by class id
        self.missed = 0

    def work(self, input_items, output_items):
        samples = input_items[0][: len(self.ring)]
        self.ring[np.arange(self.end, self.end + len(samples)) % len(self.ring)] = samples
        self.end += len(samples)
        self._write_waiting()
        return len(samples)

    def _on_label(self, message):
        label = event(message)
        if not label["known"] and label["n_samples"] >= self.least:
            self.waiting.append(label)
            self._write_waiting()

    def finish(self):
        """What came after the last sample; to be called when the flowgraph has ended."""
        for message in left_over(self, "labels"):
            self._on_label(message)

    def _write_waiting(self):
        ready = [label for label in self.waiting if label["start_sample"] + label["n_samples"] <= self.end]
        self.waiting = [label for label in self.waiting if label not in ready]
        for label in ready:
            if self.written[label["class_id"]] >= self.most:
                continue
            if label["start_sample"] < self.end - len(self.ring):
                self.missed += 1
                continue
            try:
                self._write(label)
            except OSError as error:  # a full disk is no reason to stop listening
                self.logger.error(str(error))

    def _write(self, label):
        first, n = label["start_sample"], label["n_samples"]
        samples = self.ring[np.arange(first, first + n) % len(self.ring)]
        self.written[label["class_id"]] += 1
        name = re.sub(r"[^\w.-]", "_", label["label"])  # an operator may have named it anything
        data = self.folder / f"{name}_{self.written[label['class_id']]}.sigmf-data"
        write_atomically(data, samples.tobytes())
        meta = sigmf.SigMFFile(data_file=str(data), global_info=self.about)
        capture = {"core:datetime": datetime.datetime.now(datetime.UTC).strftime("%FT%TZ")}
        if self.frequency is not None:
            capture["core:frequency"] = self.frequency
        meta.add_capture(0, capture)
        meta.add_annotation(
            0, n, {"core:label": label["label"], "core:comment": f"score {label['score']:.3g}"}
        )
        meta.validate()
        write_atomically(data.with_suffix(".sigmf-meta"), meta.dumps())


def sdr(options):
    """A Soapy source from GNU Radio core."""
    source = soapy.source(options.device, "fc32", 1, "", "", [""], [""])
    source.set_sample_rate(0, options.rate)
    source.set_frequency(0, options.freq)
    return source


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", help="Soapy device arguments, e.g. driver=rtlsdr; default: --file")
    parser.add_argument("--freq", type=parse_hertz, default=868.95e6, help="center frequency, as 868.95M")
    parser.add_argument("--rate", type=parse_hertz, default=1.024e6, help="sample rate, if no file says it")
    parser.add_argument("--file", default=BAND, help="recording in the SDR's place")
    parser.add_argument("--model", default="sr2cnn", help="bundle, or a shipped model")
    parser.add_argument("--folder", default="unknown", help="for the recordings")
    parser.add_argument("--most", type=int, default=10, help="recordings of each class")
    parser.add_argument("--least", type=int, default=512, help="samples of the shortest one")
    options = parser.parse_args()

    top = gr.top_block("Record unknown")
    rate, frequency = options.rate, options.freq
    if options.device is None:
        source = sr2cnn.recording_source(options.file)
        rate, frequency = source.recording.sample_rate or rate, source.recording.center_frequency
    else:
        source = sdr(options)
    recognizer = sr2cnn.recognizer(options.model, live=options.device is not None, sample_rate=rate)
    record = recorder(options.folder, rate, frequency, most=options.most, least=options.least)
    top.connect(source, recognizer)
    top.connect(source, record)
    sr2cnn.connect_events(top, recognizer, record)

    def stop(*_):
        top.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    top.start()
    top.wait()
    record.finish()
    print(f"{record.written.total()} recordings of {len(record.written)} classes in {options.folder}")
    if record.missed:
        print(f"{record.missed} labels came when their samples were gone")


if __name__ == "__main__":
    main()
