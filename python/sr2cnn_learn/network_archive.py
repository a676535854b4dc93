# SPDX-License-Identifier: GPL-3.0-or-later
"""The TorchScript archive of a stranger's bundle, read without torch and written anew.

torch takes much of such an archive on trust: methods that run while it loads, the types of attributes, in
some versions the size that a tensor claims of its storage. So it never sees the stranger's file: code,
weights and constants are read here, each held against what it should be, and what passed is written to a new
archive, which has nothing else in it.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import struct
import zipfile
from dataclasses import dataclass

import numpy as np

from .network_check import MOST_CODE_BYTES, checked_code
from .npz import members, read_member

MOST_BYTES = 2**30  # of all weights
MOST_MEMBERS = 20_000
MOST_PICKLE_BYTES = 2**21
MOST_VALUES = 100_000
MOST_DEPTH = 100  # of modules in modules
ARRAY_TYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "BoolStorage": "?"}
STORED_AS = {"float32": ("FloatStorage", "HalfStorage"), "int64": ("LongStorage",), "bool": ("BoolStorage",)}
VERSIONS = range(3, 11)  # of the format, as torch 1.5 and later write it
ITEM_SIZES = {
    "FloatStorage": 4,
    "DoubleStorage": 8,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
}


class _Members:
    """The files of a bundle's archive by their names in its one folder; its format is one that is known."""

    def __init__(self, archive):
        self._archive, found = archive, members(archive)
        if len(found) > MOST_MEMBERS:
            raise ValueError(f"its archive has {len(found)} files, expected at most {MOST_MEMBERS}")
        tops = {name.partition("/")[0] for name in found}
        if len(tops) != 1:
            raise ValueError("not a model bundle: its archive has more than one folder")
        self._found = {name.partition("/")[2]: member for name, member in found.items()}
        if self._found.get("byteorder") and self.content("byteorder", 10) != b"little":
            raise ValueError("its network is not of a little-endian machine")
        version = ".data/version" if ".data/version" in self._found else "version"
        self.version = self.content(version, 10).strip()
        if not self.version.isdigit() or int(self.version) not in VERSIONS:
            raise ValueError(
                f"its network has format {self.version!r}, expected {VERSIONS[0]} to {VERSIONS[-1]}"
            )

    def __iter__(self):
        return iter(self._found)

    def content(self, name, most):
        if name not in self._found:
            raise ValueError(f"not a model bundle: it has no {name}")
        return read_member(self._archive, self._found[name], most)

    def storage(self, folder, storage, left):
        data = self.content(f"{folder}/{storage.key}", left)
        if len(data) != storage.nbytes:
            raise ValueError(f"its network has {len(data)} bytes for {storage.nbytes} of a tensor")
        if storage.kind == "BoolStorage" and data.strip(b"\0\1"):
            raise ValueError("its network has a truth value other than 0 and 1")
        return data


def network_file(archive):
    """The network of a bundle as a TorchScript archive that is safe to load.

    Args:
        archive: ``zipfile.ZipFile`` of the bundle

    Returns:
        bytes, for ``torch.jit.load``

    Raises:
        ValueError: it does, or is, what a bundle may not
        Exception: of many kinds, where the archive is damaged
    """
    files = _Members(archive)
    sources = {}
    for name in files:
        if name.startswith("code/") and name.endswith(".py"):
            text = files.content(name, MOST_CODE_BYTES)
            sources[name[len("code/") : -len(".py")].replace("/", ".")] = text.decode("latin1")
    sources, classes = checked_code(sources)

    constants = _Weights(files.content("constants.pkl", MOST_PICKLE_BYTES), classes, "constants")
    weights = _Weights(files.content("data.pkl", MOST_PICKLE_BYTES), classes, "data")
    written = {"constants.pkl": constants.constants(), "data.pkl": weights.module()}
    left = MOST_BYTES
    for part in (constants, weights):
        for key, storage in part.storages.items():
            data = files.storage(part.folder, storage, left)
            written[f"{part.folder}/{key}"] = data
            left -= len(data)
    for module, text in sources.items():
        written[f"code/{module.replace('.', '/')}.py"] = text.encode()
    return _zipped({"version": files.version + b"\n", "byteorder": b"little", **written})


