#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label an IQ file or SigMF recording: JSON lines on stdout.

.venv/bin/python examples/recording_to_labels.py                             # band.sigmf-meta beside this
.venv/bin/python examples/recording_to_labels.py recording.sigmf-meta
.venv/bin/python examples/recording_to_labels.py samples.bin --datatype ci16 --rate 1e6
"""

import argparse
import contextlib
import json
import os
import signal
from pathlib import Path

os.environ.setdefault("GR_CONF_LOG_LOG_FILE", "stderr")  # stdout is for the JSON lines

from gnuradio import sr2cnn
from sr2cnn_learn.quantities import parse_hertz

BAND = Path(__file__).with_name("band.sigmf-meta")  # made by make_band.py


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", default=BAND, help="SigMF, WAV, cf32, ci16, ci8 or cu8 recording")
    parser.add_argument("--datatype", help="of raw samples, where the name does not say it")
    parser.add_argument("--rate", type=parse_hertz, help="sample rate, as 1.6M; wins over the recording's")
    parser.add_argument("--freq", type=parse_hertz, help="center frequency; wins over the recording's")
    parser.add_argument("--model", default="sr2cnn", help="bundle, or a shipped model")
    parser.add_argument(
        "--events", type=argparse.FileType("w"), default="-", help="file for the JSON lines, - for stdout"
    )
    options = parser.parse_args()

    events = sr2cnn.label_recording(options.path, options.model, options.datatype, options.rate, options.freq)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # head has seen enough
    with contextlib.suppress(KeyboardInterrupt), options.events as out:
        for event in events:
            print(json.dumps(event), file=out, flush=True)


if __name__ == "__main__":
    main()
