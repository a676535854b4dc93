# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings: formats, block sizes, refusals."""

import hashlib
import json
import math

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sr2cnn_learn.recordings import open_recording

N = 1000
RNG = np.random.default_rng(5)
SAMPLES = (RNG.uniform(-0.7, 0.7, (N, 2)) @ [1, 1j]).astype(np.complex64)
INTERLEAVED = SAMPLES.view(np.float32)

STORED = {
    "a.cf32": INTERLEAVED,
    "a.cfile": INTERLEAVED,
    "a.ci16": np.round(INTERLEAVED * 2**15).astype("<i2"),
    "a.sc16": np.round(INTERLEAVED * 2**15).astype("<i2"),
    "a.ci8": np.round(INTERLEAVED * 2**7).astype("i1"),
    "a.cu8": np.round(INTERLEAVED * 2**7 + 127.5).astype("u1"),
}
TOLERANCE = {".ci16": 1e-4, ".sc16": 1e-4, ".ci8": 0.01, ".cu8": 0.01}


@pytest.mark.parametrize("name", STORED)
def test_raw(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(STORED[name].tobytes())
    recording = open_recording(path, sample_rate=48e3)
    assert recording.n_samples == N and recording.sample_rate == 48e3
    samples = recording.samples()
    assert samples.dtype == np.complex64
    np.testing.assert_allclose(samples, SAMPLES, atol=TOLERANCE.get(path.suffix, 0))
    for size in (1, 7, N, 2 * N):
        blocks = list(recording.read_blocks(size))
        assert max(map(len, blocks)) <= size
        np.testing.assert_array_equal(np.concatenate(blocks), samples)


@pytest.mark.parametrize("name", ["a.cf32", "iq.wav", "real.wav"])
def test_a_part(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".wav":
        soundfile.write(path, INTERLEAVED.reshape(-1, 2)[:, : 2 if name == "iq.wav" else 1], 48000)
    else:
        path.write_bytes(STORED[name].tobytes())
    recording = open_recording(path)
    for start, stop, size in ((0, N, 7), (13, 14, 7), (200, 700, 64), (990, N + 50, 7), (5, 5, 7)):
        blocks = [np.empty(0), *recording.read_between(start, stop, size)]
        assert max(map(len, blocks)) <= max(size, 127)  # which a real one ends with
        np.testing.assert_array_equal(np.concatenate(blocks), recording.samples()[start:stop])


def test_given_datatype(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(STORED["a.ci16"].astype(">i2").tobytes())
    np.testing.assert_allclose(open_recording(path, "ci16_be").samples(), SAMPLES, atol=1e-4)
    with pytest.raises(ValueError, match="a.bin: the name does not tell the datatype"):
        open_recording(path)
    for bad in ("rf32", "cf16", "complex", "ci16_xe", ""):
        with pytest.raises(ValueError, match=f"a.bin: datatype '{bad}', expected one of cf32"):
            open_recording(path, bad)
    with pytest.raises(ValueError, match="sample rate is -1"):
        open_recording(path, "ci16", -1)
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="center frequency is"):
            open_recording(path, "ci16", 1e6, bad)


def test_trailing_bytes_are_counted(tmp_path):
    path = tmp_path / "a.cf32"
    path.write_bytes(INTERLEAVED.tobytes() + b"123")
    recording = open_recording(path)
    assert (recording.n_samples, recording.trailing_bytes) == (N, 3)
    np.testing.assert_array_equal(recording.samples(), SAMPLES)


def test_wav_stereo(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, INTERLEAVED.reshape(-1, 2), 48000, subtype="FLOAT")
    recording = open_recording(path)
    assert (recording.datatype, recording.sample_rate, recording.n_samples) == ("wav", 48000, N)
    np.testing.assert_array_equal(recording.samples(), SAMPLES)


@pytest.mark.parametrize("content", ["FLAC", "OGG", "AIFF", "AU", "CAF"])
def test_what_is_named_wav_and_is_none(content, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, INTERLEAVED.reshape(-1, 2), 48000, format=content)
    with pytest.raises(ValueError, match=f"a.wav: named as a WAV file, but it is {content}"):
        open_recording(path)


@pytest.mark.parametrize("content", ["WAV", "WAVEX", "RF64"])
def test_kinds_of_wav(content, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, INTERLEAVED.reshape(-1, 2), 48000, format=content, subtype="FLOAT")
    np.testing.assert_array_equal(open_recording(path).samples(), SAMPLES)


@pytest.mark.parametrize("n", [5, 100, 1000])
def test_wav_mono_is_the_analytic_signal(tmp_path, n):
    path = tmp_path / "a.wav"
    phase = 2 * np.pi * 0.1 * np.arange(n)
    soundfile.write(path, np.cos(phase).astype("f4"), 48000, subtype="FLOAT")
    recording = open_recording(path)
    samples = recording.samples()
    assert len(samples) == n
    inner = slice(128, -128)
    np.testing.assert_allclose(samples[inner], np.exp(1j * phase)[inner], atol=0.01)
    for size in (7, 64):
        blocks = np.concatenate(list(recording.read_blocks(size)))
        np.testing.assert_allclose(blocks, samples, atol=1e-6)


@pytest.fixture
def sigmf_files(tmp_path):
    """A SigMF recording: its metadata as a dict to alter, its data path, and a function to write."""
    data_path, meta_path = tmp_path / "a.sigmf-data", tmp_path / "a.sigmf-meta"
    data_path.write_bytes(STORED["a.ci16"].tobytes())
    meta = {
        "global": {
            "core:datatype": "ci16_le",
            "core:version": "1.0.0",
            "core:sample_rate": 200e3,
            "core:sha512": hashlib.sha512(data_path.read_bytes()).hexdigest(),
        },
        "captures": [{"core:sample_start": 0, "core:frequency": 868e6}],
        "annotations": [],
    }
    meta_path.write_text(json.dumps(meta))
    return meta, meta_path, data_path


def test_sigmf(sigmf_files):
    _, meta_path, data_path = sigmf_files
    for path in (meta_path, data_path, str(data_path.with_suffix(""))):
        recording = open_recording(path)
        assert (recording.sample_rate, recording.center_frequency) == (200e3, 868e6)
        np.testing.assert_allclose(recording.samples(), SAMPLES, atol=1e-4)
    given = open_recording(meta_path, sample_rate=1e6, center_frequency=2.4e9)
    assert (given.sample_rate, given.center_frequency) == (1e6, 2.4e9)
    with pytest.raises(ValueError, match="is ci16_le, not cu8"):
        open_recording(meta_path, "cu8")


def test_sigmf_truncated(sigmf_files):
    meta, meta_path, data_path = sigmf_files
    data_path.write_bytes(data_path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"a\.sigmf-data: .*truncated or altered"):
        open_recording(meta_path)
    del meta["global"]["core:sha512"]
    meta["annotations"] = [{"core:sample_start": 0, "core:sample_count": N}]
    meta_path.write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=r"990 samples, but the annotations reach to 1000"):
        open_recording(meta_path)


def test_sigmf_refusals(sigmf_files):
    meta, meta_path, data_path = sigmf_files
    for change, reason in [
        ({"core:datatype": "rf32_le"}, "datatype 'rf32_le'"),
        ({"core:datatype": "nonsense"}, "not SigMF metadata"),
        ({"core:num_channels": 2}, "2 channels"),
        ({"core:sample_rate": "fast"}, "not SigMF metadata: global.*core:sample_rate.*: 'fast'"),
        ({"core:sample_rate": -1}, "core:sample_rate"),
        ({"core:sample_rate": 0}, "core:sample_rate"),
        ({"core:sample_rate": math.nan}, "NaN is no number"),
        ({"core:sample_rate": math.inf}, "Infinity is no number"),
        ({"core:dataset": "/"}, "core:dataset"),
        ({"core:dataset": "a\x1b[2J"}, "core:dataset"),
    ]:
        meta_path.write_text(json.dumps({**meta, "global": {**meta["global"], **change}}))
        with pytest.raises(ValueError, match=f"a.sigmf-.*: .*{reason}"):
            open_recording(meta_path)
    for text in ("", "{", "[]", "{}", '{"global": 3}'):
        meta_path.write_text(text)
        with pytest.raises(ValueError, match="a.sigmf-meta: not SigMF metadata"):
            open_recording(meta_path)
    meta_path.write_text(json.dumps(meta))
    data_path.write_bytes(b"")
    with pytest.raises(ValueError, match="a.sigmf-data: the file is empty"):
        open_recording(meta_path)
    data_path.unlink()
    with pytest.raises(FileNotFoundError, match="a.sigmf-data: no such file"):
        open_recording(meta_path)
    meta_path.unlink()
    with pytest.raises(FileNotFoundError, match="a.sigmf-meta: no such file"):
        open_recording(data_path)


@pytest.mark.parametrize("number", [2**62, 2**62 - 1, 2**63 - 1, 2**63, 2**64, 10**30, "1" + "0" * 5000])
def test_counts_beyond_every_recording(sigmf_files, number):
    """Refused in one line, with the file; nothing overflows, and nothing is allocated."""
    meta, meta_path, _ = sigmf_files
    text = json.dumps(meta).replace
    annotation = '"annotations": [{"core:sample_start": %s, "core:sample_count": %s}]'
    for mutated in (
        text('"annotations": []', annotation % (number, 1)),
        text('"annotations": []', annotation % (0, number)),
        text('"annotations": []', annotation % (number, number)),
        text('"core:sample_start": 0', f'"core:sample_start": {number}'),
        text('"core:version"', f'"core:num_channels": {number}, "core:version"'),
    ):
        assert mutated != json.dumps(meta)
        meta_path.write_text(mutated)
        with pytest.raises(ValueError, match=r"a\.sigmf-.*: ") as caught:
            open_recording(meta_path)
        assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


def test_a_part_of_a_split_recording(sigmf_files):
    """SigMF's indices are absolute; ours are those of the file."""
    meta, meta_path, _ = sigmf_files
    for offset in (5000, 2**62):
        meta["global"]["core:offset"] = offset
        meta["annotations"] = [{"core:sample_start": offset + 100, "core:sample_count": 900}]
        meta_path.write_text(json.dumps(meta))
        assert open_recording(meta_path).annotations[0]["core:sample_start"] == 100
        for start, reason in ((offset + 101, "reach to 1001: truncated"), (offset - 1, "before core:offset")):
            meta["annotations"][0]["core:sample_start"] = start
            meta_path.write_text(json.dumps(meta))
            with pytest.raises(ValueError, match=reason):
                open_recording(meta_path)


NUMBERS = st.one_of(
    st.sampled_from([0, -1, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, 10**400]),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308]),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
)
FIELDS = {
    "global": ["core:sample_rate", "core:offset", "core:num_channels", "core:trailing_bytes", "core:datatype"]
    + ["core:dataset"],
    "captures": ["core:sample_start", "core:frequency", "core:header_bytes", "core:global_index"],
    "annotations": ["core:sample_start", "core:sample_count", "core:freq_lower_edge", "core:label"],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(sorted(FIELDS)).flatmap(
            lambda part: st.tuples(st.just(part), st.sampled_from(FIELDS[part]), NUMBERS)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_mutated_metadata(sigmf_files, mutations):
    """Opened as something that can be read, or refused in one line that names the file."""
    meta, meta_path, _ = sigmf_files
    annotations = [{"core:sample_start": 0, "core:sample_count": 10}]
    meta = json.loads(json.dumps({**meta, "annotations": annotations}))
    for part, key, value in mutations:
        (meta[part] if part == "global" else meta[part][0])[key] = value
    meta_path.write_text(json.dumps(meta))
    try:
        recording = open_recording(meta_path)
    except (ValueError, FileNotFoundError) as error:
        assert "a.sigmf-" in str(error) or isinstance(error, FileNotFoundError)
        assert len(str(error).splitlines()) == 1 and str(error).isprintable()
        return
    assert recording.n_samples == N and len(recording.samples()) == N
    assert recording.sample_rate is None or 0 < recording.sample_rate < math.inf
    assert recording.center_frequency is None or 0 <= recording.center_frequency < math.inf
    for annotation in recording.annotations:
        start = annotation["core:sample_start"]
        assert 0 <= start <= start + annotation.get("core:sample_count", 0) <= N


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.cf32", b"", "empty"),
        ("a.cf32", b"1234", r"no samples \(the file has 4 bytes\)"),
        ("a.wav", b"", "empty"),
        ("a.wav", b"RIFF....WAVE", "not a WAV file, or damaged"),
        ("a.wav", b"hello", "not a WAV file, or damaged"),
        ("a.sigmf", b"x", "unpack"),
    ],
)
def test_refusals(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path}: .*{reason}"):
        open_recording(path)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.cf32: no such file"):
        open_recording(tmp_path / "a.cf32")
    with pytest.raises(ValueError, match="not a file"):
        open_recording(tmp_path)
