# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages to JSON lines."""

import json
import math
import os

import pmt
from gnuradio import gr

PORTS = {"labels": "label", "novel": "novel", "status": "status"}


class event_sink(gr.basic_block):
    """Writes messages as JSON lines, one object a message, each line as its message comes.

    The key ``event`` says what it is: ``"label"``, ``"novel"`` or ``"status"``. A semantic vector
    is a list under ``vector``. NaN and infinity become null. A line that cannot be written (the
    disk is full, the pipe is closed) is logged and lost; no half line stays in a file.

    Message inputs ``labels``, ``novel``, ``status``: dicts, or PDUs of a dict and a vector.

    Args:
        path: file to write, ``"-"`` for the standard output

    Attributes:
        lines_written, lines_lost: counts

    Raises:
        OSError: the file cannot be opened
    """

    def __init__(self, path="-"):
        gr.basic_block.__init__(self, name="SR2CNN Event Sink", in_sig=None, out_sig=None)
        self.lines_written = 0
        self.lines_lost = 0
        self._fault = False
        # Unbuffered, so that a line is out when its message is handled.
        descriptor = os.dup(1) if path == "-" else path
        self._file = open(descriptor, "wb", buffering=0)
        # Keep the handlers: GNU Radio finds them by the names of these methods.
        handlers = (self._on_labels, self._on_novel, self._on_status)
        for port, handler in zip(PORTS, handlers):
            self.message_port_register_in(pmt.intern(port))
            self.set_msg_handler(pmt.intern(port), handler)

    def _on_labels(self, message):
        self._write("labels", message)

    def _on_novel(self, message):
        self._write("novel", message)

    def _on_status(self, message):
        self._write("status", message)

    def drain(self):
        """Write the messages that are waiting.

        GNU Radio ends a block without stream ports as soon as one of the blocks that send it
        messages ends, whatever still waits. `stop` drains; what comes even later, from another
        block's `stop`, is written by calling this after the top block's ``wait``.
        """
        for port in PORTS:
            while (message := self.delete_head_nowait(pmt.intern(port))) is not None:
                self._write(port, message)

    def stop(self):
        self.drain()
        return True

    def _write(self, port, message):
        try:
            line = json.dumps({"event": PORTS[port], **event(message)}, allow_nan=False)
            self._write_line(line.encode() + b"\n")
        except (OSError, ValueError) as error:
            self.lines_lost += 1
            if not self._fault:  # a full disk is one fault, not one a line
                self.logger.error(f"event not written: {error}")
            self._fault = True
        else:
            self.lines_written += 1
            self._fault = False

    def _write_line(self, line):
        left = line
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError:
            if len(left) < len(line) and self._file.seekable():
                self._file.seek(len(left) - len(line), os.SEEK_CUR)
                self._file.truncate()
            raise


def event(message):
    """A message, a dict or a PDU, as a dict of what JSON can say.

    Raises:
        ValueError: it is neither
    """
    if pmt.is_dict(message) and not pmt.is_null(message):
        return plain(message)
    if pmt.is_pair(message) and pmt.is_dict(pmt.car(message)):
        return {**plain(pmt.car(message)), "vector": plain(pmt.cdr(message))}
    raise ValueError(f"message is {str(message)[:60]}, expected a dict or a PDU")


def plain(value):
    """A PMT as what JSON can say: numbers that are not finite become None, complex ones [re, im]."""
    if pmt.is_null(value):  # GNU Radio calls this a dict, too
        return None
    if pmt.is_dict(value):
        items = pmt.dict_items(value)
        pairs = (pmt.nth(k, items) for k in range(pmt.length(items)))
        return {str(plain(pmt.car(pair))): plain(pmt.cdr(pair)) for pair in pairs}
    if pmt.is_uniform_vector(value):
        return [_number(item) for item in pmt.to_python(value).tolist()]
    if pmt.is_vector(value):
        return [plain(pmt.vector_ref(value, k)) for k in range(pmt.length(value))]
    if pmt.is_tuple(value):
        return [plain(pmt.tuple_ref(value, k)) for k in range(pmt.length(value))]
    if pmt.is_pair(value):
        return [plain(pmt.car(value)), plain(pmt.cdr(value))]
    if pmt.is_uint64(value):
        return pmt.to_uint64(value)
    if pmt.is_bool(value) or pmt.is_number(value) or pmt.is_symbol(value):
        return _number(pmt.to_python(value))
    return str(value)


def _number(value):
    if isinstance(value, complex):
        return [_number(value.real), _number(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
