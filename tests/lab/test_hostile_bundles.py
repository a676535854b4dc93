# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of strangers who mean harm: refused in one sentence, and nothing of them has run or is written."""

import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
import torch
from bundle_support import Small, SmallWithDecoder, card, semantics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sr2cnn_learn import network_trial
from sr2cnn_learn.bundle import MODELS, Bundle, archive_for_torch
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.nets import build
from sr2cnn_learn.network_archive import network_file
from sr2cnn_learn.network_check import OPERATORS, checked_code
from torch import nn

SHIPPED = sorted(path.stem for path in MODELS.glob("*.pt"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a sound bundle."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("bundle") / "small.pt"
    Bundle.save(path, SmallWithDecoder(), card(), semantics())
    return path.read_bytes()


def parts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {member.filename: archive.read(member) for member in archive.infolist()}


def zipped(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_code(content, old, new):
    """The bundle with a text of its code replaced, wherever it stands there."""
    members = parts(content)
    changed = {
        name: text.replace(old.encode(), new.encode())
        for name, text in members.items()
        if name.endswith(".py") and old.encode() in text
    }
    assert changed
    return zipped({**members, **changed})


def refused(tmp_path, content, reason):
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as error:
        Bundle.load(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def scripted(path, network):
    """A bundle that was not made by `Bundle.save`: any TorchScript, compiled and not traced."""
    npz = io.BytesIO()
    np.savez(npz, **semantics())
    extra = {"card.json": json.dumps(card()).encode(), "semantics.npz": npz.getvalue()}
    torch.jit.save(torch.jit.script(network), str(path), _extra_files=extra)


class Writes(Small):
    def __init__(self, target: str):
        super().__init__()
        self.target = target

    def forward(self, iq):
        file = torch.from_file(self.target, True, 4)  # shared: what is written there is in the file
        return self.down(iq.flatten(1)) + file.fill_(1.0)

    @torch.jit.export
    def classify(self, z):
        return self.head(z)


class WritesWhileLoading(Writes):
    def forward(self, iq):
        return self.down(iq.flatten(1))

    @torch.jit.export
    def __getstate__(self):
        return self.target, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.target = state[0]
        self.training = bool(torch.from_file(state[0], True, 4).fill_(1.0).any())


class Saves(Writes):
    def forward(self, iq):
        torch.ops.aten.save(iq, self.target)
        return self.down(iq.flatten(1))


class Loops(Writes):
    def forward(self, iq):
        z = self.down(iq.flatten(1))
        while bool(z.isfinite().all()):
            z = z.cos()
        return z


@pytest.mark.parametrize(
    "network, reason",
    [
        (Writes, "network calls aten::from_file, which a bundle may not"),
        (WritesWhileLoading, "network has a method '__getstate__', which a bundle may not"),
        (Saves, "network calls aten::save, which a bundle may not"),
        (Loops, "network has a loop, which a bundle may not"),
    ],
)
def test_a_network_that_writes_files_or_does_not_end(tmp_path, network, reason):
    target = tmp_path / "start-up file"
    target.write_bytes(bytes(16))
    scripted(tmp_path / "bad.pt", network(str(target)))
    refused(tmp_path, (tmp_path / "bad.pt").read_bytes(), reason)
    assert target.read_bytes() == bytes(16)


def test_the_attack_is_one(tmp_path):
    """Else the test above would show nothing."""
    target = tmp_path / "file"
    target.write_bytes(bytes(16))
    scripted(tmp_path / "writes.pt", Writes(str(target)))
    torch.jit.load(str(tmp_path / "writes.pt"))(torch.zeros(1, 16, 2))
    assert target.read_bytes() == np.ones(4, "<f4").tobytes()
    scripted(tmp_path / "loading.pt", WritesWhileLoading(str(target)))
    target.write_bytes(bytes(16))
    with pytest.raises(RuntimeError):  # its layers are not restored; the file is written by then
        torch.jit.load(str(tmp_path / "loading.pt"))
    assert target.read_bytes() == np.ones(4, "<f4").tobytes()


FLATTEN = "torch.flatten(iq, 1)"


@pytest.mark.parametrize(
    "code, reason",
    [
        ("torch.from_file('/etc/passwd', False, 9)", "calls aten::from_file"),
        ("ops.aten.from_file('/etc/passwd', False, 9)", "calls aten::from_file"),
        ("ops.prim.Print(iq)", "calls prim::Print"),
        ("ops.image.read_file('/etc/passwd')", "calls image::read_file"),
        ("ops.aten(iq)", "may not"),
        ("print(iq)", "calls print"),
        ("fork(iq)", "calls fork"),
        ("iq.save('file')", "calls aten::save"),
        ("(torch.flatten(iq, 1)).save('file')", "calls aten::save"),
        ("torch.ops.aten.save(iq, 'file')", "may not"),
        ("torch.classes.some.Thing(iq)", "may not"),
        ("__torch__.torch.classes.some.Thing(iq)", "may not"),
        ("uninitialized(Tensor)", "calls uninitialized"),
        ("unchecked_cast(Tensor, iq)", "calls unchecked_cast"),
        ("torch.zeros([int(torch.sum(iq))])", "size that depends on what is in a frame"),
        ("torch.arange(torch.sum(iq))", "size that depends on what is in a frame"),
        ("torch.select(iq, 0, torch.sum(iq))", "size that depends on what is in a frame"),
        ("(torch.where(torch.gt(iq, 0)))[0]", "size that depends on what is in a frame"),
        ("torch.to(iq, torch.device('cuda:0'), 6)", "may not"),
        ("(iq if True else iq)", "a branch"),
        ("[x for x in [iq]]", "may not"),
        ("(lambda x: x)(iq)", "may not"),
        ("f'{iq}'", "may not"),
        ("{0: iq}", "may not"),
        ("iq[0:1]", "may not"),
        ("iq + iq", "may not"),
        ("torch.flatten(*[iq])", "may not"),
        ("torch.flatten(**iq)", "may not"),
        ("1e999", "may not"),
        ("1j", "may not"),
        ("...", "may not"),
        (f"{2**63}", "may not"),
        ("b''", "may not"),
        ("nothing", "may not"),
        ("CONSTANTS.x", "may not"),
        ("CONSTANTS.c99", "cannot be loaded"),
        ("self.nothing", "no attribute 'nothing'"),
        ("self.down.nothing", "no attribute 'nothing'"),
        ("self.down", "may not"),
        ("self", "may not"),
        ("getattr(iq, 'x')", "may not"),
        ("getattr(self, 'down', 1)", "calls getattr"),
        ("(self.down).backward(iq)", "no method 'backward'"),
        ("(" * 150 + "iq" + ")" * 150 + "".join(["[0]"] * 20_000), "nested too deep|cannot be read"),
        ("torch.relu(" * 150 + "iq" + ")" * 150, "not run on one frame"),
        ("\\x69q", "other than plain characters"),
        ("\uff49q", "other than plain characters"),
    ],
)
def test_code_that_a_bundle_may_not_have(tmp_path, whole, code, reason):
    refused(tmp_path, with_code(whole, FLATTEN, code), reason)


@pytest.mark.parametrize(
    "old, new, reason",
    [
        (" Tensor:\n    down = ", " Tensor:\n    while True:\n      pass\n    down = ", "a loop"),
        (" Tensor:\n    down = ", " Tensor:\n    for i in [1]:\n      pass\n    down = ", "a loop"),
        (" Tensor:\n    down = ", " Tensor:\n    if True:\n      pass\n    down = ", "a branch"),
        (" Tensor:\n    down = ", " Tensor:\n    with iq:\n      pass\n    down = ", "a context"),
        (" Tensor:\n    down = ", " Tensor:\n    assert iq\n    down = ", "an exception"),
        (" Tensor:\n    down = ", " Tensor:\n    torch.save(iq, 'file')\n    down = ", "calls aten::save"),
        (" Tensor:\n    down = ", " Tensor:\n    'text'\n    down = ", "may not"),
        (" Tensor:\n    down = ", " Tensor:\n    torch = self.down\n    down = ", "a variable 'torch'"),
        (" Tensor:\n    down = ", " Tensor:\n    self.down = iq\n    down = ", "may not"),
        (" Tensor:\n    down = ", " Tensor:\n    a, (b, c) = iq\n    down = ", "may not"),
        (" Tensor:\n    down = ", " Tensor:\n    _9 = (self).forward(iq, )\n    down = ", "calls itself"),
        ("class Small", "import os\nclass Small", "an import"),
        ("class Small", "@torch\nclass Small", "may not"),
        ("class Small", "def f(x: Tensor) -> Tensor:\n  return x\nclass Small", "a function of its own"),
        ("(Module):", "(Interface):", "no module"),
        ("(Module):", "(NamedTuple):", "no module"),
        ("(Module):", "(Module, Module):", "no module"),
        ("(Module):", ":", "no module"),
        ("  training : bool\n", "  training : bool\n  training : bool\n", "twice"),
        ("  training : bool\n", "  training : Any\n", "the type Any"),
        ("  training : bool\n", "  training : Final[int] = iq\n", "may not"),
        ("  training : bool\n", "  training : Tensor\n", "no Tensor"),
        ("  training : bool\n", "  training : __torch__.torch.classes.some.Thing\n", "something else"),
        ("  training : bool\n", "  training : Future[Tensor]\n", "the type Future"),
        ("  training : bool\n", "", "attributes that its code does not name"),
        ("  def classify(", "  def __setstate__(", "method '__setstate__'"),
        ("  def classify(", "  def forward(", "twice"),
        ("    z: Tensor)", "    z: Tensor=None)", "may not"),
        ("    z: Tensor)", "    *z: Tensor)", "may not"),
        ("    z: Tensor)", "    z)", "without a type"),
    ],
)
def test_statements_that_a_bundle_may_not_have(tmp_path, whole, old, new, reason):
    refused(tmp_path, with_code(whole, old, new), reason)


@pytest.mark.parametrize(
    "change, size",
    [
        ("torch.add_(n, torch.sum(iq))", "n"),
        ("torch.copy_(torch.view(n, [1]), torch.sum(iq))", "n"),
        ("torch.batch_norm(torch.slice(iq, 2, 0, 1), None, None, n, n, True, 1., 0., False)", "n"),
        ("torch.add_(CONSTANTS.c0, torch.sum(iq))", "torch.mul(n, CONSTANTS.c0)"),
        ("torch.add_(torch.view(CONSTANTS.c0, [1]), torch.sum(iq))", "torch.mul(n, CONSTANTS.c0)"),
    ],
)
def test_a_size_that_is_changed_in_place(tmp_path, change, size):
    class Doubled(Small):
        def forward(self, iq):
            return self.down((2 * iq).flatten(1))

    Bundle.save(tmp_path / "own.pt", Doubled(), card(), semantics())
    whole = (tmp_path / "own.pt").read_bytes()
    start = (
        " Tensor:\n    n = ops.prim.NumToTensor(torch.size(iq, 0))\n    {}\n"
        f"    iq = torch.add(torch.add(iq, torch.sum(m)), torch.sum(torch.zeros([int({size})])))\n    down = "
    )
    sound = with_code(whole, " Tensor:\n    down = ", start.format("m = torch.mul(n, CONSTANTS.c0)"))
    (tmp_path / "sound.pt").write_bytes(sound)
    Bundle.load(tmp_path / "sound.pt", engine="TorchScript")
    bad = with_code(whole, " Tensor:\n    down = ", start.format(f"m = {change}"))
    refused(tmp_path, bad, "size that depends on what is in a frame")


def test_a_few_lines_that_call_each_other_without_end(tmp_path, whole):
    """Each method calls the one before twice: 2^40 operators in forty methods."""
    members = parts(whole)
    name = min(name for name in members if "/modules/linear" in name and name.endswith(".py"))
    text = members[name].decode()
    kind = text.split("self: ")[1].split(",")[0]
    for n in range(1, 41):
        before = f"(self).forward{n + 99 if n > 1 else ''}"
        text += (
            f"  def forward{n + 100}(self: {kind},\n    x: Tensor) -> Tensor:\n"
            f"    y = {before}(x, )\n    return {before}(y, )\n"
        )
    refused(tmp_path, zipped({**members, name: text.encode()}), "more than 100000 operators")


def test_code_of_megabytes(tmp_path, whole):
    long = with_code(whole, "class Small", "#" * 2**23 + "\nclass Small")
    refused(tmp_path, long, "more than|expected at most")


@pytest.mark.parametrize("name", ["torch/classes/x.py", "a b.py", "a;b.py", "../x.py", "torch/é.py"])
def test_code_under_an_odd_name(tmp_path, whole, name):
    odd = {**parts(whole), f"archive/code/__torch__/{name}": b""}
    refused(tmp_path, zipped(odd), "code of the name")


def test_what_torch_would_read_in_place_of_the_code_is_left_out(whole):
    """An old format, debug tables and what else an archive may hold never reach torch."""
    names = "model.json", "bytecode.pkl", "attributes.pkl", "code/x.debug_pkl"
    more = {f"archive/{name}": b"x" for name in names}
    with zipfile.ZipFile(io.BytesIO(zipped({**parts(whole), **more}))) as archive:
        written = parts(network_file(archive))
    assert {name.split("/")[1] for name in written} == {
        "version",
        "byteorder",
        "constants.pkl",
        "data.pkl",
        "data",
        "code",
    }
    assert all(name.endswith(".py") for name in written if "/code/" in name)


def first_weight(content):
    """Of data.pkl: where it says the size of the first tensor, (4, 32), as two BININT1."""
    data = parts(content)["archive/data.pkl"]
    size = pickle.BININT1 + b"\x04" + pickle.BININT1 + b"\x20" + pickle.TUPLE
    assert data.count(size) >= 1
    return data, size


@pytest.mark.parametrize("size", [(4, 33), (2**30, 2**30), (5, 32), (4, -32), (4,), (4, 32, 1), (4, True)])
def test_a_tensor_that_is_larger_than_its_storage(tmp_path, whole, size):
    """A torch that takes the size as it is reads (or writes) the memory behind."""
    data, old = first_weight(whole)
    new = b"".join(pickle.NEWTRUE if n is True else pickle.LONG1 + struct.pack("<bq", 8, n) for n in size)
    changed = {"archive/data.pkl": data.replace(old, new + pickle.TUPLE)}
    refused(tmp_path, zipped({**parts(whole), **changed}), "tensor")


def test_a_storage_that_is_larger_than_its_file(tmp_path, whole):
    members = parts(whole)
    members["archive/data/0"] = members["archive/data/0"][:-4]
    refused(tmp_path, zipped(members), "508 bytes for 512 of a tensor")


def test_weights_that_unpack_to_more_than_they_claim(tmp_path, whole):
    bomb = zipped({**parts(whole), "archive/data/0": bytes(10**8)}, zipfile.ZIP_DEFLATED)
    refused(tmp_path, bomb, "100000000 bytes for 512")
    refused(tmp_path, bomb.replace(struct.pack("<I", 10**8), struct.pack("<I", 512)), "bad.pt")


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.", "posix.system"),
        (b"\x80\x02c__torch__\nSmall\n)R.", "call something"),
        (b"\x80\x02c__torch__\nSmall\n)\x81}b}b.", "alter something"),
        (b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n)R.", "_rebuild_sparse_tensor"),
        (b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n)R.", "restore_type_tag"),
        (b"\x80\x02c__torch__\nNothing\n)\x81}b.", "attributes that its code does not name"),
        (b"\x80\x02K\x01.", "no module"),
        (b"\x80\x02r\xff\xff\xff\xff.", "cannot be read"),
        (b"\x80\x02X\xff\xff\xff\xff.", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_weights_that_are_a_program(tmp_path, whole, content, reason):
    refused(tmp_path, zipped({**parts(whole), "archive/data.pkl": content}), reason)


def test_archives_that_two_readers_could_read_in_two_ways(tmp_path, whole):
    members = parts(whole)
    other = io.BytesIO(whole)
    with zipfile.ZipFile(other, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data.pkl", b"")
    refused(tmp_path, other.getvalue(), "two files of one name")
    refused(tmp_path, zipped({**members, "other/data.pkl": b""}), "more than one folder")
    refused(tmp_path, zipped({**members, "archive/version": b"99\n"}), "format")
    refused(tmp_path, zipped({**members, "archive/byteorder": b"big"}), "little-endian")
    del members["archive/data.pkl"]
    refused(tmp_path, zipped(members), "no data.pkl")


# What may run may still take too long or too much: the child's business.


@pytest.mark.parametrize(
    "code, reason",
    [
        ("torch.zeros([1099511627776])", "asks for too much memory"),
        ("torch.zeros([17179869184])", "asks for too much memory"),
        ("torch.select(iq, 5, 0)", "does not run on one frame"),
        ("torch.relu(iq)", "does not run on one frame"),
    ],
)
def test_a_network_that_cannot_run(tmp_path, whole, code, reason):
    refused(tmp_path, with_code(whole, FLATTEN, code), reason)


def test_a_network_that_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(network_trial, "SECONDS", 2)
    Bundle.save(tmp_path / "small.pt", Small(), card(), semantics())
    whole = (tmp_path / "small.pt").read_bytes()
    lines = "".join(f"    m{n} = torch.matmul(m{n - 1}, m{n - 1})\n" for n in range(1, 2000))
    lines = " Tensor:\n    m0 = torch.ones([2000, 2000])\n" + lines + "    down = "
    slow = with_code(whole, " Tensor:\n    down = ", lines)
    slow = with_code(slow, FLATTEN, f"torch.mul({FLATTEN}, torch.sum(m1999))")
    refused(tmp_path, slow, "took longer than 2 s for 256 frames")


def test_a_network_that_crashes(tmp_path, whole, monkeypatch):
    """What a library does with odd numbers nobody knows; here the child ends itself."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    path = tmp_path / "unknown.pt"
    path.write_bytes(zipped(parts(whole)))
    with pytest.raises(ValueError, match="its network ended the process that tried it"):
        Bundle.load(path)


@pytest.fixture
def children(monkeypatch):
    """Of each child that tries a network, the path of the bundle."""
    started, run = [], subprocess.run
    monkeypatch.setattr(
        network_trial.subprocess, "run", lambda c, *a, **k: started.append(c[3]) or run(c, *a, **k)
    )
    return started


def unknown(tmp_path, whole, n):
    """A bundle that nobody has seen: the same, packed in another order."""
    path = tmp_path / f"unknown{n}.pt"
    members = parts(whole)
    path.write_bytes(zipped({**members, "archive/comment": os.urandom(8)}))
    return path


def test_an_unknown_bundle_is_tried_once(tmp_path, whole, children, monkeypatch):
    path = unknown(tmp_path, whole, 0)
    z = Bundle.load(path).encode(np.ones((3, 16, 2), np.float32))
    assert children == [str(path)]
    monkeypatch.setattr(network_trial, "_tried", set())  # another process
    assert np.array_equal(Bundle.load(path).encode(np.ones((3, 16, 2), np.float32)), z)
    (tmp_path / "copy.pt").write_bytes(path.read_bytes())
    Bundle.load(tmp_path / "copy.pt")
    assert len(children) == 1


def test_shipped_bundles_and_our_own_need_no_trial(tmp_path, children):
    for name in SHIPPED:
        Bundle.load(name, engine="TorchScript")
    Bundle.save(tmp_path / "own.pt", Small(), card(), semantics())
    Bundle.load(tmp_path / "own.pt")
    assert not children


def test_where_nothing_can_be_kept_it_is_tried_once_a_process(tmp_path, whole, children, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    path = unknown(tmp_path, whole, 1)
    Bundle.load(path)
    Bundle.load(path)
    assert children == [str(path)]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    Bundle.load(path)
    assert len(children) == 1


def test_in_a_thread(tmp_path, whole):
    path, found = unknown(tmp_path, whole, 2), []
    thread = threading.Thread(target=lambda: found.append(Bundle.load(path)))
    thread.start()
    thread.join()
    assert found[0].dim == 4


def test_with_standard_input_and_output_closed_and_another_torch_in_the_folder(tmp_path, whole):
    path = unknown(tmp_path, whole, 3)
    for name in ("torch.py", "numpy.py", "sr2cnn_learn.py"):
        (tmp_path / name).write_text("open('it ran', 'w')\n")
    code = (
        "import os, sys; sys.path = [p for p in sys.path if p]; os.close(0); os.close(1); "
        "from sr2cnn_learn.bundle import Bundle; os._exit(Bundle.load(sys.argv[1]).dim)"
    )
    done = subprocess.run([sys.executable, "-c", code, path.name], cwd=tmp_path, stderr=subprocess.PIPE)
    assert done.returncode == 4, done.stderr.decode()
    assert not (tmp_path / "it ran").exists()


# What a network of one's own may well be.


class Recurrent(Small):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 16, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(32, 32, batch_first=True)

    def forward(self, iq):
        return self.down(self.gru(self.lstm(iq)[0])[0][:, -1])


class Attentive(Small):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.embed = nn.Sequential(nn.Linear(2, 8), nn.ReLU(inplace=True), nn.LayerNorm(8))
        self.transformer = nn.TransformerEncoder(layer, 2)
        self.norm = nn.GroupNorm(2, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, iq):
        x = self.transformer(self.embed(iq)).transpose(1, 2)
        return self.out(self.norm(x).mean(2))


class Spectral(Small):
    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(8))
        self.conv = nn.Sequential(
            nn.Conv1d(1, 4, 3, padding=1),
            nn.BatchNorm1d(4),
            nn.GELU(),
            nn.MaxPool1d(2),
            nn.AdaptiveAvgPool1d(1),
        )

    def forward(self, iq):
        x = torch.view_as_complex(iq.contiguous())
        spectrum = torch.fft.fft(x).abs().log1p()
        short = torch.stft(x, 8, window=self.window, return_complex=True).abs().mean((1, 2))
        spectrum = spectrum.clone()
        spectrum[:, 0] = short
        return self.conv(spectrum[:, None]).flatten(1)

    def reconstruct(self, iq):
        n, length, parts = iq.shape
        z = self.up(self(iq)).reshape(n, length, parts)
        longer = nn.functional.interpolate(z.transpose(1, 2), scale_factor=2.0)
        return longer[..., : 2 * length : 2].transpose(1, 2)


@pytest.mark.parametrize("network", [Recurrent, Attentive, Spectral])
def test_networks_of_the_usual_layers(tmp_path, network, children):
    torch.manual_seed(1)
    network = network().eval()
    Bundle.save(tmp_path / "own.pt", network, card(), semantics())
    content = zipped(parts((tmp_path / "own.pt").read_bytes()))
    (tmp_path / "unknown.pt").write_bytes(content)
    bundle = Bundle.load(tmp_path / "unknown.pt", engine="TorchScript")
    assert len(children) == 1
    x = np.random.default_rng(0).standard_normal((5, 16, 2)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(bundle.encode(x), expected, atol=1e-5)


class Branches(Small):
    def forward(self, iq):
        return self.inner(self.down(iq.flatten(1)))

    def __init__(self):
        super().__init__()
        self.inner = torch.jit.script(Branch())


class Branch(nn.Module):
    def forward(self, z):
        if bool(z.sum() > 0):
            z = z * 2
        return z


def test_save_refuses_a_network_that_could_not_be_loaded(tmp_path):
    with pytest.raises(ValueError, match="a branch, which a bundle may not"):
        Bundle.save(tmp_path / "own.pt", Branches(), card(), semantics())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_pass_and_give_the_same(name, tmp_path):
    """To the last bit, from the archive that a stranger's would be loaded from."""
    with zipfile.ZipFile(MODELS / f"{name}.pt") as archive:
        ours = torch.jit.load(io.BytesIO(network_file(archive))).eval()
    stored = torch.jit.load(str(MODELS / f"{name}.pt")).eval()
    frames = torch.randn(64, 128, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        z = stored.float()(frames)
        assert torch.equal(ours.float()(frames), z)
        assert torch.equal(ours.classify(z), stored.classify(z))


# A network of ours: only its weights are read, whatever graph lies beside them.

RESIDUAL = dict(n_classes=3, frame_len=16, dim=4, channels=[8, 8, 8])


def named(name="residual", **arguments):
    return card(network={"name": name, "arguments": {**RESIDUAL, **arguments}})


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The bytes of a bundle whose card names its network."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("bundle") / "ours.pt"
    Bundle.save(path, build("residual", RESIDUAL), named(), semantics())
    return path.read_bytes()


def with_card(content, changed):
    return zipped({**parts(content), "archive/extra/card.json": json.dumps(changed).encode()})


def vectors(path, content):
    path.write_bytes(content)
    frames = np.random.default_rng(0).standard_normal((5, 16, 2)).astype(np.float32)
    return Bundle.load(path, engine="TorchScript").encode(frames)


def test_the_stored_graph_of_a_known_network_never_runs(tmp_path, ours):
    victim = tmp_path / "victim"
    victim.write_bytes(bytes(64))
    expected = vectors(tmp_path / "sound.pt", ours)
    harmful = with_code(ours, "torch.rsqrt(", f"torch.mul(torch.from_file('{victim}', True, 4).fill_(1), ")
    other = with_code(ours, "torch.rsqrt(", "torch.exp(")
    bare = zipped({name: text for name, text in parts(ours).items() if "/code/" not in name})
    for n, content in enumerate((harmful, other, bare)):
        assert np.array_equal(vectors(tmp_path / f"{n}.pt", content), expected)
    assert victim.read_bytes() == bytes(64)
    refused(tmp_path, with_card(harmful, card()), "its network calls aten::from_file")
    changed = vectors(tmp_path / "unnamed.pt", with_card(other, card()))
    assert not np.allclose(changed, expected)  # of a network that nobody names the graph is what there is


@pytest.mark.parametrize(
    "changed, reason",
    [
        (
            named(channels=[8, 8, 9]),
            r"stages.2.conv1.weight of shape \(8, 8, 1, 3\), expected \(9, 8, 1, 3\)",
        ),
        (named(channels=[8, 8]), "not those of the network that its card names: none are missing"),
        (named(channels=[8]), "not those of the network"),
        (named(channels=[]), "cannot be built"),
        (named(channels=None), "among a network's arguments"),
        (named(channels="abc"), "cannot be built"),
        (named(channels=[8] * 65), "a list of at most 64"),
        (named(channels=[2**20] * 3), "needs more than 1073741824 bytes"),
        (named(channels=[2**20] * 64), "needs more than 1073741824 bytes"),
        (named(dim=2**20), "project.weight of shape"),
        (named(dim=-1), "cannot be built"),
        (named(dim=2**70), "a number up to 1048576"),
        (named(dropout=float("nan")), "a number up to 1048576"),
        (named(n_classes=2), "classifier.weight of shape"),
        (named(n_classes="3"), "cannot be built"),
        (named(frame_len=17), "cannot be built"),
        (named(colour=3), "cannot be built"),
        (named(__class__={"name": "residual"}), "an object of name and arguments"),
        (card(network="residual"), "an object of name and arguments"),
        (card(network={"name": "sr2cnn-encoder", "arguments": {"n_classes": 3, "dim": 4}}), "not those of"),
        (card(network={"name": "promoted", "arguments": {"network": 3, "n_classes": 3}}), "cannot be built"),
        (named(remove_phase={"name": "residual", "arguments": RESIDUAL}), None),
        (card(input={"kind": "spectrum", "frame_len": 16, "normalisation": None}), "input.kind 'spectrum'"),
        (card(input={"kind": "iq", "frame_len": 17, "normalisation": None}), "input.frame_len 17"),
        (card(input={"kind": "iq", "frame_len": 16, "normalisation": "\x1b[2J"}), "input.normalisation"),
    ],
)
def test_what_a_card_says_of_its_network(tmp_path, ours, changed, reason):
    content = with_card(ours, changed)
    if reason:
        refused(tmp_path, content, reason)
    else:
        vectors(tmp_path / "odd.pt", content)


def test_networks_within_networks_without_end(tmp_path, ours):
    network = named()["network"]
    for _ in range(40):
        network = {
            "name": "promoted",
            "arguments": {"network": network, "n_classes": 3, "n_old": 2, "dim": 4},
        }
    refused(tmp_path, with_card(ours, card(network=network)), "networks within networks")


@pytest.mark.parametrize(
    "old, new, reason",
    [
        (b"FloatStorage\n", b"IntStorage\n", "in a IntStorage, expected torch.float32"),
        (b"FloatStorage\n", b"HalfStorage\n", "bytes for"),
        (b"LongStorage\n", b"DoubleStorage\n", "in a DoubleStorage, expected torch.int64"),
    ],
)
def test_weights_of_another_type(tmp_path, ours, old, new, reason):
    members = parts(ours)
    pickled = members["archive/data.pkl"]
    assert old in pickled
    refused(tmp_path, zipped({**members, "archive/data.pkl": pickled.replace(old, new)}), reason)


def test_a_module_within_itself(tmp_path, ours):
    """Depth is bounded, and so is what is looked at where parts have parts in common."""
    module = b"c__torch__\nA\n)\x81"
    content = b"\x80\x02" + module + b"q\x00}(X\x01\x00\x00\x00ah\x00X\x01\x00\x00\x00bh\x00ub."
    refused(tmp_path, zipped({**parts(ours), "archive/data.pkl": content}), "no module of modules")


def test_an_unknown_name_leaves_the_stored_graph_behind_the_list(tmp_path, ours, children):
    content = with_card(ours, named("of somebody else"))
    assert np.array_equal(vectors(tmp_path / "theirs.pt", content), vectors(tmp_path / "ours.pt", ours))
    assert children == [str(tmp_path / "theirs.pt")]
    harmful = with_code(content, "torch.rsqrt(", "torch.mul(torch.from_file('x', True, 4), ")
    refused(tmp_path, harmful, "its network calls aten::from_file")
    with pytest.raises(ValueError, match="none that is known here"):
        Bundle.load(tmp_path / "theirs.pt").module()


def test_save_refuses_weights_that_are_not_the_named_network_s(tmp_path):
    with pytest.raises(ValueError, match="not those of the network that its card names"):
        Bundle.save(tmp_path / "own.pt", Small(), named(), semantics())
    assert not list(tmp_path.iterdir())


# Fuzzing: anything but a ValueError, or a network of the operators on the list, is a fault.


def sources(content):
    """The code of an archive, module → text."""
    return {
        name.split("/code/")[1][:-3].replace("/", "."): text.decode()
        for name, text in parts(content).items()
        if name.endswith(".py")
    }


TOKENS = """torch ops aten prim save from_file relu iq self down forward classify getattr annotate int ( ) [ ]
, . : = - + * ** 0 1 "0" 'x' # \n \t if for while with lambda def class import return yield await del pass
Tensor Module CONSTANTS.c0 __torch__ __setstate__ fork print f"" b'' \\ @ ; -> := ... == is not None True inf
""".split(" ")


def called(text):
    """Every name behind ``torch.`` and ``ops.x.`` in a text, read with other means than the checker's."""
    return {*re.findall(r"torch\.(?!nn|device)([a-z]\w*)\(", text), *re.findall(r"ops\.\w+\.(\w+)", text)}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_code(whole, data):
    code = sources(whole)
    module = data.draw(st.sampled_from(sorted(code)))
    text = code[module]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        until = at + data.draw(st.integers(0, 20))
        text = text[:at] + "".join(data.draw(st.lists(st.sampled_from(TOKENS), max_size=4))) + text[until:]
    try:
        written, classes = checked_code({**code, module: text})
    except ValueError:
        return
    for text in written.values():
        assert called(text) <= OPERATORS | {"NumToTensor"}
        assert not re.search(r"^\s*(while|for|if|with|import|from|raise)\b|__setstate__", text, re.M)


@pytest.fixture(scope="module")
def survivors(tmp_path_factory):
    """A folder for mutated archives that pass; torch loads and runs them in one child when all are there."""
    folder = tmp_path_factory.mktemp("survivors")
    yield folder
    code = (
        "import sys, torch, glob\n"
        "for path in sorted(glob.glob(sys.argv[1] + '/*')):\n"
        "    try:\n"
        "        torch.jit.load(path)(torch.ones(2, 16, 2))\n"
        "    except RuntimeError:\n"
        "        pass\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, cwd=folder)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_weights(whole, survivors, data):
    members = parts(whole)
    name = data.draw(st.sampled_from(["data.pkl", "constants.pkl", "version", "data/0"]))
    name = f"archive/{name}"
    content = bytearray(members[name])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        opcodes = st.sampled_from([b"h\x01", b"q\x01", b"K\xff", b"t", b"R", b"b"])
        new = data.draw(st.binary(max_size=4) | opcodes)
        content[at : at + data.draw(st.integers(0, 4))] = new
    survives(zipped({**members, name: bytes(content)}), survivors)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_files(whole, survivors, data):
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    survives(bytes(content), survivors)


def survives(content, survivors):
    try:
        archive = archive_for_torch("some.pt", content)
    except ValueError:
        return
    (survivors / network_trial._digest(archive)).write_bytes(archive)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\x1b[2J", "mahalanobis", "euclidean", "nearest", "A"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_cards(tmp_path_factory, whole, data):
    changed = card(provenance={}, thresholds=[1, 2, 3], attributes=None, theta2_limit=1, rival_support=1)
    changed.update(network=named()["network"], input={"kind": "iq", "frame_len": 16, "normalisation": None})
    for key in data.draw(st.lists(st.sampled_from(sorted(changed)), min_size=1, max_size=3)):
        changed[key] = data.draw(values)
    path = tmp_path_factory.getbasetemp() / "card.pt"
    path.write_bytes(zipped({**parts(whole), "archive/extra/card.json": json.dumps(changed).encode()}))
    try:
        bundle = Bundle.read(path)
    except ValueError as error:
        assert len(str(error)) < 500 and str(error).isprintable()
        return
    Discriminator(**bundle.discriminator_options()).predict(np.zeros((2, bundle.dim)))
    json.dumps(bundle.describe(np.zeros(bundle.dim), 1e6))
    str(bundle.card).encode()
