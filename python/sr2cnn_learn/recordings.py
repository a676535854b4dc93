# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of complex samples: SigMF, raw cf32, ci16, ci8, cu8 and the like, WAV."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import __version__
from .float_samples import check_floats
from .names import shown
from .quantities import loads_finite

BLOCK = 1 << 16  # samples
PIECES, PIECE = 16, 1 << 15  # of a file that is looked at first: number, bytes
SUFFIXES = {
    ".cf32": "cf32",
    ".cfile": "cf32",
    ".fc32": "cf32",
    ".ci16": "ci16",
    ".sc16": "ci16",
    ".cs16": "ci16",
    ".ci8": "ci8",
    ".cs8": "ci8",
    ".cu8": "cu8",
}
DATATYPES = ("cf32", "cf64", "ci8", "ci16", "ci32", "cu8", "cu16")
WAV_FORMATS = ("WAV", "WAVEX", "RF64")  # as libsndfile names them
LONGEST_REASON = 300  # characters of what a stranger's metadata is told about
ANNOTATOR = "gr-sr2cnn"  # core:generator of annotations that say what a model heard, not the truth
#: Our own fields, as metadata that has some says it.
EXTENSION = {"name": "sr2cnn", "version": __version__, "optional": True}
SAMPLES_PER_SYMBOL_FIELD = "sr2cnn:samples_per_symbol"  # of an annotation
_HILBERT_TAPS = 255


class Recording:
    """A file of complex samples, read block by block.

    Attributes:
        path: Path of the samples
        datatype: as SigMF names it, ``"cf32"``, ``"ci16_le"``, …; ``"wav"`` for WAV
        sample_rate, center_frequency: Hz, None where the recording does not say
        n_samples: number of complex samples
        trailing_bytes: bytes at the end that make no whole sample; they are left out
        annotations: of SigMF, a list of dicts; else empty
    """

    def __init__(self, path, datatype, sample_rate, center_frequency, n_samples, trailing_bytes):
        self.path = path
        self.datatype = datatype
        self.sample_rate = sample_rate
        self.center_frequency = center_frequency
        self.n_samples = n_samples
        self.trailing_bytes = trailing_bytes
        self.annotations = []
        if n_samples == 0:
            raise ValueError(f"{path}: no samples (the file has {path.stat().st_size} bytes)")

    def read_blocks(self, n: int = BLOCK) -> Iterator[np.ndarray]:
        """Yield the samples from the first on, complex64 (n,), the last block shorter."""
        raise NotImplementedError

    def read_between(self, start: int, stop: int, n: int = BLOCK) -> Iterator[np.ndarray]:
        """Yield the samples from `start` to before `stop`, complex64, at most `n` at a time."""
        at = 0
        for block in self.read_blocks(n):
            if at + len(block) > start:
                yield block[max(0, start - at) : stop - at]
            at += len(block)
            if at >= stop:
                break

    def samples(self) -> np.ndarray:
        """All samples, complex64 (n_samples,)."""
        return np.concatenate(list(self.read_blocks()))


