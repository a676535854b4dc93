# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditioner in flowgraphs: what comes out, and what its messages say of the stream that went in."""

import numpy as np
import pmt
import pytest
from burst_support import run, tag
from cli_support import write_small_bundle
from gnuradio import sr2cnn
from signals import noise, qpsk, shifted
from sr2cnn_learn.conditioning import Burst
from sr2cnn_learn.conditioning.burst_log import BurstLog, Heard

RATE, FREQ = 250e3, 433.9e6
BURSTS = [(60_000, 30_011, 0.13), (130_500, 40_000, -0.22)]
N = 200_000


@pytest.fixture(scope="module")
def stream():
    x = noise(N)
    for k, (start, n, center) in enumerate(BURSTS):
        x[start : start + n] += 6 * shifted(qpsk(n, 10, seed=k), center)
    return x.astype(np.complex64)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("bundle") / "small.pt")


def test_bursts_come_out_with_the_tags_of_a_radio(stream):
    time = pmt.make_tuple(pmt.from_uint64(1000), pmt.from_double(0.5))
    tags = [
        tag(0, "rx_time", time),
        tag(0, "rx_rate", pmt.from_double(RATE)),
        tag(0, "rx_freq", pmt.from_double(FREQ)),
    ]
    sink, messages = run(stream, sr2cnn.conditioner(), ["bursts"], tags)
    found = messages["bursts"]
    assert len(found) == len(BURSTS)
    for one, (start, n, center) in zip(found, BURSTS):
        assert abs(one["start_sample"] - start) < 100 and abs(one["n_samples"] - n) < 200
        assert one["duration"] == pytest.approx(one["n_samples"] / RATE)
        assert one["frequency_offset"] == pytest.approx(center * RATE, abs=0.01 * RATE)
        assert one["rx_freq"] == pytest.approx(FREQ + one["frequency_offset"])
        assert one["bandwidth"] == pytest.approx(0.117 * RATE, rel=0.15)
        assert one["symbol_rate"] == pytest.approx(RATE / 10, rel=0.01)
        assert one["sample_rate"] == RATE
    out = np.array(sink.data())
    assert np.mean(np.abs(out) ** 2) == pytest.approx(1, rel=0.1)
    put = {(t.offset, str(t.key)): t.value for t in sink.tags()}
    offsets = sorted({offset for offset, _ in put})
    assert offsets[0] == 0 and len(offsets) == len(BURSTS)
    for offset, one in zip(offsets, found):
        when = pmt.to_python(put[offset, "rx_time"])
        assert sum(when) == pytest.approx(1000.5 + one["start_sample"] / RATE)
        assert pmt.to_double(put[offset, "rx_freq"]) == pytest.approx(one["rx_freq"])
        assert pmt.to_double(put[offset, "rx_rate"]) == pytest.approx(RATE * 0.8)  # 10 to 8 a symbol


def test_frequencies_are_shares_where_the_rate_is_unknown(stream):
    _, messages = run(stream, sr2cnn.conditioner(), ["bursts"])
    assert [one["frequency_offset_share"] for one in messages["bursts"]] == pytest.approx(
        [center for *_, center in BURSTS], abs=0.01
    )
    assert not {"duration", "sample_rate", "rx_freq", "bandwidth"} & set(messages["bursts"][0])


def test_recognizer_tells_where_the_emissions_were(stream, bundle):
    chain = sr2cnn.recognizer(str(bundle), sample_rate=RATE)
    sink, messages = run(stream, chain, ["labels", "novel", "emissions", "status"])
    emissions = sorted(messages["emissions"], key=lambda one: one["start_sample"])
    assert len(emissions) == len(BURSTS) and len(messages["labels"]) == len(sink.data()) == len(emissions)
    for one, (start, n, center) in zip(emissions, BURSTS):
        assert abs(one["start_sample"] - start) < 100
        assert abs(one["start_sample"] + one["n_samples"] - start - n) < 100
        assert one["frequency_offset"] == pytest.approx(center * RATE, abs=0.01 * RATE)
        assert one["sample_rate"] == RATE and one["n_frames"] > 0
    assert messages["status"][-1]["frames_out"] == len(sink.data())


def test_a_gap_ends_a_burst(stream):
    time = pmt.make_tuple(pmt.from_uint64(77), pmt.from_double(0.0))
    gap = 75_000  # within the first burst
    _, messages = run(stream, sr2cnn.conditioner(RATE), ["bursts"], [tag(gap, "rx_time", time)])
    starts = [(one["start_sample"], one["n_samples"]) for one in messages["bursts"]]
    assert len(starts) == 3
    assert starts[0][0] + starts[0][1] == gap
    assert gap <= starts[1][0] < gap + 300


def test_another_frequency_ends_a_burst_and_teaches_the_noise_anew(stream):
    retuned = [tag(75_000, "rx_freq", pmt.from_double(FREQ + 1e6)), tag(0, "rx_freq", pmt.from_double(FREQ))]
    _, messages = run(stream, sr2cnn.conditioner(RATE), ["bursts"], retuned)
    first, *others = messages["bursts"]
    assert first["start_sample"] + first["n_samples"] == 75_000
    assert first["rx_freq"] == pytest.approx(FREQ + first["frequency_offset"])
    assert others[-1]["rx_freq"] == pytest.approx(FREQ + 1e6 + others[-1]["frequency_offset"])


def test_odd_tags_and_messages_are_passed_over(stream):
    odd = [
        tag(10, "rx_time", pmt.intern("now")),
        tag(20, "rx_time", pmt.make_tuple(pmt.PMT_T, pmt.PMT_NIL)),
        tag(30, "rx_rate", pmt.from_double(0.0)),
        tag(40, "rx_rate", pmt.from_double(float("nan"))),
        tag(50, "rx_freq", pmt.intern("far")),
    ]
    _, messages = run(stream, sr2cnn.conditioner(), ["bursts"], odd)
    assert len(messages["bursts"]) == len(BURSTS)
    origin = sr2cnn.conditioner().origin
    for message in (pmt.PMT_NIL, pmt.intern("x"), pmt.cons(pmt.PMT_NIL, pmt.PMT_NIL), pmt.make_dict()):
        assert origin._put_back(message) is message


def test_noise_alone_gives_nothing(bundle):
    chain = sr2cnn.recognizer(str(bundle))
    sink, messages = run(noise(300_000).astype(np.complex64), chain, ["labels", "bursts"])
    assert not len(sink.data()) and not messages["labels"] and not messages["bursts"]


@pytest.mark.parametrize(
    "arguments, word", [((-1.0,), "sample_rate is -1"), ((1e6, 1), "samples_per_symbol is 1")]
)
def test_constructor_refuses(arguments, word):
    with pytest.raises(ValueError, match=word):
        sr2cnn.conditioner(*arguments)


def test_log_keeps_the_latest_bursts():
    log = BurstLog()
    assert log.find(0) is None
    for k in range(50_000):
        log.add(10 * k, Heard(k, Burst(k, 500, 1, 0, 0.1, 10, None, 4, 5, 0), None, None), 100)
    heard, place = log.find(499_995)
    assert (heard.number, place, heard.before(place)) == (49_999, 105, 500 + 105 * 5 // 4)
    assert log.find(400_003)[0].number == 40_000
    assert log.find(5) is None  # long ago
    assert len(log._entries) <= 20_000
