# SPDX-License-Identifier: GPL-3.0-or-later
"""From a box in time and frequency to what a network judges: frames of one emission, at its own rate."""

from dataclasses import dataclass, field

import numpy as np

from .band import Band, band_around
from .block_spectra import BlockSpectra
from .edges import edge_near
from .extraction import decimation, extract
from .symbol_rate import STEADY, frequency_deviation, symbol_rate, unevenness
from .tuner import FILLED, MOST_RATIO, Tuner, ratio_near

WINDOWS = 256, 1024, 4096  # samples; a box is known to about half of the window that shows its emission
BINS = 12  # that an emission spans in the window that shows it
NARROWEST = 1 / 1024  # cycles a sample: what is around a narrower one is extracted, too
LEAST = 16  # samples at the lower rate that a spectrum can be made of
SHORTEST = 64  # samples at the lower rate that show where the emission's band is
LOOK = 1 << 13  # samples at the lower rate, of a long emission, that band and symbol rate are taken from
A_FRAME = 160  # samples at the lower rate that make a frame, of almost any emission
FINEST = 1 / 128  # share of the lower rate: no filter is narrower
FITS = 0.6  # of the frames' band: what is wider has no place at its samples a symbol
CARRIER_FILLED = 0.3  # of the frames' band, by a carrier and what is on it; by others FILLED
MOST_UP = 64  # of the resampling: the ratio is met to half a percent
STEEP = 1.5  # bandwidth over the symbol rate: pulses with steep edges are wider
PULSE = 0.8  # filter for these over the symbol rate: it falls where that of root-raised cosines does
LEAST_RATIO = 0.5  # of the frames' rate over the lower one: a carrier is as narrow as it is long
LEAST_LEVEL = 0.1  # of the emission's own power, in a frame that counts
FAINTEST = 1e-60  # power: what is less is no signal, and its inverse no number
TINY = np.finfo(np.float32).tiny


@dataclass
class Cut:
    """An emission, cut out of a stream; indices and frequencies are those of the stream, in cycles a sample.

    Attributes:
        start, n_samples: where it is
        center, bandwidth: of 99 % of its power
        snr: power over that of the noise in its band, dB
        symbol_rate: None where it does not show
        frequency_deviation: of FSK's outer tones from the middle; None where it does not show
        frames: complex64 (n, frame_len), together of unit mean power
        positions: int64 (n,), where each frame begins in the stream
        ratio: samples of the frames for one of the stream
        reason: why there is no frame; None where there is one
    """

    start: int
    n_samples: int
    center: float
    bandwidth: float
    snr: float
    symbol_rate: float | None = None
    frequency_deviation: float | None = None
    frames: np.ndarray = field(repr=False, default=None)
    positions: np.ndarray = field(repr=False, default=None)
    ratio: float = 1.0
    reason: str | None = None

    @property
    def stop(self):
        return self.start + self.n_samples


def cut_out(read, box, samples_per_symbol, frame_len=128, hop=128, most_frames=0):
    """An emission's frames, and its place as exactly as its samples show it.

    Frames are taken where the emission is on: those of its pauses would say nothing of it. Where not all of
    them are wanted, a long one is looked at in its beginning, middle and end, and the rest is not read: what
    comes first may be a preamble.

    Args:
        read: gives the samples of the stream from its first argument up to its second one, complex (n,);
            zeros where they are no longer held, fewer where they have not come yet. Or `BlockSpectra` of such,
            which spares work where many emissions are on the air at a time
        box: ``start`` and ``n_samples``; ``center`` and ``bandwidth`` in cycles a sample; ``snr`` in dB;
            ``noise_density``, noise power per cycle a sample
        samples_per_symbol: of the frames; where no symbol rate shows, the emission fills a share of their band
        frame_len, hop: samples of a frame, and from one to the next
        most_frames: that are wanted; 0: all

    Returns:
        ``Cut``
    """
    cut = Cut(int(box.start), int(box.n_samples), float(box.center), float(box.bandwidth), float(box.snr))
    cut.frames = np.empty((0, frame_len), np.complex64)
    cut.positions = np.empty(0, np.int64)
    if cut.n_samples <= 0:
        cut.reason = "no samples"
        return cut

    pieces = _extracted(read, cut, most_frames)
    inside = [piece.within(cut.start, cut.stop) for piece in pieces]
    power = max(np.mean(np.abs(part) ** 2, dtype=float) if len(part) else 0.0 for part in inside)
    if power < FAINTEST:
        cut.reason = "its samples are no longer held"
        return cut
    for piece in pieces:  # squares of squares are to come
        piece.samples *= np.float32(1 / np.sqrt(power))
    density = max(float(box.noise_density) / power, TINY)
    band = _band(inside, cut, pieces[0], density)
    cut.start, cut.n_samples = _place(pieces, band, cut, density)
    down = pieces[0].down
    cut.center = (pieces[0].center + band.center / down + 0.5) % 1 - 0.5
    cut.bandwidth, cut.snr = band.bandwidth / down, band.snr
    cut.symbol_rate = band.symbol_rate and band.symbol_rate / down
    deviation = frequency_deviation(_longest(inside), band)
    cut.frequency_deviation = deviation and deviation / down

    up, under = ratio_near(_ratio(band, samples_per_symbol), MOST_UP)
    cut.ratio = up / under / down
    wanted = _shares(most_frames, len(pieces))
    found = [
        _frames(piece, band, cut, (up, under), (frame_len, hop), most) for piece, most in zip(pieces, wanted)
    ]
    _take(cut, *map(np.concatenate, zip(*found)), most_frames, density)
    if not len(cut.frames):
        unit = f"at {samples_per_symbol:g} samples a symbol" if cut.symbol_rate else "in its bandwidth"
        cut.reason = f"shorter than a frame of {frame_len} samples {unit}"
    return cut


