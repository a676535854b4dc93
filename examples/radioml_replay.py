#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replay a RadioML file through a recognizer and score the labels against the truth.

.venv/bin/python examples/radioml_replay.py             # radioml.npz beside this
sr2cnn dataset radioml2016 --out data.pkl --snr 16,18 --frames-per-key 100 --seed 1
.venv/bin/python examples/radioml_replay.py data.pkl
"""

import argparse
import json
from pathlib import Path

from gnuradio import gr, sr2cnn

FRAMES = Path(__file__).with_name("radioml.npz")  # how it was made: README.md beside it


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", default=FRAMES, help="RML2016.10a, 10b or 04C file, or .npz")
    parser.add_argument("--model", default="sr2cnn-zeroshot", help="bundle, or a shipped model")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the frames")
    parser.add_argument("--events", default="labels.jsonl", help="file for the JSON lines")
    options = parser.parse_args()

    top = gr.top_block("RadioML replay")
    source = sr2cnn.radioml_source(options.path, order="shuffled", seed=options.seed)
    recognizer = sr2cnn.recognizer(options.model, condition=False)  # RadioML's signals are centered
    scorer = sr2cnn.scorer(options.model)
    events = sr2cnn.event_sink(options.events)
    top.connect(source, recognizer, scorer)
    sr2cnn.connect_events(top, recognizer, events)

    try:
        top.run()
    except KeyboardInterrupt:
        top.stop()
        top.wait()
    print(json.dumps(scorer.report(), indent=2))


if __name__ == "__main__":
    main()
