# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between blocks: their ports, what they say as events, what takes and what gives them."""

import math
import time
import weakref

import numpy as np
import pmt
from sr2cnn_learn.names import shown

from .base import message_block

#: Ports that events come from -> what such an event is called; docs/messages.md says what they hold
EVENTS = {
    "labels": "label",
    "novel": "novel",
    "bursts": "burst",
    "emissions": "emission",
    "status": "status",
    "gap": "gap",
}
PORTS = {kind: port for port, kind in EVENTS.items()}
SPECTRA = "spectra"  # of a `spectrum`, for a label display alone
CMD = "cmd"
PERIOD = 1.0  # of a status, seconds


def connect_events(flowgraph, source, receiver):
    """Connect what a block tells to a block that takes it, by each port of `EVENTS`, and `SPECTRA`, that both have.

    Where the receiver gives commands and the source takes them, as a label display those of a recognizer,
    these are connected, too.

    Args:
        flowgraph: top block or hierarchical block that both are in
        source, receiver: blocks
    """
    former = {"bursts"} if _has_output(source, "emissions") else set()  # the same, under its former name
    for port in [port for port in (*EVENTS, SPECTRA) if port not in former]:
        if _has_output(source, port) and _has_input(receiver, port):
            flowgraph.msg_connect((source, port), (receiver, port))
    if _has_output(receiver, CMD) and _has_input(source, CMD):
        flowgraph.msg_connect((receiver, CMD), (source, CMD))


def _has_output(block, port):
    block = block.to_basic_block()
    return block.message_port_is_hier_out(pmt.intern(port)) or port in pmt.to_python(
        block.message_ports_out()
    )


def _has_input(block, port):
    block = block.to_basic_block()
    return block.message_port_is_hier_in(pmt.intern(port)) or port in pmt.to_python(block.message_ports_in())


class event_receiver(message_block):
    """A block that takes events: `_take(port, message)` of a subclass gets each message, one at a time.

    Args:
        name: of the block
        ports: its message inputs, some of `EVENTS`
    """

    def __init__(self, name, ports=EVENTS):
        message_block.__init__(self, name)
        for port in ports:
            self.message_port_register_in(pmt.intern(port))
            self.set_msg_handler(pmt.intern(port), getattr(self, f"_on_{port}"))

    def _on_labels(self, message):
        self._take("labels", message)

    def _on_novel(self, message):
        self._take("novel", message)

    def _on_bursts(self, message):
        self._take("bursts", message)

    def _on_emissions(self, message):
        self._take("emissions", message)

    def _on_status(self, message):
        self._take("status", message)

    def _on_gap(self, message):
        self._take("gap", message)

    def _take(self, port, message):
        raise NotImplementedError


class StatusPort:
    """A message port of a Python block for a dict once a second.

    Args:
        block: the block; the port is registered with it
        report: method of it that returns the dict, of plain Python values
        port: its name
    """

    def __init__(self, block, report, port="status"):
        self._report = weakref.WeakMethod(report)  # the block owns this port, not the other way round
        self._port = pmt.intern(port)
        self._due = 0.0
        block.message_port_register_out(self._port)

    def tick(self):
        """Publish if the last message is a second old; to be called from work."""
        if time.monotonic() >= self._due:
            self.publish()

    def publish(self):
        """Publish now."""
        self._due = time.monotonic() + PERIOD
        report = self._report()
        report.__self__.message_port_pub(self._port, pmt.to_pmt(report()))


def left_over(block, port):
    """The messages that wait for a block of streams whose flowgraph has ended: GNU Radio leaves them there.

    A `message_block` has none, see docs/messages.md.

    Yields:
        PMTs
    """
    while (message := block.delete_head_nowait(pmt.intern(port))) is not None:
        yield message


def event(message, port=None):
    """A message, a dict or a PDU, as a dict of what JSON can say; a PDU's vector is its ``vector``.

    Args:
        message: PMT
        port: one of `EVENTS`, the one that it came from; the dict's ``event`` then says what it is

    Raises:
        ValueError: it is neither
    """
    kind = {} if port is None else {"event": EVENTS[port]}
    if pmt.is_dict(message) and not pmt.is_null(message):
        return kind | plain(message) | kind
    if pmt.is_pair(message) and pmt.is_dict(pmt.car(message)):
        return kind | plain(pmt.car(message)) | {"vector": plain(pmt.cdr(message))} | kind
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
