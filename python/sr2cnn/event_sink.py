# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages to files, subscribers and metrics."""

import math

import numpy as np
import pmt
from sr2cnn_learn.names import shown
from sr2cnn_learn.quantities import takes_numbers, whole

from .base import message_block

PORTS = {"labels": "label", "novel": "novel", "bursts": "burst", "status": "status", "gap": "gap"}


class event_sink(message_block):
    """Puts messages out: as JSON lines, SigMF annotations, ZeroMQ messages, metrics; any of them at once.

    An event is a message as a dict, with ``event`` saying what it is: ``"label"``, ``"novel"``,
    ``"burst"``, ``"status"`` or ``"gap"``. A semantic vector is a list under ``vector``. NaN and infinity
    become null. Outputs fail alone: a full disk, a port in use or a subscriber that does not keep up is
    logged once, costs that output events, which it counts, and is retried; it never stops the flowgraph.

    Message inputs ``labels``, ``novel``, ``bursts``, ``status``, ``gap``: dicts, or PDUs of a dict and a
    vector.

    Args:
        path: file for JSON lines, ``"-"`` for the standard output, None for none
        sigmf: SigMF recording to annotate, None for none; see `outputs.sigmf_annotations`
        zmq: address to publish at, or a port of the loopback interface, None for none; see
            `outputs.zmq_pub`
        prometheus_port: port to serve metrics on, None for none; see `outputs.prometheus`
        prometheus_address: of the interface to serve them on; ``"0.0.0.0"`` are all
        append, rotate_bytes, rotate_keep: of the file; see `outputs.json_lines`
        outputs: more outputs, each an `outputs.output.Output`
        report: called with a line of text when one of the others begins to fail; default: the log

    Attributes:
        outputs: all outputs, each with the counts ``written`` and ``lost``, and ``fault``, what is wrong
            with it now, or None
        refused: number of messages that were no event

    Raises:
        ValueError: an argument is out of range, or there is no output
    """

    @takes_numbers(prometheus_port=whole, rotate_bytes=whole, rotate_keep=whole)
    def __init__(
        self,
        path="-",
        sigmf=None,
        zmq=None,
        prometheus_port=None,
        prometheus_address="127.0.0.1",
        append=False,
        rotate_bytes=None,
        rotate_keep=5,
        outputs=(),
        report=None,
    ):
        message_block.__init__(self, "SR2CNN Event Sink")
        self.refused = 0
        report = report or self.logger.error
        self.outputs = list(outputs)
        # Imported where they are asked for, so that the blocks load quickly.
        if path:
            from .outputs.json_lines import JsonLines

            self.outputs.append(JsonLines(path, append, rotate_bytes, rotate_keep, report))
        if sigmf:
            from .outputs.sigmf_annotations import SigmfAnnotations

            self.outputs.append(SigmfAnnotations(sigmf, report=report))
        if zmq not in (None, ""):
            from .outputs.zmq_pub import ZmqPub

            self.outputs.append(ZmqPub(zmq, report=report))
        if prometheus_port is not None:
            from .outputs.prometheus import Prometheus

            others = list(self.outputs)
            self.outputs.append(Prometheus(prometheus_port, prometheus_address, others, report))
        if not self.outputs:
            raise ValueError("no output: expected a path, sigmf, zmq, prometheus_port or outputs")
        handlers = (self._on_labels, self._on_novel, self._on_bursts, self._on_status, self._on_gap)
        for port, handler in zip(PORTS, handlers):
            self.message_port_register_in(pmt.intern(port))
            self.set_msg_handler(pmt.intern(port), handler)

    def _on_labels(self, message):
        self._put("labels", message)

    def _on_novel(self, message):
        self._put("novel", message)

    def _on_bursts(self, message):
        self._put("bursts", message)

    def _on_status(self, message):
        self._put("status", message)

    def _on_gap(self, message):
        self._put("gap", message)

    def flush(self):
        for output in self.outputs:
            output.flush()

    def close(self):
        """Give back files and ports. What comes then is lost."""
        for output in self.outputs:
            output.close()

    def _put(self, port, message):
        try:
            about = {"event": PORTS[port]} | event(message) | {"event": PORTS[port]}
        except Exception as error:  # of what strangers send
            if not self.refused:
                self.logger.error(shown(f"no event: {error}"))
            self.refused += 1
            return
        for output in self.outputs:
            output.write(port, about)


def event(message):
    """A message, a dict or a PDU, as a dict of what JSON can say.

    Raises:
        ValueError: it is neither
    """
    if pmt.is_dict(message) and not pmt.is_null(message):
        return plain(message)
    if pmt.is_pair(message) and pmt.is_dict(pmt.car(message)):
        return {**plain(pmt.car(message)), "vector": plain(pmt.cdr(message))}
    raise ValueError(f"message is {shown(message, 60)}, expected a dict or a PDU")


def plain(value):
    """A PMT as what JSON can say: numbers that are not finite become None, complex ones [re, im]."""
    # The most frequent first.
    if pmt.is_symbol(value):
        return pmt.symbol_to_string(value)
    if pmt.is_uint64(value):
        return pmt.to_uint64(value)
    if pmt.is_integer(value):
        return pmt.to_long(value)
    if pmt.is_real(value):
        return _number(pmt.to_double(value))
    if pmt.is_number(value) or pmt.is_bool(value):
        return _number(pmt.to_python(value))
    if pmt.is_null(value):  # GNU Radio calls this a dict, too
        return None
    if pmt.is_f32vector(value):
        elements = pmt.f32vector_elements(value)
        return elements if np.isfinite(elements).all() else [_number(item) for item in elements]
    if pmt.is_uniform_vector(value):
        return [_number(item) for item in pmt.to_python(value).tolist()]
    if pmt.is_dict(value):
        known, items = {}, pmt.dict_items(value)
        while not pmt.is_null(items):
            pair, items = pmt.car(items), pmt.cdr(items)
            known[str(plain(pmt.car(pair)))] = plain(pmt.cdr(pair))
        return known
    if pmt.is_vector(value):
        return [plain(pmt.vector_ref(value, k)) for k in range(pmt.length(value))]
    if pmt.is_tuple(value):
        return [plain(pmt.tuple_ref(value, k)) for k in range(pmt.length(value))]
    if pmt.is_pair(value):
        return [plain(pmt.car(value)), plain(pmt.cdr(value))]
    return str(value)


def _number(value):
    if isinstance(value, complex):
        return [_number(value.real), _number(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