def _some(names):
    """How many, and one of them."""
    return f"{len(names)} ({min(names)!r:.60})" if names else "none"


class NetworkWeights:
    """The weights alone of a bundle's network, by name; of its code nothing is read.

    Args:
        archive: ``zipfile.ZipFile`` of the bundle; `read` needs it open

    Attributes:
        shapes: dict, name (``stem.0.weight``) → tuple
        half: whether some are in half precision

    Raises:
        ValueError: they are no weights of a network
        Exception: of many kinds, where the archive is damaged
    """

    def __init__(self, archive):
        self._files = _Members(archive)
        root = _read(self._files.content("data.pkl", MOST_PICKLE_BYTES), "data")
        self._tensors = {}
        self._left = MOST_VALUES
        self._collect(root, "", 0)
        self.shapes = {name: tensor.size for name, tensor in self._tensors.items()}
        self.half = any(tensor.storage.kind == "HalfStorage" for tensor in self._tensors.values())

    def _collect(self, module, prefix, depth):
        if not isinstance(module, _Object) or module.state is None or depth > MOST_DEPTH:
            raise ValueError("its network is no module of modules")
        for name, value in module.state.items():
            self._left -= 1
            if self._left < 0 or not isinstance(name, str):
                raise ValueError(f"its network has more than {MOST_VALUES} attributes, or one without a name")
            if isinstance(value, _Tensor):
                self._tensors[prefix + name] = value
            elif isinstance(value, _Object):
                self._collect(value, f"{prefix}{name}.", depth + 1)

    def read(self, outline):
        """The weights of a network: dict of name → array of its own type.

        Args:
            outline: dict, name → what has ``shape`` and ``dtype``; see `nets.outline`

        Raises:
            ValueError: they are others than these; says which
        """
        if sum(tensor.nbytes for tensor in outline.values()) > MOST_BYTES:
            raise ValueError(f"its network needs more than {MOST_BYTES} bytes of weights")
        if outline.keys() != self._tensors.keys():
            missing, others = outline.keys() - self._tensors.keys(), self._tensors.keys() - outline.keys()
            raise ValueError(
                f"its weights are not those of the network that its card names: {_some(missing)} are missing, "
                f"{_some(others)} are others"
            )
        for name, tensor in outline.items():
            self._check(name, tensor)
        storages, left, weights = {}, MOST_BYTES, {}
        for name, expected in outline.items():
            tensor = self._tensors[name]
            if tensor.storage not in storages:
                data = storages[tensor.storage] = self._files.storage("data", tensor.storage, left)
                left -= len(data)
            array = np.frombuffer(storages[tensor.storage], ARRAY_TYPES[tensor.storage.kind])[tensor.offset :]
            strides = [array.itemsize * step for step in tensor.stride]
            view = np.lib.stride_tricks.as_strided(array, tensor.size, strides, writeable=False)
            weights[name] = view.astype(str(expected.dtype).removeprefix("torch."))
        return weights

    def _check(self, name, expected):
        tensor = self._tensors[name]
        if tensor.size != tuple(expected.shape):
            raise ValueError(
                f"its network has {name} of shape {tensor.size!r:.60}, expected {tuple(expected.shape)} by its card"
            )
        kind = tensor.storage.kind
        if kind not in STORED_AS.get(str(expected.dtype).removeprefix("torch."), ()):
            raise ValueError(f"its network has {name} in a {kind}, expected {expected.dtype}")


def _zipped(contents):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(f"network/{name}"), content)  # of no date: the same each time
    return file.getvalue()


@dataclass(frozen=True)
class _Storage:
    """The memory of tensors: a file of the archive."""

    kind: str
    key: str
    numel: int

    @property
    def nbytes(self):
        return self.numel * ITEM_SIZES[self.kind]


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool


class _Object:
    """A module: its class, and once it is built its attributes."""

    def __init__(self, name):
        self.name = name
        self.state = None


