# SPDX-License-Identifier: GPL-3.0-or-later
"""The model bundle: one ``.pt`` file with network, card and semantics.

A bundle is a TorchScript archive with two extra files. ``forward(iq)`` maps float32 (N, frame_len, 2) to
semantic vectors (N, dim), normalisation included; ``classify(z)`` gives the logits of the known classes and,
where the bundle carries the decoder, ``reconstruct(iq)`` the frames it rebuilds. ``card.json`` says what the
model is and where it comes from, ``semantics.npz`` holds the class centers and covariances. Both may also
say how to read attributes of a signal from its semantic vector.

Bundles come from strangers: card and semantics are read with size limits and without pickle, the network is
read and written anew before TorchScript sees it, and runs in a child first (docs/bundles.md); one that does
not fit its card is refused. All calls of TorchScript are in this file; where ONNX Runtime is installed, it
takes TorchScript's place as the engine of the encoder on a processor, with what we export from the checked
network.
"""

import contextlib
import io
import json
import math
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np

from . import network_trial
from .atomic import write_atomically
from .attributes import FREQUENCIES, look, read_attributes
from .discriminator import Discriminator
from .discriminator_parameters import DISTANCES, THETA2
from .names import check_name
from .network_archive import network_file
from .network_check import check_graphs
from .npz import members, read_header, read_member, read_numbers
from .onnx_runtime import OnnxEncoder, onnx_file

SCHEMA = 1
MODELS = Path(__file__).parent / "models"
MAX_CARD_BYTES = 2**20
MAX_SEMANTICS_BYTES = 2**28
MAX_BUNDLE_BYTES = 2**31
ENGINES = "auto", "TorchScript", "ONNX Runtime"
TRIED = 16  # frames on which ONNX Runtime must agree with TorchScript
AGREEMENT = 1e-3  # of the largest coordinate
LARGEST = 1e100  # number in a card; its square is finite


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


def torch_device(device):
    """The torch device of ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``.

    Raises:
        ValueError: not one of these, or CUDA is asked for and absent
    """
    import torch

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


def _number(card, key, kind, positive=True):
    value = card.get(key)
    valid = isinstance(value, kind) and not isinstance(value, bool)
    # An integer may be too large for a float; only a small one is compared with it.
    if not valid or not abs(value) <= LARGEST or (positive and value <= 0):
        expected = "a positive number" if positive else "a finite number"
        raise ValueError(f"card has {key} = {value!r:.60}, expected {expected}")
    return value


def check_card(card):
    """Raise ValueError with one clear sentence unless ``card`` holds all that a bundle needs."""
    if not isinstance(card, dict):
        raise ValueError(f"card is a {type(card).__name__}, expected an object")
    if card.get("schema") != SCHEMA:
        raise ValueError(f"card has schema {card.get('schema')!r:.60}, expected {SCHEMA}")
    check_name(card.get("name"), "model name")
    classes = card.get("classes")
    if not isinstance(classes, list):
        raise ValueError("card has no list of class names under 'classes'")
    for name in classes:
        check_name(name)
    if not 2 <= len(set(classes)) == len(classes) <= 2**15:
        raise ValueError(f"card has {len(classes)} classes, expected at least two, each once")
    for key in ("frame_len", "dim"):
        if _number(card, key, int) > 2**20:
            raise ValueError(f"card has {key} = {card[key]}, expected at most {2**20}")
    for key in ("samples_per_symbol", "lambda1", "lambda2"):
        _number(card, key, (int, float))
    for key, choices in (("distance", DISTANCES), ("theta2", THETA2)):
        if card.get(key) not in choices:
            raise ValueError(f"card has {key} {card.get(key)!r:.60}, expected one of {', '.join(choices)}")
    rival_support = card.get("rival_support", 0)
    whole = isinstance(rival_support, int) and not isinstance(rival_support, bool)
    if not whole or not 0 <= rival_support < 2**31:
        raise ValueError(f"card has rival_support {rival_support!r:.60}, expected an integer of at least 0")
    for key in ("theta2_limit", "merge_separation"):
        limit = card.get(key, 0)
        number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
        if not number or not 0 <= limit <= LARGEST:
            raise ValueError(f"card has {key} {limit!r:.60}, expected a number of at least 0")
    thresholds = card.get("thresholds")
    if thresholds is not None:
        if not isinstance(thresholds, list) or len(thresholds) != len(classes):
            raise ValueError(f"card has thresholds {thresholds!r:.60}, expected one a class")
        for value in thresholds:
            _number({"thresholds": value}, "thresholds", (int, float))
    if card.get("attributes") is not None:
        _check_attributes(card["attributes"])
    if card.get("provenance") is not None:
        _check_provenance(card["provenance"])


