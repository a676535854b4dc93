# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a receiver hears to what a model was trained on."""

from gnuradio import gr
from sr2cnn_learn.conditioning.burst_log import BurstLog
from sr2cnn_learn.quantities import number, takes_numbers

from .base import hier_block2
from .burst_cutter import burst_cutter
from .burst_origin import burst_origin


class conditioner(hier_block2):
    """Finds bursts over the noise floor, centers them, and brings them to a model's samples a symbol.

    What lies between bursts is not put out. The first sample of a burst carries ``rx_time``, ``rx_freq`` (of
    its center) and ``rx_rate`` tags; an ``rx_time`` tag makes the framer begin a frame there. Where the
    stream is a signal from end to end it has to stand 10 dB above the floor beside it. Method and limits:
    `sr2cnn_learn.conditioning`.

    Input, output: complex; the output has another number of samples. Message output ``bursts``: a dict for
    each burst that has ended, with ``start_sample``, ``n_samples``, ``duration`` (s), ``frequency_offset`` of
    the center, ``bandwidth`` of 99 % of the power, ``symbol_rate`` where it shows (Hz), ``snr`` (dB). Message
    inputs ``labels`` and ``novel`` take a recognizer's messages; the outputs of those names give them on in
    samples and hertz of the stream that came in, see `burst_origin`.

    Args:
        sample_rate: of the input, Hz; 0 means what ``rx_rate`` tags say, and without them
            frequencies are shares of the rate (``frequency_offset_share`` and the like)
        samples_per_symbol: that bursts are brought to

    Raises:
        ValueError: sample_rate is below 0 or not finite, or samples_per_symbol below 2
    """

    @takes_numbers(sample_rate=number, samples_per_symbol=number)
    def __init__(self, sample_rate=0.0, samples_per_symbol=8.0):
        hier_block2.__init__(
            self,
            "SR2CNN Conditioner",
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
        )
        if not 0 <= sample_rate < float("inf"):
            raise ValueError(f"sample_rate is {sample_rate}, expected a rate in Hz, or 0")
        log = BurstLog()
        self.cutter = burst_cutter(log, sample_rate, samples_per_symbol)
        self.origin = burst_origin(log)
        self.connect(self, self.cutter, self)
        self.message_port_register_hier_out("bursts")
        self.msg_connect((self.cutter, "bursts"), (self, "bursts"))
        for port in ("labels", "novel"):
            self.message_port_register_hier_in(port)
            self.message_port_register_hier_out(port)
            self.msg_connect((self, port), (self.origin, port))
            self.msg_connect((self.origin, port), (self, port))
