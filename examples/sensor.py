#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless sensor: what an SDR hears is published over ZeroMQ, and logged to a file that rotates.

`sr2cnn watch` shows what one sensor publishes, examples/collector.py what several do. Other machines can
connect with --publish tcp://*:5555 only; events are not encrypted.

    .venv/bin/python examples/sensor.py                                # hears band.sigmf-meta beside this
    .venv/bin/python examples/sensor.py --file recording.sigmf-meta
    .venv/bin/python examples/sensor.py --device driver=rtlsdr --freq 868.95e6 --rate 1.024e6 --gain 30
"""

import argparse
import signal
from pathlib import Path

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
    parser.add_argument("--freq", type=parse_hertz, default=868.95e6, help="center frequency, as 868.95M")
    parser.add_argument("--rate", type=parse_hertz, default=1.024e6, help="sample rate, as 1.6M")
    parser.add_argument("--gain", type=float, help="gain in dB; automatic if not given")
    parser.add_argument("--file", default=BAND, help="recording in the SDR's place")
    parser.add_argument("--model", default="sr2cnn", help="bundle, or a shipped model")
    parser.add_argument("--publish", default="5555", help="a port of this machine, or tcp://INTERFACE:PORT")
    parser.add_argument("--events", default="labels.jsonl", help="file for the JSON lines, 100 MB at most")
    options = parser.parse_args()

    top = gr.top_block("Sensor")
    source = sr2cnn.recording_source(options.file) if options.device is None else sdr(options)
    recognizer = sr2cnn.recognizer(
        options.model,
        live=options.device is not None,  # a file waits for the network, a radio does not
        sample_rate=0 if options.device is None else options.rate,  # the file says its own
    )
    events = sr2cnn.event_sink(options.events, zmq=options.publish, rotate_bytes=20_000_000)
    top.connect(source, recognizer)
    sr2cnn.connect_events(top, recognizer, events)

    def stop(*_):
        top.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    top.start()
    top.wait()
    events.close()


if __name__ == "__main__":
    main()
