# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signal looks like: attributes measured on frames, read back from semantic vectors, put into words.

A discovered class has no name, but its center in the semantic space says something about its signal. A ridge
regression, fitted on training frames, reads the attributes from any vector of that space; `look` turns them
into a family by a rule of a few limits. All attributes are of one frame and free of scale; frequencies are in
cycles a sample, that is, in shares of the sample rate.
"""

import numpy as np

#: Name of each column of `frame_attributes`.
ATTRIBUTES = (
    "envelope_variation",  # standard deviation of |x| over its mean: 0 constant, 0.52 Gaussian noise
    "bandwidth",  # between the frequencies below and above which 0.5 % of the power lies (ITU-R SM.443)
    "frequency_deviation",  # standard deviation of the instantaneous frequency, weighted by power
    "frequency_share",  # what it makes of the mean square width of the spectrum: FM 1, QAM 1/2, ASK 0
    "symbol_rate",  # strongest cyclic line, 0 where there is none
    "square_line",  # strongest line of x², share of Σ|x|²: 1 for states on one line, as BPSK and ASK have
    "fourth_line",  # the same of x⁴: high for four phases, too
)
R2_LIMIT = 0.3  # attributes with less on held-out frames are not read from semantic vectors
MIN_FIT_FRAMES = 50
MAX_FIT_FRAMES = 20_000
HELD_OUT = 5  # every fifth frame
CHUNK = 4096  # frames at once, for memory

POWER_OUTSIDE = 0.005  # on each side of the occupied bandwidth
FLOOR_FACTOR = 4  # noise floor over the mean of the lowest quarter of the bins (exponential: 7.5)
LINE_FFT = 512
LOWEST_LINE = 1 / 24  # below lies what the random data leave in every cyclic spectrum
STEP_LINE_MOST = 1.5  # of the bandwidth; GFSK of 8 samples a symbol has 1.33
POWER_LINE_BAND = 0.68, 1.02  # of the bandwidth; roll-offs from 0.5 to 0.15 have 0.75 to 0.95
LINE_SURROUNDINGS = 20  # bins on each side


def frame_attributes(frames):
    """Attributes measured on frames.

    Args:
        frames: complex (N, frame_len) of finite values, at least 8 samples, of any scale

    Returns:
        float64 (N, A), finite, columns as in ``ATTRIBUTES``; all zero for a frame of zeros

    Raises:
        ValueError: ``frames`` has another shape or type
    """
    frames = np.asarray(frames)
    if frames.ndim != 2 or frames.shape[1] < 8 or not np.iscomplexobj(frames):
        raise ValueError(
            f"frames are {frames.dtype}{frames.shape}, expected complex (N, frame_len) of 8 samples or more"
        )
    parts = [_attributes(frames[i : i + CHUNK]) for i in range(0, len(frames), CHUNK)]
    return np.concatenate([np.empty((0, len(ATTRIBUTES))), *parts])


def _attributes(frames):
    x, silent = _unit_power(frames)
    envelope = np.abs(x)
    deviation, share, step = _frequency(x, envelope)
    variation = envelope.std(axis=1) / envelope.mean(axis=1)
    bandwidth = _occupied_bandwidth(x)
    constant = (variation < CONSTANT_ENVELOPE) | (share > FREQUENCY_SHARE)
    rate = np.where(constant, _step_line(step, bandwidth), _power_line(envelope, bandwidth))
    lines = [_strongest_line(x**power) for power in (2, 4)]
    columns = variation, bandwidth, deviation, share, rate, *lines
    return np.where(silent[:, None], 0.0, np.stack(columns, axis=1))


def _unit_power(frames):
    """Frames at unit mean power, complex128 (all ones where silent), and which are silent."""
    parts = np.ascontiguousarray(frames, np.complex128).view(np.float64).reshape(*frames.shape, 2)
    peak = np.abs(parts).max(axis=(1, 2), keepdims=True)  # first, so that no square over- or underflows
    silent = peak == 0
    parts = np.where(silent, [1.0, 0.0], parts / np.where(silent, 1.0, peak))
    parts /= np.sqrt(np.mean(np.sum(parts**2, axis=2), axis=1))[:, None, None]
    return parts[:, :, 0] + 1j * parts[:, :, 1], silent[:, 0, 0]


def _frequency(x, envelope):
    """Frequency deviation and share (N,), and the phase step from sample to sample (N, frame_len − 1)."""
    product = x[:, 1:] * x[:, :-1].conj()
    weight = np.abs(product)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-30)
    weight = weight / total
    step = np.angle(product) / (2 * np.pi)
    mean = np.sum(weight * step, axis=1, keepdims=True)
    by_frequency = np.sum(weight * (step - mean) ** 2, axis=1)
    by_envelope = np.sum(np.diff(envelope, axis=1) ** 2, axis=1) / (4 * np.pi**2 * total[:, 0])
    share = by_frequency / np.maximum(by_frequency + by_envelope, 1e-30)
    return np.sqrt(by_frequency), share, step


def _occupied_bandwidth(x):
    n = x.shape[1]
    power = np.abs(np.fft.fft(x * _window(n), axis=1)) ** 2
    floor = np.sort(power, axis=1)[:, : n // 4].mean(axis=1, keepdims=True)
    power = np.maximum(np.fft.fftshift(power, axes=1) - FLOOR_FACTOR * floor, 0)
    below = np.cumsum(power, axis=1)
    below /= np.maximum(below[:, -1:], 1e-30)
    return (np.sum(below < 1 - POWER_OUTSIDE, axis=1) - np.sum(below < POWER_OUTSIDE, axis=1) + 1) / n


def _window(n):
    return np.hanning(n + 2)[1:-1]


def _cyclic_spectrum(values):
    """Power at the frequencies k / LINE_FFT of real values (N, n), their mean taken away."""
    values = values - values.mean(axis=1, keepdims=True)
    values = values[:, :LINE_FFT] * _window(min(values.shape[1], LINE_FFT))
    return np.abs(np.fft.rfft(values, LINE_FFT, axis=1)) ** 2


def _peak(spectrum, allowed):
    """Frequency of the strongest allowed bin; 0 without one."""
    return np.argmax(np.where(allowed, spectrum, 0), axis=1) / LINE_FFT


def _frequencies():
    return np.arange(LINE_FFT // 2 + 1) / LINE_FFT


def _step_line(step, bandwidth):
    """Line of the squared change of the phase step: frequency modulation changes it once a symbol."""
    spectrum, frequency = _cyclic_spectrum(np.diff(step, axis=1) ** 2), _frequencies()
    allowed = (frequency >= LOWEST_LINE) & (frequency <= STEP_LINE_MOST * bandwidth[:, None])
    return _peak(spectrum, allowed)


def _power_line(envelope, bandwidth):
    """Line of |x|², which pulses of some excess bandwidth have at the symbol rate, near their bandwidth."""
    spectrum, around = _cyclic_spectrum(envelope**2), LINE_SURROUNDINGS
    padded = np.pad(spectrum, ((0, 0), (around, around)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1, axis=1)
    floor = np.median(windows, axis=2) + 1e-9 * spectrum.max(axis=1, keepdims=True) + 1e-30
    frequency = _frequencies() / bandwidth[:, None]
    near = (frequency >= POWER_LINE_BAND[0]) & (frequency <= POWER_LINE_BAND[1])
    return _peak(spectrum / floor, near & (_frequencies() >= LOWEST_LINE))


def _strongest_line(values):
    spectrum = np.abs(np.fft.fft(values, max(LINE_FFT, values.shape[1]), axis=1))
    return spectrum.max(axis=1) / np.maximum(np.abs(values).sum(axis=1), 1e-30)


def fit_attributes(z, frames):
    """Ridge regression that reads attributes from semantic vectors; every fifth frame is held out for R².

    Args:
        z: float (N, dim), semantic vectors of ``frames``
        frames: complex (N, frame_len), at least 50; more than ``MAX_FIT_FRAMES`` gain nothing

    Returns:
        attribute_weights, float32 (dim + 1, A), the constant in the last row, for ``semantics.npz``; and
        ``{"names": [...], "r2": [...]}``, R² on held-out frames, for the card under ``attributes``

    Raises:
        ValueError: z and frames do not fit, or are too few
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    z, frames = np.asarray(z, dtype=np.float64), np.asarray(frames)
    if z.ndim != 2 or len(z) != len(frames) or len(z) < MIN_FIT_FRAMES:
        raise ValueError(
            f"z has shape {z.shape}, expected (N, dim) with N of {len(frames)} frames, at least "
            f"{MIN_FIT_FRAMES}"
        )
    values = frame_attributes(frames)
    held_out = np.arange(len(z)) % HELD_OUT == 0
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-1, 4, 11)))
    model.fit(z[~held_out], values[~held_out])
    r2 = r2_score(values[held_out], model.predict(z[held_out]), multioutput="raw_values")
    constant = model.predict(np.zeros((1, z.shape[1])))
    slopes = model[1].coef_.T / model[0].scale_[:, None]
    card = {"names": list(ATTRIBUTES), "r2": [round(float(value), 4) for value in r2]}
    return np.concatenate([slopes, constant]).astype(np.float32), card


