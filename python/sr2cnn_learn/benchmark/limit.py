# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine can compute at most: the yardstick of the encoders."""

from functools import partial
from importlib.util import find_spec

import numpy as np

from ..onnx_runtime import OnnxEncoder, onnx_file
from .row import Row, best_rate

SIZES = 256, 512, 1024  # of the square matrices
CUDA_SIZE = 8192
CONVOLUTION = 64, 256, 64, 3  # images, channels in and out, width, kernel


class Limit:
    """The most floating-point operations a second that anything was seen to do.

    No one library's product is the limit of every machine: PyTorch's leaves half of some AVX-512
    processors idle. So those of several count, each at its best, measured in rounds between what is
    compared with them; and that counts, too: what runs faster than every product has shown a higher limit.

    Args:
        device: cpu, cuda or cuda:N
    """

    def __init__(self, device="cpu"):
        self._products = list(products(device))
        self._seen = {}  # by name, FLOP/s

    def measure(self, seconds=1.0):
        """One more round of the products, of so many seconds each."""
        for name, flop, work in self._products:
            self.note(name, best_rate(flop, work, seconds))

    def note(self, name, rate):
        """Something did so many FLOP/s."""
        self._seen[name] = max(rate, self._seen.get(name, 0))

    def best(self):
        """Name of what was fastest, and its FLOP/s."""
        return max(self._seen.items(), key=lambda seen: seen[1])

    def rows(self):
        """The limit, and each product beside it."""
        name, limit = self.best()
        names = dict.fromkeys(name for name, *_ in self._products)
        rows = [Row("machine", f"limit: {name}", limit, "FLOP/s")]
        return rows + [
            Row("machine", name, self._seen[name], "FLOP/s", self._seen[name] / limit, "limit")
            for name in names
        ]


def products(device="cpu"):
    """Products, float32 but for one on CUDA: (name, floating-point operations, function that computes it).

    Several may have one name.
    """
    import torch

    on_cpu = device == "cpu"

    def on_device(function, *arguments):
        def work():
            with torch.inference_mode():
                function(*arguments)
            if not on_cpu:
                torch.cuda.synchronize(device)

        return work

    images, channels, width, kernel = CONVOLUTION
    if not on_cpu:
        images *= 64
    # As the encoders have them: one pixel high, channels innermost; no Winograd saves multiplications there.
    image = torch.randn(images, channels, 1, width, device=device).to(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 1, kernel, device=device).to(memory_format=torch.channels_last)
    flop = 2 * images * width * kernel * channels**2
    convolve = on_device(torch.conv2d, image, weight, None, 1, (0, kernel // 2))
    yield ("oneDNN convolution" if on_cpu else "cuDNN convolution"), flop, convolve

    for size in SIZES if on_cpu else [CUDA_SIZE]:
        a, b = (torch.randn(size, size, device=device) for _ in range(2))
        yield "torch.mm", 2 * size**3, on_device(torch.mm, a, b)
        if not on_cpu:
            yield "torch.mm, bfloat16", 2 * size**3, on_device(torch.mm, a.bfloat16(), b.bfloat16())
            continue
        yield "numpy.matmul", 2 * size**3, partial(np.matmul, a.numpy(), b.numpy())
        if find_spec("onnx") and find_spec("onnxruntime"):
            layer = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(size, size, bias=False)).eval()
            multiply = OnnxEncoder(onnx_file(layer, size // 2), torch.get_num_threads())
            frames = a.numpy().reshape(size, size // 2, 2)
            yield "ONNX Runtime MatMul", 2 * size**3, lambda frames=frames, f=multiply: f(frames)
