# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of labelled SigMF recordings as a data set."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sigmf_support import SAMPLES, annotation, record
from sr2cnn_learn.datasets import SNR_NOT_STATED, load_dataset, split
from sr2cnn_learn.iq import interleaved

FUZZ = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def frames_at(starts, length=128):
    return interleaved([SAMPLES[start : start + length] for start in starts])


@pytest.fixture
def folder(tmp_path):
    """Two annotated recordings, a folder that names its recording, and a file that is none."""
    record(
        tmp_path / "a",
        [
            annotation(10, 300, "QPSK", **{"capture_details:SNRdB": 11.6}),
            annotation(500, 127, "QPSK"),  # too short for a frame
            annotation(700, 256, "8PSK"),
            annotation(720, 10, None),  # a remark
        ],
    )
    integers = np.round(SAMPLES.view("f4") * 2**15).astype("<i2")
    record(tmp_path / "b", [annotation(1700, None, "QPSK")], integers, "ci16_le")
    record(tmp_path / "NBFM" / "c")
    (tmp_path / "README.md").write_text("nothing to read")
    return tmp_path


def test_labels_snrs_and_frames(folder):
    data = load_dataset(folder)
    assert data.keys == {
        ("8PSK", SNR_NOT_STATED): 2,
        ("NBFM", SNR_NOT_STATED): 15,
        ("QPSK", 12): 2,
        ("QPSK", SNR_NOT_STATED): 2,
    }
    expected = frames_at([700, 828, *range(0, 1920, 128), 10, 138, 1700, 1828])
    np.testing.assert_allclose(data.frames, expected, atol=1e-4)
    np.testing.assert_array_equal(data.frames[:17], expected[:17])


def test_filters_frame_len_and_limit(folder):
    data = load_dataset(folder, ["NBFM", "QPSK"], [SNR_NOT_STATED], frame_len=100, max_per_key=4)
    assert data.keys == {("NBFM", SNR_NOT_STATED): 4, ("QPSK", SNR_NOT_STATED): 4}
    expected = frames_at([0, 500, 1000, 1500, 500, 1700, 1800, 1900], 100)
    np.testing.assert_allclose(data.frames, expected, atol=1e-4)
    assert len(split(data).train)


def test_samples_per_symbol(tmp_path):
    def stated(*values):
        record(
            tmp_path / "a",
            [
                annotation(300 * k, 128, "QPSK", **{"sr2cnn:samples_per_symbol": value})
                for k, value in enumerate(values)
            ],
        )
        return load_dataset(tmp_path).samples_per_symbol

    assert stated(4, 4) == 4 and stated(2.5) == 2.5
    assert stated(None) is None and stated(4, None) is None and stated(4, 8) is None
    for wrong in (0, "8", [8], True):
        with pytest.raises(ValueError, match="a.sigmf-meta: samples_per_symbol is"):
            stated(wrong)
    (tmp_path / "a.sigmf-meta").unlink()
    record(tmp_path / "NBFM" / "c")
    assert load_dataset(tmp_path).samples_per_symbol is None


def test_one_recording(folder):
    assert load_dataset(folder / "b.sigmf-meta").keys == {("QPSK", SNR_NOT_STATED): 2}


def test_sha256_is_that_of_the_list_that_sha256sum_prints(folder):
    files = ["NBFM/c.sigmf-data", "NBFM/c.sigmf-meta"]
    files += [f"{name}.sigmf-{part}" for name in "ab" for part in ("data", "meta")]
    lines = [f"{hashlib.sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in files]
    before = load_dataset(folder).sha256
    assert before == hashlib.sha256("".join(lines).encode()).hexdigest()
    with open(folder / "a.sigmf-data", "ab") as file:
        file.write(bytes(8))
    assert load_dataset(folder).sha256 != before


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path}: no .sigmf-meta file"):
        load_dataset(tmp_path)
    record(tmp_path / "a", [annotation(0, 300)])
    with pytest.raises(ValueError, match="a.sigmf-meta: no annotation has a core:label"):
        load_dataset(tmp_path)
    record(tmp_path / "a", [annotation(0, 300, "QPSK"), annotation(299, 300, "8PSK")])
    with pytest.raises(ValueError, match="a.sigmf-meta: .* overlap at sample 299"):
        load_dataset(tmp_path)
    record(tmp_path / "a", [annotation(0, 300, "QPSK"), annotation(1900, 101, "8PSK")])
    with pytest.raises(ValueError, match="a.sigmf-data: 2000 samples, but the annotations reach to"):
        load_dataset(tmp_path)
    record(tmp_path / "a", [annotation(0, 127, "QPSK")])
    with pytest.raises(ValueError, match="no frames"):
        load_dataset(tmp_path)
    for snr in ("12", True, [12], 1e9):
        record(tmp_path / "a", [annotation(0, 300, "QPSK", **{"capture_details:SNRdB": snr})])
        with pytest.raises(ValueError, match="a.sigmf-meta: capture_details:SNRdB is"):
            load_dataset(tmp_path)
    (tmp_path / "a.sigmf-data").unlink()
    with pytest.raises(FileNotFoundError, match="a.sigmf-data: no such file"):
        load_dataset(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
ANNOTATION = st.fixed_dictionaries(
    {"core:sample_start": st.integers(0, 2000) | JSON},
    optional={
        "core:sample_count": st.integers(0, 2500) | JSON,
        "core:label": st.text(max_size=3) | JSON,
        "capture_details:SNRdB": st.floats(-30, 30) | JSON,
    },
)


@given(st.lists(ANNOTATION, max_size=3))
@example([annotation(5, 300, "QPSK"), annotation(400, 300, "8PSK")])
@FUZZ
def test_any_annotations(tmp_path, annotations):
    """Whatever the annotations say: frames of the recording, or one ValueError."""
    meta = record(tmp_path / "a")
    content = json.loads(meta.read_text())
    content["annotations"] = annotations
    meta.write_text(json.dumps(content))
    try:
        data = load_dataset(tmp_path)
    except ValueError as error:
        assert "a.sigmf-" in str(error) or "no frames" in str(error)
    else:
        assert 1 <= len(data) <= len(SAMPLES) // 128
        assert set(data.modulations) <= {a["core:label"] for a in annotations if a.get("core:label")}
