# SPDX-License-Identifier: GPL-3.0-or-later
"""What computes a bundle's network: TorchScript on any device, or ONNX Runtime on a processor.

Every call of TorchScript is here. An engine is made of a network and a device or a number of threads, and called
with frames, float32 (N, frame_len, 2) → (N, dim). Its ``name`` is of ``ENGINES``; where ``pads`` is set, each new
batch size costs it time, so that it is better given few sizes; ``use_threads(n)`` sets the threads it takes.
"""

import io
import warnings

import numpy as np
import torch

from .onnx_runtime import OnnxEncoder, onnx_file

ENGINES = "auto", "TorchScript", "ONNX Runtime"
METHODS = "classify", "reconstruct"  # beside forward
TRIED = 16  # frames on which another encoder must agree with TorchScript
AGREEMENT = 1e-3  # of the largest coordinate


def torch_device(device):
    """The torch device of ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``.

    Raises:
        ValueError: not one of these, or CUDA is asked for and absent
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = str(device).partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdecimal()):
        raise ValueError(f"device is {device!r}, expected 'auto', 'cpu', 'cuda' or 'cuda:<n>'")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device is {device!r}, but torch sees {torch.cuda.device_count()} CUDA devices; "
            "use 'cpu' or 'auto'"
        )
    return torch.device(device)


def scripted(network, frame_len, dim):
    """A torch module as TorchScript, traced with one batch; also ``classify``, and ``reconstruct`` if it has it."""
    random = torch.Generator().manual_seed(0)
    examples = {
        "forward": torch.randn(2, frame_len, 2, generator=random),
        "classify": torch.randn(2, dim, generator=random),
    }
    if hasattr(network, "reconstruct"):
        examples["reconstruct"] = examples["forward"]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return torch.jit.trace_module(network.cpu().eval(), examples, check_trace=False)


def archived(network, extra):
    """A TorchScript module as the bytes of an archive with extra files, a dict of name → bytes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(network, file, _extra_files=extra)
    return file.getvalue()


def unarchived(archive):
    """The TorchScript module in an archive, bytes, on the CPU.

    Raises:
        ValueError: it cannot be loaded
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(io.BytesIO(archive), map_location="cpu")
    except RuntimeError as error:
        raise _not_loaded(error) from error


def _not_loaded(error):
    return ValueError(f"its network cannot be loaded ({str(error).strip().splitlines()[0]})")


class TorchScript:
    """TorchScript as an engine; it computes ``classify`` and ``reconstruct``, too.

    Args:
        network: TorchScript module in float32
        device: torch device

    Attributes:
        has_decoder: whether there is a ``reconstruct``

    Raises:
        ValueError: the network has no method ``classify``, or cannot be made ready
    """

    name = "TorchScript"
    pads = True

    def __init__(self, network, device):
        methods = [name for name in METHODS if hasattr(network, name)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self._network = torch.jit.freeze(network, preserved_attrs=methods).to(device)
        except RuntimeError as error:
            raise _not_loaded(error) from error
        if "classify" not in methods:
            raise ValueError("its network has no method classify")
        self.has_decoder = "reconstruct" in methods
        self._device = device

    def __call__(self, frames):
        return self._run(self._network, frames)

    def classify(self, z):
        """Logits of the known classes: (N, dim) → (N, K)."""
        return self._run(self._network.classify, z)

    def reconstruct(self, frames):
        """Frames as the decoder rebuilds them: (N, frame_len, 2) → the same."""
        return self._run(self._network.reconstruct, frames)

    def _run(self, method, array):
        with torch.inference_mode():
            return method(torch.from_numpy(array).to(self._device)).cpu().numpy()

    def use_threads(self, n):
        """Takes as many in the whole process."""
        torch.set_num_threads(n)


def check_agreement(name, encode, torchscript, frame_len):
    """ValueError, which has the ``name``, unless an encoder gives the vectors that `TorchScript` gives."""
    frames = np.random.default_rng(0).standard_normal((TRIED, frame_len, 2)).astype(np.float32)
    frames[0] = 0
    expected, z = torchscript(frames), encode(frames)
    if z.shape != expected.shape or not np.abs(z - expected).max() <= AGREEMENT * np.abs(expected).max():
        raise ValueError(f"{name} gives other semantic vectors than TorchScript")


def onnx_runtime(network, frame_len, torchscript):
    """ONNX Runtime for a network, if it gives the vectors that TorchScript gives.

    Args:
        network: TorchScript module on the CPU
        frame_len: samples a frame
        torchscript: `TorchScript` of the same network

    Raises:
        ValueError: it is not installed, the network has what ONNX has not, or the vectors differ
    """
    try:
        engine = OnnxEncoder(onnx_file(network, frame_len), torch.get_num_threads())
        engine(np.zeros((2, frame_len, 2), np.float32))
    except Exception as error:  # it is missing, or the network has what ONNX has not
        raise ValueError(f"no ONNX Runtime for its network ({type(error).__name__}, {error})") from error
    check_agreement("ONNX Runtime", engine, torchscript, frame_len)
    return engine
