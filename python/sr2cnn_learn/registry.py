# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovered classes that outlive the program: names, centers, when they were seen, sample frames.

A registry file is an ``.npz``, uncompressed and without pickle: ``registry.json`` says what the classes are,
``centers.npy`` and ``frames.npy`` hold their centers and sample frames. It is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import stat
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .atomic import lock, write_atomically
from .discriminator import (
    INVALID,
    LARGEST,
    MAX_UNKNOWN,
    Discovered,
    find_class,
    merge_classes,
    rename_class,
)
from .names import LONGEST_NAME, check_name, default_name
from .npz import Header, members, read_header, read_member, read_numbers
from .recordings import EXTENSION, SAMPLES_PER_SYMBOL_FIELD

FORMAT = "sr2cnn-registry"
VERSION = 1
STATE = "sr2cnn-discovered 2"  # first line of a discriminator's state
FRAMES_PER_CLASS = 64
MOST_SAMPLE_BYTES = 2**26  # of all sample frames; classes that come then get none
MOST_FILE_BYTES = 2**30
MOST_JSON_BYTES = 2**26
MOST_DIM = 2**20  # as of a card's dim and frame_len
MOST_FRAMES = 2**53  # int64 holds all that counts them on, a double each of them
MOST_LABELS = 2**16
CLOCK_SET = datetime(2020, 1, 1, tzinfo=UTC).timestamp()  # one that says less was never set
EXPORT_FORMATS = ("sigmf", "npz")
JSON_NAME, CENTERS_NAME, FRAMES_NAME = "registry.json", "centers.npy", "frames.npy"


class Samples:
    """Sample frames of a class, and when it was seen: each frame offered is kept with the same probability.

    Attributes:
        frames: complex64 (n, frame_len)
        offered: frames that n were chosen from
        first_seen, last_seen: seconds since 1970 in UTC, by the clock of the machine that judged. Clocks of
            radios without a battery begin years back: such times give way to the first of a clock that is set
    """

    def __init__(self, frame_len, now):
        self.frames = np.empty((0, frame_len), np.complex64)
        self.offered = 0
        self.first_seen = self.last_seen = now

    def offer(self, frames, room, rng):
        """Take up to ``room`` more ``frames`` (n, frame_len) than there are, the rest in place of others."""
        head, rest = frames[:room], frames[room:]
        if len(head):
            self.frames = np.concatenate([self.frames, head])
        slots = rng.integers(0, self.offered + len(head) + 1 + np.arange(len(rest)))
        taken = slots < len(self.frames)
        self.frames[slots[taken]] = rest[taken]
        self.offered += len(frames)

    def seen(self, now):
        if self.first_seen < CLOCK_SET <= now:
            self.first_seen = now
        if now >= self.first_seen:  # else the clock was set back
            self.last_seen = now

    def absorb(self, other, most, rng):
        """Take over another class's samples; of too many, each class keeps its share."""
        frames = np.concatenate([self.frames, other.frames])
        if len(frames) > most:
            shares = [np.full(len(s.frames), s.offered / max(1, len(s.frames))) for s in (self, other)]
            shares = np.concatenate(shares)
            frames = frames[rng.choice(len(frames), most, replace=False, p=shares / shares.sum())]
        self.frames = frames
        self.offered += other.offered
        first = sorted((self.first_seen, other.first_seen))
        self.first_seen = first[0] if first[0] >= CLOCK_SET else first[1]
        self.last_seen = max(self.last_seen, other.last_seen)


@dataclass(eq=False)
class RegisteredClass(Discovered):
    """A discovered class with its `Samples`."""

    samples: Samples