def _check_attributes(attributes):
    if not isinstance(attributes, dict):
        raise ValueError(f"card has attributes {attributes!r:.60}, expected an object of names and r2")
    names, r2 = attributes.get("names"), attributes.get("r2")
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        raise ValueError("card has no list of attribute names under 'attributes'")
    if not 1 <= len(set(names)) == len(names) <= 1000:
        raise ValueError(f"card has {len(names)} attributes, expected at least one, each once")
    if not isinstance(r2, list) or len(r2) != len(names):
        raise ValueError(f"card has r2 {r2!r:.60} under 'attributes', expected one a name")
    for value in r2:
        _number({"r2": value}, "r2", (int, float), positive=False)


def _check_provenance(provenance):
    """What others read of it; the rest is for people."""
    if not isinstance(provenance, dict):
        raise ValueError(f"card has provenance {provenance!r:.60}, expected an object")
    if "data_sha256" in provenance:  # then it says which frames the training has seen
        unknown, seed = provenance.get("unknown"), provenance.get("seed")
        if not isinstance(unknown, list) or not all(isinstance(name, str) for name in unknown):
            raise ValueError(f"card has provenance.unknown {unknown!r:.60}, expected a list of names")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ValueError(f"card has provenance.seed {seed!r:.60}, expected an integer of at least 0")


def _parsed_card(data):
    """The object in ``card.json``, of JSON that can be written and shown again."""
    text = data.decode()
    card = json.loads(text, object_pairs_hook=_each_key_once)
    check_card(card)
    json.dumps(card, ensure_ascii=False).encode()  # no half of a surrogate pair, not nested too deep
    return card


def _each_key_once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("card has a key twice")
    return found


def _expected_arrays(keys, card):
    """The shape of each array that semantics.npz needs for its card."""
    n_classes, dim = len(card["classes"]), card["dim"]
    full = card["distance"] == "mahalanobis"
    spread, shape = (
        ("covariances", (n_classes, dim, dim)) if full else ("variances", (n_classes, dim))
    )
    expected = {"centers": (n_classes, dim), spread: shape, "counts": (n_classes,)}
    attributes = card.get("attributes")
    if (attributes is None) != ("attribute_weights" not in keys):
        raise ValueError(
            "card's 'attributes' and semantics.npz's 'attribute_weights': expected both or none"
        )
    if attributes is not None:
        expected["attribute_weights"] = (dim + 1, len(attributes["names"]))
    for key in expected:
        if key not in keys:
            raise ValueError(f"semantics.npz has no {key!r}, which distance {card['distance']!r} needs")
    return expected


def _check_array(key, array, shape):
    """ValueError unless an array, or the header of one, is of numbers and has the shape."""
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise ValueError(
            f"semantics.npz has {key} {array.dtype}{array.shape}, expected numbers of shape {shape}"
        )


def _check_finite(key, array):
    if not np.all(np.isfinite(array)):
        raise ValueError(f"semantics.npz has NaN or infinity in {key}")
    if key in ("variances", "counts") and array.size and array.min() < 0:
        raise ValueError(f"semantics.npz has a negative number in {key}")


def _check_semantics(semantics, card):
    for key, shape in _expected_arrays(semantics, card).items():
        array = np.asarray(semantics[key])
        _check_array(key, array, shape)
        _check_finite(key, array)


def _read_extra(archive, name, limit):
    """The one file ``<archive>/extra/<name>`` of a TorchScript archive."""
    found = [m for m in members(archive).values() if m.filename.endswith(f"/extra/{name}")]
    if len(found) != 1:
        raise ValueError(f"not a model bundle: it has no {name}")
    return read_member(archive, found[0], limit)


