#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label what an SDR hears in each channel of a band, until Ctrl-C: JSON lines on stdout.

The band is cut into equal channels; each has a squelch of its own, and all go through one network. A signal
has to fit into one channel.

    .venv/bin/python examples/wideband_monitor.py                       # hears band.sigmf-meta beside this
    .venv/bin/python examples/wideband_monitor.py --file recording.sigmf-meta
    .venv/bin/python examples/wideband_monitor.py --device driver=rtlsdr --freq 868.5e6 --rate 2.048e6 --gain 30
"""

import argparse
import os
import signal
from pathlib import Path

os.environ.setdefault("GR_CONF_LOG_LOG_FILE", "stderr")  # stdout is for the JSON lines

from gnuradio import gr, soapy, sr2cnn
from sr2cnn_learn.quantities import parse_hertz

BAND = Path(__file__).with_name("band.sigmf-meta")  # made by make_band.py


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


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", help="Soapy device arguments, e.g. driver=rtlsdr; default: --file")
    parser.add_argument("--freq", type=parse_hertz, default=868.5e6, help="center frequency, as 868.95M")
    parser.add_argument("--rate", type=parse_hertz, default=2.048e6, help="sample rate, as 1.6M")
    parser.add_argument("--channels", type=int, default=8, help="number of them")
    parser.add_argument("--gain", type=float, help="gain in dB; automatic if not given")
    parser.add_argument("--file", default=BAND, help="recording in the SDR's place")
    parser.add_argument("--model", default="sr2cnn", help="bundle, or a shipped model")
    parser.add_argument("--events", default="-", help="file for the JSON lines, - for stdout")
    options = parser.parse_args()

    top = gr.top_block("Wideband monitor")
    source = sr2cnn.recording_source(options.file) if options.device is None else sdr(options)
    recognizer = sr2cnn.wideband_recognizer(
        options.channels,
        0 if options.device is None else options.rate,  # the file says its own
        options.model,
        live=options.device is not None,  # a file waits for the network, a radio does not
    )
    events = sr2cnn.event_sink(options.events)
    top.connect(source, recognizer)
    sr2cnn.connect_events(top, recognizer, events)

    def stop(*_):
        top.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    top.start()
    top.wait()


if __name__ == "__main__":
    main()
