# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech-like audio with silences: the analog transmitters' message signal.

A source-filter synthesis after Fant: a glottal pulse train with a moving pitch, or noise for fricatives,
shaped by three formants that change with each syllable, with pauses between words and phrases. It says
nothing, but has speech's pitch, spectrum, syllable rhythm and share of silence, and every seed gives an
endless new stretch, which a recording would not.
"""

import numpy as np
from scipy.signal import lfilter

# Mean formant frequencies in Hz of ten vowels (Peterson and Barney, 1952, men).
VOWELS = np.array(
    [
        (270, 2290, 3010),
        (390, 1990, 2550),
        (530, 1840, 2480),
        (660, 1720, 2410),
        (730, 1090, 2440),
        (570, 840, 2410),
        (440, 1020, 2240),
        (300, 870, 2240),
        (640, 1190, 2390),
        (490, 1350, 1690),
    ]
)
FORMANT_BANDWIDTHS = (60.0, 90.0, 120.0)  # Hz
PEAK = 0.5  # full scale of the published source's 16-bit audio after its 1/65535


def _formants(excitation, frequencies, rate):
    """Cascade of two-pole resonators, one a formant."""
    for frequency, bandwidth in zip(frequencies, FORMANT_BANDWIDTHS):
        radius = np.exp(-np.pi * bandwidth / rate)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * frequency / rate), radius**2]
        excitation = lfilter([sum(poles)], poles, excitation)
    return excitation


class SpeechSource:
    """Endless speech-like audio.

    Args:
        seed: anything ``numpy.random.default_rng`` takes
        rate: sample rate in Hz
    """

    def __init__(self, seed, rate=44.1e3):
        self.rng = np.random.default_rng(seed)
        self.rate = rate
        self.pitch = self.rng.uniform(90.0, 220.0)  # Hz, of this speaker
        self.pending = np.zeros(0, dtype=np.float32)

    def _voiced(self, n):
        contour = self.pitch * (1 + 0.15 * self.rng.uniform(-1, 1) * np.linspace(-1, 1, n))
        phase = np.cumsum(contour / self.rate) % 1.0
        # Rosenberg's glottal pulse: opens over 40 % of the period, closes over the next 16 %.
        flow = np.where(
            phase < 0.4,
            0.5 * (1 - np.cos(np.pi * phase / 0.4)),
            np.where(phase < 0.56, np.cos(0.5 * np.pi * (phase - 0.4) / 0.16), 0.0),
        )
        return _formants(np.diff(flow, prepend=0.0), self.rng.choice(VOWELS), self.rate)

    def _fricative(self, n):
        center = self.rng.uniform(2500.0, 6000.0)
        return _formants(self.rng.standard_normal(n), (center,), self.rate)

    def _sound(self, duration, make, level):
        n = int(duration * self.rate)
        sound = make(n) * np.hanning(n)
        return sound * (level * PEAK / max(np.max(np.abs(sound)), 1e-12))

    def _word(self):
        """A word of one to four syllables and the pause after it."""
        uniform = self.rng.uniform
        parts = []
        for _ in range(self.rng.integers(1, 5)):
            if uniform() < 0.4:
                parts.append(self._sound(uniform(0.04, 0.12), self._fricative, uniform(0.1, 0.4)))
            parts.append(self._sound(uniform(0.08, 0.25), self._voiced, uniform(0.4, 1.0)))
        pause = uniform(0.3, 0.8) if uniform() < 0.15 else uniform(0.02, 0.15)
        parts.append(np.zeros(int(pause * self.rate)))
        return np.concatenate(parts).astype(np.float32)

    def take(self, n):
        """The next ``n`` samples, float32, peak at most 0.5."""
        while len(self.pending) < n:
            self.pending = np.concatenate([self.pending, self._word()])
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken
