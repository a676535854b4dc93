#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the label display with its waterfall, at the end of a recording of a band.

QT_QPA_PLATFORM=offscreen .venv/bin/python docs/waterfall_picture.py band.sigmf-meta waterfall.png
"""

import sys

from gnuradio import blocks, gr, sr2cnn
from PyQt5.QtCore import QTimer
from PyQt5.QtGui import QFont
from PyQt5.QtWidgets import QApplication

MODEL = "sr2cnn"
FONT = 10  # points, as on most desktops
MORE = 3  # seconds, for what is told at the end


def main():
    path, picture = sys.argv[1:]
    application = QApplication(sys.argv[:1])
    application.setFont(QFont("DejaVu Sans", FONT))
    source = sr2cnn.recording_source(path)
    rate = source.recording.sample_rate
    seconds = source.recording.n_samples / rate
    recognizer, spectrum = sr2cnn.recognizer(MODEL), sr2cnn.spectrum()  # the recording says its sample rate
    display = sr2cnn.label_display(MODEL, sample_rate=rate, window=seconds)
    top = gr.top_block()
    throttle = blocks.throttle(gr.sizeof_gr_complex, rate)
    top.connect(source, throttle, recognizer)
    top.connect(throttle, spectrum)
    for block in (recognizer, spectrum):
        sr2cnn.connect_events(top, block, display)
    panel = display.widget()
    panel.show()
    top.start()

    def draw():
        panel.refresh()
        saved = panel.grab().save(picture)
        application.exit(not saved)

    QTimer.singleShot(int(1000 * (seconds + MORE)), draw)
    failed = application.exec_()
    top.stop()
    top.wait()
    sys.exit(f"{picture} cannot be written" if failed else 0)


if __name__ == "__main__":
    main()
