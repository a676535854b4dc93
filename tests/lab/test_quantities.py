# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers from people and from files."""

import json
import math
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sr2cnn_learn.cli.common import FREQUENCY, RATE
from sr2cnn_learn.quantities import loads_finite, parse_hertz, parse_quantity

EXPONENTS = {"": 0, "k": 3, "K": 3, "m": 6, "M": 6, "g": 9, "G": 9}
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    "text, value",
    [("868.95M", 868.95e6), ("1.6M", 1.6e6), ("250k", 250e3), ("2.4G", 2.4e9), ("1e6", 1e6), ("-3", -3.0)]
    + [("0", 0.0), (" 5 ", 5.0), (".5k", 500.0), ("1.e3k", 1e6)],
)
def test_quantities(text, value):
    assert parse_quantity(text) == parse_hertz(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "M", "1m", "1K", "1 M", "1MM", "nan", "inf", "1_000", "0x10", "1e999", "1,6M", "٣M", "868MHz"],
)
def test_quantities_that_are_none(text):
    with pytest.raises(ValueError, match="no number"):
        parse_quantity(text)


@pytest.mark.parametrize(
    "text, value",
    [("868.95MHz", 868.95e6), ("48k", 48e3), ("48 kHz", 48e3), ("2.4 GHz", 2.4e9), ("868.95mhz", 868.95e6)]
    + [("1e6 Hz", 1e6), ("50hz", 50.0), ("48K", 48e3), ("1.090g", 1.09e9), ("433.92 M", 433.92e6)],
)
def test_hertz(text, value):
    assert parse_hertz(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "Hz", "MHz", "1m", "1THz", "1 0k", "1M Hz", "1MHzHz", "nan", "inf Hz", "1e999", "1e300G", "1,6M"]
    + ["868.95MHertz", "1_000", "٣kHz", "1\nk\n", "4\u212ahz"],
)
def test_hertz_that_are_none(text):
    with pytest.raises(ValueError, match="expected hertz"):
        parse_hertz(text)


UNITS = st.sampled_from(["Hz", "hz", "HZ"])


@given(FINITE, st.sampled_from(sorted(EXPONENTS)), st.sampled_from(["", " "]), UNITS)
def test_every_number_of_hertz(number, prefix, space, unit):
    """As the decimal number says, rounded once; the spelling does not matter."""
    value = float(Decimal(repr(number)).scaleb(EXPONENTS[prefix]))
    texts = [f"{number!r}{space}{prefix}{unit}"]
    texts += [f"{number!r}{space}{prefix}"] * (prefix != "m")
    for text in texts:
        if math.isfinite(value):
            assert parse_hertz(text) == value
        else:
            with pytest.raises(ValueError):
                parse_hertz(text)


@given(st.one_of(st.text(), st.from_regex(r"[-+0-9.eE]{1,8} ?[a-zA-Z]{0,4}")))
def test_any_text_is_a_number_or_refused(text):
    for parse in (parse_quantity, parse_hertz):
        try:
            assert math.isfinite(parse(text))
        except ValueError as error:
            assert len(str(error).splitlines()) == 1


@click.command()
@click.option("--rate", type=RATE)
@click.option("--freq", type=FREQUENCY)
def echo(rate, freq):
    click.echo(json.dumps([rate, freq]))


def test_options_in_hertz():
    def typed(*arguments, **settings):
        return CliRunner().invoke(echo, arguments, **settings)

    assert json.loads(typed("--rate", "48 kHz", "--freq", "868.95MHz").output) == [48e3, 868.95e6]
    assert json.loads(typed("--freq", "0").output) == [None, 0.0]
    # as a configuration file's numbers and texts come
    assert json.loads(typed(default_map={"rate": 48000, "freq": "2.4 GHz"}).output) == [48e3, 2.4e9]
    for option, value in [("rate", "0"), ("rate", "-1k"), ("freq", "-1Hz"), ("rate", "fast")]:
        result = typed(f"--{option}", value)
        assert result.exit_code == 2 and f"--{option}" in result.output
        assert typed(default_map={option: value}).exit_code == 2
    for number in (math.nan, math.inf, -1.0, True):
        for option in ("rate", "freq"):
            assert typed(default_map={option: number}).exit_code == 2


def test_json_without_what_is_no_number():
    assert loads_finite(b'{"a": [1, 2.5, -1e300]}') == {"a": [1, 2.5, -1e300]}
    for text in ("NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[" * 100_000):
        with pytest.raises(ValueError):
            loads_finite(text)
