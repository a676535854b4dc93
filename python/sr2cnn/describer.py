# SPDX-License-Identifier: GPL-3.0-or-later
"""What a discovered class looks like, put into the message that announces it."""

import math

import pmt
from sr2cnn_learn.names import shown

from .messages import event_receiver

NOVEL = pmt.intern("novel")
DESCRIPTION = pmt.intern("description")
SAMPLE_RATE = pmt.intern("sample_rate")


class describer(event_receiver):
    """Adds ``description``, a dict as from ``Bundle.describe``, to PDUs of a class and its center.

    Frequencies are in hertz, too, where the PDU has a ``sample_rate``. A message that cannot be described
    goes on as it came; the first is logged.

    Message input and output: ``novel``.

    Args:
        bundle: `sr2cnn_learn.bundle.Bundle`
        judge: as from ``Bundle.judge_of_known``; None means the bundle's own
    """

    def __init__(self, bundle, judge=None):
        event_receiver.__init__(self, "SR2CNN Describer", ["novel"])
        self._bundle = bundle
        self._judge = judge
        self._fault = False
        self.message_port_register_out(NOVEL)

    def _take(self, port, message):
        self.message_port_pub(NOVEL, self._described(message))

    def _described(self, message):
        try:
            meta, center = pmt.car(message), pmt.to_python(pmt.cdr(message))
            rate = pmt.dict_ref(meta, SAMPLE_RATE, pmt.PMT_NIL)
            rate = pmt.to_double(rate) if pmt.is_real(rate) or pmt.is_integer(rate) else 0.0
            rate = rate if 0 < rate < math.inf else None
            description = self._bundle.describe(center, rate, self._judge)
            return pmt.cons(pmt.dict_add(meta, DESCRIPTION, pmt.to_pmt(description)), pmt.cdr(message))
        except Exception as error:  # a message is not worth the flowgraph
            if not self._fault:
                self.logger.error(shown(f"class not described: {error}"))
            self._fault = True
            return message
