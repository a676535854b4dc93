# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about conditioned samples, told in samples and hertz of the stream before the conditioner."""

import pmt
from sr2cnn_learn.names import shown

from .messages import event_receiver

PORTS = ("labels", "novel")
START_SAMPLE, N_SAMPLES = map(pmt.intern, ("start_sample", "n_samples"))
RADIO = tuple(map(pmt.intern, ("rx_time", "rx_freq", "sample_rate")))


class burst_origin(event_receiver):
    """Puts back what the conditioner did, in PDUs of a recognizer behind it.

    ``start_sample`` and ``n_samples`` become those of the stream before the conditioner; added are ``burst``,
    its number, ``channel`` where there are several, ``frequency_offset`` of its center, ``bandwidth``,
    ``symbol_rate`` where known (Hz; with ``_share`` behind the name, over the sample rate, where that is
    unknown) and ``snr`` (dB). A message that fits no burst goes on as it came.

    Message inputs and outputs: ``labels``, ``novel``.

    Args:
        log: the conditioner's `BurstLog`
    """

    def __init__(self, log):
        event_receiver.__init__(self, "SR2CNN Burst Origin", PORTS)
        self._log = log
        for port in PORTS:
            self.message_port_register_out(pmt.intern(port))

    def _take(self, port, message):
        self.message_port_pub(pmt.intern(port), self._put_back(message))

    def _put_back(self, message):
        try:
            meta = pmt.car(message)
            start = pmt.to_python(pmt.dict_ref(meta, START_SAMPLE, pmt.PMT_NIL))
            n = pmt.to_python(pmt.dict_ref(meta, N_SAMPLES, pmt.PMT_NIL))
            found = self._log.find(start)
            if found is None:
                return message
            heard, k = found
            first, last = heard.before(k), heard.before(k + n)
            values = dict(heard.about(), n_samples=last - first)
            for key in RADIO if heard.sample_rate is None else RADIO[1:]:
                meta = pmt.dict_delete(meta, key)
            meta = pmt.dict_add(meta, START_SAMPLE, pmt.from_uint64(first))
            for key, value in values.items():
                meta = pmt.dict_add(meta, pmt.intern(key), pmt.to_pmt(value))
            return pmt.cons(meta, pmt.cdr(message))
        except Exception as error:  # a message is not worth the flowgraph
            self.logger.error(shown(f"message left as it is: {error}"))
            return message
