# SPDX-License-Identifier: GPL-3.0-or-later
"""The last samples of a stream."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr2cnn_learn.conditioning import SampleRing
from sr2cnn_learn.conditioning.ring import FIRST_ROOM

lengths = st.integers(0, 300)


@given(st.integers(1, 200), st.lists(lengths, max_size=8), st.integers(-50, 900), lengths)
def test_reads_what_a_list_of_all_samples_holds(capacity, pushes, start, n):
    ring, stream = SampleRing(capacity), np.empty(0, np.complex64)
    for count in pushes:
        samples = (len(stream) + 1 + np.arange(count)).astype(np.complex64)
        ring.push(samples)
        stream = np.concatenate([stream, samples])
    assert ring.end == len(stream)
    assert ring.begin == max(0, len(stream) - capacity)
    wanted = np.arange(start, max(start, min(start + n, len(stream))))
    held = wanted >= ring.begin
    expected = np.zeros(len(wanted), np.complex64)
    expected[held] = stream[wanted[held]]
    found = ring.read(start, start + n)
    assert found.dtype == np.complex64
    assert np.array_equal(found, expected)


@given(st.integers(FIRST_ROOM - 5, 4 * FIRST_ROOM), st.lists(st.integers(0, FIRST_ROOM), max_size=6))
def test_grows_up_to_its_capacity(capacity, pushes):
    ring, n = SampleRing(capacity), 0
    for count in pushes:
        ring.push((n + np.arange(count)).astype(np.complex64))
        n += count
    held = np.arange(max(0, n - capacity), n)
    assert np.array_equal(ring.read(ring.begin, ring.end).real, held.astype(np.float32))
    assert len(ring._room) <= max(FIRST_ROOM, min(capacity, 2 * n))


def test_what_is_read_is_a_copy():
    ring = SampleRing(10)
    ring.push(np.ones(10))
    found = ring.read(0, 10)
    ring.push(np.zeros(10))
    assert found.all()


def test_one_thread_pushes_while_another_reads():
    ring, n, chunk = SampleRing(5000), 400_000, 700
    pusher = threading.Thread(
        target=lambda: [ring.push(np.arange(k, k + chunk)) for k in range(0, n, chunk)], daemon=True
    )
    pusher.start()
    while pusher.is_alive():
        start = ring.begin
        found = ring.read(start, start + 3000)
        right = start + np.arange(len(found))
        assert np.all((found == right.astype(np.complex64)) | (found == 0))
    pusher.join()
    assert ring.read(n - 100, n)[-1] == n - 1


@pytest.mark.parametrize("capacity", [0, -1, 1.5, float("nan"), float("inf")])
def test_wrong_capacity_is_named(capacity):
    with pytest.raises(ValueError, match=f"capacity is {capacity}, expected"):
        SampleRing(capacity)
