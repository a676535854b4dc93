# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits to be cut out, and what is looked up: without a flowgraph."""

import threading
from types import SimpleNamespace

from gnuradio.sr2cnn import emission as module
from gnuradio.sr2cnn.emission import Emission, EmissionLog, WaitingEmissions


def box(number=1, start=0, snr=10.0, n_samples=1000, continues=False, cut_off=False):
    return SimpleNamespace(
        number=number,
        start=start,
        n_samples=n_samples,
        center=0.125,
        bandwidth=0.25,
        snr=snr,
        continues=continues,
        cut_off=cut_off,
    )


def emission(number=1, **about):
    return Emission(number, about.get("start", 0), box(number, **about))


def test_what_waits_comes_in_its_order_and_then_nothing():
    waiting = WaitingEmissions()
    for number in (1, 2, 3):
        waiting.put(emission(number, start=100 * number))
    assert waiting.oldest() == 100 and len(waiting) == 3 and not waiting.ended
    assert [waiting.take(0).number for _ in range(3)] == [1, 2, 3]
    assert waiting.oldest() == 300  # still in work
    assert waiting.take(0) is None and waiting.oldest() is None
    waiting.end()
    assert waiting.ended


def test_who_waits_for_one_gets_it_when_it_comes():
    waiting, got = WaitingEmissions(), []
    taker = threading.Thread(target=lambda: got.append(waiting.take(60)))
    taker.start()
    waiting.put(emission(7))
    taker.join()
    assert got[0].number == 7


def test_the_weakest_are_left_out_where_too_many_wait(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    waiting = WaitingEmissions()
    for number, snr in enumerate((20, 3, 15, 4, 30), 1):
        waiting.put(emission(number, snr=snr))
    took = [waiting.take(0) for _ in range(5)]
    assert [one.number for one in took if one.reason is None] == [1, 3, 5]
    assert sorted(one.number for one in took if one.reason) == [2, 4]
    assert all("3" in one.reason for one in took if one.reason)


def test_an_emission_is_found_until_long_after_it_was_told(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    log, those = EmissionLog(), [emission(number) for number in range(5)]
    indices = [log.add(one) for one in those]
    assert log.find(indices[4]) is those[4] and log.find(99) is None
    assert log.tell(indices[1]) is those[1] and log.tell(indices[1]) is None
    assert log.untold_before(indices[3]) == [those[0], those[2]]
    for index in indices[3:]:
        log.tell(index)
    assert log.find(indices[4]) is those[4] and log.find(indices[1]) is None


def test_about_in_hertz_and_in_shares():
    one = Emission(4, 500, box(start=1500), True, sample_rate=1e6, center_frequency=100e6)
    about = one.about()
    assert about["start_sample"] == 500 and about["n_samples"] == 2000  # from its beginning
    assert about["frequency_offset"] == 125e3 and about["bandwidth"] == 250e3
    assert about["center_frequency"] == 100.125e6 and about["duration"] == 2e-3
    about = Emission(4, 500, box(start=500)).about()
    assert about["frequency_offset_share"] == 0.125 and "duration" not in about and "sample_rate" not in about
