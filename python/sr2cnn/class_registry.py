# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovered classes kept in a file."""

import contextlib
import os
import queue
import threading
import time
from pathlib import Path

import numpy as np
import pmt
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.names import shown
from sr2cnn_learn.quantities import number, takes_numbers, whole
from sr2cnn_learn.registry import FRAMES_PER_CLASS, Registry, locked

from .base import sync_block
from .messages import StatusPort, plain

CMD = pmt.intern("cmd")
STATUS = pmt.intern("status")
PATIENCE = 10.0  # seconds for the discriminator to end
SHARE = 0.1  # of the time that may go into saving, where the file is large


class class_registry(sync_block):
    """Keeps a discriminator's discovered classes in a file, with sample frames, and restores them.

    What the file holds is taken up when the block is made: names and ids go on where they were. From then on
    it is written, whole or not at all, by a thread of its own: every `period` seconds while frames come, and
    at the end. A kill costs what came since. A file that is damaged, or of another model, is refused, never
    overwritten; so is one that another program has open. What goes wrong while saving (a full disk) is
    logged, shows in ``status`` and is tried again; the flowgraph goes on.

    Inputs: vectors of the model's frame_len complex, and int16, the class ids of these very frames.
    Message input ``cmd``: ``export`` and ``promote`` are done here, by the thread that saves; all else goes
    out at the message output ``cmd``, which is for the discriminator's. Message output ``status``: a dict of
    ``done`` or ``error``, and ``command``, for each of those two. Message output ``upstream``, for the
    discriminator's: a dict once a second of ``registry_frames`` (frames judged by the time of the last save)
    and ``registry_fault`` (what went wrong with the last save, or empty).

    Args:
        path: of the file, made if there is none
        discriminator: the `discriminator` block
        model: path of its bundle, or the bare name of a shipped model
        period: seconds from save to save; longer where the file is so large that saving would take
            more than a tenth of the time
        frames_per_class: most sample frames of a class
        seed: of their choice

    Attributes:
        saved_frames: frames judged by the time of the last save
        fault: what went wrong with the last save, or None

    Raises:
        FileNotFoundError, ValueError: the model is missing, the file is damaged, of another model or in use,
            or an argument is out of range
        OSError: there is no such folder, or it cannot be written
    """

    @takes_numbers(period=number, frames_per_class=whole, seed=whole)
    def __init__(
        self,
        path,
        discriminator,
        model="sr2cnn",
        period=5.0,
        frames_per_class=FRAMES_PER_CLASS,
        seed=0,
    ):
        if not 0 < period < float("inf"):
            raise ValueError(f"period is {period}, expected a number above 0")
        self._path = Path(path)
        self._discriminator = discriminator
        self._bundle = Bundle.read(model)
        self._period = period
        self._options = {"frames_per_class": frames_per_class, "seed": seed}
        self._registry = Registry.of_model(self._bundle, **self._options)
        sync_block.__init__(
            self,
            name="SR2CNN Class Registry",
            in_sig=[(np.complex64, self._bundle.frame_len), np.int16],
            out_sig=None,
        )
        self.saved_frames = 0
        self.fault = None
        self._stamp = None  # of the file, as it was read or written last
        self._lock = threading.Lock()  # of the registry
        self._holding = contextlib.ExitStack()  # the file, from here or start() to stop()
        self._holds = False
        self._jobs = queue.SimpleQueue()  # commands for the thread; None ends it
        self._thread = None
        self._hold()
        self._status = StatusPort(self, self._report, "upstream")
        self.message_port_register_out(STATUS)
        self.message_port_register_out(CMD)
        self.message_port_register_in(CMD)
        self.set_msg_handler(CMD, self._on_cmd)

    def _report(self):
        return {"registry_frames": self.saved_frames, "registry_fault": self.fault or ""}

    # -- the file ---------------------------------------------------------------------------

    def _hold(self):
        """Lock the file and, if it is not what was written last, take up what it holds."""
        with contextlib.ExitStack() as holding:
            holding.enter_context(locked(self._path))
            stamp = self._stamp_of_file()
            if stamp and stamp != self._stamp:
                registry = Registry.load(self._path, **self._options)
                try:
                    registry.check_model(self._bundle)
                    registry.know(self._bundle.classes)
                    self._discriminator.restore(registry.state())
                except ValueError as error:
                    raise ValueError(f"{self._path}: {error}") from None
                for refused in registry.refused_names:
                    self.logger.warn(shown(f"{self._path}: {refused}; it keeps this name"))
                self._registry = registry
                self.saved_frames = registry.frames
                self._stamp = stamp
            self._holding = holding.pop_all()
            self._holds = True

    def _stamp_of_file(self):
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _save(self):
        try:
            registry = self._up_to_date()
            with self._lock:
                contents, frames = registry.contents(time.time()), registry.frames
            registry.write(self._path, contents)
            self._stamp = self._stamp_of_file()
        except Exception as error:  # the flowgraph is worth more than the file, and there is a next time
            if str(error) != self.fault:
                self.logger.error(shown(f"{self._path}: not saved: {error}"))
            self.fault = str(error) or type(error).__name__
            return
        self.saved_frames = frames
        self.fault = None

    def _up_to_date(self):
        """The registry, with the classes as the discriminator has them now."""
        # Merged classes after the state: one merged in between is then still told of.
        state, merged = self._discriminator.state(), self._discriminator.merged()
        with self._lock:
            self._registry.update(state, merged, time.time())
        return self._registry

    def start(self):
        if not self._holds:
            try:
                self._hold()
            except (ValueError, OSError) as error:
                self.fault = str(error)
                self.logger.error(shown(f"{error}; nothing is saved in this run"))
        self._jobs = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work_off, args=(self._jobs,), daemon=True)
        self._thread.start()
        return True

    def stop(self):
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
            # What the discriminator is still at counts, too.
            patience = time.monotonic() + PATIENCE
            while not self._discriminator.finished() and time.monotonic() < patience:
                time.sleep(0.01)
            if self._holds:
                self._save()
            self._status.publish()
        self._holding.close()
        self._holds = False
        return True

    def _work_off(self, jobs):
        due = time.monotonic() + self._period
        frames = None
        while True:
            with contextlib.suppress(queue.Empty):
                job = jobs.get(timeout=max(0, due - time.monotonic()))
                if job is None:
                    return
                job()
                continue
            began = time.monotonic()
            if self._holds and self._discriminator.frames() != frames:
                frames = self._discriminator.frames()
                self._save()
                self._status.publish()
            ended = time.monotonic()
            due = ended + max(self._period, (ended - began) / SHARE)

    # -- frames and commands ----------------------------------------------------------------

    def work(self, input_items, output_items):
        frames, ids = input_items
        with self._lock:
            self._registry.offer(ids, frames, time.time())
        return len(ids)

    def _on_cmd(self, message):
        commands = {"export": self._export, "promote": self._promote}
        if pmt.is_pair(message) and not pmt.is_dict(message):
            message = pmt.dict_add(pmt.make_dict(), pmt.car(message), pmt.cdr(message))
        others = message
        if pmt.is_dict(message):
            for name, command in commands.items():
                key = pmt.intern(name)
                if pmt.dict_has_key(message, key):
                    value = pmt.dict_ref(message, key, pmt.PMT_NIL)
                    others = pmt.dict_delete(others, key)
                    self._jobs.put(lambda command=command, value=value: self._answer(command, value))
        if not pmt.is_dict(others) or pmt.length(pmt.dict_items(others)):
            self.message_port_pub(CMD, others)

    def _answer(self, command, value):
        name = command.__name__.strip("_")
        status = pmt.dict_add(
            pmt.make_dict(),
            pmt.intern("command"),
            pmt.dict_add(pmt.make_dict(), pmt.intern(name), value),
        )
        try:
            said = "done", f"{name}: {command(plain(value))}"
        except Exception as error:  # of what strangers send
            said = "error", f"{name}: {str(error) or type(error).__name__}"
            self.logger.error(shown(f"cmd {said[1]}"))
        status = pmt.dict_add(status, *map(pmt.intern, said))
        self.message_port_pub(STATUS, status)

    def _export(self, value):
        about = _checked(value, {"path"}, {"id", "label", "format"})
        registry = self._up_to_date()
        with self._lock:
            copy = registry.copy()
        written = copy.export(about["path"], _class(about, required=False), about.get("format", "sigmf"))
        return f"{len(written)} classes in {about['path']}"

    def _promote(self, value):
        from sr2cnn_learn.promotion import promote

        about = _checked(value, {"path"}, {"id", "label", "name", "rest"})
        registry = self._up_to_date()
        with self._lock:
            copy = registry.copy()
        which = _class(about, required=True)
        (new,) = promote(
            copy,
            which,
            Bundle.load(self._bundle.path),
            about["path"],
            about.get("name"),
            about.get("rest"),
        )
        return f"{about['path']} knows {new.name}"


def _checked(value, needed, optional):
    if not isinstance(value, dict) or not needed <= set(value) <= needed | optional:
        words = ", ".join(sorted(needed)), ", ".join(sorted(optional))
        raise ValueError(f"expected a dict with {words[0]}, and perhaps {words[1]}")
    for key, text in value.items():
        if key != "id" and not (isinstance(text, str) and text):
            raise ValueError(f"{key} is {text!r:.60}, expected a text")
    return value


def _class(about, required):
    """The class that a command names, in a list; None for all of them."""
    if "id" in about and "label" in about:
        raise ValueError("expected id or label, not both")
    if "id" not in about and "label" not in about:
        if required:
            raise ValueError("expected a dict with id or label")
        return None
    return [about["id"] if "id" in about else about["label"]]
