# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets from the project's own transmitters and GNU Radio's dynamic channel model.

The recipes are those of RML2016.10a and 10b (O'Shea and West, GRCon 2016), see ``CHANNEL`` and
``synthesize``, and of RML2016.04C, see ``synthesize_slices``.
Every key (modulation, snr) has random streams of its own, derived from the seed and the key, so a data set
does not depend on the number of processes or on which other keys are built along with it.
"""

import os
import signal
import threading
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from fractions import Fraction
from multiprocessing import get_context, parent_process

import numpy as np
from gnuradio import blocks, channels, gr
from scipy.signal import resample_poly
from sr2cnn_learn.conditioning import Conditioner, find_band, ratio_near
from sr2cnn_learn.iq import interleaved
from sr2cnn_learn.modulations import RADIOML2016

from .speech import SpeechSource
from .transmitters import AUDIO_RATE, SAMPLE_RATE, TRANSMITTERS, linear_transmitter

FRAME_LEN = 128
SNRS = tuple(range(-20, 20, 2))  # dB, the labels of RML2016.10a

#: Arguments of ``channels.dynamic_channel_model`` but for noise amplitude and seed.
CHANNEL = dict(
    samp_rate=SAMPLE_RATE,
    sro_std_dev=0.01,
    sro_max_dev=50,
    cfo_std_dev=0.01,
    cfo_max_dev=500,
    N=8,
    doppler_freq=1,
    LOS_model=True,
    K=4,
    delays=[0.0, 0.9, 1.7],
    mags=[1, 0.8, 0.3],
    ntaps_mpath=8,
)
CHANNEL_04C = {**CHANNEL, "sro_max_dev": 100, "cfo_max_dev": 1000}
FIXED_CHANNEL_SEED = 0x1337  # the release's one seed for all its passes

PASS_ITEMS = 10_000  # bits or audio samples that one pass of the release takes
LONG_PASS_ITEMS = {"QAM16": 20_000, "QAM64": 30_000}
PASS_SAMPLES = 40_000  # about, of a modulation that the release has not
SYMBOL_SPREAD = 0.25  # samples a symbol are 8 × or ÷ up to 1.25
MAX_DENOMINATOR = 64  # of that ratio
OFFSET_SPREAD = 0.01  # largest frequency offset over the sample rate
# A pass that goes through the conditioner, as a receiver would hear it:
STRETCH = 0.4, 5.0  # samples a symbol over those of the transmitter
WIDEST = 0.85  # of its band, over the sample rate
SILENCE = 10_000  # samples before and after it
MOST_PASSES = 30  # in a row that the conditioner hears nothing in
FIRST_FRAME = (50, 500)  # samples: random start behind the channel's transient
MAX_STRIDE = 0.05  # of a pass: largest distance from one frame's start to the next's
# RML2016.04C cuts one pass a key into frames that overlap by half.
TRIM_04C = 100  # samples left out at both ends
HOP_04C = 64
MAX_FRAMES_04C = 1000


def noise_amplitude(snr):
    """Noise *amplitude* of the release, 10^(−snr/10): the true SNR in dB is about twice the label."""
    return 10 ** (-snr / 10)


def check_modulations(modulations):
    """The given names, or RML2016.10a's for None; ValueError for a name without a transmitter."""
    modulations = list(RADIOML2016 if modulations is None else modulations)
    for name in modulations:
        if name not in TRANSMITTERS:
            raise ValueError(f"unknown modulation {name!r}, expected one of {', '.join(TRANSMITTERS)}")
    return modulations


def run(*parts):
    """Run source → parts… as a flowgraph to its end, return the complex output."""
    top = gr.top_block()
    sink = blocks.vector_sink_c()
    top.connect(*parts, sink)
    top.run()
    return np.array(sink.data(), dtype=np.complex64)


def streams(modulation, snr, seed):
    """Random numbers and speech of a key."""
    # crc32, not hash(): the same in every process. SNR labels may be negative, entropy must not be.
    key = (seed, zlib.crc32(modulation.encode()), snr % 2**32)
    return np.random.default_rng(key), SpeechSource((*key, 1), AUDIO_RATE)


def _check_oddities(am_ssb, channel_seeds):
    if am_ssb not in ("signal", "noise"):
        raise ValueError(f"am_ssb is {am_ssb!r}, expected 'signal' or 'noise'")
    if channel_seeds not in ("fresh", "fixed"):
        raise ValueError(f"channel_seeds is {channel_seeds!r}, expected 'fresh' or 'fixed'")


def message(transmitter, rng, speech, n=None):
    """Source of ``n`` random bits, or samples of speech for an analog transmitter; as many as one pass takes
    by default."""
    if n is None:
        n = LONG_PASS_ITEMS.get(transmitter.modulation, PASS_ITEMS)
        if transmitter.bits_per_symbol and transmitter.modulation not in RADIOML2016:
            n = round(PASS_SAMPLES / transmitter.samples_per_symbol) * transmitter.bits_per_symbol
    if transmitter.bits_per_symbol is None:
        return blocks.vector_source_f(speech.take(n).tolist())
    return blocks.vector_source_b(rng.integers(0, 2, n).tolist())


def spread_arguments(kind, rng):
    """Arguments of a transmitter, drawn from their usual ranges."""
    return {name: rng.uniform(*limits) for name, limits in kind.spread.items()}


def spread_signal(modulation, rng, speech):
    """One pass of a transmitter with arguments, samples a symbol and carrier offset from their ranges."""
    kind = TRANSMITTERS[modulation]
    transmitter = kind(**spread_arguments(kind, rng))
    samples = run(message(transmitter, rng, speech), transmitter)
    # GNU Radio's resamplers, which AM has, give a few samples more or fewer each time, and its rotator
    # other last bits: nothing may follow from the former, and the latter has no place here.
    samples = samples[: len(samples) // 1000 * 1000]
    stretch = np.exp(rng.uniform(-1, 1) * np.log(1 + SYMBOL_SPREAD))
    ratio = Fraction(stretch).limit_denominator(MAX_DENOMINATOR)
    samples = resample_poly(samples, ratio.numerator, ratio.denominator)
    offset = rng.uniform(-1, 1) * OFFSET_SPREAD
    return samples * np.exp(2j * np.pi * offset * np.arange(len(samples)))


def received_signal(modulation, rng, speech):
    """``spread_signal`` at any number of samples a symbol, anywhere in the band, silence around it."""
    samples = spread_signal(modulation, rng, speech)
    band = find_band(samples[:SILENCE], np.zeros(1))
    narrowest = max(STRETCH[0], band.bandwidth / WIDEST) if band else 1.0
    up, down = ratio_near(np.exp(rng.uniform(*np.log([narrowest, STRETCH[1]]))))
    samples = resample_poly(samples, up, down)
    room = 0.5 - band.bandwidth * down / up / 2 if band else 0.4
    offset = rng.uniform(-1, 1) * max(0.0, room)
    samples = samples * np.exp(2j * np.pi * offset * np.arange(len(samples)))
    return np.pad(samples, SILENCE)


def conditioned(samples, at_its_rate=False):
    """What the conditioner makes of the longest burst in some samples.

    Nothing, if it hears none, or with ``at_its_rate`` none whose symbol rate it finds.
    """
    conditioner, bursts = Conditioner(), {}
    for piece in conditioner.push(samples) + conditioner.finish():
        if piece.burst.symbol_rate or not at_its_rate:
            bursts.setdefault(piece.burst.number, []).append(piece.samples)
    nothing = [np.empty(0, np.complex64)]
    return np.concatenate(max(bursts.values(), key=lambda parts: sum(map(len, parts)), default=nothing))


def _transmit(
    modulation, rng, speech, am_ssb, channel_seeds, snr, model=CHANNEL, spread=False, condition=0.0
):
    """One pass: a fresh message through transmitter and channel; complex64 samples."""
    fresh_seed = int(rng.integers(1, 2**31))
    channel_seed = fresh_seed if channel_seeds == "fresh" else FIXED_CHANNEL_SEED
    channel = channels.dynamic_channel_model(*model.values(), noise_amplitude(snr), channel_seed)
    if modulation == "AM-SSB" and am_ssb == "noise":
        silence = blocks.null_source(gr.sizeof_gr_complex)
        length = blocks.head(gr.sizeof_gr_complex, int(PASS_ITEMS * SAMPLE_RATE / AUDIO_RATE))
        return run(silence, length, channel)
    # A burst of noise has no modulation.
    if condition and modulation != "NOISE" and rng.random() < condition:
        samples = run(blocks.vector_source_c(received_signal(modulation, rng, speech).tolist()), channel)
        # At any other number of samples a symbol a linear modulation looks like noise, or OFDM.
        return conditioned(samples, issubclass(TRANSMITTERS[modulation], linear_transmitter))
    if spread:
        return run(blocks.vector_source_c(spread_signal(modulation, rng, speech).tolist()), channel)
    transmitter = TRANSMITTERS[modulation]()
    return run(message(transmitter, rng, speech), transmitter, channel)


def synthesize(
    modulation, snr, n_frames, seed, am_ssb="signal", channel_seeds="fresh", spread=False, condition=0.0
):
    """Frames of one key of an RML2016.10a-like data set.

    Args:
        modulation: name in ``TRANSMITTERS``
        snr: SNR label in dB, see ``noise_amplitude``
        n_frames: number of frames
        seed: seed of the data set
        am_ssb: ``"signal"``: AM-SSB is transmitted; ``"noise"``: noise alone, as in the release
        channel_seeds: ``"fresh"``: each pass has a channel of its own; ``"fixed"``: all have the same,
            as in the release
        spread: vary each pass's samples a symbol, carrier offset and transmitter's arguments (roll-off,
            deviation …) over their usual ranges; else 8, 0 and the transmitter's own
        condition: share of the passes that are received at any rate and frequency and brought back by the
            conditioner (`sr2cnn_learn.conditioning`); these are spread, too. Noise is never conditioned, and
            passes of a linear modulation whose symbol rate the conditioner does not find are left out

    Returns:
        float32 (n_frames, 128, 2), each frame divided by its Σ|x|
    """
    if n_frames < 1:
        raise ValueError(f"n_frames is {n_frames}, expected at least 1")
    if not 0 <= condition <= 1:
        raise ValueError(f"condition is {condition}, expected a share, 0 to 1")
    check_modulations([modulation])
    _check_oddities(am_ssb, channel_seeds)
    rng, speech = streams(modulation, snr, seed)
    frames = np.empty((n_frames, FRAME_LEN), dtype=np.complex64)
    done = unheard = 0
    while done < n_frames:
        samples = _transmit(
            modulation, rng, speech, am_ssb, channel_seeds, snr, spread=spread, condition=condition
        )
        unheard = unheard + 1 if len(samples) <= FIRST_FRAME[1] + FRAME_LEN else 0
        if unheard > MOST_PASSES:
            raise ValueError(
                f"{modulation} at {snr} dB: the conditioner hears nothing, expected a higher SNR"
            )
        start = rng.integers(*FIRST_FRAME, endpoint=True)
        while start + FRAME_LEN < len(samples) and done < n_frames:
            frame = samples[start : start + FRAME_LEN]
            frames[done] = frame / np.sum(np.abs(frame))
            done += 1
            stride = max(FRAME_LEN, round(len(samples) * MAX_STRIDE))
            start += rng.integers(FRAME_LEN, stride, endpoint=True)
    return interleaved(frames)


def synthesize_slices(modulation, snr, seed, am_ssb="signal", channel_seeds="fresh"):
    """Frames of one key of an RML2016.04C-like data set.

    One pass, cut into frames that overlap by half, at most 1000: the number of frames depends on the
    modulation, and neighbours share samples.

    Args:
        modulation, snr, seed, am_ssb, channel_seeds: see ``synthesize``

    Returns:
        float32 (n, 128, 2), each frame divided by its Σ|x|
    """
    check_modulations([modulation])
    _check_oddities(am_ssb, channel_seeds)
    rng, speech = streams(modulation, snr, seed)
    samples = _transmit(modulation, rng, speech, am_ssb, channel_seeds, snr, CHANNEL_04C)
    windows = np.lib.stride_tricks.sliding_window_view(samples[TRIM_04C:-TRIM_04C], FRAME_LEN)
    frames = windows[::HOP_04C][:MAX_FRAMES_04C]
    return interleaved(frames / np.abs(frames).sum(axis=1, keepdims=True))


def radioml2016(
    frames_per_key=1000,
    snrs=SNRS,
    seed=0,
    am_ssb="signal",
    channel_seeds="fresh",
    modulations=None,
    spread=False,
    condition=0.0,
    jobs=None,
    progress=None,
):
    """A data set in the layout and by the recipe of RML2016.10a.

    Args:
        frames_per_key: frames for each (modulation, snr)
        snrs: SNR labels in dB
        seed, am_ssb, channel_seeds, spread, condition: see ``synthesize``
        modulations: names in ``TRANSMITTERS``, default the release's eleven
        jobs: number of processes, default one a core
        progress: called with the number of frames whenever a key is done

    Returns:
        dict (modulation, snr) → float32 (frames_per_key, 128, 2)
    """
    arguments = (frames_per_key, seed, am_ssb, channel_seeds, spread, condition)
    return build(synthesize, arguments, modulations, snrs, jobs, progress)


def radioml2016c(
    snrs=SNRS,
    seed=0,
    am_ssb="signal",
    channel_seeds="fresh",
    modulations=None,
    jobs=None,
    progress=None,
):
    """A data set in the layout and by the recipe of RML2016.04C.

    Args:
        snrs, seed, am_ssb, channel_seeds, modulations, jobs, progress: see ``radioml2016``

    Returns:
        dict (modulation, snr) → float32 (n, 128, 2), n by the modulation
    """
    arguments = (seed, am_ssb, channel_seeds)
    return build(synthesize_slices, arguments, modulations, snrs, jobs, progress)


def _follow_parent():
    """A worker leaves Ctrl-C to the process that made it, and ends with that, whatever ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait():
        parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def build(synthesize_key, arguments, modulations, snrs, jobs, progress):
    """All keys in parallel: dict (modulation, snr) → ``synthesize_key(modulation, snr, *arguments)``."""
    keys = [(m, int(s)) for m in check_modulations(modulations) for s in snrs]
    if not keys:
        raise ValueError("no keys to build: expected at least one modulation and one snr")
    dataset = dict.fromkeys(keys)  # keeps the keys in order, whichever is done first
    # Workers are spawned, not forked: GNU Radio's threads do not survive a fork.
    pool = ProcessPoolExecutor(
        jobs or os.cpu_count(), mp_context=get_context("spawn"), initializer=_follow_parent
    )
    try:
        futures = {pool.submit(synthesize_key, *key, *arguments): key for key in keys}
        for future in as_completed(futures):
            dataset[futures[future]] = future.result()
            if progress:
                progress(len(dataset[futures[future]]))
    finally:
        pool.shutdown(cancel_futures=True)
    return dataset
