# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime as an encoder's engine: the numbers of the TorchScript network, sooner on a processor.

It folds batch norm, ReLU and the way past a residual block into the convolutions, and a new batch size costs
it nothing. Needs the packages onnxruntime, and onnx for the conversion.
"""

import contextlib
import io
import math
import warnings

OPSET = 17


def onnx_file(network, frame_len):
    """A torch module as the bytes of an ONNX file, for batches of any size.

    Raises:
        Exception: of many kinds, where the network has what ONNX has not
    """
    import torch

    file = io.BytesIO()
    with warnings.catch_warnings(), _exact_atan2():
        warnings.simplefilter("ignore")  # this exporter is deprecated; the new one takes no TorchScript
        torch.onnx.export(
            network,
            (torch.zeros(2, frame_len, 2),),
            file,
            dynamo=False,
            opset_version=OPSET,
            dynamic_axes={"iq": {0: "n"}, "z": {0: "n"}},
            input_names=["iq"],
            output_names=["z"],
        )
    return file.getvalue()


@contextlib.contextmanager
def _exact_atan2():
    """ONNX has no atan2, and the exporter's stand-in gives NaN for (0, 0): a squelched frame's angles."""
    import torch

    def negative(g, x):  # minus zero, too: it decides between π and 0
        zero, one = (g.op("Constant", value_t=torch.tensor(value)) for value in (0.0, 1.0))
        return g.op("Or", g.op("Less", x, zero), g.op("Less", g.op("Div", one, x), zero))

    def atan2(g, y, x):
        zero, pi, minus_pi = (
            g.op("Constant", value_t=torch.tensor(value)) for value in (0.0, math.pi, -math.pi)
        )
        both_zero = g.op("And", g.op("Equal", x, zero), g.op("Equal", y, zero))
        slope = g.op("Where", both_zero, zero, g.op("Div", y, x))
        half_turn = g.op("Where", negative(g, y), minus_pi, pi)
        return g.op("Add", g.op("Atan", slope), g.op("Where", negative(g, x), half_turn, zero))

    torch.onnx.register_custom_op_symbolic("aten::atan2", atan2, OPSET)
    try:
        yield
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::atan2", OPSET)


class OnnxEncoder:
    """An ONNX file as a function of frames, float32 (N, frame_len, 2) → (N, dim).

    Args:
        content: bytes, as from `onnx_file`
        threads: to compute with

    Raises:
        ImportError: there is no onnxruntime
    """

    name = "ONNX Runtime"
    pads = False

    def __init__(self, content, threads):
        self._content = content
        self.use_threads(threads)

    def use_threads(self, n):
        """Threads are those of a session: a new one is made."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n
        options.log_severity_level = 3  # errors
        options.enable_mem_pattern = False  # one would be kept for each batch size
        # A thread that spins for more work takes a processor from the rest of a live flowgraph.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            self._content, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, frames):
        return self._session.run(None, {"iq": frames})[0]
