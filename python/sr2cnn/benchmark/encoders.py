# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoders against the machine's matrix product."""

import contextlib

import numpy as np
from sr2cnn_learn.bundle import Bundle

from .row import Row, best_rate

SIZE = 1024  # of the square matrices
BATCHES = (1, 64, 256, 1024)
FAITHFUL = "sr2cnn-paper"
# The faithful encoder without its multiplications by the zero padding above and below the two rows, which is
# 49 M; those that the flop counter has go over the padding, too.
FAITHFUL_FLOP = 2 * 49.0e6


def matrix_products(device="cpu", seconds=1.0):
    """Rows of the machine's matrix products, FLOP/s: float32, and bfloat16 where it is a CUDA device."""
    import torch

    def rate(dtype):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

        def work():
            a @ b
            if device != "cpu":
                torch.cuda.synchronize()

        return best_rate(2 * size**3, work, seconds)

    size = SIZE if device == "cpu" else 8 * SIZE
    types = [torch.float32] if device == "cpu" else [torch.float32, torch.bfloat16]
    return [Row("machine", f"matrix product, {str(t)[6:]}", rate(t), "FLOP/s") for t in types]


def flop_of(network, frame_len):
    """Floating-point operations a frame of a torch module, as PyTorch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, frame_len, 2))
    return counter.get_total_flops() / 2


def encoders(models, product, device="cpu", seconds=1.0):
    """Rows of each model's encoder: as stored, as frozen TorchScript and, where it is there, in ONNX Runtime.

    Args:
        models: names or paths of bundles
        product: FLOP/s of the matrix product that they are compared with
        device, seconds: as of ``matrix_products``

    Returns:
        rows; dict of model → frames/s of the encoder at its best engine and batch
    """
    rows, best = [], {}
    for model in models:
        bundle = Bundle.load(model, device, "TorchScript")
        network, _ = bundle.stored_network()
        faithful = bundle.name == FAITHFUL
        flop = FAITHFUL_FLOP if faithful else flop_of(network, bundle.frame_len)
        stored = of_torch(network, device)
        engines = {"as stored": lambda frames, _: stored(frames), "frozen": bundle.encode}
        with contextlib.suppress(ValueError):
            engines["ONNX Runtime"] = Bundle.load(model, device, "ONNX Runtime").encode
        for engine, encode in engines.items():
            rates = {}
            for batch in BATCHES:
                frames = np.random.default_rng(0).standard_normal((batch, bundle.frame_len, 2))
                frames = frames.astype(np.float32)
                rates[batch] = best_rate(batch, lambda: encode(frames, batch), seconds)
            for batch, rate in rates.items():
                at_least = 0.9 if faithful and engine == "frozen" and rate == max(rates.values()) else None
                what = f"{bundle.name}, {engine}, batch {batch}"
                share = rate * flop / product
                rows.append(Row("encoder", what, rate, "frames/s", share, "matrix product", at_least))
            best[model] = max(best.get(model, 0), *rates.values())
    return rows, best


def of_torch(network, device="cpu"):
    """A torch module as a function of frames, float32 (N, frame_len, 2) → (N, dim)."""
    import torch

    network = network.to(device)

    def encode(frames):
        with torch.inference_mode():
            return network(torch.from_numpy(frames).to(device)).float().cpu().numpy()

    return encode
