# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts the bursts out of a stream and brings each to what a model was trained on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, signal
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.stats import gamma

from .band import find_band
from .noise_floor import NoiseFloor
from .tuner import FILLED, MOST_RATIO, Tuner, ratio_near

BINS = 256
HOP = BINS // 2
WINDOW = signal.windows.blackmanharris(BINS).astype(np.float32)
INDEPENDENT = 0.5  # independent bins among those of such a window
MEDIAN = 9  # spectra; clicks that are shorter than half of it vanish, edges stay
NARROW = 8  # bins that are taken together to find a narrow signal
FALSE_ALARM = 1e-6  # of a spectrum, for Gaussian noise
MARGIN = 1.25  # noise on the air is not quite Gaussian, and its floor not known exactly
SMOOTH = 32  # samples, of the power at the edges of a burst
QUIET = 0.2  # share of what is outside that is surely noise
HANG = 12  # quiet spectra that end a burst
SHORTEST = 4  # spectra of a burst
STEP = 16  # spectra looked at together
FIRST_STEP = 128  # before there is a noise floor
FIRST_LOOK = 16384  # samples of a burst that are awaited before it is tuned
LEAST_SNR = 0.0  # dB in its own band; clicks and spurs stay below
LARGEST = 1e12  # what is larger, or not finite, no receiver gives: its power would overflow
LEAST_RATIO = 1 / 32  # of a signal that shows no symbol rate, a bare carrier above all
LONGEST = 1 << 18  # samples after which a signal that goes on is looked at anew
HISTORY = 1 << 22  # samples that the noise floor looks back on


@dataclass
class Burst:
    """A signal from its start to its end; frequencies in cycles a sample of the stream that came in.

    Attributes:
        number: counts the bursts from 1
        start: index of its first sample in the stream
        n_samples: None while it goes on
        center, bandwidth: of 99 % of its power
        snr: power over that of the noise in its band, dB
        symbol_rate: symbols a sample; None where it does not show
        up, down: ``up`` samples come out for ``down`` that went in
        out_start: index of its first sample in the stream that comes out
        continues: whether it is the same signal as the one before, looked at anew
    """

    number: int
    start: int
    n_samples: int | None
    center: float
    bandwidth: float
    snr: float
    symbol_rate: float | None
    up: int
    down: int
    out_start: int
    continues: bool = False


@dataclass
class Piece:
    """Samples of a burst, complex64 of unit mean power; ``first`` and ``last`` of it."""

    burst: Burst
    samples: np.ndarray
    first: bool
    last: bool


