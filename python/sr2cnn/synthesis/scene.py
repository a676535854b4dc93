# SPDX-License-Identifier: GPL-3.0-or-later
"""A band with many emissions of the project's own transmitters, and the truth about it.

Each emission has a symbol rate, a center, a length, a strength and a channel of its own, and none touches
another in time and frequency at once. Everything follows from the seed; memory holds the emissions that are
on the air, at their own sample rates, and one block of the band.
"""

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import fft
from scipy.signal import firwin, resample_poly
from sr2cnn_learn import __version__
from sr2cnn_learn.atomic import replaceable, whole_file
from sr2cnn_learn.conditioning import occupied
from sr2cnn_learn.evaluation.scene import LEAST_WIDTH, SNR_FIELD, SYMBOL_RATE_FIELD
from sr2cnn_learn.recordings import metadata_path

from .radioml import check_modulations, message, run, spread_arguments
from .receiver import FAULTS, Receiver
from .speech import SpeechSource
from .transmitters import AUDIO_RATE, HILBERT_TAPS, SAMPLE_RATE, TRANSMITTERS

#: What there is by default: those with power all along, and a band of their own.
MODULATIONS = tuple(
    "BPSK QPSK 8PSK QAM16 QAM64 OOK 2FSK 4FSK GFSK GMSK OFDM CHIRP AM-DSB NBFM WBFM TONE".split()
)
SLOWEST = 40e3  # Hz, of the sample rate
LONGEST = 10**12  # samples
LOWEST_SNR, HIGHEST_SNR = -20.0, 60.0  # dB
NARROWEST = 3e3  # Hz; widths are spread evenly in log between it and
WIDEST = 4  # … the sample rate over this and the density
EDGE = 0.45  # of the sample rate: no emission beyond
LENGTHS = 0.02, 0.5  # seconds, spread evenly in log
SPEECH = 0.1  # seconds: the least of speech, a syllable or so
LEAST_CELLS, MOST_CELLS = 64, 100_000  # width × length: so many symbols, about, has an emission
STRETCH = 1.25  # speech is at most so much faster, or slower
GUARD_WIDTH = 2e3, 0.25  # Hz, and of both widths: least distance in frequency of two that overlap in time
GUARD_TIME = 0.03  # seconds: least distance in time of two that overlap in frequency
TRIES = 1000  # to find room for one
DRAWS = 100  # of emissions in a row that are too wide or too long
PROBE = 1 << 13  # samples of a transmitter that tell its width
TRANSIENT = HILBERT_TAPS + 400  # first samples of a transmitter that are left out
SPARE = 2000  # samples that a transmitter is asked for too many
QUIET = 0.05  # of the mean power: with less an emission does not begin or end
ECHOES = 2
ECHO_DELAY = 0.5  # of the reciprocal width, the longest
ECHO_GAIN = -25.0, -8.0  # dB
ECHO_DOPPLER = 10.0  # Hz, the largest
PHASES = 2048  # about, of a resampler
HALF_TAPS = 10  # of a resampler, in input samples
BLOCK = 1 << 18  # samples
EXTENSION = {"name": "scene", "version": __version__, "optional": True}


@dataclass(frozen=True)
class Scene:
    """Attributes:
        rate: sample rate, Hz
        seconds: length
        density: emissions on the air at a time, on average; 0: none at all
        snr: lowest and highest SNR of an emission in its own band (`LEAST_WIDTH` at least), dB
        modulations: names in ``TRANSMITTERS``
        faults: of the receiver, a name in ``FAULTS``
        seed: of everything random

    Raises:
        ValueError: an attribute is out of range
    """

    rate: float
    seconds: float
    density: float = 4.0
    snr: tuple[float, float] = (3.0, 30.0)
    modulations: tuple[str, ...] = MODULATIONS
    faults: str = "mild"
    seed: int = 0

    def __post_init__(self):
        check_modulations(self.modulations)
        if not SLOWEST <= self.rate < math.inf:
            raise ValueError(f"sample rate is {self.rate:g} Hz, expected {SLOWEST:g} Hz or more")
        if not 1 <= self.rate * self.seconds <= LONGEST:
            raise ValueError(f"seconds is {self.seconds:g}, expected 1 to {LONGEST:g} samples")
        if not 0 <= self.density < math.inf:
            raise ValueError(f"density is {self.density:g}, expected 0 or more")
        if not LOWEST_SNR <= self.snr[0] <= self.snr[1] <= HIGHEST_SNR:
            low, high = self.snr
            limits = f"from {LOWEST_SNR:g} to {HIGHEST_SNR:g} dB"
            raise ValueError(f"SNR is {low:g} to {high:g} dB, expected the lower first, {limits}")
        if self.faults not in FAULTS:
            raise ValueError(f"faults is {self.faults!r}, expected one of {', '.join(FAULTS)}")

    @property
    def n_samples(self):
        return round(self.rate * self.seconds)