def _read_semantics(data, card):
    """The arrays that a card needs; no other is looked at, none is larger than the card says."""
    semantics = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {name.removesuffix(".npy"): member for name, member in members(archive).items()}
        expected = _expected_arrays(arrays, card)
        size = 8 * sum(math.prod(shape) for shape in expected.values())
        if size > MAX_SEMANTICS_BYTES:
            raise ValueError(f"semantics.npz needs {size} bytes, expected at most {MAX_SEMANTICS_BYTES}")
        for key, shape in expected.items():
            with archive.open(arrays[key]) as stream:
                header = read_header(stream)
                _check_array(key, header, shape)
                semantics[key] = read_numbers(stream, header)
            _check_finite(key, semantics[key])
    return semantics


def _content(path):
    """The whole file: what is checked, tried and loaded are the same bytes, whatever becomes of the file."""
    size = path.stat().st_size
    if size > MAX_BUNDLE_BYTES:
        raise ValueError(f"{path}: it has {size} bytes, expected at most {MAX_BUNDLE_BYTES}")
    return path.read_bytes()


def _is_shipped(path):
    """Whether a file is part of this package, and so as good as its code."""
    return Path(path).resolve().parent == MODELS.resolve()


def _archive_for_torch(path, content):
    """The TorchScript archive that a bundle's network is loaded from: the bundle itself if it is ours."""
    if _is_shipped(path):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return network_file(archive)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # zipfile and zlib each have their own for a damaged file
        raise ValueError(f"{path}: not a model bundle ({error or type(error).__name__})") from error


