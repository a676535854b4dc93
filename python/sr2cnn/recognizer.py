# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain in one block."""

from gnuradio import blocks, gr
from sr2cnn_learn.discriminator_parameters import PARAMETERS
from sr2cnn_learn.quantities import number, takes_numbers, whole

from .base import hier_block2
from .class_registry import class_registry
from .conditioner import conditioner
from .describer import describer
from .discriminator import MAX_NEW_PER_MINUTE, discriminator_from_bundle
from .encoder import encoder
from .sr2cnn_python import frame_queue, framer

BUFFERED_BATCHES = 4  # in front of and behind the encoder, so that it finds whole batches


class recognizer(hier_block2):
    """Framer, encoder and discriminator of a model: samples in, class ids and messages out.

    A `conditioner` comes first, for signals as a receiver hears them: frames are cut from bursts only,
    message output ``bursts`` tells of these, and ``labels`` and ``novel`` are in samples and hertz of the
    stream that came in. Without it (``condition=False``), the signal must be centered and have the samples a
    symbol of the model, as in RadioML.

    Input: complex. Output (may be left unconnected): int16, a class id a frame, see `discriminator`.
    Message outputs ``labels``, ``novel`` and ``status``, message input ``cmd``: the
    discriminator's; ``status`` also has the figures of framer, frame queue and encoder, ``novel``
    what the class looks like.

    Args:
        model: path of a bundle, or the bare name of a shipped model
        hop: samples from one frame's start to the next one's; 0 means the model's frame_len
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        batch_size: most frames that the network takes at once; 0: what ``sr2cnn tune`` found for this
            machine, with its threads, or else 256
        max_new_per_minute: most classes discovered in any minute, by the clock; a frame that would be the
            first of one more gets -32768, and ``status`` counts it. None means any number
        emit: which frames get a ``signal_class`` tag: ``"change"``, ``"every"`` or ``"unknown"``
        max_run: most frames of a message on ``labels``
        live: for radios: where the network cannot keep up, drop the oldest frames and never make the
            blocks before this one wait; ``status`` counts them. Otherwise nothing is lost.
        queue_frames: of a live recognizer, most frames that wait for the network
        condition: whether to find bursts, center and resample them; False for what is centered already
        sample_rate: for the conditioner, see there
        registry: file that keeps the discovered classes, with sample frames of each: what it holds is
            taken up, and from then on it is kept up to date, see `class_registry`; None: none
        registry_period: seconds from save to save
        **parameters: of the discriminator, the fields of
            `sr2cnn_learn.discriminator_parameters.DiscriminatorParameters`, ``lambda1`` and so on; one that is
            None, or not given, is the model's own, or else the default

    Attributes:
        framer, encoder, discriminator, describer: the blocks inside
        queue: the `frame_queue` between framer and encoder; None unless live
        conditioner: the `conditioner` before the framer; None unless asked for
        registry: the `class_registry`; None without a file

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, an argument is out of range, or the
            registry is damaged, of another model or in use
    """

    @takes_numbers(
        hop=whole, batch_size=whole, queue_frames=whole, sample_rate=number, registry_period=number
    )
    def __init__(
        self,
        model="sr2cnn",
        hop=0,
        device="auto",
        batch_size=0,
        *,
        emit="change",
        max_run=1000,
        live=False,
        queue_frames=1024,
        condition=True,
        sample_rate=0.0,
        registry=None,
        registry_period=5.0,
        max_new_per_minute=MAX_NEW_PER_MINUTE,
        **parameters,
    ):
        hier_block2.__init__(
            self,
            "SR2CNN Recognizer",
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
            gr.io_signature(1, 1, gr.sizeof_short),
        )
        self.encoder = encoder(model, device, batch_size)
        batch_size = self.encoder.batch_size
        self.framer = framer(self.encoder.bundle.frame_len, hop)
        self.discriminator = discriminator_from_bundle(
            model,
            emit=emit,
            max_run=max_run,
            max_new_per_minute=max_new_per_minute,
            hop=hop,
            **parameters,
        )
        bundle = self.encoder.bundle
        self.describer = describer(bundle, bundle.judge_of_known(**parameters))
        # For a registry frames wait until they have ids, and the encoder is to find whole batches nevertheless.
        copies = 2 if registry else 1
        self.framer.set_min_output_buffer(copies * BUFFERED_BATCHES * batch_size)
        self.encoder.set_min_output_buffer(BUFFERED_BATCHES * batch_size)
        # A block needs an output that is connected; the one of this block may not be.
        self._null = blocks.null_sink(gr.sizeof_short)
        before = [self.framer, self.encoder]
        self.queue = None
        if live:
            self.queue = frame_queue(bundle.frame_len, queue_frames, "drop", hop)
            # What waits in a buffer grows old and cannot be dropped: just enough for the encoder.
            self.queue.set_min_output_buffer(copies * 2 * batch_size)
            self.encoder.warm_up()
            before.insert(1, self.queue)
        self.conditioner = None
        first = [self]
        if condition:
            self.conditioner = conditioner(sample_rate, bundle.samples_per_symbol)
            first.append(self.conditioner)
        self.connect(*first, *before, self.discriminator, self)
        self.connect(self.discriminator, self._null)

        for block in before:
            self.msg_connect((block, "status"), (self.discriminator, "upstream"))
        for port in ("labels", "novel", "status", "bursts"):
            self.message_port_register_hier_out(port)
        self.msg_connect((self.discriminator, "status"), (self, "status"))
        self.msg_connect((self.discriminator, "novel"), (self.describer, "novel"))
        for block, port in ((self.discriminator, "labels"), (self.describer, "novel")):
            if condition:
                self.msg_connect((block, port), (self.conditioner, port))
                block = self.conditioner
            self.msg_connect((block, port), (self, port))
        if condition:
            self.msg_connect((self.conditioner, "bursts"), (self, "bursts"))
        self.message_port_register_hier_in("cmd")
        self.registry = None
        if registry:
            self.registry = class_registry(registry, self.discriminator, model, registry_period)
            self.connect(before[-2], (self.registry, 0))
            self.connect(self.discriminator, (self.registry, 1))
            self.msg_connect((self, "cmd"), (self.registry, "cmd"))
            self.msg_connect((self.registry, "cmd"), (self.discriminator, "cmd"))
            self.msg_connect((self.registry, "upstream"), (self.discriminator, "upstream"))
            self.msg_connect((self.registry, "status"), (self, "status"))
        else:
            self.msg_connect((self, "cmd"), (self.discriminator, "cmd"))

    @property
    def frames(self):
        """Frames that the framer has put out."""
        return self.framer.frames

    @property
    def frames_skipped(self):
        """Frames left out for NaN or infinity."""
        return self.framer.frames_skipped

    @property
    def samples_left(self):
        """Samples of the frame that is not whole yet."""
        return self.framer.samples_left

    def set_max_new_per_minute(self, max_new_per_minute):
        """Most classes discovered in any minute; None means any number."""
        self.discriminator.set_max_new_per_minute(max_new_per_minute)

    def set_emit(self, emit):
        """Which frames get a tag: ``"change"``, ``"every"`` or ``"unknown"``."""
        self.discriminator.set_emit(emit)

    def set_max_run(self, max_run):
        """Most frames of a message on ``labels``."""
        self.discriminator.set_max_run(max_run)


def _setter_of(field):
    name = f"set_{field.name}"

    def set(self, value):
        getattr(self.discriminator, name)(value)

    set.__name__, set.__doc__ = name, field.metadata["about"]
    return set


for _field in PARAMETERS:
    if not _field.metadata["fixed"]:
        setattr(recognizer, f"set_{_field.name}", _setter_of(_field))
