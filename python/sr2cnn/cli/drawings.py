# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sr2cnn classify` draws of recordings."""

from collections import Counter
from pathlib import Path

from sr2cnn_learn.cli.output import progress_bar
from sr2cnn_learn.plots.boxes import event_boxes
from sr2cnn_learn.plots.emissions import draw_recording
from sr2cnn_learn.plots.file import picture_format


class Drawings:
    """The pictures of one recording or, in folders, of several.

    Args:
        files: the recordings
        picture: path of a picture, or a folder for NAME.png of each recording; None: none is drawn

    Raises:
        ValueError: there are several recordings, but no folder for the pictures, or two have one name
    """

    def __init__(self, files, picture=None):
        self._faults = []
        self._picture = picture and _paths(files, picture, "--picture", ".png")
        if self._picture:
            for path in self._picture.values():
                picture_format(path)

    def draw(self, file, recording, events, console):
        """Draw a recording with its `emission` events. What goes wrong is told by `check`: the events are out."""
        if not self._picture:
            return
        boxes = event_boxes(events, recording.sample_rate)
        title = f"{file.name}: {len(boxes)} emission{'s' * (len(boxes) != 1)}"
        with progress_bar(console) as progress:
            task = progress.add_task(f"picture of {file.name}", total=recording.n_samples)
            try:
                draw_recording(
                    self._picture[file],
                    recording,
                    {title: boxes},
                    lambda samples: progress.update(task, completed=samples),
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
