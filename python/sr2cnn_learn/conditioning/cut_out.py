# SPDX-License-Identifier: GPL-3.0-or-later
"""From a box in time and frequency to what a network judges: frames of one emission, centered, at its rate."""

from dataclasses import dataclass, field

import numpy as np
from scipy import signal

from .band import Band, band_around
from .conditioner import FILLED, MOST_RATIO
from .edges import reached, step
from .extraction import extract
from .symbol_rate import symbol_rate
from .tuner import Tuner, ratio_near

WINDOWS = 256, 1024, 4096  # samples; a box is known to about half of the window that shows its emission
BINS = 6  # that an emission spans in the window that shows it
NARROWEST = 1 / 1024  # cycles a sample: what is around a narrower one is extracted, too
LEAST = 16  # samples at the lower rate that a spectrum can be made of
SHORTEST = 64  # samples at the lower rate that show where the emission's band is
FINEST = 1 / 128  # share of the lower rate: no filter is narrower
CARRIER_FILLED = (
    0.3  # of the frames' band, by a carrier and what is on it; by others without a symbol rate FILLED
)
LEAST_RATIO = 0.5  # of the frames' rate over the lower one: a carrier is as narrow as it is long
FITS = 0.6  # of the frames' band: what is wider has no place at its samples a symbol
LEAST_LEVEL = 0.1  # of the emission's own power, in a frame that counts


@dataclass
class Cut:
    """An emission, cut out of a stream; indices and frequencies are those of the stream, in cycles a sample.

    Attributes:
        start, n_samples: where it is
        center, bandwidth: of 99 % of its power
        snr: power over that of the noise in its band, dB
        symbol_rate, frequency_deviation: None where they do not show
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


def cut_out(read, box, samples_per_symbol, frame_len=128, hop=128, most_frames=0):
    """An emission's frames, and its place as exactly as its samples show it.

    Args:
        read: gives the samples of the stream from its first argument up to its second one, complex (n,);
            zeros where they are no longer held, fewer where they have not come yet
        box: ``start`` and ``n_samples``; ``center`` and ``bandwidth`` in cycles a sample; ``snr`` in dB;
            ``noise_density``, noise power per cycle a sample
        samples_per_symbol: of the frames; where no symbol rate shows, the emission fills 0.45 of their band
        frame_len, hop: samples of a frame, and from one to the next
        most_frames: that are wanted; spread over the emission; 0: all

    Returns:
        ``Cut``
    """
    cut = Cut(int(box.start), int(box.n_samples), float(box.center), float(box.bandwidth), float(box.snr))
    cut.frames = np.empty((0, frame_len), np.complex64)
    cut.positions = np.empty(0, np.int64)
    density = max(float(box.noise_density), np.finfo(np.float32).tiny)
    if cut.n_samples <= 0:
        cut.reason = "no samples"
        return cut

    width = min(1.0, max(cut.bandwidth, NARROWEST, LEAST / cut.n_samples))
    reach = next((n for n in WINDOWS if cut.bandwidth * n >= BINS), WINDOWS[-1])
    around = extract(read, cut.start - reach, cut.start + cut.n_samples + reach, cut.center, width)
    samples, down = around.samples, around.down
    first = (cut.start - around.first) // down
    last = min(len(samples), -(-(cut.start + cut.n_samples - around.first) // down))
    last = max(last, first)
    inside = samples[first:last]
    if not inside.any():
        cut.reason = "its samples are no longer held"
        return cut

    band = _band(inside, cut, around, density)
    cut.center, cut.bandwidth = around.center + band.center / down, band.bandwidth / down
    cut.snr = band.snr
    cut.symbol_rate = band.symbol_rate and band.symbol_rate / down
    first, last = _edges(around, band, first, last, reach // down, density)
    cut.start = around.first + first * down
    cut.n_samples = (last - first) * down

    if band.symbol_rate and band.bandwidth < FITS * band.symbol_rate * samples_per_symbol:
        ratio = min(band.symbol_rate * samples_per_symbol, MOST_RATIO)
    else:
        filled = CARRIER_FILLED if band.carrier or band.peaked else FILLED
        ratio = min(max(band.bandwidth / filled, LEAST_RATIO), MOST_RATIO)
    up, under = ratio_near(ratio)
    cut.ratio = up / under / down
    tuner = Tuner(band.center, max(band.bandwidth, FINEST), up, under)
    out = np.concatenate([tuner.push(samples[first:last]), tuner.finish()])
    _frame(cut, out, frame_len, hop, most_frames, density)
    if not len(cut.frames):
        unit = f"at {samples_per_symbol:g} samples a symbol" if cut.symbol_rate else "in its bandwidth"
        cut.reason = f"shorter than a frame of {frame_len} samples {unit}"
    return cut


def _band(inside, box, around, density):
    """The emission's ``Band`` at the lower rate; the box's where another signal is found, or none."""
    down = around.down
    offset = (box.center - around.center + 0.5) % 1 - 0.5
    boxed = Band(offset * down, min(box.bandwidth * down, 1.0), box.snr)
    boxed.bandwidth = max(boxed.bandwidth, FINEST)
    if len(inside) < SHORTEST:
        return boxed
    found = band_around(inside, density / down, boxed) or boxed
    if not found.carrier:
        found.symbol_rate = symbol_rate(inside, found)
    return found


def _edges(around, band, first, last, reach, density):
    """(index of the first sample of the emission, of the first one behind it), at the lower rate."""
    samples = around.samples
    half = min(0.6 * max(band.bandwidth, FINEST), 0.45)
    taps = signal.firwin(2 * round(1 / half) + 1, 2 * half)
    noise = density / around.down * np.sum(taps**2)
    smooth = max(1, round(0.5 / half))
    independent = min(1.0, 2 * half)
    middle = (first + last) // 2
    edges = []
    for near, falling in (first, False), (last, True):
        low, high = max(0, near - reach), min(len(samples), near + reach)
        low, high = (max(low, middle), high) if falling else (low, min(high, middle))
        part = samples[max(0, low - len(taps)) : high + len(taps)]
        if high - low < 8:
            edges.append(near)
            continue
        mixed = part * np.exp(-2j * np.pi * band.center * np.arange(len(part)))
        power = np.abs(np.convolve(mixed, taps, "same")) ** 2
        power = power[low - max(0, low - len(taps)) :][: high - low]
        k = step(power, independent, falling)
        edges.append(near if k is None else low + reached(power, k, noise, smooth, falling))
    return edges[0], max(edges[1], edges[0] + 1)


def _frame(cut, out, frame_len, hop, most_frames, density):
    """Take the frames that hold the signal."""
    n = (len(out) - frame_len) // hop + 1
    if n <= 0:
        return
    frames = np.lib.stride_tricks.sliding_window_view(out, frame_len)[::hop]
    power = np.mean(np.abs(frames) ** 2, axis=1)
    level = np.sum(power**2) / max(np.sum(power), np.finfo(np.float32).tiny)  # of the loud ones
    noise = density * min(1.2 * cut.bandwidth, cut.ratio)
    held = np.flatnonzero(power > max(np.sqrt(noise * level) if noise < level else 0, LEAST_LEVEL * level))
    if most_frames and len(held) > most_frames:
        held = held[np.linspace(0, len(held) - 1, most_frames).round().astype(int)]
    scale = np.sqrt(np.mean(power[held])) if len(held) else 1
    cut.frames = (frames[held] / scale).astype(np.complex64)
    cut.positions = cut.start + np.round(held * hop / cut.ratio).astype(np.int64)