def _extracted(read, box, most_frames):
    """Of the emission and what is around it, all; or beginning, middle and end: list of ``Extracted``."""
    width = min(1.0, max(box.bandwidth, NARROWEST, LEAST / box.n_samples))
    down, around = decimation(width), _reach(box)
    start, stop = max(0, box.start - around), box.stop + around
    parts = [(start, stop)]
    ends = 2 * around + A_FRAME * down * most_frames // 4
    if most_frames and stop - start > LOOK * down + 2 * ends:
        middle = start + (stop - start - LOOK * down) // 2
        parts = [(start, start + ends), (middle, middle + LOOK * down), (stop - ends, stop)]
    spectra = read if isinstance(read, BlockSpectra) else BlockSpectra(read)
    return [extract(spectra, *part, box.center, width) for part in parts]


def _reach(box):
    """Samples around the edges of a box in which those of its emission are."""
    return next((n for n in WINDOWS[1:] if box.bandwidth * n >= BINS), WINDOWS[-1])


def _band(inside, box, around, density):
    """The emission's ``Band`` at the lower rate; the box's where nothing is to be seen in it."""
    down = around.down
    offset = (box.center - around.center + 0.5) % 1 - 0.5
    boxed = Band(offset * down, max(FINEST, min(box.bandwidth * down, 1.0)), box.snr)
    if len(_longest(inside)) < SHORTEST:
        return boxed
    found = band_around(inside, density / down, boxed) or boxed
    if not found.carrier:
        longest = _longest(inside)
        found.unevenness = unevenness(longest, found)
        found.symbol_rate = symbol_rate(longest, found)
    return found


def _longest(parts):
    """The part with the most samples that are held."""
    return max(parts, key=np.count_nonzero)


def _place(pieces, band, box, density):
    """(start, n_samples) of the emission, as its power shows them."""
    middle, reach = box.start + box.n_samples // 2, _reach(box)
    edges = []
    for piece, near, falling in (pieces[0], box.start, False), (pieces[-1], box.stop, True):
        low, high = (
            (max(near - reach, middle), near + reach)
            if falling
            else (near - reach, min(near + reach, middle))
        )
        edges.append(edge_near(piece, band, near, (low, high), density, falling))
    return edges[0], max(edges[1] - edges[0], 1)


def _passed(band):
    """Bandwidth of the filter: of pulses with steep edges, as OOK has them, what a model knows of pulses."""
    rate = band.symbol_rate
    if rate and band.unevenness > STEADY and (band.peaked or band.bandwidth > STEEP * rate):
        return PULSE * rate
    return band.bandwidth


def _ratio(band, samples_per_symbol):
    """Output samples for one at the lower rate."""
    rate = (band.symbol_rate or 0) * samples_per_symbol
    if _passed(band) >= FITS * rate:
        filled = CARRIER_FILLED if band.carrier or band.peaked else FILLED
        rate = max(band.bandwidth / filled, LEAST_RATIO)
    return min(rate, MOST_RATIO)


def _shares(most_frames, n_pieces):
    """Frames that are wanted of each piece: half of them from the middle; None: all."""
    if n_pieces == 1:
        return [None]
    ends = most_frames // 4
    return [ends, most_frames - 2 * ends, ends]


def _frames(piece, band, cut, ratio, layout, most):
    """(frames, int64 (n,) where each begins in the stream) of the emission in a piece of it."""
    (up, under), (frame_len, hop) = ratio, layout
    samples, first = piece.within(cut.start, cut.stop), max(piece.first, cut.start)
    if most is not None:
        needed = ((most - 1) * hop + frame_len) * under // up + 1
        skipped = max(0, len(samples) - needed) // 2
        samples, first = samples[skipped:][:needed], first + skipped * piece.down
    tuner = Tuner(band.center, max(_passed(band), FINEST), up, under)
    out = np.concatenate([tuner.push(samples), tuner.finish()])
    n = max(0, (len(out) - frame_len) // hop + 1)
    if not n:
        return np.empty((0, frame_len), np.complex64), np.empty(0, np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(out, frame_len)[::hop]
    return frames, first + np.round(np.arange(n) * (hop / cut.ratio)).astype(np.int64)


def _take(cut, frames, positions, most_frames, density):
    """Keep the frames that hold the signal, and as many as are wanted."""
    power = np.mean(np.abs(frames) ** 2, axis=1)
    level = np.sum(power**2) / max(np.sum(power), TINY)  # of those that are on
    noise = density * min(1.2 * cut.bandwidth, cut.ratio)
    halfway = np.sqrt(noise * level) if noise < level else 0
    held = np.flatnonzero(power > max(halfway, LEAST_LEVEL * level))
    if most_frames and len(held) > most_frames:
        held = held[np.linspace(0, len(held) - 1, most_frames).round().astype(int)]
    scale = np.sqrt(np.mean(power[held])) if len(held) else 1
    cut.frames, cut.positions = (frames[held] / scale).astype(np.complex64), positions[held]
