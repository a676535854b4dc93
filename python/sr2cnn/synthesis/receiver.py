# SPDX-License-Identifier: GPL-3.0-or-later
"""What a receiver does to a band: noise, a filter that slopes, images, a DC offset, clipping."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

TAPS = 129  # of the filter, an odd number
GRID = 1024  # frequencies that it is designed at
EDGE = 0.05  # of the sample rate, on each side, where the gain falls
DEPTH = 12.0  # dB that it falls there


@dataclass(frozen=True)
class Faults:
    """How far receivers are from the ideal one: ranges that each draws from, None where it has no such fault.

    Attributes:
        dc: power of the DC offset over that of the noise in the whole band, dB
        image: power of a signal over that of its image, dB, from unequal I and Q
        slope: gain at one edge of the band over that at the other, dB; either may be the higher
        headroom: full scale over the mean power where the band is loudest, dB; what exceeds it is clipped
    """

    dc: tuple[float, float] | None = None
    image: tuple[float, float] | None = None
    slope: tuple[float, float] | None = None
    headroom: tuple[float, float] = (15.0, 15.0)


FAULTS = {
    "none": Faults(),
    "mild": Faults(dc=(-25, -10), image=(35, 50), slope=(1, 4), headroom=(9, 12)),
    "strong": Faults(dc=(-5, 5), image=(20, 30), slope=(6, 12), headroom=(1, 3)),
}


class Receiver:
    """Turns what is at the antenna into samples, block by block.

    The noise at the antenna has unit power over the whole band.

    Args:
        faults: a name in ``FAULTS``
        loudest: largest mean power at the antenna
        rng: ``numpy.random.Generator``

    Attributes:
        drawn: dict, its own faults in dB, as ``Faults`` names them; the slope from the lower to the upper edge
        delay: samples that it must see before and behind those that it is asked for
    """

    def __init__(self, faults, loudest, rng):
        ranges = FAULTS[faults]
        drawn = {name: rng.uniform(*limits) for name, limits in vars(ranges).items() if limits}
        turns = np.exp(2j * np.pi * rng.uniform(size=2))
        sign = rng.choice([-1, 1])
        if "slope" in drawn:
            drawn["slope"] *= sign
        self.drawn = {name: round(float(value), 2) for name, value in drawn.items()}
        self._rng = rng
        self._taps = _filter(drawn["slope"]) if "slope" in drawn else np.ones(1, np.complex64)
        self._dc = _amplitude(drawn["dc"]) * turns[0] if "dc" in drawn else 0.0
        self._image = _amplitude(-drawn["image"]) * turns[1] if "image" in drawn else 0.0
        self._gain = _amplitude(-drawn["headroom"]) / np.sqrt(loudest)
        self.delay = len(self._taps) // 2
        self._before = np.empty(0, np.complex64)

    def receive(self, antenna):
        """The next samples, as many fewer as the filter still has to see: complex64, I and Q within ±1.

        Args:
            antenna: complex64 (n,), the first ones ``delay`` before the first sample
        """
        noise = self._rng.standard_normal(2 * len(antenna), np.float32).view(np.complex64)
        samples = np.concatenate([self._before, antenna + noise * np.float32(np.sqrt(0.5))])
        self._before = samples[len(samples) - 2 * self.delay :]
        if self.delay:
            samples = signal.oaconvolve(samples, self._taps, "valid")
        samples = self._gain * (samples + self._image * samples.conj() + self._dc)
        parts = np.clip(samples.astype(np.complex64).view(np.float32), -1, 1)
        return parts.view(np.complex64)


def _amplitude(db):
    return 10 ** (db / 20)


def _filter(slope):
    """Complex taps: a gain in dB that rises by ``slope`` from edge to edge, and falls at both."""
    frequency = np.arange(-GRID // 2, GRID // 2) / GRID
    within = np.clip((np.abs(frequency) - 0.5 + EDGE) / EDGE, 0, 1)
    gain = _amplitude(slope * frequency - DEPTH * within**2)
    pulse = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(gain)))
    middle = pulse[GRID // 2 - TAPS // 2 :][:TAPS] * np.hamming(TAPS)
    return middle.astype(np.complex64)
