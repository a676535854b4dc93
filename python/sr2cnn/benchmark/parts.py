# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts around the encoder: detector, discriminator kernel, framer and frame queue."""

import time

import numpy as np
from gnuradio import blocks, gr
from scipy import signal
from sr2cnn_learn.benchmark.row import Row, best_rate
from sr2cnn_learn.discriminator import Discriminator

from ..sr2cnn_python import detector_kernel, discriminator_kernel, frame_queue, framer, power_spectra

N_KNOWN, N_UNKNOWN, DIM = 9, 5, 256
N_FRAMES = 8192
UNKNOWN_SHARE = 0.2
FRAME_LEN = 128
BATCH = 2048  # frames of a buffer
BAND = 1 << 22  # samples
AT_A_TIME = 40  # emissions on the air: four in each tenth of the band


def stream(n_known=N_KNOWN, n_unknown=N_UNKNOWN, dim=DIM, seed=0):
    """Options of a discriminator of well separated classes, covariances, and semantic vectors."""
    rng = np.random.default_rng(seed)
    centers = 2 * rng.standard_normal((n_known + n_unknown, dim))
    known = rng.integers(0, n_known, N_FRAMES)
    unknown = rng.integers(n_known, n_known + n_unknown, N_FRAMES)
    of = np.where(rng.random(N_FRAMES) < UNKNOWN_SHARE, unknown, known)
    z = centers[of] + 0.7 * rng.standard_normal((N_FRAMES, dim))
    factor = rng.standard_normal((n_known, dim, dim)) * 0.02
    covariances = 0.5 * np.eye(dim) + factor @ factor.transpose(0, 2, 1)
    # λ1 as a threshold between frames of a class, at √t, and those of others, at 3 √t.
    options = dict(centers=centers[:n_known], lambda1=0.6, lambda2=0.0, theta2="median")
    return options, covariances, z.astype(np.float32)


def plain_loop(z, centers, covariances, lambda1, lambda2):
    """Class ids as of Algorithm 2, written down as the authors' released code does: frame by frame, class by
    class, each distance through a full t × t matrix, Euclidean ones through an identity made on the spot.
    What the kernel is compared with."""
    inverses = [np.linalg.inv(covariance) for covariance in covariances]
    dim = z.shape[1]
    threshold = lambda1 * 3 * np.sqrt(dim)

    def length(offset, matrix):
        return np.sqrt(np.dot(np.dot(offset, matrix), offset))

    discovered, ids = [], []  # of each class center and number of members
    for frame in z:
        generalised, euclidean = [], []
        for center, inverse in zip(centers, inverses):
            offset = frame - center
            generalised.append(length(offset, inverse))
            euclidean.append(length(offset, np.eye(dim)))
        nearest = int(np.argmin(generalised))
        if generalised[nearest] < threshold:
            ids.append(nearest)
            continue
        recorded = [length(frame - center, np.eye(dim)) for center, _ in discovered]
        theta2 = (min(euclidean) + lambda2 * np.median(euclidean)) / (1 + lambda2)
        if recorded and min(recorded) <= theta2:
            found = int(np.argmin(recorded))
            center, members = discovered[found]
            discovered[found] = center + (frame - center) / (members + 1), members + 1
        else:
            found = len(discovered)
            discovered.append((frame, 1))
        ids.append(-1 - found)
    return np.array(ids)


