# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain in one block."""

from gnuradio import blocks, gr
from sr2cnn_learn.discriminator_parameters import PARAMETERS
from sr2cnn_learn.quantities import number, takes_numbers, whole

from .base import hier_block2
from .class_registry import class_registry
from .describer import describer
from .discriminator import MAX_NEW_PER_MINUTE, discriminator_from_bundle
from .emission import EmissionLog, WaitingEmissions
from .emission_finder import emission_finder
from .emission_frames import emission_frames
from .emission_mean import emission_mean
from .encoder import encoder
from .sr2cnn_python import frame_queue, framer
from .verdict import verdict

REPORT_SECONDS = 2.0
LEAST_REPORT_SECONDS = 0.1
FRAMES_PER_EMISSION = 256
EVENTS_OUT = ("labels", "novel", "emissions", "bursts")  # the last is the former name of the one before
BUFFERED_BATCHES = 4  # in front of and behind the encoder, so that it finds whole batches


class recognizer(hier_block2):
    """What the emissions in a band, or the frames of one signal, are: samples in, class ids and messages out.

    What a receiver hears: the emissions in the band are found, many at a time, each is cut out and brought to
    the model's samples a symbol, and judged from all its frames. Message output ``emissions`` tells of each
    when it has ended, and every `report_seconds` of one that goes on; ``labels`` and ``novel`` are in samples
    and hertz of the stream that came in. With ``condition=False`` the stream is one signal, centered and at the
    model's samples a symbol already, as in RadioML, and each frame of it is judged.

    Input: complex. Output (may be left unconnected): int16, a class id an emission, or a frame, see
    `discriminator`. Message outputs ``emissions``, ``labels``, ``novel`` and ``status``, message input ``cmd``:
    docs/messages.md; ``status`` also has the figures of the blocks before the discriminator, ``novel`` what
    the class looks like.

    Args:
        model: path of a bundle, or the bare name of a shipped model
        hop: samples from one frame's start to the next one's; 0 means the model's frame_len
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        batch_size: most frames that the network takes at once; 0: what ``sr2cnn tune`` found for this
            machine, with its threads, or else 256
        max_new_per_minute: most classes discovered in any minute, by the clock; what would be the first of
            one more gets -32768, and ``status`` counts it. None means any number
        emit: which class ids get a ``signal_class`` tag: ``"change"``, ``"every"`` or ``"unknown"``
        max_run: with ``condition=False``, most frames of a message on ``labels``
        live: for radios: where the rest cannot keep up, leave out emissions, or the oldest frames, and never
            make the blocks before this one wait; ``status`` counts them. Otherwise nothing is lost.
        queue_frames: of a live recognizer with ``condition=False``, most frames that wait for the network
        condition: whether to find emissions; False for what is one signal, centered, already
        sample_rate: of the input, Hz; 0 means what ``rx_rate`` tags say, and without them frequencies are
            shares of the rate (``frequency_offset_share`` and the like)
        report_seconds: from report to report of an emission that goes on; earlier where that is more than
            8,388,608 samples, later where it is less than 524,288
        frames_per_emission: most frames that an emission, or each report of one, is judged from; 0: all
        vectors: whether ``emissions`` has each one's mean semantic vector
        registry: file that keeps the discovered classes, with sample frames of each: what it holds is
            taken up, and from then on it is kept up to date, see `class_registry`; None: none
        registry_period: seconds from save to save
        **parameters: of the discriminator, the fields of
            `sr2cnn_learn.discriminator_parameters.DiscriminatorParameters`, ``lambda1`` and so on; one that is
            None, or not given, is the model's own, or else the default

    Attributes:
        encoder, discriminator, describer: blocks inside
        finder, frame_source: the `emission_finder` and `emission_frames`; None with ``condition=False``
        framer: None unless ``condition=False``
        queue: the `frame_queue` between framer and encoder; None unless live and ``condition=False``
        registry: the `class_registry`; None without a file

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, an argument is out of range, or the
            registry is damaged, of another model or in use
    """

    @takes_numbers(
        hop=whole,
        max_run=whole,
        batch_size=whole,
        queue_frames=whole,
        sample_rate=number,
        report_seconds=number,
        frames_per_emission=whole,
        registry_period=number,
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
        report_seconds=REPORT_SECONDS,
        frames_per_emission=FRAMES_PER_EMISSION,
        vectors=False,
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
        for name, value, least in (
            ("hop", hop, 0),
            ("max_run", max_run, 1),
            ("sample_rate", sample_rate, 0),
            ("report_seconds", report_seconds, LEAST_REPORT_SECONDS),
            ("frames_per_emission", frames_per_emission, 0),
        ):
            _check_at_least(name, value, least)
        self.encoder = encoder(model, device, batch_size)
        self._bundle = bundle = self.encoder.bundle
        self.discriminator = discriminator_from_bundle(
            model,
            emit=emit,
            max_run=1 if condition else max_run,
            max_new_per_minute=max_new_per_minute,
            hop=hop,
            **parameters,
        )
        self.describer = describer(bundle, bundle.judge_of_known(**parameters))
        self.finder = self.frame_source = self.framer = self.queue = self.registry = None
        # A block needs an output that is connected; the one of this block may not be.
        self._null = blocks.null_sink(gr.sizeof_short)
        for port in (*EVENTS_OUT, "status"):
            self.message_port_register_hier_out(port)
        self.message_port_register_hier_in("cmd")
        if registry:
            self.registry = class_registry(registry, self.discriminator, model, registry_period)
        if condition:
            self._hear_emissions(hop, live, sample_rate, report_seconds, frames_per_emission, vectors)
        else:
            self._hear_frames(hop, live, queue_frames)
        self.connect(self.discriminator, self)
        self.connect(self.discriminator, self._null)
        self.msg_connect((self.discriminator, "status"), (self, "status"))
        self._connect_commands()

    def _hear_emissions(self, hop, live, sample_rate, report_seconds, frames_per_emission, vectors):
        """Finder, frames, encoder, mean vectors; and the verdict, which hears the discriminator."""
        bundle = self._bundle
        waiting, log = WaitingEmissions(), EmissionLog()
        self.finder = emission_finder(waiting, sample_rate, report_seconds, live)
        self.frame_source = emission_frames(
            self.finder,
            waiting,
            log,
            bundle.frame_len,
            hop or bundle.frame_len,
            bundle.samples_per_symbol,
            frames_per_emission,
        )
        self._mean = emission_mean(bundle, log)
        self._verdict = verdict(log, bundle.classes, self.discriminator.finished, vectors)
        self._buffer(self.frame_source, self.encoder)
        if live:
            self.encoder.warm_up()
        self.connect(self, self.finder)
        self.connect(self.frame_source, self.encoder, self._mean, self.discriminator)
        if self.registry:
            self.connect((self._mean, 1), (self.registry, 0))
        else:
            self._unused_frames = blocks.null_sink(gr.sizeof_gr_complex * bundle.frame_len)
            self.connect((self._mean, 1), self._unused_frames)
        for block in (self.frame_source, self.encoder):
            self.msg_connect((block, "status"), (self.discriminator, "upstream"))
        self.msg_connect((self.frame_source, "unjudged"), (self._verdict, "unjudged"))
        self.msg_connect((self.discriminator, "novel"), (self.describer, "novel"))
        self.msg_connect((self.discriminator, "labels"), (self._verdict, "labels"))
        self.msg_connect((self.describer, "novel"), (self._verdict, "novel"))
        for port in EVENTS_OUT:
            self.msg_connect((self._verdict, port), (self, port))

    def _hear_frames(self, hop, live, queue_frames):
        """Framer, perhaps a queue, and encoder."""
        bundle, batch_size = self._bundle, self.encoder.batch_size
        self.framer = framer(bundle.frame_len, hop)
        self._buffer(self.framer, self.encoder)
        before = [self.framer, self.encoder]
        if live:
            self.queue = frame_queue(bundle.frame_len, queue_frames, "drop", hop)
            # What waits in a buffer grows old and cannot be dropped: just enough for the encoder.
            self.queue.set_min_output_buffer((2 if self.registry else 1) * 2 * batch_size)
            self.encoder.warm_up()
            before.insert(1, self.queue)
        self.connect(self, *before, self.discriminator)
        if self.registry:
            self.connect(before[-2], (self.registry, 0))
        for block in before:
            self.msg_connect((block, "status"), (self.discriminator, "upstream"))
        self.msg_connect((self.discriminator, "novel"), (self.describer, "novel"))
        self.msg_connect((self.discriminator, "labels"), (self, "labels"))
        self.msg_connect((self.describer, "novel"), (self, "novel"))

    def _buffer(self, frames, vectors):
        # For a registry frames wait until they have ids, and the encoder is to find whole batches nevertheless.
        copies = 2 if self.registry else 1
        frames.set_min_output_buffer(copies * BUFFERED_BATCHES * self.encoder.batch_size)
        vectors.set_min_output_buffer(BUFFERED_BATCHES * self.encoder.batch_size)

    def _connect_commands(self):
        if self.registry is None:
            self.msg_connect((self, "cmd"), (self.discriminator, "cmd"))
            return
        self.connect(self.discriminator, (self.registry, 1))
        self.msg_connect((self, "cmd"), (self.registry, "cmd"))
        self.msg_connect((self.registry, "cmd"), (self.discriminator, "cmd"))
        self.msg_connect((self.registry, "upstream"), (self.discriminator, "upstream"))
        self.msg_connect((self.registry, "status"), (self, "status"))

    @property
    def frames(self):
        """Frames that went to the network."""
        return (self.framer or self.frame_source).frames

    @property
    def frames_skipped(self):
        """Frames left out for NaN or infinity; none behind the detector, to which that is silence."""
        return self.framer.frames_skipped if self.framer else 0

    @property
    def samples_left(self):
        """Samples of the frame that is not whole yet; 0 behind the detector."""
        return self.framer.samples_left if self.framer else 0

    @takes_numbers(sample_rate=number)
    def set_sample_rate(self, sample_rate):
        """Of the input from now on, Hz; 0: what tags say. Of no use with ``condition=False``."""
        _check_at_least("sample_rate", sample_rate, 0)
        if self.finder:
            self.finder.set_sample_rate(sample_rate)

    def set_max_new_per_minute(self, max_new_per_minute):
        """Most classes discovered in any minute; None means any number."""
        self.discriminator.set_max_new_per_minute(max_new_per_minute)

    def set_emit(self, emit):
        """Which frames get a tag: ``"change"``, ``"every"`` or ``"unknown"``."""
        self.discriminator.set_emit(emit)

    @takes_numbers(max_run=whole)
    def set_max_run(self, max_run):
        """Most frames of a message on ``labels``; of no use unless ``condition=False``."""
        _check_at_least("max_run", max_run, 1)
        if self.framer:
            self.discriminator.set_max_run(max_run)


def _check_at_least(name, value, least):
    if not least <= value < float("inf"):
        raise ValueError(f"{name} is {value}, expected at least {least}")


def _setter_of(field):
    name = f"set_{field.name}"

    def set(self, value):
        getattr(self.discriminator, name)(value)

    set.__name__, set.__doc__ = name, field.metadata["about"]
    return set


for _field in PARAMETERS:
    if not _field.metadata["fixed"]:
        setattr(recognizer, f"set_{_field.name}", _setter_of(_field))
