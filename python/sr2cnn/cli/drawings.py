# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sr2cnn classify` draws of recordings."""

from collections import Counter
from pathlib import Path

from sr2cnn_learn.cli.output import progress_bar
from sr2cnn_learn.plots.boxes import event_boxes
from sr2cnn_learn.plots.emissions import draw_recording
from sr2cnn_learn.plots.file import picture_format
from sr2cnn_learn.plots.report import write_report


class Drawings:
    """The pictures and reports of one recording or, in folders, of several.

    Args:
        files: the recordings
        picture, report: path, or a folder for one of each recording; None: none is made

    Raises:
        ValueError: there are several recordings, but no folder, or two have one name; or the format is none
    """

    def __init__(self, files, picture=None, report=None):
        self._pictures = _paths(files, picture, "--picture", ".png") if picture else {}
        self._reports = _paths(files, report, "--report", ".html") if report else {}
        for path in self._pictures.values():
            picture_format(path)
        self._faults = []

    def draw(self, file, recording, events, facts, console):
        """Draw a recording with its `emission` events. What goes wrong is told by `check`: the events are out."""
        events = list(events)
        if file in self._pictures:
            boxes = event_boxes(events, recording.sample_rate)
            panels = {f"{file.name}: {len(boxes)} emission{'s' * (len(boxes) != 1)}": boxes}
            self._make(console, "picture", draw_recording, self._pictures[file], recording, panels)
        if file in self._reports:
            self._make(console, "report", write_report, self._reports[file], recording, events, facts)

    def _make(self, console, what, function, path, recording, *arguments):
        with progress_bar(console) as progress:
            task = progress.add_task(f"{what} of {recording.path.name}", total=recording.n_samples)
            try:
                function(
                    path,
                    recording,
                    *arguments,
                    progress=lambda samples: progress.update(task, completed=samples),
                )
            except (OSError, ValueError) as error:
                self._faults.append(str(error))

    def check(self):
        """Raise OSError if something could not be drawn."""
        if self._faults:
            raise OSError("; ".join(self._faults))


def _paths(files, path, option, suffix):
    """The path of what is written, by recording."""
    path = Path(path)
    if not path.is_dir():
        if len(files) > 1:
            raise ValueError(f"{option} {path}: no folder, expected one for {len(files)} recordings")
        return {files[0]: path}
    names = Counter(file.name for file in set(files))
    name, n = names.most_common(1)[0]
    if n > 1:
        raise ValueError(f"{option} {path}: {n} recordings are called {name}, expected different names")
    return {file: path / f"{file.name}{suffix}" for file in files}
