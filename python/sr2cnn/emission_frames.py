# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of emissions: what the network sees of a band."""

import numpy as np
import pmt
from sr2cnn_learn.conditioning import BlockSpectra, cut_out
from sr2cnn_learn.names import shown

from .base import sync_block
from .messages import StatusPort

EMISSION = pmt.intern("emission")
UNJUDGED = pmt.intern("unjudged")
WAIT = 0.05  # seconds for the next emission
LEAST_SNR = 0.0  # dB in its own band; clicks stay below, which the air has more of than Gaussian noise


class emission_frames(sync_block):
    """Cuts out the emissions that an `emission_finder` has found, one after the other, and puts out their frames.

    Output: vectors of frame_len complex. The first frame of an emission carries the tag ``emission``, a tuple
    of its number and its index in the log (uint64). Message output ``unjudged``: the index in the log of an
    emission that gives no frame. Message output ``status``, a dict once a second: ``emissions`` (found),
    ``emissions_faint`` (that do not stand out of the noise in their band, and are not told),
    ``emissions_left_out`` (not cut out, too many at once), ``emissions_waiting``, ``network_frames``.

    Args:
        finder: the `emission_finder`
        waiting: its `WaitingEmissions`
        log: `EmissionLog` that takes what was cut out
        frame_len, hop: samples
        samples_per_symbol: that emissions are brought to
        frames_per_emission: most frames of an emission; 0: all

    Attributes:
        frames: number of frames put out
        faint: number of emissions that are not told, too faint
        left_out: number of emissions that were not cut out
    """

    def __init__(self, finder, waiting, log, frame_len, hop, samples_per_symbol, frames_per_emission):
        sync_block.__init__(
            self, name="SR2CNN Emission Frames", in_sig=None, out_sig=[(np.complex64, frame_len)]
        )
        self._finder, self._waiting, self._log = finder, waiting, log
        self._how = dict(
            samples_per_symbol=samples_per_symbol,
            frame_len=frame_len,
            hop=hop,
            most_frames=frames_per_emission,
        )
        self._rest = np.empty((0, frame_len), np.complex64)
        self.frames = self.faint = self.left_out = 0
        self._spectra = None  # of the finder's ring, which comes with its first sample
        self._begins = {}  # number of an emission that goes on -> its first sample
        self._status = StatusPort(self, self.stats)
        self.message_port_register_out(UNJUDGED)

    def stats(self):
        """The status message."""
        return {
            "emissions": self._finder.emissions,
            "emissions_faint": self.faint,
            "emissions_left_out": self.left_out,
            "emissions_waiting": len(self._waiting),
            "network_frames": self.frames,
        }

    def work(self, input_items, output_items):
        out = output_items[0]
        put = 0
        self._status.tick()
        while put < len(out):
            if not len(self._rest) and not self._cut(put):
                break
            n = min(len(out) - put, len(self._rest))
            out[put : put + n] = self._rest[:n]
            self._rest = self._rest[n:]
            put += n
        self.frames += put
        return -1 if not put and self._waiting.ended else put

    def _cut(self, put):
        """Cut out the next emission; False where none waits. Its frames follow the `put` of this call."""
        while (emission := self._waiting.take(0 if put else WAIT)) is not None:
            if emission.reason is None and emission.box.start < self._finder.ring.begin:
                emission.reason = "left out: its samples were gone when its turn came"
            if emission.reason is None:
                self._cut_out(emission)
                if emission.cut and emission.cut.snr < LEAST_SNR and not emission.is_piece:
                    self.faint += 1
                    continue
            else:
                self.left_out += 1
            index = self._log.add(emission)
            if emission.reason is None:
                emission.n_frames = emission.n_frames_here = len(emission.cut.frames)
                self._rest = emission.cut.frames
                numbers = map(pmt.from_uint64, (emission.number, index))
                at = self.nitems_written(0) + put
                self.add_item_tag(0, at, EMISSION, pmt.make_tuple(*numbers), self.alias_pmt())
                return True
            self.message_port_pub(UNJUDGED, pmt.from_uint64(index))
        return False

    def _cut_out(self, emission):
        try:
            if self._spectra is None:
                self._spectra = BlockSpectra(self._finder.ring.read)
            emission.cut = cut_out(self._spectra, emission.box, **self._how)
            emission.reason = emission.cut.reason
            self._place(emission)
        except Exception as error:  # of one emission; the flowgraph shall go on
            emission.cut, emission.reason = None, f"it could not be cut out: {type(error).__name__}"
            self.logger.error(shown(f"emission {emission.number} not cut out: {error}"))

    def _place(self, emission):
        """An emission begins where its first piece does, as that shows it."""
        if emission.is_piece:
            emission.begin = self._begins.get(emission.number, emission.cut.start)
            if emission.box.continues:
                self._begins[emission.number] = emission.begin
            else:
                self._begins.pop(emission.number, None)
        else:
            emission.begin = emission.cut.start

    def stop(self):
        self._status.publish()
        return True
