# SPDX-License-Identifier: GPL-3.0-or-later
"""The model bundle: one ``.pt`` file with network, card and semantics.

A bundle is a TorchScript archive with two extra files. ``forward(iq)`` maps float32 (N, frame_len, 2) to
semantic vectors (N, dim), normalisation included; ``classify(z)`` gives the logits of the known classes and,
where the bundle carries the decoder, ``reconstruct(iq)`` the frames it rebuilds. ``card.json`` says what the
model is and where it comes from, ``semantics.npz`` holds the class centers and covariances. Both may also
say how to read attributes of a signal from its semantic vector.

Bundles come from strangers: card and semantics are read with size limits and without pickle, the network is
read and written anew before TorchScript sees it, and runs in a child first (docs/bundles.md); one that does
not fit its card is refused.
"""

import contextlib
import copy
import io
import json
import os
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from . import network_trial
from .atomic import write_atomically
from .attributes import FREQUENCIES, look, read_attributes
from .card import MAX_CARD_BYTES, OF_EVERY_CARD, check_card, parameters_of, parsed_card
from .discriminator import Discriminator
from .iq import interleaved
from .network_archive import NetworkWeights, network_file
from .network_check import check_graphs
from .npz import members, read_member
from .semantics import MAX_BYTES, check_semantics, read_semantics

MODELS = Path(__file__).parent / "models"
MAX_BUNDLE_BYTES = 2**31


def find(model):
    """Path of a bundle: a shipped model for a bare name such as ``"sr2cnn"``, else the path itself.

    Raises:
        FileNotFoundError: there is no such file; the message lists the shipped models
    """
    name = os.fspath(model)
    shipped = MODELS / f"{name}.pt"
    if name and Path(name).name == name and not Path(name).suffix and shipped.is_file():
        return shipped
    path = Path(name)
    if path.is_file():
        return path
    names = ", ".join(sorted(p.stem for p in MODELS.glob("*.pt"))) or "none"
    raise FileNotFoundError(f"{name or repr(name)}: no such model file (shipped models: {names})")


def _read_extra(archive, name, limit):
    """The one file ``<archive>/extra/<name>`` of a TorchScript archive."""
    found = [m for m in members(archive).values() if m.filename.endswith(f"/extra/{name}")]
    if len(found) != 1:
        raise ValueError(f"not a model bundle: it has no {name}")
    return read_member(archive, found[0], limit)


@contextlib.contextmanager
def _opened(path, file):
    """The archive of a bundle; what goes wrong with it is a ValueError that names ``path``."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # zipfile, zlib and json each have their own for a damaged file
        raise ValueError(f"{path}: not a model bundle ({error or type(error).__name__})") from error


def _card_and_semantics(path, file):
    """Of a bundle; ``path`` is what messages call the file."""
    with _opened(path, file) as archive:
        card = parsed_card(_read_extra(archive, "card.json", MAX_CARD_BYTES))
        return card, read_semantics(_read_extra(archive, "semantics.npz", MAX_BYTES), card)


def _content(path):
    """The whole file: what is checked, tried and loaded are the same bytes, whatever becomes of the file."""
    size = path.stat().st_size
    if size > MAX_BUNDLE_BYTES:
        raise ValueError(f"{path}: it has {size} bytes, expected at most {MAX_BUNDLE_BYTES}")
    return path.read_bytes()


def _is_shipped(path):
    """Whether a file is part of this package, and so as good as its code."""
    return Path(path).resolve().parent == MODELS.resolve()


def archive_for_torch(path, content):
    """The TorchScript archive that a bundle's network is loaded from: the bundle itself if it is ours."""
    if _is_shipped(path):
        return content
    with _opened(path, io.BytesIO(content)) as archive:
        return network_file(archive)