def read_attributes(z, attribute_weights, names, r2):
    """Attributes of one semantic vector, by name, those with R² of at least ``R2_LIMIT``.

    Args:
        z: float (dim,)
        attribute_weights: float (dim + 1, A)
        names, r2: A of each, see `fit_attributes`
    """
    values = np.append(np.asarray(z, dtype=np.float64), 1.0) @ attribute_weights
    held = zip(names, values.tolist(), r2)
    return {name: max(value, 0.0) for name, value, quality in held if quality >= R2_LIMIT}


#: Those in cycles a sample.
FREQUENCIES = ("bandwidth", "frequency_deviation", "symbol_rate")

# The rule. Limits lie between what `frame_attributes` gives, on average, for the modulations of
# `gnuradio.sr2cnn.synthesis.transmitters` through the channel of RML2016.10a at its label 18 dB.
NARROW = 0.06  # bandwidth of what stays a carrier within a frame
STILL = 0.008  # its frequency deviation
CARRIER_ENVELOPE = 0.03  # tone 0.01, AM-DSB 0.04
CONSTANT_ENVELOPE = 0.15
VARYING_ENVELOPE = 0.25  # OQPSK 0.23, which is neither
FREQUENCY_SHARE = 0.8  # OQPSK 0.75, CPFSK 0.87
REAL_SHARE = 0.4  # BPSK 0.27, QAM 0.53
NOISE_ENVELOPE = 0.46, 0.6  # QAM256 0.42, noise 0.52
LINEAR_BANDWIDTH = 0.4
FAMILIES = ("AM", "FM/FSK", "PSK/QAM", "OFDM/noise", "carrier")


