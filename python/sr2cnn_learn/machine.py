# SPDX-License-Identifier: GPL-3.0-or-later
"""What a figure was measured on."""

import contextlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def machine(device="cpu"):
    """The hardware in words: processor, threads and, if used, the GPU; and the versions of the engines."""
    import torch

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        name = models[0] if models else name
    gpu = f", {torch.cuda.get_device_name(device)}" if device.startswith("cuda") else ""
    onnx = ""
    with contextlib.suppress(PackageNotFoundError):
        onnx = f", onnxruntime {version('onnxruntime')}"
    return f"{name}, {os.cpu_count()} cores{gpu}; torch {torch.__version__}{onnx}"
