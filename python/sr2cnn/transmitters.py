# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transmitter a modulation: the eleven of RML2016.10a, from GNU Radio's own blocks.

Digital transmitters take unpacked bits (bytes 0 and 1) and put out 8 samples a symbol, the linear ones
through a root-raised-cosine filter of roll-off 0.35 at unit mean power. Analog transmitters take audio
(float, 44.1 kHz, peak below 1). The parameters are those of the published data-set generator (O'Shea and
West, *Radio Machine Learning Dataset Generation with GNU Radio*, GRCon 2016).
"""

import contextlib
import io

import numpy as np
from gnuradio import analog, blocks, digital, filter, gr

SAMPLES_PER_SYMBOL = 8
ROLL_OFF = 0.35
SAMPLE_RATE = 200e3  # Hz, of every transmitter's output
AUDIO_RATE = 44.1e3  # Hz, of the analog transmitters' input
RRC_SPAN = 11  # symbols
HILBERT_TAPS = 401


class transmitter(gr.hier_block2):
    """Base of all transmitters.

    Subclasses name their ``modulation`` and, where they take bits, ``bits_per_symbol`` (None: audio).
    """

    modulation: str
    bits_per_symbol = None

    def __init__(self):
        item = gr.sizeof_float if self.bits_per_symbol is None else gr.sizeof_char
        super().__init__(
            type(self).__name__,
            gr.io_signature(1, 1, item),
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
        )

    def chain(self, *parts):
        """Connect input, parts and output in a row; the parts are kept alive with the block."""
        self.parts = parts
        self.connect(self, *parts, self)


class linear_transmitter(transmitter):
    """Symbols of a constellation (normalised to unit mean power) through an RRC pulse."""

    def points(self):
        raise NotImplementedError

    def __init__(self):
        super().__init__()
        points = np.asarray(self.points(), dtype=np.complex64)
        points /= np.sqrt(np.mean(np.abs(points) ** 2))
        sps = SAMPLES_PER_SYMBOL
        pulse = filter.firdes.root_raised_cosine(sps, sps, 1.0, ROLL_OFF, RRC_SPAN * sps + 1)
        self.chain(
            blocks.pack_k_bits_bb(self.bits_per_symbol),
            digital.chunks_to_symbols_bc(points.tolist()),
            filter.interp_fir_filter_ccf(sps, pulse),
        )


class bpsk(linear_transmitter):
    """BPSK: 1 bit a symbol."""

    modulation = "BPSK"
    bits_per_symbol = 1

    def points(self):
        return digital.constellation_bpsk().points()


class qpsk(linear_transmitter):
    """QPSK: 2 bits a symbol."""

    modulation = "QPSK"
    bits_per_symbol = 2

    def points(self):
        return digital.constellation_qpsk().points()


class psk8(linear_transmitter):
    """8PSK: 3 bits a symbol."""

    modulation = "8PSK"
    bits_per_symbol = 3

    def points(self):
        return digital.constellation_8psk().points()


class pam4(linear_transmitter):
    """PAM4: four real levels, 2 bits a symbol."""

    modulation = "PAM4"
    bits_per_symbol = 2

    def points(self):
        return [-3, -1, 3, 1]


class qam16(linear_transmitter):
    """Square 16-QAM: 4 bits a symbol."""

    modulation = "QAM16"
    bits_per_symbol = 4

    def points(self):
        return digital.constellation_16qam().points()


class qam64(linear_transmitter):
    """Square 64-QAM: 6 bits a symbol."""

    modulation = "QAM64"
    bits_per_symbol = 6

    def points(self):
        return digital.qam.qam_constellation(64).points()


class gfsk(transmitter):
    """GFSK: BT 0.35, sensitivity 0.1, so the phase turns by at most 0.1·8 rad a symbol."""

    modulation = "GFSK"
    bits_per_symbol = 1

    def __init__(self):
        super().__init__()
        self.chain(
            digital.gfsk_mod(
                samples_per_symbol=SAMPLES_PER_SYMBOL, sensitivity=0.1, bt=0.35, do_unpack=False
            )
        )


class cpfsk(transmitter):
    """Binary CPFSK: modulation index 0.5, rectangular pulse."""

    modulation = "CPFSK"
    bits_per_symbol = 1

    def __init__(self):
        super().__init__()
        self.chain(analog.cpfsk_bc(0.5, 1.0, SAMPLES_PER_SYMBOL))


class wbfm(transmitter):
    """Broadcast FM: 75 kHz deviation, 75 µs pre-emphasis, built for 220.5 kHz as published."""

    modulation = "WBFM"

    def __init__(self):
        super().__init__()
        with contextlib.redirect_stdout(io.StringIO()):  # wfm_tx prints its number of taps
            modulator = analog.wfm_tx(audio_rate=44100, quad_rate=220500)
        self.chain(modulator)


class am_dsb(transmitter):
    """AM with both sidebands and the carrier: 1 + audio."""

    modulation = "AM-DSB"

    def __init__(self):
        super().__init__()
        self.chain(
            filter.mmse_resampler_ff(0.0, AUDIO_RATE / SAMPLE_RATE),
            blocks.add_const_ff(1.0),
            blocks.float_to_complex(),
        )


class am_ssb(transmitter):
    """AM with the upper sideband alone and no carrier: the analytic signal of the audio."""

    modulation = "AM-SSB"

    def __init__(self):
        super().__init__()
        self.chain(
            filter.mmse_resampler_ff(0.0, AUDIO_RATE / SAMPLE_RATE),
            filter.hilbert_fc(HILBERT_TAPS),
        )


#: Transmitter class by modulation name, in the alphabetical order of RML2016.10a.
TRANSMITTERS = {
    t.modulation: t
    for t in (psk8, am_dsb, am_ssb, bpsk, cpfsk, gfsk, pam4, qam16, qam64, qpsk, wbfm)
}
