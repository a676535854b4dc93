# SPDX-License-Identifier: GPL-3.0-or-later
"""Many channels, one network."""

from gnuradio import gr
from gnuradio.filter import pfb
from scipy import signal
from sr2cnn_learn.conditioning.burst_log import BurstLog
from sr2cnn_learn.quantities import number, takes_numbers, whole

from .base import hier_block2
from .burst_cutter import burst_cutter
from .burst_origin import burst_origin
from .recognizer import recognizer

PORTS = ("labels", "novel", "status")
ATTENUATION = 70  # dB, of neighbouring channels
EDGE = 0.5  # of a channel, over its rate
TRANSITION = 0.2  # around the edge


class wideband_recognizer(hier_block2):
    """A band cut into channels, each with a squelch of its own; what any hears goes through one network.

    GNU Radio's polyphase channelizer cuts the band into ``n_channels`` equal channels around the center
    frequency. Each channel's bursts are found over its noise floor, centered and resampled, see
    `conditioner`; their frames are recognized together. A signal has to fit into one channel.

    Input: complex, at any rate. Output (may be left unconnected): int16, a class id a frame. Message outputs
    ``labels`` and ``novel`` tell in samples and hertz of the input, ``rx_freq`` is the center of the burst;
    ``channel`` is its channel, 0 the lowest. ``bursts``: a dict for each that has ended; ``status``, and
    message input ``cmd``: those of the recognizer.

    Args:
        n_channels: number of channels, at least 2
        sample_rate: of the input, Hz; 0 means what ``rx_rate`` tags say
        model: path of a bundle, or the bare name of a shipped model
        live: drop the oldest frames where the network cannot keep up, see `recognizer`
        **options: others of `recognizer`

    Attributes:
        recognizer: the `recognizer` behind the channels

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, or an argument is out of range
    """

    @takes_numbers(n_channels=whole, sample_rate=number)
    def __init__(self, n_channels, sample_rate=0.0, model="sr2cnn", live=False, **options):
        hier_block2.__init__(
            self,
            "SR2CNN Wideband Recognizer",
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
            gr.io_signature(1, 1, gr.sizeof_short),
        )
        if n_channels < 2:
            raise ValueError(f"n_channels is {n_channels}, expected at least 2")
        if not 0 <= sample_rate < float("inf"):
            raise ValueError(f"sample_rate is {sample_rate}, expected a rate in Hz, or 0")
        # What comes out of the cutter is conditioned.
        self.recognizer = recognizer(model, live=live, condition=False, **options)
        bundle = self.recognizer.encoder.bundle
        # Channel k is k channel rates above the center, the upper half of them below it.
        offsets = [k - n_channels if k >= (n_channels + 1) // 2 else k for k in range(n_channels)]
        order = sorted(range(n_channels), key=offsets.__getitem__)
        self._channelizer = pfb.channelizer_ccf(n_channels, channel_filter(n_channels).tolist())
        log = BurstLog()
        self._cutter = burst_cutter(
            log,
            sample_rate / n_channels,
            bundle.samples_per_symbol,
            [float(offsets[k]) for k in order],
            bundle.frame_len,
        )
        self._origin = burst_origin(log)
        self.connect(self, self._channelizer)
        for place, k in enumerate(order):
            self.connect((self._channelizer, k), (self._cutter, place))
        self.connect(self._cutter, self.recognizer, self)

        for port in (*PORTS, "bursts"):
            self.message_port_register_hier_out(port)
        self.message_port_register_hier_in("cmd")
        self.msg_connect((self, "cmd"), (self.recognizer, "cmd"))
        self.msg_connect((self._cutter, "bursts"), (self, "bursts"))
        self.msg_connect((self.recognizer, "status"), (self, "status"))
        for port in ("labels", "novel"):
            self.msg_connect((self.recognizer, port), (self._origin, port))
            self.msg_connect((self._origin, port), (self, port))


def channel_filter(n_channels):
    """Taps of the channelizer's prototype, float (n,), at the rate of the whole band.

    Not GNU Radio's own: its Parks-McClellan design (`optfir`) ends the process with a segmentation fault
    now and then.
    """
    n, beta = signal.kaiserord(ATTENUATION, TRANSITION * 2 / n_channels)
    return signal.firwin(n, EDGE, window=("kaiser", beta), fs=n_channels)