@dataclass
class Transmission:
    """An emission that is planned.

    Attributes:
        modulation, arguments: of its transmitter
        seed: of its message and its channel
        own_rate: sample rate of its transmitter, `ratio` times that of the scene, Hz
        ratio: as a fraction, scene's samples for one of its own
        width: of 99 % of its power, about, Hz
        n_samples: length in the scene, about
        snr: dB
        start, center: sample and Hz, once there is room
    """

    modulation: str
    arguments: dict
    seed: tuple
    own_rate: float
    ratio: Fraction
    width: float
    n_samples: int
    snr: float
    start: int = 0
    center: float = 0.0


def transmit(modulation, arguments, seed, n, own_rate):
    """Samples of a transmitter behind a channel of its own, at unit mean power.

    Args:
        modulation, arguments: of the transmitter
        seed: tuple of int
        n: number of samples; fewer come of what is silent at its ends
        own_rate: Hz, what a sample a second is for the channel's Doppler

    Returns:
        samples, complex64 (n,); edges of 99 % of the power, cycles a sample, (2,); samples a symbol
    """
    rng = np.random.default_rng(seed)
    transmitter = TRANSMITTERS[modulation](**arguments)
    asked = TRANSIENT + n + SPARE
    if transmitter.bits_per_symbol is None:
        items = math.ceil(asked * AUDIO_RATE / SAMPLE_RATE)
    else:
        items = math.ceil(asked / transmitter.samples_per_symbol) * transmitter.bits_per_symbol
    source = message(transmitter, rng, SpeechSource((*seed, 1), AUDIO_RATE), items)
    samples = run(source, transmitter)[TRANSIENT:][:n]
    power = np.abs(samples) ** 2
    loud = np.flatnonzero(power > QUIET * power.mean())
    samples = samples[loud[0] : loud[-1] + 1]
    width = max(np.ptp(_edges(samples)), LEAST_WIDTH / own_rate)
    samples = _ramped(_fading(samples, rng, own_rate, ECHO_DELAY / width), round(1 / width))
    samples = samples / np.sqrt(np.mean(np.abs(samples) ** 2))
    return samples.astype(np.complex64), _edges(samples), transmitter.samples_per_symbol