def look(attributes):
    """Attributes in the terms of the field.

    The family is the first that fits: ``carrier`` or ``AM`` for a narrow band of still frequency, by the
    envelope; ``OFDM/noise`` for an envelope as Gaussian noise has and a complex signal; ``FM/FSK`` for a
    constant envelope, or nearly all width from frequency; ``PSK/QAM`` (ASK and PAM among them) for any
    other band that is no carrier's and not wide. Else, or where an attribute is missing, ``unsure``.

    Args:
        attributes: dict by name, as from `read_attributes`

    Returns:
        dict: ``family``, one of ``FAMILIES`` or ``"unsure"``; ``envelope``, ``"constant"``, ``"varying"``
        or ``"unsure"``; and each of ``ATTRIBUTES`` as float, or None where it is missing. ``symbol_rate``
        is None but for PSK/QAM, too: on frequency modulation the lines of frames agree too seldom
    """
    known = {name: attributes.get(name) for name in ATTRIBUTES}
    family = _family(known)
    if family != "PSK/QAM":
        known["symbol_rate"] = None
    return {"family": family, "envelope": _envelope(known["envelope_variation"]), **known}


def in_words(description):
    """A description, as from ``Bundle.describe``, as a line: "FM/FSK, constant envelope, near GFSK (1.3 Θ)".

    Frequencies are in hertz where the description has them, else in shares of the sample rate (fs).
    """
    words = []
    if description.get("family", "unsure") != "unsure":
        words.append(description["family"])
    if description.get("envelope", "unsure") != "unsure":
        words.append(f"{description['envelope']} envelope")
    for name, what in (("bandwidth", "wide"), ("symbol_rate", "symbol rate")):
        if description.get(f"{name}_hz") is not None:
            words.append(f"{_hertz(description[f'{name}_hz'])} {what}")
        elif description.get(name) is not None:
            words.append(f"{description[name]:.2g} fs {what}")
    nearest = description.get("nearest_known")
    if nearest:
        words.append(f"near {nearest['label']} ({nearest['distance']:.2g} Θ)")
    return ", ".join(words) or "unsure"


def _hertz(value):
    for factor, unit in ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g} Hz"


def _envelope(variation):
    if variation is None or CONSTANT_ENVELOPE <= variation < VARYING_ENVELOPE:
        return "unsure"
    return "constant" if variation < CONSTANT_ENVELOPE else "varying"


def _family(known):
    names = "envelope_variation", "bandwidth", "frequency_deviation", "frequency_share"
    variation, bandwidth, deviation, share = (known[name] for name in names)
    if None in (variation, bandwidth, deviation, share):
        return "unsure"
    if bandwidth < NARROW and deviation < STILL:
        return "carrier" if variation < CARRIER_ENVELOPE else "AM"
    if NOISE_ENVELOPE[0] <= variation <= NOISE_ENVELOPE[1] and share > REAL_SHARE:
        return "OFDM/noise"
    if variation < CONSTANT_ENVELOPE or (share > FREQUENCY_SHARE and variation < NOISE_ENVELOPE[0]):
        return "FM/FSK"
    if NARROW <= bandwidth < LINEAR_BANDWIDTH and share <= FREQUENCY_SHARE:
        return "PSK/QAM"
    return "unsure"
