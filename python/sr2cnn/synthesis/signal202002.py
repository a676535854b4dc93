# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets after SIGNAL-202002 (Dong et al., IEEE TSP 2021): frames that share nothing, at true SNRs.

As the paper says it: eleven modulations, 8 samples a symbol, 128 samples a frame, white Gaussian noise,
Rayleigh fading, multipath and clock offset, SNRs of 2 to 40 dB. Unlike those of ``radioml``, each
frame has a channel of its own, and the label is the frame's SNR. What the paper leaves open, the
constants below, is ours.
"""

import numpy as np
from gnuradio import blocks, channels, filter
from sr2cnn_learn.iq import interleaved

from .radioml import FRAME_LEN, MAX_STRIDE, build, check_modulations, message, run, streams
from .transmitters import HILBERT_TAPS, SAMPLE_RATE, TRANSMITTERS

SNRS = tuple(range(2, 42, 2))  # dB

DOPPLER = 4.0  # Hz
SINUSOIDS = 8  # that make a tap's fading
DELAYS = (0.0, 1.8, 3.4)  # samples
GAINS = (0.0, -2.0, -10.0)  # dB, mean of each path
CHANNEL_TAPS = 8
CLOCK_OFFSET = 5e-6  # largest, of both the sampling clock and the carrier
CARRIER = 902e6  # Hz

MARGIN = 32  # samples on either side of a frame: transients of the channel
END = 500  # samples at the end of a pass that are left out
SILENCE = 1e-6  # mean power: 60 dB below full scale


def add_noise(frames, snr, rng):
    """White Gaussian noise, ``snr`` dB below each frame's own mean power.

    Args:
        frames: complex (n, L)
        snr: in dB
        rng: ``numpy.random.Generator``

    Returns:
        complex (n, L)
    """
    noise = rng.standard_normal((*frames.shape, 2)) @ [1, 1j] / np.sqrt(2)
    power = np.mean(np.abs(frames) ** 2, axis=1, keepdims=True)
    return frames + np.sqrt(power * 10 ** (-snr / 10)) * noise


def _receive(samples, rng):
    """The samples behind a channel of their own, some ten fewer."""
    offset = rng.uniform(-CLOCK_OFFSET, CLOCK_OFFSET)
    # not by GNU Radio's rotator, whose last bits depend on where its buffers lie
    samples = samples * np.exp(2j * np.pi * offset * CARRIER / SAMPLE_RATE * np.arange(len(samples)))
    return run(
        blocks.vector_source_c(samples.tolist()),
        filter.mmse_resampler_cc(rng.uniform(0, 1), 1 + offset),
        channels.selective_fading_model(
            SINUSOIDS,
            DOPPLER / SAMPLE_RATE,
            False,  # no line of sight: Rayleigh
            0.0,
            int(rng.integers(1, 2**31)),
            DELAYS,
            [10 ** (gain / 20) for gain in GAINS],
            CHANNEL_TAPS,
        ),
    )


def synthesize(modulation, snr, n_frames, seed):
    """Frames of one key.

    Stretches of silence, of which an SNR would mean nothing, make no frame.

    Args:
        modulation: name in ``TRANSMITTERS``
        snr: SNR of each frame in dB
        n_frames: number of frames
        seed: seed of the data set

    Returns:
        float32 (n_frames, 128, 2), each frame at unit mean power
    """
    if n_frames < 1:
        raise ValueError(f"n_frames is {n_frames}, expected at least 1")
    check_modulations([modulation])
    rng, speech = streams(f"SIGNAL-202002 {modulation}", snr, seed)
    frames = np.empty((n_frames, FRAME_LEN), dtype=np.complex64)
    length = FRAME_LEN + 2 * MARGIN
    done = 0
    while done < n_frames:
        transmitter = TRANSMITTERS[modulation]()
        samples = run(message(transmitter, rng, speech), transmitter)
        # a resampler gives a few samples more or fewer each time, from which nothing may follow
        end = (len(samples) - END) // 1000 * 1000
        start = int(rng.integers(HILBERT_TAPS, 2 * HILBERT_TAPS))
        while start + length < end and done < n_frames:
            stretch = samples[start : start + length]
            start += int(rng.integers(length, round(end * MAX_STRIDE), endpoint=True))
            if np.mean(np.abs(stretch[MARGIN : MARGIN + FRAME_LEN]) ** 2) < SILENCE:
                continue
            frames[done] = _receive(stretch, rng)[MARGIN : MARGIN + FRAME_LEN]
            done += 1
    frames = add_noise(frames, snr, rng)
    frames /= np.sqrt(np.mean(np.abs(frames) ** 2, axis=1, keepdims=True))
    return interleaved(frames)


def signal202002(frames_per_key=1000, snrs=SNRS, seed=0, modulations=None, jobs=None, progress=None):
    """A data set in the layout and after the recipe of SIGNAL-202002.

    Args:
        frames_per_key: frames for each (modulation, snr)
        snrs: SNRs in dB
        seed: of everything random
        modulations: names in ``TRANSMITTERS``, default the paper's eleven
        jobs: number of processes, default one a core
        progress: called with the number of frames whenever a key is done

    Returns:
        dict (modulation, snr) → float32 (frames_per_key, 128, 2)
    """
    return build(synthesize, (frames_per_key, seed), modulations, snrs, jobs, progress)