def _edges(samples):
    """Frequencies between which 99 % of the power lies, cycles a sample."""
    n = fft.next_fast_len(2 * len(samples))  # at their length alone, a tone may come out without its width
    power = np.fft.fftshift(np.abs(fft.fft(samples, n)) ** 2)
    return (occupied(power) - 0.5 - n // 2) / n


def _fading(samples, rng, own_rate, longest):
    """Mild multipath: echoes up to ``longest`` samples late, each with a Doppler shift of its own."""
    received = samples.astype(complex)
    for _ in range(ECHOES):
        delay, gain = round(rng.uniform(0, longest)), 10 ** (rng.uniform(*ECHO_GAIN) / 20)
        doppler, phase = rng.uniform(-1, 1) * ECHO_DOPPLER / own_rate, rng.uniform()
        turn = gain * np.exp(2j * np.pi * (doppler * np.arange(delay, len(samples)) + phase))
        received[delay:] += turn * samples[: len(samples) - delay]
    return received


def _ramped(samples, n):
    """Samples that rise and fall over ``n`` of them at their ends, as transmitters are switched."""
    n = min(n, len(samples) // 20)
    ramp = np.sin(np.pi / 2 * (np.arange(n) + 0.5) / max(n, 1)) ** 2
    samples[:n] *= ramp
    samples[len(samples) - n :] *= ramp[::-1]
    return samples


def plan(scene, progress=lambda n: None):
    """The emissions of a scene, by their beginning.

    Args:
        scene: a `Scene`
        progress: called with the samples that each lasts

    Returns:
        list of `Transmission`

    Raises:
        ValueError: they do not fit into the band, or it is too short or too narrow for any
    """
    rng = np.random.default_rng(scene.seed)
    planned, left = [], scene.density * scene.n_samples
    while left > 0:
        one = _drawn(scene, rng, len(planned))
        if one.n_samples / 2 > left:
            break
        planned.append(one)
        left -= one.n_samples
        progress(one.n_samples)
    planned.sort(key=lambda one: -one.width * one.n_samples)  # the large ones find room first
    boxes = np.empty((4, len(planned)))
    for k, one in enumerate(planned):
        _place(one, boxes[:, :k], scene, rng)
        boxes[:, k] = one.start, one.start + one.n_samples, one.center, one.width
    return sorted(planned, key=lambda one: one.start)


def _drawn(scene, rng, number):
    """An emission, not yet placed."""
    widest = scene.rate / (WIDEST + scene.density)
    for k in range(DRAWS):
        modulation = str(rng.choice(scene.modulations))
        kind, seed = TRANSMITTERS[modulation], (scene.seed, number, k)
        arguments, snr = spread_arguments(kind, rng), rng.uniform(*scene.snr)
        wide, long, fast = rng.uniform(size=3)
        shortest, longest = LENGTHS[0], min(LENGTHS[1], 0.9 * scene.seconds)
        as_it_is = kind.bits_per_symbol is None or modulation == "TONE"
        if as_it_is:  # how wide a stretch of speech is depends on all of it.
            own_rate = SAMPLE_RATE * _between(1 / STRETCH, STRETCH, fast)
            ratio = _ratio(scene.rate, min(own_rate, scene.rate) if modulation == "TONE" else own_rate)
            shortest = SPEECH if kind.bits_per_symbol is None else shortest
        else:
            _, edges, _ = transmit(modulation, arguments, seed, PROBE, SAMPLE_RATE)
            ratio = _ratio(scene.rate, _between(NARROWEST, widest, wide) / np.ptp(edges))
            width = np.ptp(edges) * scene.rate / float(ratio)
            shortest, longest = max(shortest, LEAST_CELLS / width), min(longest, MOST_CELLS / width)
        if shortest > 0.9 * scene.seconds:
            continue
        n_samples = round(scene.rate * _between(shortest, max(longest, shortest), long))
        own_rate = scene.rate / float(ratio)
        if as_it_is:
            _, edges, _ = transmit(modulation, arguments, seed, math.ceil(n_samples / ratio), own_rate)
            width = np.ptp(edges) * own_rate
        if width <= widest:
            return Transmission(modulation, arguments, seed, own_rate, ratio, width, n_samples, snr)
    raise ValueError(
        f"no emission of {', '.join(scene.modulations)} fits into {widest:g} Hz, the widest at density "
        f"{scene.density:g}, and {scene.seconds:g} s: expected a higher sample rate, or more seconds"
    )


def _between(low, high, place):
    """What lies there, from 0 to 1, between two values on a scale of equal ratios."""
    return low * (high / low) ** place


def _ratio(rate, own_rate):
    """Samples for each of another rate, about: few phases where there are many, or the filter would be long."""
    exact = rate / own_rate
    return Fraction(exact).limit_denominator(max(1, int(PHASES / exact)))


def _place(one, boxes, scene, rng):
    """Give it a start and a center; ``boxes`` (4, n) are starts, stops, centers and widths of the others."""
    starts, stops, centers, widths = boxes
    room = EDGE * scene.rate - one.width / 2
    apart = GUARD_WIDTH[0] + GUARD_WIDTH[1] * (widths + one.width) + (widths + one.width) / 2
    guard = GUARD_TIME * scene.rate
    for _ in range(TRIES):
        start, center = rng.integers(scene.n_samples - one.n_samples), rng.uniform(-room, room)
        at_once = (starts < start + one.n_samples + guard) & (stops + guard > start)
        if not np.any(at_once & (np.abs(centers - center) < apart)):
            one.start, one.center = int(start), float(center)
            return
    raise ValueError(
        f"density is {scene.density:g}, which has no room in {scene.rate:g} Hz: expected fewer at a time"
    )


class _OnAir:
    """An emission while it is on the air."""

    def __init__(self, planned, scene):
        own = math.ceil(planned.n_samples / planned.ratio)
        samples, edges, per_symbol = transmit(
            planned.modulation, planned.arguments, planned.seed, own, planned.own_rate
        )
        width = np.ptp(edges) * planned.own_rate
        self.start = planned.start
        self.stop = planned.start + min(planned.n_samples, math.floor(len(samples) * planned.ratio))
        self.power = 10 ** (planned.snr / 10) * max(width, LEAST_WIDTH) / scene.rate
        self.annotation = {
            "core:sample_start": self.start,
            "core:sample_count": self.stop - self.start,
            "core:freq_lower_edge": planned.center - width / 2,
            "core:freq_upper_edge": planned.center + width / 2,
            "core:label": planned.modulation,
            "core:generator": "sr2cnn dataset scene",
            SNR_FIELD: round(planned.snr, 2),
            SYMBOL_RATE_FIELD: _symbol_rate(planned.modulation, planned.own_rate / per_symbol),
        }
        self._cycles = (planned.center - np.mean(edges) * planned.own_rate) / scene.rate
        self._samples = samples * np.float32(np.sqrt(self.power))
        self._up, self._down = planned.ratio.numerator, planned.ratio.denominator
        most = max(self._up, self._down)
        cutoff = (1 - 1e-9) / most  # below 1, which `firwin` refuses, also where nothing is resampled
        self._taps = firwin(2 * HALF_TAPS * most + 1, cutoff, window=("kaiser", 5.0)).astype(np.float32)

    def add_to(self, band, first):
        """Add it to the band's samples, complex64, from the scene's sample ``first`` on."""
        begin, end = max(first, self.start), min(first + len(band), self.stop)
        if begin < end:
            n = np.arange(begin, end) * self._cycles
            turn = np.exp(2j * np.pi * (n - np.floor(n))).astype(np.complex64)
            band[begin - first : end - first] += turn * self._resampled(begin - self.start, end - self.start)

    def _resampled(self, begin, end):
        """Samples at the scene's rate, the first of the emission being 0."""
        up, down = self._up, self._down
        margin = HALF_TAPS * max(up, down) // up + 1
        left = max(0, begin * down // up - margin) // down * down  # where an output falls on an input
        right = -(-end * down // up) + margin
        samples = resample_poly(self._samples[left:right], up, down, window=self._taps)
        skipped = left * up // down
        return samples[begin - skipped : end - skipped]


def _symbol_rate(modulation, rate):
    single = TRANSMITTERS[modulation].bits_per_symbol is not None
    return rate if single and modulation not in ("OFDM", "CHIRP", "TONE", "NOISE", "BAND-NOISE") else None


def loudest(planned, rate):
    """Largest mean power at a time of emissions in noise of unit power."""
    powers = [10 ** (one.snr / 10) * max(one.width, LEAST_WIDTH) / rate for one in planned]
    steps = [(one.start, power) for one, power in zip(planned, powers)]
    steps += [(one.start + one.n_samples, -power) for one, power in zip(planned, powers)]
    return 1 + max(np.cumsum([power for _, power in sorted(steps)]), default=0.0)


def samples_of(scene, planned, receiver, annotations):
    """Yield the samples, complex64, block by block; the annotations of its emissions go to that list."""
    waiting, on_air, end = list(reversed(planned)), [], scene.n_samples + receiver.delay
    for first in range(-receiver.delay, end, BLOCK):
        band = np.zeros(min(BLOCK, end - first), np.complex64)
        while waiting and waiting[-1].start < first + len(band):
            on_air.append(_OnAir(waiting.pop(), scene))
            annotations.append(on_air[-1].annotation)
        for one in on_air:
            one.add_to(band, first)
        on_air = [one for one in on_air if one.stop > first + len(band)]
        yield receiver.receive(band)


def write_scene(path, scene, progress=lambda phase, n: None):
    """Write a scene as a SigMF recording, ci16_le, its truth as annotations: both files, or none.

    Each annotation has the edges of 99 % of the power (ITU-R SM.443), as measured, the modulation as label,
    ``scene:snr`` (dB in that band, `LEAST_WIDTH` at least) and ``scene:baud`` (symbol rate in Hz, null where
    there is none). The global object says in ``scene:making`` how it was made.

    Args:
        path: the ``.sigmf-meta`` file, or the recording without that ending
        scene: a `Scene`
        progress: called with ``"planned"`` and the samples of each emission, then with ``"written"`` and the
            number of samples of the band that are

    Returns:
        list of the annotations

    Raises:
        OSError: it cannot be written
        ValueError: see `plan`
    """
    import sigmf

    path = metadata_path(path)
    data_path = path.with_suffix(".sigmf-data")
    for each in (path, data_path):
        replaceable(each)
    planned = plan(scene, lambda n: progress("planned", n))
    receiver = Receiver(scene.faults, loudest(planned, scene.rate), np.random.default_rng((scene.seed, 2)))
    annotations, digest = [], hashlib.sha512()
    with whole_file(data_path) as data:
        for samples in samples_of(scene, planned, receiver, annotations):
            values = np.rint(samples.view(np.float32) * 32767).astype("<i2").tobytes()
            digest.update(values)
            data.write(values)
            progress("written", len(samples))
        about = {
            "core:datatype": "ci16_le",
            "core:sample_rate": scene.rate,
            "core:sha512": digest.hexdigest(),
            "core:description": "a band of synthetic emissions; the annotations are the truth",
            "core:extensions": [EXTENSION],
            "scene:making": {**vars(scene), "receiver": receiver.drawn},
        }
        meta = sigmf.SigMFFile(global_info=about)
        meta.add_capture(0)
        for annotation in annotations:
            start, count, *_ = annotation.values()
            meta.add_annotation(start, count, annotation)
        meta.validate()
        with whole_file(path) as file:  # within, so that nothing is replaced if it cannot be written
            file.write(meta.dumps(pretty=True).encode() + b"\n")
    return annotations
