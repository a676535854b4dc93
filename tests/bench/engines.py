# SPDX-License-Identifier: GPL-3.0-or-later
"""Other engines for a bundle's encoder: how fast, and on how many frames the class ids stay the same.

    .venv/bin/python tests/bench/engines.py sr2cnn

Each is compared with frozen TorchScript, at one batch size, on frames of the
project's own transmitters. An engine pays if it is faster and the ids are the same on 99.9 % of the frames.
torch.compile and AOTInductor need a compiler. What fails says so and is passed over.
"""

import tempfile
from pathlib import Path

import click
import numpy as np
import torch
from gnuradio import sr2cnn
from gnuradio.sr2cnn.synthesis.radioml import synthesize
from sr2cnn_learn.benchmark.encoders import of_torch
from sr2cnn_learn.benchmark.row import best_rate
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.nets.residual import ResidualNet
from sr2cnn_learn.onnx_runtime import OnnxEncoder, onnx_file

MODULATIONS = "BPSK", "QPSK", "QAM16", "GFSK", "2FSK", "AM-DSB", "OFDM", "NOISE"
SNR, N_EACH, SEED = 14, 512, 90031
BATCH = 256
CALIBRATION = 512  # frames that int8 takes its scales from


def frames():
    """float32 (N, 128, 2), shuffled."""
    pairs = [synthesize(name, SNR, N_EACH, SEED, spread=True) for name in MODULATIONS]
    return np.random.default_rng(0).permutation(np.concatenate(pairs))


def eager(bundle):
    """The stored network as a module that torch.compile takes."""
    stored, _ = bundle.stored_network()
    state = stored.state_dict()
    channels = [state[f"stages.{k}.conv2.weight"].shape[0] for k in range(3)]
    if len(state["classifier.weight"]) > len(bundle.classes):
        raise click.UsageError(f"{bundle.name}: has background classes, expected a bundle without")
    remove_phase = bundle.card["provenance"]["recipe"]["remove_phase"]  # a constant of the stored code
    net = ResidualNet(len(bundle.classes), 0, bundle.frame_len, bundle.dim, 0.0, remove_phase, channels)
    net.load_state_dict(state)
    return net.eval()


def bfloat16(module):
    encode = of_torch(module)

    def with_autocast(batch):
        with torch.autocast("cpu", torch.bfloat16):
            return encode(batch)

    return with_autocast


def ahead_of_time(module, frame_len):
    """Compiled by AOTInductor for the one batch size."""
    program = torch.export.export(module, (torch.zeros(BATCH, frame_len, 2),))
    with tempfile.TemporaryDirectory() as folder:
        package = torch._inductor.aoti_compile_and_package(
            program, package_path=str(Path(folder) / "encoder.pt2")
        )
        compiled = torch._inductor.aoti_load_package(package)
    return lambda batch: compiled(torch.from_numpy(batch)).numpy()


def int8(content, calibration):
    """The bytes of an ONNX file, quantized, in ONNX Runtime."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Reader(CalibrationDataReader):
        batches = iter([{"iq": calibration}])

        def get_next(self):
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        whole.write_bytes(content)
        quantize_static(str(whole), str(small), Reader(), per_channel=True)
        return OnnxEncoder(small.read_bytes(), torch.get_num_threads())


@click.command(help=__doc__.splitlines()[0])
@click.argument("model", default="sr2cnn")
@click.option("--seconds", default=3.0, show_default=True, help="For each measurement.")
def main(model, seconds):
    bundle, samples = Bundle.load(model, engine="TorchScript"), frames()
    module = eager(bundle)
    engines = {
        "frozen TorchScript": lambda: bundle.encode,
        "eager": lambda: of_torch(module),
        "bfloat16": lambda: bfloat16(module),
        "torch.compile": lambda: of_torch(torch.compile(module)),
        "AOTInductor": lambda: ahead_of_time(module, bundle.frame_len),
        "ONNX Runtime": lambda: Bundle.load(model, engine="ONNX Runtime").encode,
        "ONNX Runtime, int8": lambda: int8(onnx_file(module, bundle.frame_len), samples[:CALIBRATION]),
    }
    click.echo(f"{model}, {len(samples)} frames, batch {BATCH}, {torch.get_num_threads()} threads")
    base_rate = base_ids = None
    for name, make in engines.items():
        try:
            encode = make()
            z = [encode(samples[k : k + BATCH]) for k in range(0, len(samples), BATCH)]
            rate = best_rate(BATCH, lambda: encode(samples[:BATCH]), seconds)
        except Exception as error:  # the engine is missing, or cannot take the network
            click.echo(f"{name:20} {type(error).__name__}: {str(error).strip().splitlines()[0][:100]}")
            continue
        kernel = sr2cnn.discriminator_kernel(**bundle.discriminator_options())
        ids = kernel.predict(np.concatenate(z).astype(np.float32))
        if base_ids is None:
            base_rate, base_ids = rate, ids
        share = np.mean(ids == base_ids)
        click.echo(f"{name:20} {rate:8.0f} frames/s  {rate / base_rate:5.2f} ×  ids the same: {share:.2%}")


if __name__ == "__main__":
    main()
