#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch a RadioML file through a recognizer, at a sample rate; double-click a new class to name it.

.venv/bin/python examples/label_display.py              # radioml.npz beside this
sr2cnn dataset radioml2016 --out data.pkl --snr 16,18 --frames-per-key 100 --seed 1
.venv/bin/python examples/label_display.py data.pkl
"""

import argparse
import signal
import sys
from pathlib import Path

from gnuradio import blocks, gr, sr2cnn
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication
from sr2cnn_learn.quantities import parse_hertz

FRAMES = Path(__file__).with_name("radioml.npz")  # how it was made: README.md beside it


class label_display(gr.top_block):
    """The flowgraph; ``display`` is its panel's block. There must be a QApplication."""

    def __init__(self, path, model, rate):
        gr.top_block.__init__(self, "Label display")
        self.source = sr2cnn.radioml_source(path, repeat=True)
        self.throttle = blocks.throttle(gr.sizeof_gr_complex, rate)
        self.recognizer = sr2cnn.recognizer(model, batch_size=64, condition=False)  # RadioML's are centered
        self.display = sr2cnn.label_display(model, sample_rate=rate)
        self.connect(self.source, self.throttle, self.recognizer)
        sr2cnn.connect_events(self, self.recognizer, self.display)  # and its commands back


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", default=FRAMES, help="RML2016.10a, 10b or 04C file, or .npz")
    parser.add_argument("--model", default="sr2cnn-zeroshot", help="bundle, or a shipped model")
    parser.add_argument("--rate", type=parse_hertz, default=64000, help="samples a second")
    options = parser.parse_args()

    application = QApplication(sys.argv[:1])
    top = label_display(options.path, options.model, options.rate)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QTimer.singleShot(0, application.quit))
    top.display.widget().show()
    top.start()
    application.exec_()
    top.stop()
    top.wait()


if __name__ == "__main__":
    main()