def kernels(seconds=1.0):
    """Rows of the discriminator kernel, each distance, against the numpy reference and ``plain_loop``."""
    options, covariances, z = stream()
    variances = np.diagonal(covariances, axis1=1, axis2=2).copy()
    diagonal = np.stack([np.diag(v) for v in variances])
    few = z[:64]
    known = options["centers"], diagonal, options["lambda1"], options["lambda2"]
    plain = best_rate(len(few), lambda: plain_loop(few, *known), seconds)
    shape = f"{N_KNOWN} classes, t = {DIM}"
    rows = [Row("discriminator", f"plain loop, full matrices, {shape}", plain, "frames/s")]
    for distance in ("diagonal", "isotropic", "euclidean", "mahalanobis"):
        spread = dict(covariances=covariances) if distance == "mahalanobis" else dict(variances=variances)
        full = dict(options, distance=distance, **spread)
        kernel = discriminator_kernel(**full)
        rate = best_rate(len(z), lambda: kernel.predict(z), seconds, time.thread_time)
        reference = best_rate(len(z), lambda: Discriminator(**full).predict(z), seconds, time.thread_time)
        found = f"{len(kernel.discovered)} discovered"
        diagonal_only = distance == "diagonal"
        at_least = 1e6 if diagonal_only else None
        rows += [
            Row(
                "discriminator",
                f"{distance}, numpy",
                reference,
                "frames/s",
                reference / plain,
                "plain loop",
            ),
            Row("discriminator", f"{distance}, kernel, {found}", rate, "frames/s", at_least=at_least),
            Row(
                "discriminator",
                f"{distance}, kernel",
                rate,
                "frames/s",
                rate / reference,
                "numpy",
                8 if diagonal_only else None,
            ),
            Row(
                "discriminator",
                f"{distance}, kernel",
                rate,
                "frames/s",
                rate / plain,
                "plain loop",
                1000 if diagonal_only else None,
            ),
        ]
    return rows


def busy_band(seed=0):
    """Noise, and emissions of random places, widths and strengths: complex64 (BAND,)."""
    rng = np.random.default_rng(seed)

    def noise(n):
        return rng.standard_normal((n, 2), np.float32) @ np.array([1, 1j], np.complex64)

    samples, length = noise(BAND), BAND // 16
    for _ in range(AT_A_TIME * BAND // length):
        width = 10 ** rng.uniform(-3, -1.7)
        taps = signal.firwin(2 * round(2 / width) + 1, width)
        filled = signal.oaconvolve(noise(length), taps, "same") * 10 ** rng.uniform(0.15, 1.5)
        start, center = rng.integers(0, BAND - length), rng.uniform(-0.45, 0.45)
        samples[start : start + length] += filled * np.exp(2j * np.pi * center * np.arange(length))
    return samples


def detecting(seconds=1.0):
    """Rows of the detector in a busy band, against all the spectra that it takes, on one core."""
    samples, kernel = busy_band(), detector_kernel()

    def spectra():
        for size in detector_kernel.WINDOWS:
            power_spectra(samples, size)

    alone = best_rate(BAND, spectra, seconds, time.thread_time)

    def detect():
        kernel.push(samples)
        kernel.take()

    rate = best_rate(BAND, detect, seconds, time.thread_time)
    return [
        Row("detector", "its spectra alone, one core", alone, "samples/s"),
        Row("detector", "one core", rate, "samples/s", rate / alone, "its spectra alone", 0.4),
        Row("detector", "one core, every sample", rate, "samples/s", at_least=20e6),
    ]


def framing(seconds=2.0):
    """Row of framer and frame queue: samples a second of processor time, of all the flowgraph's threads."""
    top_block = gr.top_block()
    source = blocks.null_source(gr.sizeof_gr_complex)
    sink = blocks.null_sink(gr.sizeof_gr_complex * FRAME_LEN)
    cut, queue = framer(FRAME_LEN), frame_queue(FRAME_LEN, 1024, "block")
    source.set_min_output_buffer(0, BATCH * FRAME_LEN)  # the port's: this source has no number of ports
    for block in (cut, queue):
        block.set_min_output_buffer(BATCH)
    top_block.connect(source, cut, queue, sink)
    top_block.start()
    time.sleep(seconds / 4)
    before, start = sink.nitems_read(0), time.process_time()
    time.sleep(seconds)
    n_frames, spent = sink.nitems_read(0) - before, time.process_time() - start
    top_block.stop()
    top_block.wait()
    return [Row("framer and queue", "one core", n_frames * FRAME_LEN / spent, "samples/s", at_least=200e6)]
