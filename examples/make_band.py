#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the recording that the examples play: a band in which one burst of each of a few modulations is heard.

One of them, pulses whose place carries the bits, is none that the shipped models know. The annotations say
what was sent. The recording beside this file was made by

    .venv/bin/python examples/make_band.py
"""

import argparse
from pathlib import Path

import numpy as np
import sigmf
from gnuradio import blocks
from gnuradio.sr2cnn.synthesis.radioml import run
from gnuradio.sr2cnn.synthesis.transmitters import SAMPLES_PER_SYMBOL, TRANSMITTERS
from scipy.signal import resample_poly

RATE = 192_000  # Hz
FREQUENCY = 868.3e6  # Hz, of the middle of the band; nothing was on the air
PAUSE = 12_000  # samples before, between and after the bursts
NOISE = 2.0  # rms of I and of Q, in steps of int8
#: (modulation, symbols a second, Hz from the middle of the band, dB over the noise in the whole band)
BURSTS = [
    ("QPSK", 8000, 48e3, 14),
    ("2FSK", 4800, -24e3, 17),
    ("BPSK", 8000, 24e3, 12),
    ("PPM", 2000, -48e3, 20),
    ("GFSK", 8000, 0, 16),
    ("QAM16", 8000, -72e3, 17),
]
SYMBOLS = 1000  # a burst; half as many of PPM
LICENSE = "https://creativecommons.org/publicdomain/zero/1.0/"


def pulses(rng, rate):
    """Pulses a quarter of a symbol long, in its first or second half; complex (n,) at `rate` symbols/s."""
    half = RATE // rate // 2
    keyed = np.zeros((SYMBOLS // 2, 2, half))
    keyed[np.arange(len(keyed)), rng.integers(0, 2, len(keyed)), : half // 2] = 1
    edges = np.hanning(17)
    return np.convolve(keyed.ravel(), edges / edges.sum(), "same").astype(complex)


def burst(modulation, rate, rng):
    """Random symbols at `rate` a second; complex (n,) of unit mean power."""
    if modulation == "PPM":
        samples = pulses(rng, rate)
    else:
        transmitter = TRANSMITTERS[modulation]()
        bits = rng.integers(0, 2, SYMBOLS * transmitter.bits_per_symbol)
        samples = run(blocks.vector_source_b(bits.tolist()), transmitter)
        samples = resample_poly(samples, RATE // rate, SAMPLES_PER_SYMBOL)
    return samples / np.sqrt(np.mean(np.abs(samples) ** 2))


def band(seed):
    """Samples, complex (n,), and (first sample, number of samples) of each burst."""
    rng = np.random.default_rng(seed)
    parts, places, at = [np.zeros(PAUSE)], [], PAUSE
    for modulation, rate, offset, snr in BURSTS:
        samples = burst(modulation, rate, rng) * NOISE * 2**0.5 * 10 ** (snr / 20)
        samples *= np.exp(2j * np.pi * offset / RATE * np.arange(len(samples)))
        parts += [samples, np.zeros(PAUSE)]
        places.append((at, len(samples)))
        at += len(samples) + PAUSE
    silent = np.concatenate(parts)
    return silent + NOISE * (rng.standard_normal((len(silent), 2)) @ [1, 1j]), places


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    beside = Path(__file__).parent / "band.sigmf-meta"
    parser.add_argument("--out", type=Path, default=beside, help="the .sigmf-meta file")
    parser.add_argument("--seed", type=int, default=1, help="of bits and noise")
    options = parser.parse_args()

    samples, places = band(options.seed)
    data = options.out.with_suffix(".sigmf-data")
    steps = np.stack([samples.real, samples.imag], axis=1).round().clip(-128, 127)
    steps.astype(np.int8).tofile(data)
    meta = sigmf.SigMFFile(
        data_file=str(data),
        global_info={
            "core:datatype": "ci8",
            "core:sample_rate": RATE,
            "core:author": "the gr-sr2cnn authors",
            "core:license": LICENSE,
            "core:description": f"Synthetic: examples/make_band.py --seed {options.seed} of gr-sr2cnn",
        },
    )
    meta.add_capture(0, {"core:frequency": FREQUENCY})
    for (modulation, rate, offset, snr), (start, n) in zip(BURSTS, places):
        about = {
            "core:label": modulation,
            "core:comment": f"{rate} symbols a second, {snr} dB over the noise in the whole band",
            "core:freq_lower_edge": FREQUENCY + offset - rate,
            "core:freq_upper_edge": FREQUENCY + offset + rate,
        }
        meta.add_annotation(start, n, about)
    meta.validate()
    options.out.write_text(meta.dumps() + "\n")
    print(f"{options.out}: {len(BURSTS)} bursts, {len(samples) / RATE:.2f} s")


if __name__ == "__main__":
    main()
