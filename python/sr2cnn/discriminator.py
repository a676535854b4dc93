# SPDX-License-Identifier: GPL-3.0-or-later
"""The discriminator with what a model says."""

from sr2cnn_learn.bundle import Bundle, find
from sr2cnn_learn.quantities import takes_numbers, whole

from .sr2cnn_python import discriminator

MAX_NEW_PER_MINUTE = discriminator.MAX_NEW_PER_MINUTE


@takes_numbers(max_run=whole, hop=whole)
def discriminator_from_bundle(
    model="sr2cnn",
    *,
    emit="change",
    max_run=1000,
    hop=0,
    max_new_per_minute=MAX_NEW_PER_MINUTE,
    **parameters,
):
    """A `discriminator` block with a model's classes and semantics. Does not load the network.

    Args:
        model: path of a bundle, or the bare name of a shipped model
        emit: which frames get a ``signal_class`` tag: ``"change"``, ``"every"`` or ``"unknown"``
        max_run: most frames of a message on ``labels``
        hop: the framer's: samples from frame to frame; 0 means the model's frame_len
        max_new_per_minute: most classes discovered in any minute, by the clock; a frame that would be the
            first of one more gets -32768, and ``status`` counts it. None means any number
        **parameters: the fields of `sr2cnn_learn.discriminator_parameters.DiscriminatorParameters`, ``lambda1``
            and so on; one that is None, or not given, is the model's own, or else the default

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, or an argument is out of
            range
    """
    bundle = Bundle.read(find(model))
    return discriminator(
        bundle.classes,
        **bundle.discriminator_options(**parameters),
        emit=emit,
        max_run=max_run,
        frame_len=bundle.frame_len,
        hop=hop,
        model=bundle.name,
        max_new_per_minute=max_new_per_minute,
    )