def _torchscript(path, content):
    """A bundle's network in float32 on the CPU, and whether its weights are in half precision in the file."""
    import torch

    archive = _archive_for_torch(path, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(io.BytesIO(archive), map_location="cpu")
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{path}: its network cannot be loaded ({reason})") from error
    if not _is_shipped(path):
        try:
            check_graphs(network)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    half = any(parameter.dtype == torch.float16 for parameter in network.parameters())
    return network.float().eval(), half


def _padded(batch, batch_size):
    """A batch with zeros behind it, to a power of two or batch_size."""
    n = len(batch)
    more = min(batch_size, 1 << (n - 1).bit_length()) - n
    return np.concatenate([batch, np.zeros((more, *batch.shape[1:]), batch.dtype)]) if more > 0 else batch


class Bundle:
    """A model bundle, read from a file by ``Bundle.read`` or ``Bundle.load``.

    Attributes:
        path: file it came from
        card: dict, the whole card
        name, classes, frame_len, dim, samples_per_symbol: from the card
        distance, lambda1, lambda2, theta2, thresholds: the discriminator's parameters, from the card
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
        for key in ("distance", "lambda1", "lambda2", "theta2"):
            setattr(self, key, card[key])
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
        self._network = None
        self._onnx = None

    @classmethod
    def read(cls, model):
        """Card and semantics of a bundle, without its network and without torch.

        Args:
            model: path, or the bare name of a shipped model

        Raises:
            FileNotFoundError: no such file
            ValueError: not a bundle, or card and semantics are wrong; names file and reason
        """
        path = find(model)
        return cls._read(path, path)

    @classmethod
    def _read(cls, path, file):
        try:
            with zipfile.ZipFile(file) as archive:
                card = _parsed_card(_read_extra(archive, "card.json", MAX_CARD_BYTES))
                semantics = _read_semantics(
                    _read_extra(archive, "semantics.npz", MAX_SEMANTICS_BYTES), card
                )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        except Exception as error:  # zipfile, zlib and json each have their own for a damaged file
            raise ValueError(f"{path}: not a model bundle ({error or type(error).__name__})") from error
        return cls(path, card, semantics)

    @classmethod
    def load(cls, model, device="cpu", engine="auto"):
        """The whole bundle, its network on ``device`` and tried on one frame.

        Args:
            model: path, or the bare name of a shipped model
            device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
            engine: of the encoder, of ``ENGINES``; ``"auto"`` is ONNX Runtime on the CPU where it is
                installed and gives the same semantic vectors, else TorchScript

        Raises:
            FileNotFoundError, ValueError: as ``read``; also a device that is absent, a network that
                cannot be loaded or does not fit its card, and an engine that is not there or cannot take it
        """
        if engine not in ENGINES:
            raise ValueError(f"engine is {engine!r}, expected one of {', '.join(ENGINES)}")
        torch_device(device)  # a wrong one is said at once
        path = find(model)
        content = _content(path)
        if not _is_shipped(path) and not network_trial.tried(content):
            cls._read(path, io.BytesIO(content))
            _archive_for_torch(path, content)
            network_trial.try_network(path, content)
            network_trial.remember(content)
        return cls.from_bytes(path, content, device, engine)

    @classmethod
    def from_bytes(cls, path, content, device="cpu", engine="auto"):
        """As ``load``, from the content of a file, and without a child that tries the network first."""
        bundle = cls._read(path, io.BytesIO(content))
        bundle.device = torch_device(device)
        stored, _ = _torchscript(path, content)
        bundle._load_network(stored)
        if engine == "ONNX Runtime":
            bundle._take_onnx_runtime(stored)
        elif engine == "auto" and bundle.device.type == "cpu":
            with contextlib.suppress(ValueError):
                bundle._take_onnx_runtime(stored)
        return bundle

    def stored_network(self):
        """The network as it is in the file, and whether its weights are in half precision there.

        Returns:
            torch module in float32 on the CPU with the methods that `save` wants, and a bool

        Raises:
            ValueError: it cannot be loaded
        """
        return _torchscript(self.path, _content(self.path))

    def _load_network(self, stored):
        import torch

        extra = [name for name in ("classify", "reconstruct") if hasattr(stored, name)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                network = torch.jit.freeze(stored, preserved_attrs=extra).to(self.device)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"{self.path}: its network cannot be loaded ({reason})") from error
        if "classify" not in extra:
            raise ValueError(f"{self.path}: its network has no method classify")
        self._network = network
        self.has_decoder = "reconstruct" in extra
        frame = np.zeros((1, self.frame_len, 2), dtype=np.float32)
        try:
            z = self.encode(frame)
            logits = self.classify(z)
        except Exception as error:  # it may give anything
            raise ValueError(f"{self.path}: its network does not run on one frame") from error
        expected = (1, self.dim), (1, len(self.classes))
        if (z.shape, logits.shape) != expected or not np.all(np.isfinite(z)):
            raise ValueError(
                f"{self.path}: its network gives {z.shape} and {logits.shape}, "
                f"expected finite {expected[0]} and {expected[1]} from its card"
            )

    def _take_onnx_runtime(self, stored):
        """Make ONNX Runtime the encoder's engine; ValueError, and all as before, where it cannot be."""
        import torch

        if self.device.type != "cpu":
            raise ValueError(f"device is '{self.device}', expected 'cpu' for ONNX Runtime")
        frames = np.random.default_rng(0).standard_normal((TRIED, self.frame_len, 2)).astype(np.float32)
        frames[0] = 0
        try:
            content = onnx_file(stored, self.frame_len)
            encode = OnnxEncoder(content, torch.get_num_threads())
            expected, z = self.encode(frames), encode(frames)
        except Exception as error:  # it is missing, or the network has what ONNX has not
            reason = f"{type(error).__name__}, {error}"
            raise ValueError(f"{self.path}: no ONNX Runtime for its network ({reason})") from error
        limit = AGREEMENT * np.abs(expected).max()
        if z.shape != expected.shape or not np.abs(z - expected).max() <= limit:
            raise ValueError(f"{self.path}: ONNX Runtime gives other semantic vectors than TorchScript")
        self._onnx_content, self._onnx = content, encode

    @property
    def engine(self):
        """Which of ``ENGINES`` encodes."""
        return "TorchScript" if self._onnx is None else "ONNX Runtime"

    def use_threads(self, n):
        """Compute with n threads; what TorchScript computes takes as many in the whole process."""
        import torch

        torch.set_num_threads(n)
        if self._onnx is not None:
            self._onnx = OnnxEncoder(self._onnx_content, n)

    def _run(self, method, array):
        import torch

        with torch.inference_mode():
            return method(torch.from_numpy(array).to(self.device)).cpu().numpy()

    def _interleaved(self, frames):
        """Frames as float32 (N, frame_len, 2); a view where they are complex64 already."""
        frames = np.asarray(frames)
        if np.iscomplexobj(frames):
            frames = np.ascontiguousarray(frames, dtype=np.complex64)
            frames = frames.view(np.float32).reshape(*frames.shape, 2)
        frames = np.ascontiguousarray(frames, dtype=np.float32)
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
            taken = _padded(batch, batch_size) if self._onnx is None else batch
            encoded = self._run(self._network, taken) if self._onnx is None else self._onnx(taken)
            if encoded.shape != (len(taken), self.dim) or encoded.dtype != np.float32:
                raise RuntimeError(
                    f"network gives {encoded.dtype}{encoded.shape} for {len(taken)} frames, "
                    f"expected float32({len(taken)}, {self.dim})"
                )
            z[start : start + n] = encoded[:n]
        return z

    def classify(self, z):
        """Logits of the known classes: float32 (N, dim) → float32 (N, K)."""
        return self._run(self._network.classify, np.ascontiguousarray(z, dtype=np.float32))

    def reconstruct(self, frames):
        """Frames as the decoder rebuilds them, normalised: → float32 (N, frame_len, 2).

        Raises:
            ValueError: the bundle carries no decoder
        """
        if not self.has_decoder:
            raise ValueError(f"{self.path}: the bundle carries no decoder")
        return self._run(self._network.reconstruct, self._interleaved(frames))

    def discriminator_options(self, **overrides):
        """Keyword arguments for ``Discriminator`` or ``discriminator_kernel``.

        Args:
            overrides: parameters that win over the card's; None leaves the card's
        """
        options = dict(
            centers=self.centers,
            lambda1=self.lambda1,
            lambda2=self.lambda2,
            distance=self.distance,
            theta2=self.theta2,
            thresholds=self.thresholds,
            rival_support=self.card.get("rival_support", 0),
            theta2_limit=self.card.get("theta2_limit", 0.0),
            merge_separation=self.card.get("merge_separation", 0.0),
        )
        overrides = {k: v for k, v in overrides.items() if v is not None}
        if {"lambda1", "distance"} & set(overrides):
            options["thresholds"] = None  # the card's are for its own distance, and would hide λ1
        options.update(overrides)
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

    @staticmethod
    def save(path, network, card, semantics, half=False):
        """Write a bundle, whole or not at all.

        Args:
            path: file to write
            network: torch module with ``forward``, ``classify`` and, if it has one, ``reconstruct``
            card: dict, see ``check_card``
            semantics: dict of arrays, see ``sr2cnn_learn.semantics``
            half: store weights in half precision (they are float32 again when loaded)

        Raises:
            ValueError: card or semantics are not those of a bundle, or the network does what a bundle may
                not, see docs/bundles.md
            OSError: it cannot be written
        """
        import torch

        check_card(card)
        _check_semantics(semantics, card)
        npz = io.BytesIO()
        np.savez_compressed(npz, **semantics)
        examples = {
            "forward": torch.randn(2, card["frame_len"], 2),
            "classify": torch.randn(2, card["dim"]),
        }
        if hasattr(network, "reconstruct"):
            examples["reconstruct"] = examples["forward"]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace_module(network.cpu().eval(), examples, check_trace=False)
            if half:
                for parameter in traced.parameters():
                    if parameter.dim() > 1:  # biases and batch norms are small and stay exact
                        parameter.data = parameter.data.half()
            extra = {
                "card.json": json.dumps(card, indent=2).encode(),
                "semantics.npz": npz.getvalue(),
            }
            archive = io.BytesIO()
            torch.jit.save(traced, archive, _extra_files=extra)
        content = archive.getvalue()
        _archive_for_torch(path, content)  # what is written can be loaded
        write_atomically(path, content)
        network_trial.remember(content)
