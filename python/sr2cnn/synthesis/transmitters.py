# SPDX-License-Identifier: GPL-3.0-or-later
"""One transmitter a modulation, from GNU Radio's own blocks.

Digital transmitters take unpacked bits (bytes 0 and 1) and put out 8 samples a symbol, the linear ones
through a root-raised-cosine filter of roll-off 0.35 at unit mean power. Analog transmitters take audio
(float, 44.1 kHz, peak below 1). The parameters of the eleven of RML2016.10a are those of the published
data-set generator (O'Shea and West, *Radio Machine Learning Dataset Generation with GNU Radio*, GRCon
2016). All others are ours; what varies among real signals of a modulation is an argument, and
``spread`` says over which range.
"""

import contextlib
import io

import numpy as np
from gnuradio import analog, blocks, digital, filter, gr
from scipy.stats import norm

from ..base import hier_block2, sync_block

SAMPLES_PER_SYMBOL = 8
ROLL_OFF = 0.35
SAMPLE_RATE = 200e3  # Hz, of every transmitter's output
AUDIO_RATE = 44.1e3  # Hz, of the analog transmitters' input
RRC_SPAN = 11  # symbols
HILBERT_TAPS = 401


class transmitter(hier_block2):
    """Base of all transmitters.

    Subclasses name their ``modulation`` and, where they take bits, ``bits_per_symbol`` (None: audio) and
    ``samples_per_symbol``. ``spread`` gives the usual range of each numeric argument of the constructor.
    """

    modulation: str
    bits_per_symbol = None
    samples_per_symbol = SAMPLES_PER_SYMBOL
    spread = {}

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

    spread = {"roll_off": (0.15, 0.5)}

    def points(self):
        raise NotImplementedError

    def symbols(self):
        """Blocks from packed bits to symbols."""
        points = np.asarray(self.points(), dtype=np.complex64)
        points /= np.sqrt(np.mean(np.abs(points) ** 2))
        return [digital.chunks_to_symbols_bc(points.tolist())]

    def __init__(self, roll_off=ROLL_OFF):
        super().__init__()
        sps = SAMPLES_PER_SYMBOL
        pulse = filter.firdes.root_raised_cosine(sps, sps, 1.0, roll_off, RRC_SPAN * sps + 1)
        self.chain(
            blocks.pack_k_bits_bb(self.bits_per_symbol),
            *self.symbols(),
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
            digital.gfsk_mod(samples_per_symbol=SAMPLES_PER_SYMBOL, sensitivity=0.1, bt=0.35, do_unpack=False)
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


class ook(linear_transmitter):
    """On-off keying: 1 bit a symbol."""

    modulation = "OOK"
    bits_per_symbol = 1

    def points(self):
        return [0, 1]


class ask4(linear_transmitter):
    """Four amplitudes from zero up, 2 bits a symbol; PAM4 has both signs instead."""

    modulation = "4ASK"
    bits_per_symbol = 2

    def points(self):
        return [0, 1, 2, 3]


class psk16(linear_transmitter):
    """16PSK: 4 bits a symbol."""

    modulation = "16PSK"
    bits_per_symbol = 4

    def points(self):
        return np.exp(2j * np.pi * np.arange(16) / 16)


def rings(*rows):
    """Points on rings, each (number, radius, steps from the real axis to the first point)."""
    return np.concatenate(
        [radius * np.exp(2j * np.pi * (np.arange(n) + first) / n) for n, radius, first in rows]
    )


class apsk16(linear_transmitter):
    """16APSK on 4 + 12 points, ratio of the radii 2.7 (DVB-S2, rate 5/6, EN 302 307 table 9)."""

    modulation = "16APSK"
    bits_per_symbol = 4

    def points(self):
        return rings((4, 1.0, 0.5), (12, 2.7, 0.5))


class apsk32(linear_transmitter):
    """32APSK on 4 + 12 + 16 points, radii 2.84 and 5.27 (DVB-S2, rate 3/4, EN 302 307 table 10)."""

    modulation = "32APSK"
    bits_per_symbol = 5

    def points(self):
        return rings((4, 1.0, 0.5), (12, 2.84, 0.5), (16, 5.27, 0))


def cross(side, corner):
    """A square of odd levels without ``corner`` × ``corner`` points in each corner."""
    levels = np.arange(1 - side, side, 2)
    points = levels[:, None] + 1j * levels
    limit = side - 2 * corner
    inside = (np.abs(points.real) < limit) | (np.abs(points.imag) < limit)
    return points[inside]


class qam32(linear_transmitter):
    """Cross-shaped 32-QAM: 5 bits a symbol."""

    modulation = "QAM32"
    bits_per_symbol = 5

    def points(self):
        return cross(6, 1)


class qam128(linear_transmitter):
    """Cross-shaped 128-QAM: 7 bits a symbol."""

    modulation = "QAM128"
    bits_per_symbol = 7

    def points(self):
        return cross(12, 2)


class qam256(linear_transmitter):
    """Square 256-QAM: 8 bits a symbol."""

    modulation = "QAM256"
    bits_per_symbol = 8

    def points(self):
        return cross(16, 0)


class pi4_dqpsk(linear_transmitter):
    """π/4-DQPSK: each symbol turns the phase by an odd multiple of 45°."""

    modulation = "PI4-DQPSK"
    bits_per_symbol = 2

    def points(self):
        return np.exp(2j * np.pi * np.arange(8) / 8)

    def symbols(self):
        turns = digital.map_bb([1, 3, 7, 5]), digital.diff_encoder_bb(8)
        return [*turns, *super().symbols()]


class oqpsk(linear_transmitter):
    """OQPSK: QPSK whose Q is half a symbol late."""

    modulation = "OQPSK"
    bits_per_symbol = 2

    def points(self):
        return digital.constellation_qpsk().points()

    def __init__(self, roll_off=ROLL_OFF):
        super().__init__(roll_off)
        pulse = self.parts[-1]
        self.disconnect(pulse, self)
        split, joined = blocks.complex_to_float(), blocks.float_to_complex()
        late = blocks.delay(gr.sizeof_float, SAMPLES_PER_SYMBOL // 2)
        self.connect(pulse, split)
        self.connect((split, 0), (joined, 0))
        self.connect((split, 1), late, (joined, 1))
        self.connect(joined, self)
        self.parts += split, late, joined


class fsk_transmitter(transmitter):
    """FSK of continuous phase with rectangular pulses and evenly spaced tones.

    Args:
        modulation_index: spacing of neighbouring tones over the symbol rate
    """

    spread = {"modulation_index": (0.7, 1.5)}

    def __init__(self, modulation_index=1.0):
        super().__init__()
        states = 2**self.bits_per_symbol
        step = np.pi * modulation_index / SAMPLES_PER_SYMBOL  # rad a sample, of level 1
        self.chain(
            blocks.pack_k_bits_bb(self.bits_per_symbol),
            digital.chunks_to_symbols_bf(np.arange(1.0 - states, states, 2).tolist()),
            blocks.repeat(gr.sizeof_float, SAMPLES_PER_SYMBOL),
            analog.frequency_modulator_fc(step),
        )


class fsk2(fsk_transmitter):
    """Wide binary FSK; CPFSK is the one of modulation index 0.5."""

    modulation = "2FSK"
    bits_per_symbol = 1
    spread = {"modulation_index": (0.8, 2.5)}


class fsk4(fsk_transmitter):
    """4FSK: 2 bits a symbol."""

    modulation = "4FSK"
    bits_per_symbol = 2
    spread = {"modulation_index": (0.5, 1.5)}


class fsk8(fsk_transmitter):
    """8FSK: 3 bits a symbol."""

    modulation = "8FSK"
    bits_per_symbol = 3
    spread = {"modulation_index": (0.3, 0.8)}

    def __init__(self, modulation_index=0.5):  # at 1 the outer tones would lie at the band's edges
        super().__init__(modulation_index)


class gmsk(transmitter):
    """GMSK: modulation index 0.5 behind a Gaussian filter."""

    modulation = "GMSK"
    bits_per_symbol = 1
    spread = {"bt": (0.25, 0.5)}

    def __init__(self, bt=0.3):
        super().__init__()
        self.chain(digital.gmsk_mod(samples_per_symbol=SAMPLES_PER_SYMBOL, bt=bt, do_unpack=False))


class inverse_dft(sync_block):
    """Vectors of bins to samples. NumPy's, not FFTW's, whose choice of plan changes the last bits."""

    def __init__(self, length):
        vectors = [(np.complex64, length)]
        super().__init__("inverse_dft", in_sig=vectors, out_sig=vectors)

    def work(self, input_items, output_items):
        output_items[0][:] = np.fft.ifft(input_items[0], norm="forward")
        return len(output_items[0])


class ofdm(transmitter):
    """OFDM: QPSK on the middle ``carriers`` of 64 (none at zero), cyclic prefix of a quarter.

    Args:
        carriers: number of them, rounded down
    """

    modulation = "OFDM"
    bits_per_symbol = 2  # of one carrier
    spread = {"carriers": (12, 48)}
    FFT_LEN = 64
    LENGTH = FFT_LEN + FFT_LEN // 4

    def __init__(self, carriers=24):
        super().__init__()
        carriers = int(carriers)
        self.samples_per_symbol = self.LENGTH / carriers
        n, below = self.FFT_LEN, carriers // 2
        above = carriers - below
        points = np.exp(1j * np.pi * np.array([5, 7, 3, 1]) / 4) / np.sqrt(carriers)
        # A group of symbols fills the bins above zero, then those below; zeros go between them.
        self.chain(
            blocks.pack_k_bits_bb(self.bits_per_symbol),
            digital.chunks_to_symbols_bc(points.tolist()),
            blocks.vector_insert_c([0] * (n - 1 - carriers), n - 1, n - 1 - above),
            blocks.vector_insert_c([0], n, 0),
            blocks.stream_to_vector(gr.sizeof_gr_complex, n),
            inverse_dft(n),
            digital.ofdm_cyclic_prefixer(n, self.LENGTH),
        )


class chirp(transmitter):
    """Chirp spread spectrum as in LoRa: each symbol starts an up-chirp at one of 128 frequencies.

    Args:
        bandwidth: swept band over the sample rate
    """

    modulation = "CHIRP"
    bits_per_symbol = 7
    spread = {"bandwidth": (0.2, 0.7)}

    def __init__(self, bandwidth=0.5):
        super().__init__()
        states = 2**self.bits_per_symbol
        self.samples_per_symbol = length = round(states / bandwidth)
        # Frequency between a sample and the next, in cycles a sample; it wraps round inside the band.
        position = (np.arange(states)[:, None] / states + (np.arange(length) + 0.5) / length) % 1.0
        frequency = bandwidth * (position - 0.5)
        phase = 2 * np.pi * (np.cumsum(frequency, axis=1) - frequency)
        self.chain(
            blocks.pack_k_bits_bb(self.bits_per_symbol),
            digital.chunks_to_symbols_bc(np.exp(1j * phase).ravel().tolist(), length),
        )


class nbfm(transmitter):
    """Narrow-band FM voice: 5 kHz deviation, pre-emphasis and channel filter as GNU Radio's."""

    modulation = "NBFM"
    spread = {"max_dev": (2.5e3, 12e3)}

    def __init__(self, max_dev=5e3):
        super().__init__()
        self.chain(analog.nbfm_tx(audio_rate=44100, quad_rate=220500, max_dev=max_dev))


class noise(transmitter):
    """White Gaussian noise, drawn from the bits: 8 of them for I, 8 for Q of a sample."""

    modulation = "NOISE"
    bits_per_symbol = 16
    samples_per_symbol = 1

    def __init__(self, *shaping):
        super().__init__()
        quantiles = norm.ppf((np.arange(256) + 0.5) / 256) / np.sqrt(2)
        halves, joined = blocks.deinterleave(gr.sizeof_float), blocks.float_to_complex()
        drawn = (
            blocks.pack_k_bits_bb(self.bits_per_symbol // 2),
            digital.chunks_to_symbols_bf(quantiles.tolist()),
            halves,
        )
        self.parts = *drawn, joined, *shaping
        self.connect(self, *drawn)
        self.connect((halves, 0), (joined, 0))
        self.connect((halves, 1), (joined, 1))
        self.connect(joined, *shaping, self)


class band_noise(noise):
    """Gaussian noise of a band around zero.

    Args:
        bandwidth: of the band over the sample rate
    """

    modulation = "BAND-NOISE"
    spread = {"bandwidth": (0.08, 0.5)}

    def __init__(self, bandwidth=0.17):
        low_pass = filter.firdes.low_pass(1.0, 1.0, bandwidth / 2, bandwidth / 4)
        super().__init__(filter.fir_filter_ccf(1, low_pass / np.linalg.norm(low_pass)))


class tone(transmitter):
    """A bare carrier, off the center; the bits only give its length.

    Args:
        frequency: over the sample rate
    """

    modulation = "TONE"
    bits_per_symbol = 1
    samples_per_symbol = 1
    spread = {"frequency": (-0.15, 0.15)}

    def __init__(self, frequency=0.05):
        super().__init__()
        self.chain(
            digital.chunks_to_symbols_bf([1, 1]),
            analog.frequency_modulator_fc(2 * np.pi * frequency),
        )


#: Transmitter class by modulation name: the eleven, then the others.
TRANSMITTERS = {
    t.modulation: t
    for t in (
        *(psk8, am_dsb, am_ssb, bpsk, cpfsk, gfsk, pam4, qam16, qam64, qpsk, wbfm),
        *(ook, ask4, psk16, apsk16, apsk32, qam32, qam128, qam256, pi4_dqpsk, oqpsk),
        *(fsk2, fsk4, fsk8, gmsk, ofdm, chirp, nbfm, noise, band_noise, tone),
    )
}