class Registry:
    """The discovered classes of one model, by `Registry.load`, or empty.

    Not thread-safe. Frame indices count the frames judged, on from run to run.

    Args:
        model: name of the model
        fingerprint: of its centers, see `fingerprint`
        dim, frame_len: of the model
        frames_per_class: most sample frames kept of a class
        seed: of the choice of sample frames

    Attributes:
        model, fingerprint, dim, frame_len, frames_per_class: as above
        known: labels of the model's known classes, which `rename` refuses; empty where nobody told
        classes: list of `RegisteredClass` in order of discovery
        refused_names: in words, what names of classes were refused when the file was read
        next_id: that of the next class
        frames: frames judged so far
        written: when the file was written, seconds since 1970; None before
    """

    def __init__(self, model, fingerprint, dim, frame_len, frames_per_class=FRAMES_PER_CLASS, seed=0):
        if frames_per_class < 0:
            raise ValueError(f"frames_per_class is {frames_per_class}, expected at least 0")
        self.model = model
        self.fingerprint = fingerprint
        self.dim = dim
        self.frame_len = frame_len
        self.frames_per_class = frames_per_class
        self.known: list[str] = []
        self.classes: list[RegisteredClass] = []
        self.refused_names: list[str] = []
        self.next_id = -1
        self.frames = 0
        self.written = None
        self._samples: dict[int, Samples] = {}  # of classes that `update` has not told of yet, too
        self._rng = np.random.default_rng(seed)

    @classmethod
    def of_model(cls, bundle, **options):
        """An empty registry of a `Bundle`. Options: see `Registry`."""
        registry = cls(bundle.name, fingerprint(bundle.centers), bundle.dim, bundle.frame_len, **options)
        registry.know(bundle.classes)
        return registry

    def know(self, labels):
        """Take up the labels of the model's known classes. A class called by one has its default name again."""
        self.known = list(labels)
        for known in self.classes:
            self._name(known, known.name)

    def _name(self, known, name):
        """Name a class, or leave it its default name and say so in `refused_names`."""
        known.name = default_name(known.id)
        try:
            rename_class(self.classes, known.id, name, self.known)
        except ValueError as error:
            self.refused_names.append(f"{known.name}: {error}")

    def check_model(self, bundle):
        """ValueError unless this is a registry of the bundle."""
        if (self.fingerprint, self.dim) != (fingerprint(bundle.centers), bundle.dim):
            raise ValueError(
                f"the registry is of model {self.model!r} with fingerprint {self.fingerprint:016x}, "
                f"not of {bundle.name!r} with {fingerprint(bundle.centers):016x}"
            )
        if self.frame_len != bundle.frame_len:
            raise ValueError(f"the registry has frames of {self.frame_len}, the model {bundle.frame_len}")

    def find(self, which):
        """The class of a label or an id, an integer or its text.

        Raises:
            ValueError: there is none
        """
        for known in self.classes:
            if known.name == which:
                return known
        if isinstance(which, str):
            if not re.fullmatch(r"-[0-9]{1,5}", which):
                raise ValueError(f"there is no discovered class {which!r}")
            which = int(which)
        return find_class(self.classes, which)

    # -- what a discriminator says ----------------------------------------------------------

    def offer(self, ids, frames, now):
        """Frames as they are judged: some of those of discovered classes are kept.

        Args:
            ids: integers (n,), class ids
            frames: complex64 (n, frame_len)
            now: seconds since 1970
        """
        discovered = np.flatnonzero((ids < 0) & (ids != INVALID))
        if not len(discovered):
            return
        left = MOST_SAMPLE_BYTES // (8 * self.frame_len) - sum(
            len(samples.frames) for samples in self._samples.values()
        )
        for id in np.unique(ids[discovered]).tolist():
            samples = self._samples.setdefault(id, Samples(self.frame_len, now))
            samples.seen(now)
            before = len(samples.frames)
            room = max(0, min(self.frames_per_class - before, left))
            samples.offer(frames[discovered][ids[discovered] == id], room, self._rng)
            left -= len(samples.frames) - before

    def update(self, state, merged, now):
        """Take over the classes as a discriminator has them.

        Args:
            state: text, of ``discriminator.state()``
            merged: dict of ids, of ``discriminator.merged()`` asked after the state
            now: seconds since 1970

        Raises:
            ValueError: the state is that of another model
        """
        lines = state.split("\n")
        model = lines[1].split()
        if lines[0] != STATE or (int(model[1]), int(model[2])) != (self.fingerprint, self.dim):
            raise ValueError("the state is that of another model, or of another version")
        before = {known.id: known for known in self.classes}
        for src, dst in merged.items():
            while dst in merged:
                dst = merged[dst]
            source = self._samples.pop(src, None)
            if source and dst in self._samples:
                self._samples[dst].absorb(source, self.frames_per_class, self._rng)
            elif source:
                self._samples[dst] = source
        self.frames = int(lines[2].split()[1])
        count, self.next_id = (int(number) for number in lines[3].split()[1:])
        self.classes, samples = [], {}
        for about, center in zip(lines[4 : 4 + 2 * count : 2], lines[5 : 5 + 2 * count : 2]):
            *numbers, name = about.split(" ", 4)
            id, members, first, last = (int(number) for number in numbers)
            was = before.get(id)
            if was and (members < was.count or first > was.first_frame):
                self._samples.pop(id, None)  # a class of that id was loaded from elsewhere
            samples[id] = self._samples.get(id) or Samples(self.frame_len, now)
            center = np.array(center.split(), dtype=np.float64)
            self.classes.append(RegisteredClass(id, name, center, members, first, last, samples[id]))
        self._samples = samples

    def state(self):
        """The classes as a text for ``discriminator.restore``."""
        lines = [
            STATE,
            f"model {self.fingerprint} {self.dim}",
            f"frames {self.frames}",
            f"classes {len(self.classes)} {self.next_id}",
        ]
        for known in self.classes:
            lines.append(f"{known.id} {known.count} {known.first_frame} {known.last_frame} {known.name}")
            lines.append(" ".join(map(repr, known.center.tolist())))
        return "\n".join([*lines, "end", ""])

    # -- what an operator does --------------------------------------------------------------

    def rename(self, which, name):
        """Name a class. ValueError if the name is another's, known or not, or none at all."""
        rename_class(self.classes, self.find(which).id, name, self.known)

    def merge(self, src, dst):
        """Make class ``src`` part of ``dst``: the center is the mean of all members."""
        source, target = merge_classes(self.classes, self.find(src).id, self.find(dst).id)
        target.samples.absorb(source.samples, self.frames_per_class, self._rng)
        del self._samples[source.id]

    def forget(self, which):
        """Drop a class, or with ``"all"`` every one, unless one is called so. Ids are never used again."""
        everything = which == "all" and not any(known.name == "all" for known in self.classes)
        for known in list(self.classes) if everything else [self.find(which)]:
            self.classes.remove(known)
            del self._samples[known.id]

    def export(self, folder, which=None, format="sigmf", samples_per_symbol=None):
        """Write sample frames and names, a recording a class.

        Args:
            folder: to write to, made if need be
            which: labels or ids; None: all
            format: ``"sigmf"``: frames back to back, an annotation each with the class's name; or ``"npz"``:
                ``frames`` complex64 (n, frame_len), ``center``, ``label``, ``id``, ``count``
            samples_per_symbol: of the model, stated in each SigMF annotation; None: not stated

        Returns:
            list of Path: the ``.sigmf-meta`` or ``.npz`` files

        Raises:
            ValueError: no such class or format
            OSError: a file cannot be written
        """
        if format not in EXPORT_FORMATS:
            raise ValueError(f"format is {format!r}, expected one of {', '.join(EXPORT_FORMATS)}")
        classes = self.classes if which is None else [self.find(each) for each in which]
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for known in classes:
            if not len(known.samples.frames):
                continue
            # Names are anything; file names shall not be.
            safe = re.sub(r"[^A-Za-z0-9_-]+", "_", known.name)[:60]
            stem = default_name(known.id)
            path = folder / (stem if safe == stem else f"{stem}-{safe}")
            if format == "sigmf":
                written.append(_export_sigmf(path, known, self, samples_per_symbol))
            else:
                written.append(_export_npz(path, known))
        return written

    def moved_to(self, bundle, promoted):
        """A registry of another bundle with the same encoder, without the classes that it knows by now.

        Args:
            bundle: `Bundle`
            promoted: ids of those classes
        """
        moved = Registry.of_model(bundle, frames_per_class=self.frames_per_class)
        moved.next_id, moved.frames = self.next_id, self.frames
        moved.classes = [known for known in self.classes if known.id not in promoted]
        moved._samples = {known.id: known.samples for known in moved.classes}
        return moved

    def copy(self):
        """A copy that shares nothing with this."""
        return copy.deepcopy(self)

    # -- the file ---------------------------------------------------------------------------

    def contents(self, now):
        """Copies of all that `write` needs, for one to write while this goes on.

        Args:
            now: seconds since 1970
        """
        about = {
            "format": FORMAT,
            "version": VERSION,
            "written": _text_of_time(now),
            "model": self.model,
            "known_classes": self.known,
            "fingerprint": f"{self.fingerprint:016x}",
            "dim": self.dim,
            "frame_len": self.frame_len,
            "frames_per_class": self.frames_per_class,
            "frames": self.frames,
            "next_id": self.next_id,
            "classes": [
                {
                    "id": known.id,
                    "name": known.name,
                    "count": known.count,
                    "first_frame": known.first_frame,
                    "last_frame": known.last_frame,
                    "first_seen": _text_of_time(known.samples.first_seen),
                    "last_seen": _text_of_time(known.samples.last_seen),
                    "samples": len(known.samples.frames),
                    "sampled_of": known.samples.offered,
                }
                for known in self.classes
            ],
        }
        centers = np.array([known.center for known in self.classes], np.float64)
        frames = [known.samples.frames for known in self.classes]
        none = np.empty((0, self.frame_len), np.complex64)
        return about, centers.reshape(-1, self.dim), np.concatenate([none, *frames])

    @staticmethod
    def write(path, contents):
        """Write what `contents` gave, whole or not at all.

        Raises:
            OSError: it cannot be written; the old file is as it was
        """
        about, centers, frames = contents
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(JSON_NAME, json.dumps(about, indent=1))
            for name, array in ((CENTERS_NAME, centers), (FRAMES_NAME, frames)):
                npy = io.BytesIO()
                np.lib.format.write_array(npy, array, allow_pickle=False)
                archive.writestr(name, npy.getbuffer())
        write_atomically(path, data.getvalue())

    def save(self, path):
        """Write the file, whole or not at all; OSError if that cannot be."""
        self.write(path, self.contents(datetime.now().timestamp()))

    @classmethod
    def load(cls, path, frames_per_class=None, seed=0):
        """The registry in a file. Nothing of it is believed unchecked.

        Args:
            path: of the file
            frames_per_class: None: as the file says
            seed: see `Registry`

        Raises:
            FileNotFoundError: there is none
            ValueError: it is damaged or no registry; it is left as it is
            OSError: it cannot be read
        """
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_FILE_BYTES:
            raise ValueError(f"{path}: not a registry of discovered classes")
        data = Path(path).read_bytes()
        try:
            return cls._parse(data, frames_per_class, seed)
        except ValueError as error:
            raise ValueError(f"{path}: damaged, or no registry of discovered classes: {error}") from None

    @classmethod
    def _parse(cls, data, frames_per_class, seed):
        contents = _members(data)
        try:
            about = json.loads(contents[JSON_NAME])
        except RecursionError:
            raise ValueError(f"{JSON_NAME} is nested too deep") from None
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise ValueError(f"{JSON_NAME} does not say that it is a registry")
        if about.get("version") != VERSION:
            raise ValueError(f"version is {about.get('version')!r:.60}, expected {VERSION}")
        hexadecimal = _text(about, "fingerprint")
        if not re.fullmatch(r"[0-9a-f]{16}", hexadecimal):
            raise ValueError(f"fingerprint is {hexadecimal!r:.60}, expected 16 hexadecimal digits")
        registry = cls(
            check_name(about.get("model"), "model name"),
            int(hexadecimal, 16),
            _whole(about, "dim", 1, MOST_DIM),
            _whole(about, "frame_len", 1, MOST_DIM),
            _whole(about, "frames_per_class", 0, MOST_FRAMES),
            seed,
        )
        registry.written = _time(about, "written")
        registry.frames = _whole(about, "frames", 0, MOST_FRAMES)
        registry.next_id = _whole(about, "next_id", -MAX_UNKNOWN - 1, -1)
        entries = about.get("classes")
        if not isinstance(entries, list) or len(entries) > MAX_UNKNOWN:
            raise ValueError("classes are no list, or too many")
        if not all(isinstance(entry, dict) for entry in entries):
            raise ValueError("a class is no object")
        sizes = [_whole(entry, "samples", 0, MOST_FILE_BYTES) for entry in entries]
        centers = _array(contents, CENTERS_NAME, np.float64, (len(entries), registry.dim))
        frames = _array(contents, FRAMES_NAME, np.complex64, (sum(sizes), registry.frame_len))
        if not (np.abs(centers) <= LARGEST).all():
            raise ValueError("a center is not finite, or too large")
        starts = np.cumsum([0, *sizes])
        for entry, center, start, end in zip(entries, centers, starts, starts[1:]):
            registry._add(entry, center, frames[start:end])
        if sum(known.count for known in registry.classes) > registry.frames:
            raise ValueError("the classes have more members than there were frames")
        labels = about.get("known_classes", [])  # an older file has none
        if not isinstance(labels, list) or len(labels) > MOST_LABELS:
            raise ValueError("known_classes are no list, or too many")
        registry.know([check_name(label, "label of a known class") for label in labels])
        if frames_per_class is not None:
            registry._set_frames_per_class(frames_per_class)
        return registry

    def _add(self, entry, center, frames):
        id = _whole(entry, "id", self.next_id + 1, self.classes[-1].id - 1 if self.classes else -1)
        last = _whole(entry, "last_frame", 0, self.frames - 1)
        samples = Samples(self.frame_len, _time(entry, "first_seen"))
        samples.last_seen = _time(entry, "last_seen")
        if samples.last_seen < samples.first_seen:
            raise ValueError(f"class {id} was seen last before it was seen first")
        samples.frames = frames
        samples.offered = _whole(entry, "sampled_of", len(frames), MOST_FRAMES)
        known = RegisteredClass(
            id,
            default_name(id),
            center.copy(),
            _whole(entry, "count", 1, self.frames),
            _whole(entry, "first_frame", 0, last),
            last,
            samples,
        )
        self.classes.append(known)
        self._samples[id] = samples
        self._name(known, _text(entry, "name"))

    def _set_frames_per_class(self, most):
        self.frames_per_class = most
        for samples in self._samples.values():
            if len(samples.frames) > most:
                kept = self._rng.choice(len(samples.frames), most, replace=False)
                samples.frames = samples.frames[kept]


