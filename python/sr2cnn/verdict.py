# SPDX-License-Identifier: GPL-3.0-or-later
"""One event an emission: what it is, from all its frames."""

import numpy as np
import pmt
from sr2cnn_learn.names import shown

from .emission_frames import UNJUDGED
from .messages import event_receiver, plain

PORTS = ("labels", "novel")
LABELS, EMISSIONS, BURSTS = map(pmt.intern, ("labels", "emissions", "bursts"))
START_SAMPLE = pmt.intern("start_sample")
KEYS = {name: pmt.intern(name) for name in ("label", "class_id", "known", "score")}
OF_FRAMES = tuple(map(pmt.intern, ("rx_time", "rx_freq", "sample_rate", "n_samples", "n_frames")))
CANDIDATES = 3
STOPPED = "the flowgraph stopped before it was judged"
NOT_ENCODED = "its frames could not be encoded"
REFUSED = "it would be the first of one class more than may be discovered in a minute"


class verdict(event_receiver):
    """Puts together what the detector, the network and the discriminator say of an emission.

    Message inputs ``labels`` and ``novel``: a discriminator's, of emissions' mean vectors; ``unjudged``: that
    of an `emission_frames`. Message outputs: ``emissions``, a dict an emission; ``labels`` and ``novel``,
    told in samples and hertz of the stream that came in; ``bursts``, the former name of ``emissions``, with
    ``burst`` for the number, which goes in the next release.

    Args:
        log: `EmissionLog`
        classes: names of the known classes
        is_over: whether the discriminator has ended, a callable
        vectors: whether an emission's event has its mean semantic vector
    """

    def __init__(self, log, classes, is_over, vectors=False):
        event_receiver.__init__(self, "SR2CNN Verdict", PORTS)
        self._log, self._classes, self._is_over, self._vectors = log, classes, is_over, vectors
        for port in (*PORTS, "emissions", "bursts"):
            self.message_port_register_out(pmt.intern(port))
        self.message_port_register_in(UNJUDGED)
        self.set_msg_handler(UNJUDGED, self._on_unjudged)

    def _on_unjudged(self, message):
        if emission := self._log.tell(pmt.to_uint64(message)):
            self._publish(emission, {})

    def _take(self, port, message):
        try:
            meta, vector = pmt.car(message), pmt.cdr(message)
            index = pmt.to_uint64(pmt.dict_ref(meta, START_SAMPLE, pmt.PMT_NIL))
            emission = self._log.find(index)
            if emission is None:
                return
            if port == "novel":
                self.message_port_pub(pmt.intern(port), pmt.cons(_of_stream(meta, emission), vector))
            elif self._log.tell(index):
                for passed in self._log.untold_before(index):
                    self._publish_lost(passed)
                self._tell(emission, meta, vector)
        except Exception as error:  # a message is not worth the flowgraph
            self.logger.error(shown(f"emission not told: {type(error).__name__}: {error}"))

    def _tell(self, emission, meta, vector):
        """Known or not says the discriminator; which known class, all its frames' probabilities together."""
        likely = np.exp(emission.log_probabilities - emission.log_probabilities.max())
        likely /= likely.sum()
        best = np.argsort(-likely, kind="stable")[:CANDIDATES]
        said = {key: plain(pmt.dict_ref(meta, name, pmt.PMT_NIL)) for key, name in KEYS.items()}
        if said["known"]:
            said["label"], said["class_id"] = self._classes[best[0]], int(best[0])
            for key in ("label", "class_id"):
                meta = pmt.dict_add(meta, KEYS[key], pmt.to_pmt(said[key]))
        self.message_port_pub(LABELS, pmt.cons(_of_stream(meta, emission), vector))
        said["candidates"] = [[self._classes[k], round(float(likely[k]), 4)] for k in best]
        self._publish(emission, said, vector)

    def _publish(self, emission, said, vector=None):
        about = emission.about() | {"label": None} | said | {"n_frames": emission.n_frames}
        if emission.reason:
            about["reason"] = emission.reason
        message = pmt.make_dict()
        if self._vectors and vector is not None:
            message = pmt.dict_add(message, pmt.intern("vector"), vector)
        for key, value in reversed(about.items()):  # the dict gives the latest first
            message = pmt.dict_add(message, pmt.intern(key), pmt.to_pmt(_rounded(value)))
        self.message_port_pub(EMISSIONS, message)
        if not emission.box.continues:
            number = pmt.from_uint64(emission.number)
            self.message_port_pub(BURSTS, pmt.dict_add(message, pmt.intern("burst"), number))

    def _publish_lost(self, emission):
        if emission.reason is None:
            likely = emission.log_probabilities
            judged = likely is not None and np.isfinite(likely).all()
            emission.reason = REFUSED if judged else STOPPED if likely is None else NOT_ENCODED
        self._publish(emission, {})

    def flush(self):
        if not self._is_over():
            return
        for emission in self._log.untold_before():
            self._publish_lost(emission)


def _rounded(value):
    """With no more digits than mean something: of hertz, dB, seconds and shares."""
    if not isinstance(value, float):
        return value
    return round(value, 3) if abs(value) >= 100 else float(f"{value:.6g}")


def _of_stream(meta, emission):
    """What a discriminator says of a mean vector, told of the emission in the stream that came in."""
    for key in OF_FRAMES:
        meta = pmt.dict_delete(meta, key)
    found = emission.cut or emission.box
    about = emission.about()
    about |= {"start_sample": found.start, "n_samples": found.n_samples, "n_frames": emission.n_frames_here}
    if emission.sample_rate:
        about["sample_rate"] = emission.sample_rate
        if emission.center_frequency is not None:
            about["rx_freq"] = about.pop("center_frequency")
    for key, value in about.items():
        meta = pmt.dict_add(meta, pmt.intern(key), pmt.to_pmt(value))
    if emission.time is not None:
        whole, fraction = emission.time
        time = pmt.make_tuple(pmt.from_uint64(whole), pmt.from_double(fraction))
        meta = pmt.dict_add(meta, pmt.intern("rx_time"), time)
    return meta
