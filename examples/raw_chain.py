#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain in its parts: conditioner, framer, encoder, discriminator; the semantic vectors go to a file.

.venv/bin/python examples/raw_chain.py --vectors z.f32
python3 -c "import numpy; print(numpy.fromfile('z.f32', 'f4').reshape(-1, 65).shape)"
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("GR_CONF_LOG_LOG_FILE", "stderr")  # stdout is for the JSON lines

from gnuradio import blocks, gr, sr2cnn

BAND = Path(__file__).with_name("band.sigmf-meta")  # made by make_band.py
BUFFERED_FRAMES = 1024  # the default buffers hold 32 frames: too few for the encoder's batches


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", default=BAND, help="SigMF, WAV, cf32, ci16, ci8 or cu8 recording")
    parser.add_argument("--model", default="sr2cnn", help="bundle, or a shipped model")
    parser.add_argument("--vectors", default="z.f32", help="file for the vectors, float32")
    parser.add_argument("--events", default="-", help="file for the JSON lines, - for stdout")
    options = parser.parse_args()

    top = gr.top_block("Raw chain")
    source = sr2cnn.recording_source(options.path)
    encoder = sr2cnn.encoder(options.model)
    conditioner = sr2cnn.conditioner(samples_per_symbol=encoder.bundle.samples_per_symbol)
    framer = sr2cnn.framer(encoder.bundle.frame_len)
    discriminator = sr2cnn.discriminator_from_bundle(options.model)
    vectors = blocks.file_sink(gr.sizeof_float * encoder.bundle.dim, options.vectors)
    class_ids = blocks.null_sink(gr.sizeof_short)
    events = sr2cnn.event_sink(options.events)
    for block in (framer, encoder):
        block.set_min_output_buffer(BUFFERED_FRAMES)
        top.msg_connect((block, "status"), (discriminator, "upstream"))
    top.connect(source, conditioner, framer, encoder, discriminator, class_ids)
    top.connect(encoder, vectors)
    sr2cnn.connect_events(top, discriminator, conditioner)  # back to samples and hertz of the recording
    sr2cnn.connect_events(top, conditioner, events)
    top.msg_connect((discriminator, "status"), (events, "status"))

    try:
        top.run()
    except KeyboardInterrupt:
        top.stop()
        top.wait()


if __name__ == "__main__":
    main()