@contextlib.contextmanager
def locked(path):
    """Hold a registry file for writing; a second holder, of this or another program, is refused.

    The lock is a file beside it, ``.<name>.lock``, that stays. It is free again when its holder dies.

    Raises:
        ValueError: another one holds it
        OSError: there is no such folder, or it cannot be written
    """
    path = Path(path).resolve()
    with open(path.with_name(f".{path.name}.lock"), "ab") as file:
        if not lock(file.fileno()):
            raise ValueError(
                f"{path}: a recognizer or another program has it open; while one runs, send it the command"
            )
        yield


def fingerprint(centers):
    """Of a model's centers (K, dim): FNV-1a, as in the states of the C++ discriminator."""
    value = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(centers, dtype="<f8").tobytes():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _members(data):
    """The three members of the archive; nothing is inflated."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = members(archive)
            if set(found) != {JSON_NAME, CENTERS_NAME, FRAMES_NAME}:
                raise ValueError("its members are not those of a registry")
            for member in found.values():
                if member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{member.filename} is compressed")
            most = {JSON_NAME: MOST_JSON_BYTES}
            return {
                name: read_member(archive, member, most.get(name, len(data)))
                for name, member in found.items()
            }
    except Exception as error:  # zipfile raises all sorts for what is no zip file
        raise ValueError(str(error) or type(error).__name__) from None


def _array(contents, name, dtype, shape):
    """The array of a member, which must have just this type, shape and size."""
    file = io.BytesIO(contents[name])
    try:
        header = read_header(file)
        if header != Header(shape, False, np.dtype(dtype)):
            raise ValueError(f"expected {np.dtype(dtype)} of shape {shape}")
        if header.nbytes > len(contents[name]):
            raise ValueError("an array that is cut short")
        return read_numbers(file, header)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _whole(about, key, low, high):
    value = about.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{key} is {value!r:.60}, expected an integer from {low} to {high}")
    return value


def _text(about, key):
    value = about.get(key)
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"{key} is {value!r:.60}, expected a text")
    return value


def _time(about, key):
    value = _text(about, key)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        seconds = time.timestamp()
        _text_of_time(seconds)  # refuses what is outside years 1 to 9999 in UTC
        return seconds
    except (ValueError, OverflowError):
        raise ValueError(f"{key} is {value!r:.60}, expected a time in UTC") from None


def _text_of_time(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def _export_sigmf(path, known, registry, samples_per_symbol):
    frames = known.samples.frames
    annotation = {"core:sample_count": registry.frame_len, "core:label": known.name}
    if samples_per_symbol is not None:
        annotation[SAMPLES_PER_SYMBOL_FIELD] = samples_per_symbol
    meta = {
        "global": {
            "core:datatype": "cf32_le",
            "core:version": "1.0.0",
            "core:extensions": [EXTENSION],
            "core:description": f"sample frames of a discovered class of model {registry.model}, "
            f"{len(frames)} of {known.count}, not contiguous; "
            f"seen {_text_of_time(known.samples.first_seen)} to {_text_of_time(known.samples.last_seen)}",
        },
        "captures": [{"core:sample_start": 0}],
        "annotations": [
            {"core:sample_start": k * registry.frame_len, **annotation} for k in range(len(frames))
        ],
    }
    meta_path = Path(f"{path}.sigmf-meta")
    write_atomically(f"{path}.sigmf-data", frames.astype("<c8").tobytes())
    write_atomically(meta_path, json.dumps(meta, indent=2) + "\n")
    return meta_path


def _export_npz(path, known):
    data = io.BytesIO()
    np.savez(
        data,
        frames=known.samples.frames,
        center=known.center,
        label=known.name,
        id=known.id,
        count=known.count,
    )
    npz_path = Path(f"{path}.npz")
    write_atomically(npz_path, data.getvalue())
    return npz_path
