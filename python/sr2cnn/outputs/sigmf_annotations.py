# SPDX-License-Identifier: GPL-3.0-or-later
"""Emissions, or runs of labels, as annotations of a SigMF recording."""

import functools
import json
import threading
import time
from operator import itemgetter

from sr2cnn_learn.atomic import write_atomically
from sr2cnn_learn.names import shown
from sr2cnn_learn.recordings import ANNOTATOR, EXTENSION, metadata_path, read_sigmf

from .output import Output

MOST = 50_000  # annotations; a recording with more is better told by JSON lines
SHARE = 0.05  # of the time that may go into writing
VALIDATED = 100  # annotations in a row, 2 ms; what else runs in this process has its turn after them
TURN = 5e-3  # seconds


class SigmfAnnotations(Output):
    """Keeps the annotations of a recording: one an emission, or a run of equal labels where none are told.

    The metadata file is written whole or not at all, by a thread of its own, at most every `interval`
    seconds, and when flushed. One that exists keeps all that others have put there; annotations of an
    earlier run of this class are replaced. One that does not is begun, and says what the labels say of
    sample rate and frequency.

    An annotation has ``core:label`` (not that of an emission without a verdict), ``core:comment``,
    ``core:generator``, ``sr2cnn:class_id``, ``sr2cnn:known`` and ``sr2cnn:score`` (of a run's frames, the mean);
    that of an emission ``core:freq_lower_edge`` and ``core:freq_upper_edge``, too, in Hz (from the middle of the
    band, where its frequency is unknown), and ``sr2cnn:snr``. The recording starts with the first sample that
    the recognizer got.

    Args:
        path: the ``.sigmf-meta`` file, or the recording without that ending
        datatype, sample_rate, center_frequency, dataset: of the recording, for a file that is begun: as
            SigMF names it, Hz, Hz, name of the data file where it is not ``<recording>.sigmf-data``
        interval: seconds
        report: see `Output`

    Raises:
        ValueError: an argument is out of range, or the file that exists is no SigMF metadata
    """

    holds = keeps = True

    def __init__(
        self,
        path,
        datatype="cf32_le",
        sample_rate=None,
        center_frequency=None,
        dataset=None,
        interval=5.0,
        report=None,
    ):
        super().__init__(report)
        self._path = metadata_path(path)
        self.name = f"SigMF {self._path}"
        if not 0 < interval < float("inf"):
            raise ValueError(f"interval is {interval!r}, expected more than 0 s")
        self._interval = interval
        if sample_rate is not None and not 0 < sample_rate < float("inf"):
            raise ValueError(f"sample rate is {sample_rate!r}, expected more than 0 Hz")
        known = {
            "core:datatype": datatype,
            "core:sample_rate": sample_rate,
            "core:dataset": dataset,
        }
        self._global = {key: value for key, value in known.items() if value is not None}
        self._captures = [_capture(0, center_frequency)]
        self._others = []
        self._annotations = []
        self._going_on = {}  # number of an emission -> its annotation so far
        self._texts = []  # (start, text) of those written before, guarded by _saving
        self._begun = True
        self._loaded = self._saved = False
        self._timer = None
        self._saving = threading.Lock()
        try:
            self._load()
        except OSError as error:
            self._fail(error)
        self._text([], [])

    def _load(self):
        if self._path.exists():
            meta = read_sigmf(self._path)
            there, dataset = meta.get_global_info(), self._global.get("core:dataset")
            if dataset not in (None, there.get("core:dataset")):
                raise ValueError(
                    f"{self._path}: the metadata of {there.get('core:dataset')}, expected that of {dataset}"
                )
            self._global, self._captures = there, meta.get_captures()
            self._others = [a for a in meta.get_annotations() if a.get("core:generator") != ANNOTATOR]
            self._begun = False
        self._loaded = True

    def _write(self, kind, event):
        if kind == "emissions":
            annotation, number = self._emission(event), event.get("emission")
            self._going_on.pop(number, None)
            if event.get("continues"):
                self._going_on[number] = annotation
                self._keep(None, event)
            else:
                self._keep(annotation, event)
        elif kind == "labels" and "emission" not in event:  # those are told as emissions
            self._keep(self._annotation(event, str), event)

    def _keep(self, annotation, event):
        if annotation is not None and not self._extended(annotation):
            if len(self._annotations) >= MOST:
                raise ValueError(f"{MOST} annotations, the most")
            self._annotations.append(annotation)
        if self._begun:
            self._learn(event)
        self._saved = False
        self._save_later(self._interval)

    def _emission(self, event):
        annotation = self._annotation(event, (str, type(None)))
        offset, width = event.get("frequency_offset"), event.get("bandwidth")
        if _is_number(offset) and _is_number(width) and width >= 0:
            center = event.get("center_frequency")
            middle = center if _is_number(center) else offset
            annotation["core:freq_lower_edge"] = middle - width / 2
            annotation["core:freq_upper_edge"] = middle + width / 2
        if _is_number(event.get("snr")):
            annotation["sr2cnn:snr"] = event["snr"]
        if event.get("label") is None:
            del annotation["core:label"]
            annotation["core:comment"] = f"not judged: {shown(event.get('reason') or 'no reason', 200)}"
        return annotation

    def _annotation(self, event, label_kinds):
        for key, kind in (("label", label_kinds), ("start_sample", int), ("n_samples", int)):
            value = event.get(key)
            if not isinstance(value, kind) or (kind is int and not 0 <= value < 1 << 62):
                what = kind.__name__ if isinstance(kind, type) else "str"
                raise ValueError(
                    f"{event.get('event', 'label')} event with {key} {value!r}, expected a {what}"
                )
        annotation = {
            "core:sample_start": event["start_sample"] + self._global.get("core:offset", 0),
            "core:sample_count": event["n_samples"],
            "core:label": event["label"],
            "core:generator": ANNOTATOR,
        }
        for key, kinds in (("class_id", int), ("known", bool), ("score", (int, float))):
            if isinstance(event.get(key), kinds):
                annotation[f"sr2cnn:{key}"] = event[key]
        return annotation

    def _extended(self, annotation):
        """Whether it went on with the last run, of which long ones come in pieces."""
        if not self._annotations or "core:freq_lower_edge" in annotation:
            return False
        last = self._annotations[-1]
        n, more = last["core:sample_count"], annotation["core:sample_count"]
        if last["core:label"] != annotation["core:label"] or (
            last["core:sample_start"] + n != annotation["core:sample_start"]
        ):
            return False
        joined = dict(annotation)  # a new one: `save` may be reading the last
        joined["core:sample_start"] = last["core:sample_start"]
        joined["core:sample_count"] = n + more
        scores = [a.get("sr2cnn:score") for a in (last, annotation)]
        if None not in scores and n + more:
            joined["sr2cnn:score"] = (n * scores[0] + more * scores[1]) / (n + more)
        self._annotations[-1] = joined
        return True

    def _learn(self, event):
        """What an event says of the radio, into metadata that did not know."""
        rate, frequency = event.get("sample_rate"), event.get("rx_freq")
        center, offset = event.get("center_frequency"), event.get("frequency_offset")
        if _is_number(center) and _is_number(offset):
            frequency = center - offset
        if _is_number(rate) and rate > 0:
            self._global.setdefault("core:sample_rate", rate)
        if _is_number(frequency) and self._captures[-1].get("core:frequency") != frequency:
            start = event["start_sample"]
            if "core:frequency" not in self._captures[-1]:
                start = self._captures.pop()["core:sample_start"]
            if not self._captures or start > self._captures[-1]["core:sample_start"]:
                self._captures.append(_capture(start, frequency))

    def _save_later(self, seconds):
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self):
        start = time.monotonic()
        self.flush()
        with self._lock:
            self._timer = None
            if not self._saved and not self._closed:
                self._save_later(max(self._interval, (time.monotonic() - start) / SHARE))

    def flush(self):
        with self._saving:
            try:
                with self._lock:
                    if self._saved:
                        return
                    if not self._loaded:
                        self._load()
                    annotations, going_on = list(self._annotations), list(self._going_on.values())
                    self._saved = True
                write_atomically(self._path, self._text(annotations, going_on))
            except Exception as error:
                with self._lock:
                    self._saved = False
                    self._fail(error)
            else:
                self.fault = None

    def _text(self, annotations, going_on):
        """The file's text, validated: an annotation a line; those of emissions that go on may change.

        Those but the last of the call before are known, so that the cost does not grow with the recording.

        Raises:
            ValueError: it is no SigMF metadata
        """
        info = dict(self._global)
        extensions = [e for e in info.get("core:extensions", []) if e["name"] != EXTENSION["name"]]
        info["core:extensions"] = [*extensions, EXTENSION]
        if "core:dataset" in info or self._path.with_suffix(".sigmf-data").exists():
            info.pop("core:metadata_only", None)
        elif self._begun:
            info["core:metadata_only"] = True
        head = {"global": info, "captures": list(self._captures)}
        head["global"] = _with_version(head)
        self._validate({**head, "annotations": []})  # those of others were when they were read
        del self._texts[-1:]  # the last may have been extended since
        new = list(map(_with_comment, annotations[len(self._texts) :]))
        for first in range(0, len(new), VALIDATED):
            some = new[first : first + VALIDATED]
            self._validate({**head, "annotations": some})
            self._texts += map(_line, some)
            time.sleep(TURN)
        going_on = list(map(_with_comment, going_on))
        self._validate({**head, "annotations": going_on})
        lines = [*map(_line, self._others), *self._texts, *map(_line, going_on)]
        everything = sorted(lines, key=itemgetter(0))
        lines = ",\n".join(text for _, text in everything)
        before, after = json.dumps({**head, "annotations": []}, indent=4).rsplit("[]", 1)
        return f"{before}[\n{lines}\n    ]{after}\n"

    def _validate(self, metadata):
        from jsonschema.exceptions import best_match

        error = best_match(_validator().iter_errors(metadata))
        if error:
            raise ValueError(f"{self._path}: not SigMF metadata: {error.message}")

    def _close(self):
        if self._timer is not None:
            self._timer.cancel()


def _capture(start, frequency):
    capture = {"core:sample_start": start}
    return capture if frequency is None else {**capture, "core:frequency": frequency}


def _with_comment(annotation):
    known, score = annotation.get("sr2cnn:known"), annotation.get("sr2cnn:score")
    if "core:comment" in annotation:
        return annotation
    words = [] if known is None else ["known class" if known else "discovered class"]
    if score is not None:
        words.append(f"score {score:.3g}")
    return {**annotation, "core:comment": ", ".join(words)} if words else annotation


@functools.cache
def _validator():
    """Of SigMF's schema. `SigMFFile.validate` would check the schema itself, too, each time: 8 ms."""
    from jsonschema.validators import validator_for
    from sigmf.schema import get_schema

    schema = get_schema()
    return validator_for(schema)(schema)


def _with_version(head):
    import sigmf

    return sigmf.SigMFFile(metadata={**head, "annotations": []}).get_global_info()


def _line(annotation):
    return annotation["core:sample_start"], " " * 8 + json.dumps(annotation)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