@dataclass(frozen=True)
class _Global:
    """What a pickle calls by name; no function, so that nothing can be called but by `_Reader`."""

    module: str
    name: str


_REBUILD = _Global("torch._utils", "_rebuild_tensor_v2")
_NO_HOOKS = _Global("collections", "OrderedDict")


_OPCODES = [
    getattr(pickle, name)[0]
    for name in (
        "PROTO GLOBAL BINPUT LONG_BINPUT BINGET LONG_BINGET MARK EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
        "EMPTY_DICT SETITEMS BINUNICODE NEWTRUE NEWFALSE NONE BININT BININT1 BININT2 LONG1 BINFLOAT BINPERSID STOP"
    ).split()
]


class _Reader(pickle._Unpickler):
    """Reads the few opcodes that torch writes, into the stand-ins above; see also datasets/safe_pickle.py."""

    def find_class(self, module, name):
        found = _Global(module, name)
        known = found in (_REBUILD, _NO_HOOKS) or (module == "torch" and name in ITEM_SIZES)
        if not known and f"{module}.".partition(".")[0] != "__torch__":
            called = f"{module:.60}.{name:.60}"
            raise ValueError(f"its network has {called} among its weights, which a bundle may not")
        return found

    def persistent_load(self, pid):
        what, kind, key, place, numel = pid
        if what != "storage" or place != "cpu" or not re.fullmatch(r"\d{1,9}", key, re.ASCII):
            raise ValueError("its network has a tensor that is stored in an unknown way")
        if kind.module != "torch" or not 0 <= _integer(numel) * ITEM_SIZES[kind.name] <= MOST_BYTES:
            raise ValueError(f"its network has a tensor of {numel} numbers")
        return _Storage(kind.name, key, numel)

    def load_reduce(self):
        arguments, called = self.stack.pop(), self.stack.pop()
        if called == _NO_HOOKS and arguments == ():
            self.append(_NO_HOOKS)
        elif called == _REBUILD:
            storage, offset, size, stride, requires_grad, hooks = arguments
            if not isinstance(storage, _Storage) or type(requires_grad) is not bool or hooks != _NO_HOOKS:
                raise ValueError("its network has a tensor that is made in an unknown way")
            tensor = _Tensor(storage, offset, size, stride, requires_grad)
            _check_tensor(tensor)
            self.append(tensor)
        else:
            raise ValueError("its network has weights that call something")

    def load_newobj(self):
        arguments, kind = self.stack.pop(), self.stack.pop()
        if arguments != () or not isinstance(kind, _Global):
            raise ValueError("its network has weights that make something")
        self.append(_Object(f"{kind.module}.{kind.name}"))

    def load_build(self):
        state, built = self.stack.pop(), self.stack[-1]
        if not isinstance(built, _Object) or built.state is not None or type(state) is not dict:
            raise ValueError("its network has weights that alter something")
        built.state = state

    dispatch = {
        **{code: pickle._Unpickler.dispatch[code] for code in _OPCODES},
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.BUILD[0]: load_build,
    }


def _read(content, folder):
    """What a pickle of the archive holds, in stand-ins."""
    try:
        return _Reader(io.BytesIO(content)).load()
    except ValueError:
        raise
    except Exception:  # a hostile pickle can provoke any of them
        raise ValueError(f"its network has weights that cannot be read, in {folder}.pkl") from None


def _integer(value):
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"its network has {value!r:.60} in the shape of a tensor")
    return value


def _check_tensor(tensor):
    """It lies in its storage: not every version of torch looks, and one that does not reads beyond."""
    size, stride = (tuple(map(_integer, each)) for each in (tensor.size, tensor.stride))
    last = _integer(tensor.offset) + sum((n - 1) * step for n, step in zip(size, stride))
    count = math.prod(size)
    if len(size) != len(stride) or count > tensor.storage.numel or (count and last >= tensor.storage.numel):
        raise ValueError(f"its network has a tensor of shape {size!r:.60} that is larger than its storage")


