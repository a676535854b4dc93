#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the label display after a minute of its example.

QT_QPA_PLATFORM=offscreen .venv/bin/python docs/label_display_picture.py data.npz label_display.png
"""

import sys
from pathlib import Path

from PyQt5.QtCore import QTimer
from PyQt5.QtGui import QFont
from PyQt5.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from label_display import label_display

RATE = 25600  # samples a second
SECONDS = 60
FONT = 10  # points, as on most desktops


def main():
    data, picture = sys.argv[1:]
    application = QApplication(sys.argv[:1])
    application.setFont(QFont("DejaVu Sans", FONT))
    top = label_display(data, "sr2cnn-zeroshot", RATE)
    panel = top.display.widget()
    panel.show()
    top.start()

    def draw():
        panel.refresh()
        saved = panel.grab().save(picture)
        application.exit(not saved)

    QTimer.singleShot(1000 * SECONDS, draw)
    failed = application.exec_()
    top.stop()
    top.wait()
    sys.exit(f"{picture} cannot be written" if failed else 0)


if __name__ == "__main__":
    main()
