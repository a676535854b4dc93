# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages to files, subscribers and metrics."""

from sr2cnn_learn.names import shown
from sr2cnn_learn.quantities import takes_numbers, whole

from .messages import event, event_receiver


class event_sink(event_receiver):
    """Puts messages out: as JSON lines, SigMF annotations, ZeroMQ messages, metrics; any of them at once.

    An event is a message as a dict, with ``event`` saying what it is: ``"label"``, ``"novel"``,
    ``"burst"``, ``"emission"``, ``"status"`` or ``"gap"``. A semantic vector is a list under ``vector``. NaN
    and infinity become null. Outputs fail alone: a full disk, a port in use or a subscriber that does not
    keep up is logged once, costs that output events, which it counts, and is retried; it never stops the
    flowgraph.

    Message inputs ``labels``, ``novel``, ``bursts``, ``emissions``, ``status``, ``gap``: dicts, or PDUs of a
    dict and a vector.

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
        event_receiver.__init__(self, "SR2CNN Event Sink")
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

    def flush(self):
        for output in self.outputs:
            output.flush()

    def close(self):
        """Give back files and ports. What comes then is lost."""
        for output in self.outputs:
            output.close()

    def _take(self, port, message):
        try:
            about = event(message, port)
        except Exception as error:  # of what strangers send
            if not self.refused:
                self.logger.error(shown(f"no event: {error}"))
            self.refused += 1
            return
        for output in self.outputs:
            output.write(port, about)