class _Weights:
    """A pickle of an archive: read, checked, and written anew.

    Args:
        content: bytes of the pickle
        classes: dict, name → `ModuleClass`
        folder: of its storages in the archive

    Attributes:
        folder: as above
        storages: dict, key → `_Storage`, of what has been written
    """

    def __init__(self, content, classes, folder):
        self.folder = folder
        self.storages = {}
        self._classes = classes
        self._out = bytearray(pickle.PROTO + b"\2")
        self._left = MOST_VALUES
        self._root = _read(content, folder)

    def module(self):
        """The pickle of a module with all its parts, as bytes."""
        if not isinstance(self._root, _Object):
            raise ValueError("its network is no module")
        try:
            self._object(self._root, self._root.name)
        except RecursionError:
            raise ValueError("its network has parts that are nested too deep") from None
        return bytes(self._out + pickle.STOP)

    def constants(self):
        """The pickle of a tuple of tensors, as bytes."""
        if type(self._root) is not tuple or len(self._root) > MOST_VALUES:
            raise ValueError("its network has constants that are no tensors")
        self._out += pickle.MARK
        for each in self._root:
            self._value(each, "Tensor", "constants")
        return bytes(self._out + pickle.TUPLE + pickle.STOP)

    def _object(self, value, name):
        if not isinstance(value, _Object) or value.name != name or value.state is None:
            raise ValueError(f"its network has something else than a {name:.60}")
        attributes = self._classes[name].attributes if name in self._classes else None
        if attributes is None or attributes.keys() != value.state.keys():
            raise ValueError(f"its network has attributes that its code does not name, in {name:.60}")
        self._global(_Global(*name.rsplit(".", 1)))
        self._out += pickle.EMPTY_TUPLE + pickle.NEWOBJ + pickle.EMPTY_DICT + pickle.MARK
        for attribute, kind in attributes.items():
            self._text(attribute)
            self._value(value.state[attribute], kind, attribute)
        self._out += pickle.SETITEMS + pickle.BUILD

    def _value(self, value, kind, name):
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"its network has more than {MOST_VALUES} attributes")
        kind = kind.removeprefix("Optional[").removesuffix("]") if value is not None else kind
        match kind, value:
            case _ if kind.startswith("__torch__"):
                self._object(value, kind)
            case "Tensor", _Tensor():
                self._tensor(value)
            case "bool", bool():
                self._out += pickle.NEWTRUE if value else pickle.NEWFALSE
            case "int", int() if type(value) is int and abs(value) < 2**63:
                self._integer(value)
            case "str", str() if value.isascii():
                self._text(value)
            case "float", float():
                self._out += pickle.BINFLOAT + struct.pack(">d", value)
            case _, None if kind == "NoneType" or kind.startswith("Optional["):
                self._out += pickle.NONE
            case _:
                raise ValueError(f"its network has an attribute {name:.60} that is no {kind:.60}")

    def _tensor(self, tensor):
        storage = tensor.storage
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError("its network has tensors that share a storage and differ on its size")
        self._global(_REBUILD)
        self._out += pickle.MARK + pickle.MARK
        self._text("storage")
        self._global(_Global("torch", storage.kind))
        self._text(storage.key)
        self._text("cpu")
        self._integer(storage.numel)
        self._out += pickle.TUPLE + pickle.BINPERSID
        self._integer(tensor.offset)
        for numbers in (tensor.size, tensor.stride):
            self._out += pickle.MARK
            for number in numbers:
                self._integer(number)
            self._out += pickle.TUPLE
        self._out += pickle.NEWTRUE if tensor.requires_grad else pickle.NEWFALSE
        self._global(_NO_HOOKS)
        self._out += pickle.EMPTY_TUPLE + pickle.REDUCE + pickle.TUPLE + pickle.REDUCE

    def _global(self, called):
        self._out += pickle.GLOBAL + f"{called.module}\n{called.name}\n".encode()

    def _text(self, text):
        self._out += pickle.BINUNICODE + struct.pack("<I", len(text)) + text.encode("ascii")

    def _integer(self, number):
        self._out += pickle.LONG1 + struct.pack("<bq", 8, number)
