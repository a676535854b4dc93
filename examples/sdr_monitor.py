#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch what an SDR hears: its spectrum, and the labels of what is in it; those as JSON lines, too.

The emissions in the band are found, cut out and named; where that does not keep up, some are left out and
counted. Without a screen: `sensor.py`, or `sr2cnn monitor`, which does this and more.

    .venv/bin/python examples/sdr_monitor.py                            # hears band.sigmf-meta beside this
    .venv/bin/python examples/sdr_monitor.py --file recording.sigmf-meta
    .venv/bin/python examples/sdr_monitor.py --device driver=rtlsdr --freq 868.95e6 --rate 1.024e6 --gain 30
"""

import argparse
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("GR_CONF_LOG_LOG_FILE", "stderr")  # stdout is for the JSON lines


from gnuradio import blocks, fft, gr, qtgui, soapy, sr2cnn
from PyQt5 import sip
from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QApplication, QSplitter, QWidget
from sr2cnn_learn.quantities import parse_hertz

BAND = Path(__file__).with_name("band.sigmf-meta")  # made by make_band.py
SPECTRUM = 1024  # points


def sdr(options):
    """A Soapy source from GNU Radio core."""
    source = soapy.source(options.device, "fc32", 1, "", "", [""], [""])
    source.set_sample_rate(0, options.rate)
    source.set_frequency(0, options.freq)
    if options.gain is None:
        source.set_gain_mode(0, True)
    else:
        source.set_gain(0, options.gain)
    return source


class sdr_monitor(gr.top_block):
    """The flowgraph; ``window`` is its widget. There must be a QApplication."""

    def __init__(self, options):
        gr.top_block.__init__(self, "SDR monitor")
        if options.device is None:
            recording = sr2cnn.recording_source(options.file, repeat=True)
            rate, self.source = recording.recording.sample_rate or options.rate, recording
            parts = [recording, blocks.throttle(gr.sizeof_gr_complex, rate)]
        else:
            rate, self.source = options.rate, sdr(options)
            parts = [self.source]
        self.recognizer = sr2cnn.recognizer(
            options.model,
            live=options.device is not None,  # a file waits for the network, a radio does not
            sample_rate=rate,
        )
        self.events = sr2cnn.event_sink(options.events)
        self.display = sr2cnn.label_display(options.model)
        frequency = 0 if options.device is None else options.freq
        self.waterfall = qtgui.waterfall_sink_c(
            SPECTRUM, fft.window.WIN_BLACKMAN_hARRIS, frequency, rate, "", 1, None
        )
        self.connect(*parts, self.recognizer)
        self.connect(parts[-1], self.waterfall)
        for receiver in (self.events, self.display):
            sr2cnn.connect_events(self, self.recognizer, receiver)
        self.window = QSplitter(Qt.Vertical)
        self.window.addWidget(sip.wrapinstance(self.waterfall.qwidget(), QWidget))
        self.window.addWidget(self.display.widget())
        self.window.setWindowTitle("SDR monitor")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", help="Soapy device arguments, e.g. driver=rtlsdr; default: --file")
    parser.add_argument("--freq", type=parse_hertz, default=868.95e6, help="center frequency, as 868.95M")
    parser.add_argument("--rate", type=parse_hertz, default=1.024e6, help="sample rate, as 1.6M")
    parser.add_argument("--gain", type=float, help="gain in dB; automatic if not given")
    parser.add_argument("--file", default=BAND, help="recording in the SDR's place")
    parser.add_argument("--model", default="sr2cnn", help="bundle, or a shipped model")
    parser.add_argument("--events", default="-", help="file for the JSON lines, - for stdout")
    options = parser.parse_args()

    application = QApplication(sys.argv[:1])
    top = sdr_monitor(options)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QTimer.singleShot(0, application.quit))
    top.window.show()
    top.start()
    application.exec_()
    top.stop()
    top.wait()


if __name__ == "__main__":
    main()
