# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles from strangers: arrays come out, or one ValueError; nothing in the file runs."""

import pickle
import pickletools
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sr2cnn_learn.datasets.safe_pickle import read_arrays

FUZZ = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def read(tmp_path):
    """Read a pickle given as bytes."""

    def read(data):
        path = tmp_path / "some.pkl"
        path.write_bytes(data)
        return read_arrays(path)

    return read


class Evil:
    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


@given(
    st.dictionaries(
        st.tuples(st.text(max_size=5), st.integers(-20, 20)),
        hnp.arrays(st.sampled_from(["<f4", ">f4", "<f8", "<i2"]), hnp.array_shapes(min_side=0)),
        max_size=3,
    ),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
    st.sampled_from("CF"),
)
@FUZZ
def test_round_trip(read, content, protocol, order):
    content = {key: np.array(value, order=order) for key, value in content.items()}
    result = read(pickle.dumps(content, protocol))
    assert result.keys() == content.keys()
    for key, value in content.items():
        assert result[key].dtype == value.dtype
        np.testing.assert_array_equal(result[key], value)


def test_python_2_protocols(read):
    """As Python 2 and numpy 1 wrote them: byte strings, text protocol 0 and binary protocol 2."""
    array = np.arange(3, dtype="<f4")
    text = (
        b"(dp0\n(S'QPSK'\np1\nI2\ntp2\ncnumpy.core.multiarray\n_reconstruct\np3\n"
        b"(cnumpy\nndarray\np4\n(I0\ntp5\nS'b'\np6\ntp7\nRp8\n(I1\n(I3\ntp9\ncnumpy\ndtype\np10\n"
        b"(S'f4'\np11\nI0\nI1\ntp12\nRp13\n(I3\nS'<'\np14\nNNNI-1\nI-1\nI0\ntp15\nbI00\n"
        b"S" + ascii(array.tobytes()).lstrip("b").encode() + b"\np16\ntp17\nbs."
    )
    binary = (
        b"\x80\x02}U\x04QPSKK\x02\x86cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        b"K\x00\x85U\x01b\x87R(K\x01K\x03\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x0c" + array.tobytes() + b"tbs."
    )
    for data in (text, binary):
        np.testing.assert_array_equal(read(data)["QPSK", 2], array)


def test_numpy_scalar_in_a_key(read):
    content = {(np.str_("QPSK"), np.int64(-2)): np.zeros(2)}
    assert list(read(pickle.dumps(content))) == [("QPSK", -2)]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_does_not_run(read, tmp_path, protocol):
    trace = tmp_path / "it_ran"
    for evil in (
        Evil(open, (str(trace), "w")),
        Evil(eval, (f"open({str(trace)!r}, 'w')",)),
        Evil(exec, (f"open({str(trace)!r}, 'w')",)),
        Evil(np.load, (str(trace),)),
        Evil(np.fromfile, (str(tmp_path),)),
    ):
        for content in (evil, {("QPSK", 2): evil}, {evil: np.zeros(1)}):
            with pytest.raises(ValueError, match=r"some\.pkl: .*no part of an array"):
                read(pickle.dumps(content, protocol))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x80\x02}", "cut short"),
        (b"hello world", "not a pickle"),
        (b"N.", "holds a NoneType"),
        (b"\x80\x02]q\x00.", "holds a list"),
        (b"\x80\x02}K\x01K\x02s.", "not an array"),
        (pickle.dumps({1: np.array([{}], object)}), "dtype 'O8'"),
        (pickle.dumps({1: np.zeros(2, [("a", "f4"), ("b", "O")])}), "dtype"),
        (b"cnumpy.core.multiarray\n_reconstruct\n}b.", "alters a function"),
        (b"\x80\x02\x82\x01.", "extension"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", ""),  # a text of 2^63 bytes
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "NoneType"),  # a memo index of 2^31
        (b"(" * 100, "cut short"),
    ],
)
def test_refusals(read, data, reason):
    with pytest.raises(ValueError, match=rf"some\.pkl: .*{reason}"):
        read(data)


def test_a_giant_shape_is_refused_before_allocation(read):
    data = pickle.dumps({1: np.zeros((7, 2, 128), "f4")}, 2)
    shape = pickle.dumps((7, 2, 128), 2)[2:-1]
    position = data.index(b"K\x07K\x02K\x80\x87")
    assert shape.startswith(b"K\x07K\x02K\x80\x87")
    giant = data[:position] + b"J\xff\xff\xff\x7f" + data[position + 2 :]
    with pytest.raises(ValueError, match="7168 bytes for an array of shape"):
        read(giant)


@pytest.mark.parametrize("opcode", [pickle.BYTEARRAY8, pickle.BINBYTES8, pickle.BINUNICODE8])
def test_a_claimed_length_is_not_allocated(read, opcode):
    tracemalloc.start()
    with pytest.raises(ValueError, match="some.pkl"):
        read(b"\x80\x05" + opcode + struct.pack("<Q", 2**33) + b"abc")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@given(st.binary(max_size=200))
@FUZZ
def test_random_bytes(read, data):
    try:
        assert isinstance(read(data), dict)
    except ValueError as error:
        assert "some.pkl" in str(error)


GOOD = [
    pickle.dumps({("QPSK", 2): np.ones((1, 2, 3), "f4")}, protocol)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
]


@given(st.sampled_from(GOOD), st.data())
@FUZZ
def test_mutated_pickles(read, good, data):
    mutant = bytearray(good)
    opcodes = [op.code.encode("latin1") for op in pickletools.opcodes]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        new = data.draw(st.sampled_from(opcodes) | st.binary(max_size=4))
        mutant[at : at + data.draw(st.integers(0, 3))] = new
        if not mutant:
            break
    try:
        read(bytes(mutant))
    except ValueError as error:
        assert "some.pkl" in str(error)
