# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoders against the machine's matrix product."""

import contextlib
import io

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
    """Rows of each model's encoder, stored and frozen TorchScript and, where it is installed, ONNX Runtime.

    Args:
        models: names or paths of bundles
        product: FLOP/s of the matrix product that they are compared with
        device, seconds: as of ``matrix_products``

    Returns:
        rows; dict of model → frames/s of the frozen encoder at its best batch
    """
    rows, best = [], {}
    for model in models:
        bundle = Bundle.load(model, device)
        network, _ = bundle.stored_network()
        faithful = bundle.name == FAITHFUL
        flop = FAITHFUL_FLOP if faithful else flop_of(network, bundle.frame_len)
        engines = {"as stored": of_torch(network, device), "frozen": bundle.encode}
        if device == "cpu":
            # A yardstick: where it is missing, or cannot take the network, there is none.
            with contextlib.suppress(Exception):
                engines["ONNX Runtime"] = of_onnx(onnx_file(network, bundle.frame_len))
        for engine, encode in engines.items():
            rates = {}
            for batch in BATCHES:
                frames = np.random.default_rng(0).standard_normal((batch, bundle.frame_len, 2))
                frames = frames.astype(np.float32)
                if engine == "frozen":
                    rates[batch] = best_rate(batch, lambda: encode(frames, batch), seconds)
                else:
                    rates[batch] = best_rate(batch, lambda: encode(frames), seconds)
            for batch, rate in rates.items():
                at_least = 0.9 if faithful and engine == "frozen" and rate == max(rates.values()) else None
                what = f"{bundle.name}, {engine}, batch {batch}"
                share = rate * flop / product
                rows.append(Row("encoder", what, rate, "frames/s", share, "matrix product", at_least))
            if engine == "frozen":
                best[model] = max(rates.values())
    return rows, best


def of_torch(network, device="cpu"):
    """A torch module as a function of frames, float32 (N, frame_len, 2) → (N, dim)."""
    import torch

    network = network.to(device)

    def encode(frames):
        with torch.inference_mode():
            return network(torch.from_numpy(frames).to(device)).float().cpu().numpy()

    return encode


def onnx_file(network, frame_len):
    """A torch module as the bytes of an ONNX file, for batches of any size."""
    import torch

    file = io.BytesIO()
    axes = {"iq": {0: "n"}, "z": {0: "n"}}
    torch.onnx.export(
        network, (torch.zeros(2, frame_len, 2),), file, dynamo=False, dynamic_axes=axes,
        input_names=["iq"], output_names=["z"],
    )  # fmt: skip
    return file.getvalue()


def of_onnx(content):
    """The bytes of an ONNX file in ONNX Runtime, with as many threads as torch, as a function of frames."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda frames: session.run(None, {"iq": frames})[0]