@contextlib.contextmanager
def _names_the_file(path):
    """A ValueError within says which file it is about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _from_weights(path, content, card):
    """A network of ours with a bundle's weights, read without a look at the graph that is stored.

    Returns:
        dict of the network's ``name`` and ``arguments``, from the card or inferred; torch module; whether the
        weights are in half precision in the file

    Raises:
        ValueError: it is none of ours, or the weights are not its
    """
    from . import nets

    with _opened(path, io.BytesIO(content)) as archive:
        weights = NetworkWeights(archive)
        network = card.get("network") or nets.inferred(weights.shapes, card)
        if not nets.knows(network):
            raise ValueError("its network is none that is known here")
        arrays = weights.read(nets.outline(network))
    return network, nets.restored(network, arrays), weights.half


def _is_known(card):
    """Whether the card names a network of ours."""
    if card.get("network") is None:
        return False
    from . import nets

    return nets.knows(card["network"])


def _stored_network(path, content, card):
    """A bundle's network in float32 on the CPU, and whether its weights are in half precision in the file.

    Of a shipped bundle, and of one whose network is unknown here, it is the graph that is stored. Of others it
    is ours, and only their weights are read.
    """
    import torch

    from .engines import scripted, unarchived

    if not _is_shipped(path) and _is_known(card):
        _, network, half = _from_weights(path, content, card)
        return scripted(network, card["frame_len"], card["dim"]), half
    archive = archive_for_torch(path, content)
    with _names_the_file(path):
        network = unarchived(archive)
        if not _is_shipped(path):
            check_graphs(network)
    half = any(parameter.dtype == torch.float16 for parameter in network.parameters())
    return network.float().eval(), half


def _padded(batch, batch_size):
    """A batch with zeros behind it, to a power of two or batch_size."""
    n = len(batch)
    more = min(batch_size, 1 << (n - 1).bit_length()) - n
    return np.concatenate([batch, np.zeros((more, *batch.shape[1:]), batch.dtype)]) if more > 0 else batch


class BundleHeader:
    """Card and semantics of a bundle: all but its network, and without torch.

    Args:
        path: file it came from
        card: dict, checked
        semantics: dict of arrays, checked

    Attributes:
        path: file it came from
        card: dict, the whole card
        name, classes, frame_len, dim, samples_per_symbol: from the card
        discriminator: `DiscriminatorParameters` of the card
        distance, lambda1, lambda2, theta2: those of them that every card names
        thresholds: float64 (K,) Θ_k of each class in place of one Θ1, or None
        centers: float64 (K, dim)
        variances: float64 (K, dim), or None with distance ``"mahalanobis"``
        covariances: float64 (K, dim, dim) with distance ``"mahalanobis"``, else None
        counts: int64 (K,), training frames of each class
        attribute_weights: float64 (dim + 1, A), see `sr2cnn_learn.attributes`, or None
    """

    def __init__(self, path, card, semantics):
        self.path = Path(path)
        self.card = card
        for key in ("name", "classes", "frame_len", "dim", "samples_per_symbol"):
            setattr(self, key, card[key])
        self.discriminator = parameters_of(card)
        for key in OF_EVERY_CARD:
            setattr(self, key, getattr(self.discriminator, key))
        thresholds = card.get("thresholds")
        self.thresholds = None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
        full = self.distance == "mahalanobis"
        self.centers = semantics["centers"].astype(np.float64)
        self.variances = None if full else semantics["variances"].astype(np.float64)
        self.covariances = semantics["covariances"].astype(np.float64) if full else None
        self.counts = semantics["counts"].astype(np.int64)
        weights = semantics.get("attribute_weights")
        self.attribute_weights = None if weights is None else weights.astype(np.float64)
        self._judge = None

    @staticmethod
    def read(model):
        """`BundleHeader` of a file.

        Args:
            model: path, or the bare name of a shipped model

        Raises:
            FileNotFoundError: no such file
            ValueError: not a bundle, or card and semantics are wrong; names file and reason
        """
        path = find(model)
        return BundleHeader(path, *_card_and_semantics(path, path))

    def discriminator_options(self, **overrides):
        """Keyword arguments for ``Discriminator`` or ``discriminator_kernel``.

        Args:
            overrides: parameters that win over the card's; None leaves the card's
        """
        overrides = {k: v for k, v in overrides.items() if v is not None}
        # The card's thresholds are for its own distance, and would hide λ1.
        thresholds = None if {"lambda1", "distance"} & set(overrides) else self.thresholds
        parameters = asdict(replace(self.discriminator, **overrides))
        options = dict(parameters, centers=self.centers, thresholds=thresholds)
        if options["distance"] == "mahalanobis" and self.covariances is None:
            raise ValueError(f"{self.path}: the bundle has no covariances for distance 'mahalanobis'")
        if options["distance"] == "mahalanobis":
            options["covariances"] = self.covariances
        elif self.variances is not None:
            options["variances"] = self.variances
        else:
            options["variances"] = np.diagonal(self.covariances, axis1=1, axis2=2).copy()
        return options

    def describe(self, center, sample_rate=None, judge=None):
        """What a class looks like, by its center in the semantic space.

        Args:
            center: float (dim,)
            sample_rate: in Hz, adds ``bandwidth_hz``, ``frequency_deviation_hz`` and ``symbol_rate_hz``
            judge: as from `judge_of_known`; default with the bundle's own parameters

        Returns:
            dict: ``nearest_known``, a dict of ``label`` and ``distance`` (d/Θ, 1 at the border of the
            known); where the bundle has attribute weights, also what `attributes.look` says

        Raises:
            ValueError: center is not a finite vector of dim numbers
        """
        center = np.asarray(center, dtype=np.float64)
        if center.shape != (self.dim,) or not np.all(np.isfinite(center)):
            raise ValueError(f"center has shape {center.shape}, expected ({self.dim},) of finite numbers")
        if judge is None:
            judge = self._judge = self._judge or self.judge_of_known()
        k, distance = judge(center)
        description = {"nearest_known": {"label": self.classes[k], "distance": distance}}
        if self.attribute_weights is not None:
            about = self.card["attributes"]
            read = read_attributes(center, self.attribute_weights, about["names"], about["r2"])
            description.update(look(read))
            if sample_rate:
                for name in FREQUENCIES:
                    value = description[name]
                    description[f"{name}_hz"] = None if value is None else value * float(sample_rate)
        return description

    def judge_of_known(self, **overrides):
        """Function from a vector (dim,) to the nearest known class, its index and d/Θ.

        Args:
            overrides: as of ``discriminator_options``
        """
        discriminator = Discriminator(**self.discriminator_options(**overrides))

        def judge(z):
            (k,), (distance,) = discriminator.nearest_known(z[None])
            if k < 0:
                raise ValueError("center is too far from everything to be judged")
            return int(k), float(distance)

        return judge


class Bundle(BundleHeader):
    """A model bundle with its network: what `BundleHeader` has, and what computes. ``load`` reads a file.

    Args:
        path: what messages call it
        content: bytes of the whole file; they are not tried in a child first, as ``load`` does
        device, engine: see ``load``

    Attributes:
        device: torch device
        has_decoder: whether it can ``reconstruct``

    Raises:
        ValueError: as ``load``
    """

    def __init__(self, path, content, device="cpu", engine="auto"):
        from .engines import TorchScript, onnx_runtime, torch_device

        super().__init__(path, *_card_and_semantics(path, io.BytesIO(content)))
        self.device = torch_device(device)
        network, _ = _stored_network(path, content, self.card)
        with _names_the_file(path):
            self._torchscript = self._encoder = TorchScript(network, self.device)
            self.has_decoder = self._torchscript.has_decoder
            self._try_one_frame()
            on_processor = self.device.type == "cpu"
            if engine == "ONNX Runtime" and not on_processor:
                raise ValueError(f"device is '{self.device}', expected 'cpu' for ONNX Runtime")
            if engine == "ONNX Runtime":
                self._encoder = onnx_runtime(network, self.frame_len, self._torchscript)
            elif engine == "auto" and on_processor:
                with contextlib.suppress(ValueError):
                    self._encoder = onnx_runtime(network, self.frame_len, self._torchscript)

    @staticmethod
    def load(model, device="cpu", engine="auto"):
        """The whole bundle, its network on ``device`` and tried on one frame.

        Args:
            model: path, or the bare name of a shipped model
            device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
            engine: of the encoder, of ``engines.ENGINES``; ``"auto"`` is ONNX Runtime on the CPU where it is
                installed and gives the same semantic vectors, else TorchScript

        Raises:
            FileNotFoundError, ValueError: as ``read``; also a device that is absent, a network that
                cannot be loaded or does not fit its card, and an engine that is not there or cannot take it
        """
        from .engines import ENGINES, torch_device

        if engine not in ENGINES:
            raise ValueError(f"engine is {engine!r}, expected one of {', '.join(ENGINES)}")
        torch_device(device)  # a wrong one is said at once
        path = find(model)
        content = _content(path)
        if not _is_shipped(path) and not network_trial.tried(content):
            card, _ = _card_and_semantics(path, io.BytesIO(content))
            if not _is_known(card):
                archive_for_torch(path, content)
            network_trial.try_network(path, content)
            network_trial.remember(content)
        return Bundle(path, content, device, engine)

    def stored_network(self):
        """The network as it is in the file, and whether its weights are in half precision there.

        Returns:
            torch module in float32 on the CPU with the methods that `save` wants, and a bool

        Raises:
            ValueError: it cannot be loaded
        """
        return _stored_network(self.path, _content(self.path), self.card)

    def module(self):
        """The network as an eager torch module: for hooks, gradients, further training, export.

        Returns:
            torch module of `nets`, in float32, on the CPU and in eval mode, with this bundle's weights

        Raises:
            ValueError: the network is none of `nets`
        """
        return self.named_module()[1]

    def named_module(self):
        """Dict of the network's ``name`` and ``arguments``, as a card has them, and `module`."""
        import torch

        from .engines import check_agreement

        network, module, _ = _from_weights(self.path, _content(self.path), self.card)
        with _names_the_file(self.path), torch.inference_mode():
            check_agreement(
                f"nets' {network['name']}",
                lambda frames: module(torch.from_numpy(frames)).numpy(),
                self._torchscript,
                self.frame_len,
            )
        return network, module

    def _try_one_frame(self):
        try:
            z = self.encode(np.zeros((1, self.frame_len, 2), dtype=np.float32))
            logits = self.classify(z)
        except Exception as error:  # it may give anything
            raise ValueError("its network does not run on one frame") from error
        expected = (1, self.dim), (1, len(self.classes))
        if (z.shape, logits.shape) != expected or not np.all(np.isfinite(z)):
            raise ValueError(
                f"its network gives {z.shape} and {logits.shape}, "
                f"expected finite {expected[0]} and {expected[1]} from its card"
            )

    @property
    def engine(self):
        """Which of ``engines.ENGINES`` encodes."""
        return self._encoder.name

    def use_threads(self, n):
        """Compute with n threads; what TorchScript computes takes as many in the whole process."""
        for each in {self._torchscript, self._encoder}:
            each.use_threads(n)

    def _interleaved(self, frames):
        """Frames as float32 (N, frame_len, 2); a view where they are complex64 already."""
        frames = np.asarray(frames)
        frames = interleaved(frames) if np.iscomplexobj(frames) else np.ascontiguousarray(frames, np.float32)
        if frames.ndim != 3 or frames.shape[1:] != (self.frame_len, 2):
            raise ValueError(
                f"frames have shape {frames.shape}, expected complex (N, {self.frame_len}) "
                f"or float (N, {self.frame_len}, 2)"
            )
        return frames

    def encode(self, frames, batch_size=256):
        """Semantic vectors of frames.

        Batches are of one size. TorchScript gets the rest padded to a power of two: each new batch size makes
        it prepare its kernels again.

        Args:
            frames: complex64 (N, frame_len) or float32 (N, frame_len, 2)
            batch_size: frames a call of the network

        Returns:
            float32 (N, dim)
        """
        frames = self._interleaved(frames)
        z = np.empty((len(frames), self.dim), dtype=np.float32)
        for start in range(0, len(frames), batch_size):
            batch = frames[start : start + batch_size]
            n = len(batch)
            taken = _padded(batch, batch_size) if self._encoder.pads else batch
            encoded = self._encoder(taken)
            if encoded.shape != (len(taken), self.dim) or encoded.dtype != np.float32:
                raise RuntimeError(
                    f"network gives {encoded.dtype}{encoded.shape} for {len(taken)} frames, "
                    f"expected float32({len(taken)}, {self.dim})"
                )
            z[start : start + n] = encoded[:n]
        return z

    def classify(self, z):
        """Logits of the known classes: float32 (N, dim) → float32 (N, K)."""
        return self._torchscript.classify(np.ascontiguousarray(z, dtype=np.float32))

    def reconstruct(self, frames):
        """Frames as the decoder rebuilds them, normalised: → float32 (N, frame_len, 2).

        Raises:
            ValueError: the bundle carries no decoder
        """
        if not self.has_decoder:
            raise ValueError(f"{self.path}: the bundle carries no decoder")
        return self._torchscript.reconstruct(self._interleaved(frames))

    @staticmethod
    def save(path, network, card, semantics, half=False):
        """Write a bundle, whole or not at all.

        Args:
            path: file to write
            network: torch module with ``forward``, ``classify`` and, if it has one, ``reconstruct``
            card: dict, see ``card.check_card``
            semantics: dict of arrays, see ``sr2cnn_learn.semantics``
            half: store weights in half precision (they are float32 again when loaded)

        Raises:
            ValueError: card or semantics are not those of a bundle, or the network does what a bundle may
                not, see docs/bundles.md
            OSError: it cannot be written
        """
        from .engines import archived, scripted

        check_card(card)
        check_semantics(semantics, card)
        npz = io.BytesIO()
        np.savez_compressed(npz, **semantics)
        if half:
            network = copy.deepcopy(network)  # the caller's keeps its weights
        network = scripted(network, card["frame_len"], card["dim"])
        if half:
            for parameter in network.parameters():
                if parameter.dim() > 1:  # biases and batch norms are small and stay exact
                    parameter.data = parameter.data.half()
        extra = {"card.json": json.dumps(card, indent=2).encode(), "semantics.npz": npz.getvalue()}
        content = archived(network, extra)
        if _is_known(card):  # what is written can be loaded
            _from_weights(path, content, card)
        else:
            archive_for_torch(path, content)
        write_atomically(path, content)
        network_trial.remember(content)
