# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of labelled SigMF recordings."""

from __future__ import annotations

import hashlib
import itertools
from operator import itemgetter
from pathlib import Path

import numpy as np

from ..iq import as_complex
from ..recordings import ANNOTATOR, SAMPLES_PER_SYMBOL_FIELD, Recording, open_recording
from .reader import Reader, check_label, check_samples_per_symbol, file_sha256, reader

#: The SNR of recordings that state none.
SNR_NOT_STATED = 999
SNR_FIELD = "capture_details:SNRdB"


@reader
class SigMFFolder(Reader):
    """Every recording at or below a path.

    A frame's label is the ``core:label`` of the annotation that it lies in; frames are cut back to
    back from the annotation's first sample. A recording without any such label is labelled whole, by
    the name of the sub-folder that it lies in; what `sr2cnn classify` heard is no label. The SNR is
    the annotation's ``capture_details:SNRdB`` (of SigMF's extension of that name), rounded, else
    `SNR_NOT_STATED`. Samples a symbol are known where all labelled annotations have the same
    ``sr2cnn:samples_per_symbol``.
    """

    @classmethod
    def reads(cls, path, head):
        return path.suffix == ".sigmf-meta" or path.is_dir() and any(path.rglob("*.sigmf-meta"))

    def __init__(self, path: Path, frame_len: int):
        super().__init__(path, frame_len)
        self._folder = path if path.is_dir() else path.parent
        metas = sorted(path.rglob("*.sigmf-meta")) if path.is_dir() else [path]
        if not metas:
            raise ValueError(f"{path}: no .sigmf-meta file in or below this folder")
        self._recordings = [(meta, open_recording(meta)) for meta in metas]
        self._starts: dict[tuple[str, int], list[tuple[Recording, np.ndarray]]] = {}
        stated = set()
        for meta, recording in self._recordings:
            for start, count, label, snr, samples_per_symbol in self._labelled(meta, recording):
                check_label(meta, label)
                starts = start + frame_len * np.arange(count // frame_len)
                if len(starts):
                    stated.add(samples_per_symbol)
                    self._starts.setdefault((label, snr), []).append((recording, starts))
        self.counts = {key: sum(len(starts) for _, starts in parts) for key, parts in self._starts.items()}

        if len(stated) == 1:
            (self.samples_per_symbol,) = stated

    def read(self, key, rows, out):
        samples = as_complex(out)  # a view
        first = done = 0
        for recording, starts in self._starts[key]:
            here = rows[(rows >= first) & (rows < first + len(starts))] - first
            for start in starts[here]:
                samples[done] = recording.read(int(start), self.frame_len)
                done += 1
            first += len(starts)

    def sha256(self):
        """Of one line a file, metadata and samples, sorted by path: its SHA-256, two spaces, its
        path from the folder, as ``sha256sum`` prints them."""
        files = sorted({f for meta, recording in self._recordings for f in (meta, recording.path)})
        lines = "".join(
            f"{file_sha256(file)}  {file.relative_to(self._folder).as_posix()}\n" for file in files
        )
        return hashlib.sha256(lines.encode()).hexdigest()

    def _labelled(self, meta: Path, recording: Recording):
        """(first sample, number of samples, label, SNR, samples a symbol or None) of each labelled stretch."""
        stretches = []
        for annotation in recording.annotations:
            if not annotation.get("core:label") or annotation.get("core:generator") == ANNOTATOR:
                continue
            start = annotation["core:sample_start"]
            # the specification: without a count it lasts to the end
            count = annotation.get("core:sample_count", recording.n_samples - start)
            snr = annotation.get(SNR_FIELD, SNR_NOT_STATED)
            if isinstance(snr, bool) or not isinstance(snr, (int, float)) or not abs(snr) < 1000:
                raise ValueError(f"{meta}: {SNR_FIELD} is {repr(snr)[:60]}, expected dB")
            stated = annotation.get(SAMPLES_PER_SYMBOL_FIELD)
            if stated is not None:
                check_samples_per_symbol(meta, stated)
            stretches.append((start, count, annotation["core:label"], round(snr), stated))
        if not stretches:
            if meta.parent == self._folder:
                raise ValueError(
                    f"{meta}: no annotation has a core:label, and no sub-folder's name labels it"
                )
            return [(0, recording.n_samples, meta.parent.name, SNR_NOT_STATED, None)]
        stretches.sort(key=itemgetter(0, 1))
        for (start, count, *_), (second, *_) in itertools.pairwise(stretches):
            if second < start + count:
                raise ValueError(
                    f"{meta}: labelled annotations overlap at sample {second}; a frame has one label"
                )
        return stretches