class Conditioner:
    """Noise-floor squelch, carrier removal and resampling.

    A spectrogram's power over its noise floor, in the whole band and in the narrow bands of it, is compared
    with what Gaussian noise reaches once in a million spectra: no level is to be set. A burst's edges are
    then found in the power within its band.

    Args:
        samples_per_symbol: that the bursts come out with; where no symbol rate shows (OFDM, speech), their
            bandwidth is brought to 0.45 of the rate

    Raises:
        ValueError: samples_per_symbol is below 2
    """

    def __init__(self, samples_per_symbol=8.0):
        if not 2 <= samples_per_symbol < np.inf:
            raise ValueError(f"samples_per_symbol is {samples_per_symbol}, expected at least 2")
        self.samples_per_symbol = samples_per_symbol
        self._floor = NoiseFloor(BINS, HISTORY // HOP)
        self._samples = np.empty(0, np.complex64)  # what may still be needed
        self._begin = 0  # index in the stream of the first of them
        self._looked = 0  # spectra looked at
        self._traces = np.empty((0, 1 + BINS // (NARROW // 2)), np.float32)
        self._judged = 0  # spectra judged loud or not; the median lags behind
        self._signal = None
        self._free = 0  # samples before this index belong to an earlier burst
        self._bursts = self._out = 0

    def push(self, samples):
        """The pieces that the next samples, complex (n,), complete: list of ``Piece``."""
        samples = np.asarray(samples, np.complex64)
        usable = np.abs(samples) < LARGEST  # False for NaN, too
        if not usable.all():
            samples = np.where(usable, samples, 0)
        self._samples = np.concatenate([self._samples, samples])
        pieces = []
        # Always as many spectra at once, so that nothing depends on how the stream is cut.
        while self._available >= (step := STEP if self._floor.level is not None else FIRST_STEP):
            self._run(step, False, pieces)
        return pieces

    def finish(self):
        """The pieces that are left at the end of the stream, or before a gap in it; more may be pushed."""
        pieces = []
        self._run(max(0, self._available), True, pieces)
        return pieces

    def retune(self):
        """The receiver listens elsewhere from now on: the pieces that are left; the noise is learned anew."""
        pieces = self.finish()
        self._floor = NoiseFloor(BINS, HISTORY // HOP)
        return pieces

    @property
    def _end(self):
        return self._begin + len(self._samples)

    @property
    def _available(self):
        return (self._end - BINS) // HOP + 1 - self._looked

    def _run(self, n, ends, pieces):
        loud, audible = self._judge(n, ends)
        for k in range(len(loud)):
            self._step(self._judged + k, loud[k], audible[k], pieces)
        self._judged += len(loud)
        if self._signal:
            if ends:
                self._close(self._end, pieces)
            else:
                self._advance(pieces)
        needed = self._judged * HOP
        if self._signal:
            needed = min(needed, self._signal.taken)
        needed -= 4 * BINS  # for the search for edges
        drop = max(0, needed - self._begin)
        self._samples = self._samples[drop:]
        self._begin += drop

    def _judge(self, n, ends):
        """Look at n spectra; of those whose median is known now: do they start a burst, or keep one up?"""
        if n:
            first = self._looked * HOP - self._begin
            samples = self._samples[first : first + (n - 1) * HOP + BINS]
            frames = np.lib.stride_tricks.sliding_window_view(samples, BINS)[::HOP]
            spectra = fft.fft(frames * WINDOW, axis=1)
            powers = (spectra.real**2 + spectra.imag**2) / np.sum(WINDOW**2)
            self._looked += n
            self._floor.add(powers)
            self._traces = np.concatenate([self._traces, self._over_floor(powers)])
        if self._floor.level is None:
            return [], []
        half = MEDIAN // 2
        done = self._looked - len(self._traces)  # index of the first of the traces
        last = self._looked if ends else self._looked - half
        if last <= self._judged:
            return [], []
        medians = median_filter(self._traces, (MEDIAN, 1), mode="reflect")[self._judged - done : last - done]
        starts = _thresholds(int(self._floor.live.sum()), self._traces.shape[1])
        keeps = (1 + starts) / 2
        self._traces = self._traces[max(0, last - half - done) :]
        return (medians > starts).any(1), (medians > keeps).any(1)

    def _over_floor(self, powers):
        """Mean power over the floor in the whole band, and in narrow bands: (n, 1 + bands)."""
        live = self._floor.live
        over = np.where(live, powers / np.where(live, self._floor.level, 1), 0).astype(np.float32)
        narrow = uniform_filter1d(over, NARROW, axis=1, mode="wrap")[:, :: NARROW // 2]
        return np.concatenate([over.sum(1, keepdims=True) / live.sum(), narrow], axis=1)

    def _step(self, k, loud, audible, pieces):
        if self._signal is None:
            if loud:
                start = k * HOP + HOP // 2 if k else 0
                self._signal = _Signal(max(self._free, start), k)
            return
        if audible:
            self._signal.last = k
        elif k - self._signal.last > HANG:
            self._close(self._signal.last * HOP + BINS - HOP // 2, pieces)

    def _advance(self, pieces):
        """Tune the signal when enough of it is there; hand out what surely belongs to it."""
        one = self._signal
        if one.burst is None:
            if self._judged * HOP - one.start < FIRST_LOOK:
                return
            if not self._tune(one, self._end):
                self._signal, self._free = None, one.start + FIRST_LOOK  # loud, but no signal to be seen
                return
        sure = one.last * HOP
        if sure > one.taken:
            self._put(one, sure, False, pieces)
            if one.taken - one.burst.start >= LONGEST:
                self._put(one, one.taken, True, pieces)
                self._signal = _Signal(one.taken, one.last, continues=True)

    def _close(self, end, pieces):
        """The signal has ended, near sample ``end``."""
        one, end = self._signal, min(end, self._end)
        self._signal = None
        if one.burst is None:
            too_short = one.last - one.first + 1 < SHORTEST and not one.continues
            if too_short or not self._tune(one, end):
                return
        if end < self._end:
            end = self._edge(one.burst, end, falling=True)
        self._free = max(end, one.taken)
        self._put(one, self._free, True, pieces)

    def _tune(self, one, end):
        """Find the band of a signal that is there until ``end``, or further; whether there is one."""
        samples = self._cut(one.start, min(end, one.start + FIRST_LOOK))
        band = find_band(samples, self._floor.level / BINS) if len(samples) >= BINS else None
        if band is None or band.snr < LEAST_SNR:
            return False
        rate = band.symbol_rate
        ratio = rate * self.samples_per_symbol if rate else max(LEAST_RATIO, band.bandwidth / FILLED)
        up, down = ratio_near(min(ratio, MOST_RATIO))
        self._bursts += 1
        one.burst = Burst(
            number=self._bursts,
            start=one.start,
            n_samples=None,
            center=band.center,
            bandwidth=band.bandwidth,
            snr=band.snr,
            symbol_rate=rate,
            up=up,
            down=down,
            out_start=self._out,
            continues=one.continues,
        )
        if not one.continues and one.first > 0:
            one.burst.start = self._edge(one.burst, one.start, falling=False)
        one.taken = one.burst.start
        one.tuner = Tuner(band.center, band.bandwidth, up, down)
        return True

    def _cut(self, start, end):
        return self._samples[max(0, start - self._begin) : max(0, end - self._begin)]

    def _put(self, one, end, last, pieces):
        """Hand out a signal up to a sample."""
        out = one.tuner.push(self._cut(one.taken, end))
        if last:
            out = np.concatenate([out, one.tuner.finish()])
            one.burst.n_samples = end - one.burst.start
        one.taken = end
        if one.scale is None and len(out):
            power = np.mean(np.abs(out) ** 2)
            one.scale = np.float32(1 / np.sqrt(power) if power > 0 else 1)
        if len(out) or last:
            pieces.append(Piece(one.burst, out * (one.scale or 1), not one.begun, last))
            one.begun = True
            self._out += len(out)

    def _edge(self, burst, near, falling):
        """The sample at which the power in a burst's band steps between two levels, near a sample."""
        reach = (4, 2) if falling else (2, 4)  # more of it on the signal's side
        first = max(near - reach[0] * BINS, self._begin, 0 if falling else self._free)
        samples = self._cut(first, near + reach[1] * BINS)
        n = len(samples)
        if n < 8:
            return near
        mixed = samples * np.exp(-2j * np.pi * burst.center * np.arange(n))
        half = min(0.6 * burst.bandwidth, 0.45)
        taps = signal.firwin(2 * round(1 / half) + 1, 2 * half)
        power = np.abs(np.convolve(mixed, taps, "same")) ** 2
        before, k = np.cumsum(power)[:-1], np.arange(1, n)
        levels = np.maximum([before / k, (power.sum() - before) / (n - k)], 1e-20)
        steps = levels[0] > levels[1] if falling else levels[1] > levels[0]
        likelihood = np.where(steps, -k * np.log(levels[0]) - (n - k) * np.log(levels[1]), -np.inf)
        best = int(np.argmax(likelihood))
        if not np.isfinite(likelihood[best]):
            return near
        # Transmitters take their time: outwards from the step while louder than halfway, in dB, to the noise.
        smooth = np.maximum(uniform_filter1d(power, SMOOTH, mode="nearest"), 0)  # it rounds to below 0
        step = int(k[best])
        inside, outside = (smooth[:step], smooth[step:]) if falling else (smooth[step:], smooth[:step][::-1])
        halfway = np.sqrt(np.median(inside) * np.quantile(outside, QUIET))
        outwards = int(np.argmin(np.append(outside > halfway, False)))
        return first + (step + outwards if falling else step - outwards)


@lru_cache(maxsize=BINS)
def _thresholds(live_bins, n_traces):
    """Of the medians of ``_over_floor``, to start a burst."""
    bins = np.r_[live_bins, np.full(n_traces - 1, NARROW)]
    # The median of n has the spread of the mean of n·2/π.
    degrees = bins * INDEPENDENT * MEDIAN * 2 / np.pi
    return MARGIN * gamma.isf(FALSE_ALARM / n_traces, degrees) / degrees


class _Signal:
    """What goes on: first and last loud spectrum; its burst, tuner and scale when they are known."""

    def __init__(self, start, first, continues=False):
        self.start = self.taken = start
        self.first = self.last = first
        self.continues = continues
        self.burst = self.tuner = self.scale = None
        self.begun = False
