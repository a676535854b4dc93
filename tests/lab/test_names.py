# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be a name, and how one of a stranger is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr2cnn_learn.names import LONGEST_NAME, check_name, default_name, is_default_name, label_of, shown


@pytest.mark.parametrize("name", ["QPSK", "Träger 7", "雑音", "π/4-DQPSK", "a" * LONGEST_NAME])
def test_names(name):
    assert check_name(name) == name == shown(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        "a\nb",
        "\x1b[2J",
        "\x9b31m",
        "a\u202eb",
        "a\u2066b",
        "\ud800",
        "a\u2028b",
        None,
        7,
        b"a",
        "ä" * 513,
    ],
)
def test_what_is_no_name(name):
    with pytest.raises(ValueError, match="is no class name") as error:
        check_name(name)
    assert str(error.value).isprintable()


def test_control_characters_are_shown_escaped():
    assert shown("\x1b[2J\u202eQPSK\n") == r"\x1b[2J\u202eQPSK\n"
    assert shown("abcdef", 4) == "abc…"


@given(st.text())
def test_what_is_shown_is_one_printable_line(text):
    assert shown(text).isprintable()
    assert len(shown(text, 20)) <= 20 * len(r"\U0001f4a9")


def test_labels_of_ids():
    assert [label_of(id, ["BPSK", "QPSK"]) for id in (0, 1, -1, -12)] == [
        "BPSK",
        "QPSK",
        "unknown_1",
        "unknown_12",
    ]
    assert is_default_name(default_name(-3)) and is_default_name("unknown_0")
    assert not any(
        map(is_default_name, ["unknown_", "unknown_1a", "Unknown_1", "unknown_-1", "QPSK", "unknown_1\n"])
    )
