# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers from people and from files: with an SI prefix, hertz with their unit, finite ones in JSON."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import math
import operator
import re
from decimal import Decimal

from .names import shown

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)"
_QUANTITY = re.compile(_NUMBER + "([kMG]?)", re.ASCII)
_HERTZ = re.compile(_NUMBER + r" ?(?:([kKMGg]?)|([kKmMgG]?)[hH][zZ])", re.ASCII)
_EXPONENTS = {"": 0, "K": 3, "M": 6, "G": 9}


def parse_quantity(text: str) -> float:
    """A number with an SI prefix or without: ``100M``, ``250k``, ``1.6e6``.

    Raises:
        ValueError: It is none, or is not finite.
    """
    match = _QUANTITY.fullmatch(text.strip())
    value = _scaled(*match.groups()) if match else math.inf
    if not math.isfinite(value):
        raise ValueError(f"{text[:100]!r} is no number; expected, for example, 868.95M, 250k or 1.6e6")
    return value


def parse_hertz(text: str) -> float:
    """A frequency or a sample rate in Hz: ``868.95M``, ``48 kHz``, ``2.4GHz``, ``1.6e6``.

    The unit may be left out and is taken in any case: ``mhz`` is MHz. A mere ``m``, which elsewhere is a
    thousandth, is refused.

    Raises:
        ValueError: It is none, or is not finite.
    """
    match = _HERTZ.fullmatch(text.strip())
    value = _scaled(match[1], match[2] or match[3] or "") if match else math.inf
    if not math.isfinite(value):
        raise ValueError(f"{text[:100]!r}; expected hertz, for example 868.95M, 48 kHz, 2.4GHz or 1.6e6")
    return value


def _scaled(number, prefix) -> float:
    return float(Decimal(number).scaleb(_EXPONENTS[prefix.upper()]))  # rounded once


def number(name: str, value) -> float:
    """A parameter's value as a float: a number, or a text that is one.

    Raises:
        ValueError: It is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {_short(value)}, expected a number") from None


def whole(name: str, value) -> int:
    """A parameter's value as an int: a whole number, or a text that is one (``128``, ``1e6``).

    Raises:
        ValueError: It is none.
    """
    try:
        return operator.index(int(value) if isinstance(value, str) else value)
    except (TypeError, ValueError):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if int(float(value)) == float(value):
                return int(float(value))
        raise ValueError(f"{name} is {_short(value)}, expected a whole number") from None


def _short(value):
    return shown(repr(value))[:100]


def takes_numbers(**kinds):
    """Arguments of a function, by name, as `number` or `whole` makes them. None stays where it is the default."""

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*arguments, **named):
            bound = signature.bind(*arguments, **named)
            for name, kind in kinds.items():
                if name in bound.arguments:
                    value = bound.arguments[name]
                    if value is not None or signature.parameters[name].default is not None:
                        bound.arguments[name] = kind(name, value)
            return function(*bound.args, **bound.kwargs)

        return call

    return decorate


def loads_finite(text: str | bytes):
    """JSON of a stranger, without the numbers that are none: NaN, infinities, and what overflows.

    Raises:
        ValueError: It is no such JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("too deep") from None


def _finite(digits):
    return float(digits) if math.isfinite(float(digits)) else _refuse(digits)


def _refuse(digits):
    raise ValueError(f"{digits[:20]} is no number")
