# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoders against the machine's limit."""

import contextlib

import numpy as np

from ..bundle import Bundle
from .row import Row, best_rate

BATCHES = (1, 64, 256, 1024)
FAITHFUL = "sr2cnn-paper"
# The faithful encoder without its multiplications by the zero padding above and below the two rows, which is
# 49 M; those that the flop counter has go over the padding, too.
FAITHFUL_FLOP = 2 * 49.0e6
FAITHFUL_SHARE = 0.7  # of the limit, at its best: the aim


def flop_of(network, frame_len):
    """Floating-point operations a frame of a torch module, as PyTorch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, frame_len, 2))
    return counter.get_total_flops() / 2


def encoders(models, limit, device="cpu", seconds=1.0):
    """Rows of each model's encoder: as stored, as frozen TorchScript and, where it is there, in ONNX Runtime.

    Args:
        models: names or paths of bundles
        limit: a `Limit`, which is measured again between the models and takes note of their rates
        device, seconds: as of the limit

    Returns:
        rows; dict of model → frames/s of the encoder at its best engine and batch
    """
    rates, flops = {}, {}
    for model in models:
        limit.measure(seconds)
        bundle = Bundle.load(model, device, "TorchScript")
        network, _ = bundle.stored_network()
        flop = FAITHFUL_FLOP if bundle.name == FAITHFUL else flop_of(network, bundle.frame_len)
        stored = of_torch(network, device)
        engines = {"as stored": lambda frames, _: stored(frames), "frozen": bundle.encode}
        with contextlib.suppress(ValueError):
            engines["ONNX Runtime"] = Bundle.load(model, device, "ONNX Runtime").encode
        for engine, encode in engines.items():
            for batch in BATCHES:
                frames = np.random.default_rng(0).standard_normal((batch, bundle.frame_len, 2))
                frames = frames.astype(np.float32)
                what = f"{bundle.name}, {engine}, batch {batch}"
                rate = best_rate(batch, lambda: encode(frames, batch), seconds)
                limit.note(what, rate * flop)
                rates[model, what], flops[what] = rate, flop
    limit.measure(seconds)
    _, most = limit.best()
    best = {model: max(rate for (of, _), rate in rates.items() if of == model) for model in models}
    rows = []
    for (model, what), rate in rates.items():
        at_least = FAITHFUL_SHARE if model == FAITHFUL and rate == best[model] else None
        rows.append(Row("encoder", what, rate, "frames/s", rate * flops[what] / most, "limit", at_least))
    return rows, best


def of_torch(network, device="cpu"):
    """A torch module as a function of frames, float32 (N, frame_len, 2) → (N, dim)."""
    import torch

    network = network.to(device)

    def encode(frames):
        with torch.inference_mode():
            return network(torch.from_numpy(frames).to(device)).float().cpu().numpy()

    return encode