class _Raw(Recording):
    """Interleaved I and Q. Integers are scaled to [-1, 1); unsigned ones are offset binary."""

    def __init__(self, path, datatype, sample_rate, center_frequency=None):
        self._dtype = component_dtype(path, datatype)
        n_samples, trailing_bytes = divmod(path.stat().st_size, 2 * self._dtype.itemsize)
        super().__init__(path, datatype, sample_rate, center_frequency, n_samples, trailing_bytes)
        if self._dtype.kind == "f":
            check_floats(self._pieces(), self._dtype, str(path))

    def _pieces(self) -> bytes:
        """Some of the data, from all over the file."""
        size = self.n_samples * 2 * self._dtype.itemsize
        step = max(PIECE, size // PIECES // 16 * 16)
        with open(self.path, "rb") as file:
            pieces = []
            for start in range(0, size, step):
                file.seek(start)
                pieces.append(file.read(min(PIECE, size - start)))
        return b"".join(pieces)

    def read_blocks(self, n=BLOCK):
        return self.read_between(0, self.n_samples, n)

    def read_between(self, start, stop, n=BLOCK):
        stop = min(stop, self.n_samples)
        for first in range(start, stop, n):
            yield self.read(first, min(n, stop - first))

    def read(self, start: int, n: int) -> np.ndarray:
        """The samples from `start` on, complex64 (n,)."""
        size = 2 * self._dtype.itemsize
        with open(self.path, "rb") as file:
            file.seek(start * size)
            data = file.read(n * size)
        if len(data) < n * size:
            raise ValueError(f"{self.path}: became shorter while it was read")
        return to_complex(np.frombuffer(data, self._dtype))


class _Wav(Recording):
    """Stereo is I and Q. Mono is a real signal: its analytic signal is taken, by a Hilbert filter
    of 255 taps, so that a carrier at f in the audio is one at +f in the samples."""

    def __init__(self, path, sample_rate, center_frequency):
        import soundfile

        try:
            with soundfile.SoundFile(path) as file:
                frames, rate, self._channels = file.frames, file.samplerate, file.channels
                content = file.format
        except soundfile.SoundFileError as error:
            raise ValueError(f"{path}: not a WAV file, or damaged: {error}") from None
        if content not in WAV_FORMATS:
            raise ValueError(f"{path}: named as a WAV file, but it is {content}")
        if self._channels > 2:
            raise ValueError(f"{path}: {self._channels} channels, expected 2 (I, Q) or 1 (real)")
        super().__init__(path, "wav", sample_rate or float(rate), center_frequency, frames, 0)

    def read_blocks(self, n=BLOCK):
        import soundfile

        with soundfile.SoundFile(self.path) as file:
            blocks = file.blocks(n, dtype="float32", always_2d=True)
            if self._channels == 2:
                for block in blocks:
                    yield np.ascontiguousarray(block).view(np.complex64)[:, 0]
            else:
                yield from _analytic(block[:, 0] for block in blocks)


def _analytic(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Real blocks to their analytic signal, as many samples, block by block."""
    from scipy.signal import firwin, lfilter

    delay = _HILBERT_TAPS // 2
    # A half-band low-pass shifted by a quarter of the rate passes positive frequencies only.
    taps = 2 * firwin(_HILBERT_TAPS, 0.5) * 1j ** (np.arange(_HILBERT_TAPS) - delay)
    state = np.zeros(_HILBERT_TAPS - 1, complex)
    skip = delay
    for block in blocks:
        filtered, state = lfilter(taps, 1, block, zi=state)
        yield filtered[skip:].astype(np.complex64)
        skip -= min(skip, len(block))
    filtered, _ = lfilter(taps, 1, np.zeros(delay), zi=state)
    yield filtered[skip:].astype(np.complex64)


def open_recording(
    path: str | Path,
    datatype: str | None = None,
    sample_rate: float | None = None,
    center_frequency: float | None = None,
) -> Recording:
    """Open a recording; its samples are not read yet.

    Args:
        path: a SigMF recording (either file of it, or their common name), a WAV file, or raw samples.
        datatype: of raw samples, one of `DATATYPES`, with ``_le`` (default) or ``_be``; None takes it
            from the file name, see `SUFFIXES`. SigMF and WAV files say their own.
        sample_rate, center_frequency: Hz; win over what the recording says.

    Raises:
        FileNotFoundError: There is no such file, or no data file beside the SigMF metadata.
        ValueError: ``"<path>: reason"``: no samples, truncated, damaged, or an unknown datatype.
    """
    path = Path(path)
    if sample_rate is not None and not 0 < sample_rate < float("inf"):
        raise ValueError(f"sample rate is {sample_rate}, expected more than 0 Hz")
    if center_frequency is not None and not 0 <= center_frequency < float("inf"):
        raise ValueError(f"center frequency is {center_frequency}, expected 0 Hz or more")
    if path.suffix in (".sigmf-meta", ".sigmf-data"):
        return _open_sigmf(path.with_suffix(".sigmf-meta"), datatype, sample_rate, center_frequency)
    if not path.exists():
        beside = path.with_name(path.name + ".sigmf-meta")
        if beside.exists():
            return _open_sigmf(beside, datatype, sample_rate, center_frequency)
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    if suffix == ".sigmf":
        raise ValueError(f"{path}: a SigMF archive; unpack it first (tar xf)")
    if suffix == ".wav":
        _refuse_other(path, "wav", datatype)
        return _Wav(path, sample_rate, center_frequency)
    if datatype is None:
        datatype = SUFFIXES.get(suffix)
    if datatype is None:
        raise ValueError(f"{path}: the name does not tell the datatype; give one of {', '.join(DATATYPES)}")
    return _Raw(path, datatype, sample_rate, center_frequency)


def metadata_path(path):
    """The ``.sigmf-meta`` file of a recording, named by either of its files or without an ending.

    Raises:
        ValueError: it is no path
    """
    if not path or not isinstance(path, (str, Path)):
        raise ValueError(f"SigMF recording is {path!r}, expected a path")
    path = Path(path)
    if path.suffix in (".sigmf-meta", ".sigmf-data"):
        return path.with_suffix(".sigmf-meta")
    return path.with_name(path.name + ".sigmf-meta")


def read_sigmf(meta_path: str | Path):
    """The metadata of a SigMF recording, validated: a `sigmf.SigMFFile`.

    Raises:
        OSError: It cannot be read.
        ValueError: ``"<path>: not SigMF metadata: reason"``
    """
    import sigmf

    data = Path(meta_path).read_bytes()
    try:
        meta = sigmf.SigMFFile(metadata=loads_finite(data))
        meta.validate()
    except Exception as error:  # of json, of sigmf, of the schema's validator
        reason = getattr(error, "message", None) or str(error) or type(error).__name__
        where = getattr(error, "json_path", "$").removeprefix("$").removeprefix(".")
        reason = f"{where}: {reason}" if where else reason
        raise ValueError(f"{meta_path}: not SigMF metadata: {shown(reason, LONGEST_REASON)}") from None
    return meta


def _open_sigmf(meta_path: Path, datatype, sample_rate, center_frequency) -> Recording:
    if not meta_path.is_file():
        raise FileNotFoundError(f"{meta_path}: no such file; a SigMF recording needs its metadata")
    meta = read_sigmf(meta_path)
    info = meta.get_global_info()
    _refuse_other(meta_path, info["core:datatype"], datatype)
    if info.get("core:num_channels", 1) != 1:
        raise ValueError(f"{meta_path}: {info['core:num_channels']} channels, expected 1")
    captures = meta.get_captures()
    if info.get("core:trailing_bytes") or any(c.get("core:header_bytes") for c in captures):
        raise ValueError(f"{meta_path}: bytes other than samples in the data are not supported")

    data_path = meta_path.with_suffix(".sigmf-data")
    if "core:dataset" in info:
        name = Path(info["core:dataset"]).name
        if not name or not name.isprintable():
            stated = shown(info["core:dataset"], LONGEST_REASON)
            raise ValueError(f"{meta_path}: core:dataset is '{stated}', expected a file's name")
        data_path = meta_path.with_name(name)
    if not data_path.is_file():
        raise FileNotFoundError(f"{data_path}: no such file; {meta_path.name} describes it")
    if data_path.stat().st_size == 0:
        raise ValueError(f"{data_path}: the file is empty")
    stated_rate = info.get("core:sample_rate")
    if stated_rate is not None and stated_rate <= 0:
        raise ValueError(f"{meta_path}: core:sample_rate is {stated_rate:g}, expected more than 0 Hz")
    for capture in captures:
        if capture.get("core:frequency", 0) < 0:
            stated = capture["core:frequency"]
            raise ValueError(f"{meta_path}: core:frequency is {stated:g}, expected 0 Hz or more")
    if center_frequency is None and captures:
        center_frequency = captures[0].get("core:frequency")
    recording = _Raw(data_path, info["core:datatype"], sample_rate or stated_rate, center_frequency)
    # Indices are absolute: those of a part of a split recording begin at its offset.
    offset = info.get("core:offset", 0)
    recording.annotations = [
        {**annotation, "core:sample_start": annotation["core:sample_start"] - offset}
        for annotation in meta.get_annotations()
    ]
    spans = [(a["core:sample_start"], a.get("core:sample_count", 1)) for a in recording.annotations]
    first, end = min((s for s, _ in spans), default=0), max((s + n for s, n in spans), default=0)
    if first < 0:
        raise ValueError(f"{meta_path}: an annotation at {first + offset}, before core:offset, {offset}")
    if end > recording.n_samples:
        raise ValueError(
            f"{data_path}: {recording.n_samples} samples, but the annotations reach to {end}: truncated"
        )
    last = max((capture["core:sample_start"] for capture in captures), default=0)
    if last > offset + recording.n_samples:
        raise ValueError(
            f"{data_path}: {recording.n_samples} samples, but a capture begins at {last}: truncated"
        )
    if "core:sha512" in info:
        with open(data_path, "rb") as file:
            digest = hashlib.file_digest(file, "sha512").hexdigest()
        if digest != info["core:sha512"].lower():
            raise ValueError(
                f"{data_path}: not the data that {meta_path.name} describes (core:sha512 differs): "
                "truncated or altered"
            )
    return recording


def to_complex(values: np.ndarray) -> np.ndarray:
    """Interleaved I and Q (2 n,), of any `component_dtype`, as complex64 (n,); integers to [-1, 1)."""
    scaled = values.astype(np.float32)
    if values.dtype.kind != "f":
        half = 2.0 ** (8 * values.dtype.itemsize - 1)
        # an offset-binary converter has its zero between two codes
        scaled = (scaled - (half - 0.5 if values.dtype.kind == "u" else 0)) / half
    return scaled.astype(np.float32).view(np.complex64)


def component_dtype(path: str | Path, datatype: str) -> np.dtype:
    """The numpy dtype of I and of Q.

    Raises:
        ValueError: ``"<path>: reason"``: an unknown datatype.
    """
    match = re.fullmatch(r"(c[fiu]\d+)(?:_([lb])e)?", datatype)
    if not match or match[1] not in DATATYPES:
        raise ValueError(f"{path}: datatype {datatype!r}, expected one of {', '.join(DATATYPES)}")
    kind, bits = match[1][1], int(match[1][2:])
    return np.dtype(f"{'>' if match[2] == 'b' else '<'}{kind}{bits // 8}")


def _refuse_other(path: Path, stated: str, datatype: str | None) -> None:
    if datatype not in (None, stated):
        raise ValueError(f"{path}: the recording is {stated}, not {datatype}")
