# SPDX-License-Identifier: GPL-3.0-or-later
"""The discriminator with what a model says."""

from sr2cnn_learn.bundle import Bundle, find
from sr2cnn_learn.quantities import number, takes_numbers, whole

from .sr2cnn_python import discriminator

MAX_NEW_PER_MINUTE = discriminator.MAX_NEW_PER_MINUTE


@takes_numbers(
    lambda1=number, lambda2=number, min_support=whole, max_unknown=whole, max_run=whole, hop=whole,
    rival_support=whole, theta2_limit=number, merge_separation=number,
)  # fmt: skip
def discriminator_from_bundle(
    model="sr2cnn",
    lambda1=None,
    lambda2=None,
    distance=None,
    theta2=None,
    min_support=1,
    max_unknown=None,
    emit="change",
    max_run=1000,
    hop=0,
    zero_variance=None,
    rival_support=None,
    theta2_limit=None,
    merge_separation=None,
    max_new_per_minute=MAX_NEW_PER_MINUTE,
):
    """A `discriminator` block with a model's classes and semantics. Does not load the network.

    Args:
        model: path of a bundle, or the bare name of a shipped model
        lambda1, lambda2, distance, theta2: None takes the model's own
        min_support: frames that a discovered class needs before it is announced on ``novel``
        max_unknown: most discovered classes; None means as many as there are ids
        emit: which frames get a ``signal_class`` tag: ``"change"``, ``"every"`` or ``"unknown"``
        max_run: most frames of a message on ``labels``
        hop: the framer's: samples from frame to frame; 0 means the model's frame_len
        zero_variance: ``"floor"`` (None) or ``"ignore"``
        rival_support: members from which a discovered class also takes frames that a known class
            would take but that lie nearer to its own center; 0 means never, None takes the model's own
        theta2_limit: largest Θ2 over Θ1; 0 means no limit, None takes the model's own
        merge_separation: Ashman's D below which two discovered classes are merged; 0 means never,
            None takes the model's own
        max_new_per_minute: most classes discovered in any minute, by the clock; a frame that would be the
            first of one more gets -32768, and ``status`` counts it. None means any number

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, or an argument is out of
            range
    """
    bundle = Bundle.read(find(model))
    options = bundle.discriminator_options(
        lambda1=lambda1,
        lambda2=lambda2,
        distance=distance,
        theta2=theta2,
        max_unknown=max_unknown,
        zero_variance=zero_variance,
        rival_support=rival_support,
        theta2_limit=theta2_limit,
        merge_separation=merge_separation,
    )
    return discriminator(
        bundle.classes,
        **options,
        min_support=min_support,
        emit=emit,
        max_run=max_run,
        frame_len=bundle.frame_len,
        hop=hop,
        model=bundle.name,
        max_new_per_minute=max_new_per_minute,
    )
