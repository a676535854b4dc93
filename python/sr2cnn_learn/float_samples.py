# SPDX-License-Identifier: GPL-3.0-or-later
"""Are these floats samples of a receiver, or other data under a wrong name?

Integers that are read as floats have their leading bits in the exponent: half of the values are huge, half
are next to nothing. No receiver gives that, nor a simulation of one: not a burst of 200 dB over silence, nor
a tail that dies away in denormals, nor a division by zero.
"""

from __future__ import annotations

import numpy as np

SMALLEST, LARGEST = 2.0**-60, 2.0**60  # magnitudes in between are 720 dB
SHARE = 0.01  # of the values beyond each end, at least
ENOUGH = 16  # values to judge by
DISTINCT = 100  # values of I, and of Q, that are no accident
FLOATS = {"cf32": "<f4", "cf32_be": ">f4", "cf64": "<f8", "cf64_be": ">f8"}
INTEGERS = {"ci8": "i1", "cu8": "u1", "ci16": "<i2", "ci16_be": ">i2", "cu16": "<u2", "ci32": "<i4"}
NOISE = 0.5  # rms of full scale; what fills its range evenly has 0.577, and is no signal
TOLERANCE = 1.1


def check_floats(data: bytes, dtype: np.dtype, where: str) -> None:
    """Refuse data that is no recording of floats.

    Args:
        data: whole samples from all over a recording
        dtype: of I and of Q: float32 or float64, of either byte order
        where: what begins the message

    Raises:
        ValueError: It is none; with the datatype that it seems to have, if any.
    """
    stated = f"cf{8 * dtype.itemsize}" + "_be" * (dtype.byteorder == ">")
    if dtype.itemsize == 8 and _is_cf32(data):
        raise ValueError(f"{where}: no samples of {stated}; is this cf32?")
    low, high, n = _beyond(np.frombuffer(data, dtype))
    both_ends, none_within = min(low, high) >= max(ENOUGH / 4, SHARE * n), low + high == n
    if n >= ENOUGH and (both_ends or none_within):
        other = _likely(data, stated)
        hint = f"; is this {other}?" if other else ""
        what = "no receiver gives values so huge and so tiny"
        raise ValueError(f"{where}: no samples of {stated}: {what}{hint}")


def _beyond(values) -> tuple[int, int, int]:
    """How many values are tiny, how many huge, and of how many; zeros do not count, nor divisions by zero."""
    native = values.astype(values.dtype.newbyteorder("="))
    unsigned = np.dtype(f"u{native.itemsize}")
    bits = native.view(unsigned) & (np.iinfo(unsigned).max >> 1)  # without the sign
    smallest, largest, inf, nan = np.array([SMALLEST, LARGEST, np.inf, np.nan], native.dtype).view(unsigned)
    counted = (bits > 0) & (bits != inf) & (bits != nan)  # any other NaN comes from no division
    low, high = counted & (bits < smallest), counted & (bits >= largest)
    return int(low.sum()), int(high.sum()), int(counted.sum())


def _is_cf32(data) -> bool:
    """Whether doubles surely are pairs of floats: a double's lower half is noise, or has few values."""
    for part in np.frombuffer(data, "<f4").reshape(-1, 2).T:
        low, high, n = _beyond(part)
        if low or high or n < DISTINCT or len(np.unique(part)) < DISTINCT:
            return False
    return True


def _likely(data, stated) -> str | None:
    """The datatype that the data seems to have, a simple one first."""
    for name, dtype in FLOATS.items():
        values = np.frombuffer(data[: len(data) // 16 * 16], dtype)
        if name != stated and _beyond(values)[:2] == (0, 0):
            return name
    rms = {}
    for name, dtype in INTEGERS.items():
        values = np.frombuffer(data, dtype).astype(float)
        half = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
        middle = half - 0.5 if name[1] == "u" else 0.0
        rms[name] = float(np.sqrt(np.mean(((values - middle) / half) ** 2)))
    least = min(rms.values())  # read in a wrong way, a signal's lower bytes are noise over the whole range
    return next((name for name in rms if rms[name] <= TOLERANCE * least < NOISE), None)
