# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that need no GNU Radio: train, info, doctor; help and exit statuses."""

import io
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from cli_support import CLASSES, FRAME_LEN, fails, run_cli, write_small_bundle
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from sr2cnn_learn import __version__, doctor
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.cli.app import sr2cnn
from sr2cnn_learn.cli.common import Snrs
from sr2cnn_learn.cli.found import radio_commands
from sr2cnn_learn.cli.output import stdout_console
from sr2cnn_learn.datasets import load_dataset, save_radioml
from sr2cnn_learn.wording import figures_table, in_words, levels
from waiting import PATIENCE


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("bundle") / "small.pt", seed=5)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "data.pkl"
    frames = {
        (name, snr): rng.standard_normal((20, 128, 2)).astype("f4")
        for name in ("BPSK", "QPSK", "GFSK")
        for snr in (16, 18)
    }
    save_radioml(path, frames)
    return path


def test_help_and_version():
    result = run_cli("--help")
    assert result.returncode == 0 and "Examples:" in result.stdout
    assert run_cli("--version").stdout == f"sr2cnn {__version__}\n"
    for command in ("train", "info", "doctor", "classify", "demo", "dataset"):
        assert command in result.stdout
        assert run_cli(command, "--help").returncode == 0
    fails(run_cli("frobnicate"), "frobnicate", status=2)


@pytest.mark.parametrize(
    ("text", "snrs"),
    [
        ("16,18", (16, 18)),
        ("-20:18:2", tuple(range(-20, 20, 2))),
        ("0:2", (0, 1, 2)),
        ("7", (7,)),
        ("18,-2,0:4:2,2", (-2, 0, 2, 4, 18)),
    ],
)
def test_snrs(text, snrs):
    assert Snrs().convert(text, None, None) == snrs


@pytest.mark.parametrize("text", ["", "x", "1,", "5:1", "1:5:0", "1:2:3:4", "1.5", "0:9999999"])
def test_bad_snrs(text):
    result = CliRunner().invoke(sr2cnn, ["train", "--data", "x", "--out", "y", "--snr", text])
    assert result.exit_code == 2 and "expected, for example, 16,18 or -20:18:2" in result.output


def test_info(bundle):
    result = run_cli("info", bundle)
    assert result.returncode == 0
    for word in ("small", "QAM64", "diagonal", "128 samples a frame", "seed  5"):
        assert word in result.stdout
    report = json.loads(run_cli("info", bundle, "--json").stdout)
    assert report["card"] == Bundle.read(bundle).card
    assert report["semantics"]["centers"] == [len(CLASSES), 4]
    assert report["semantics"]["counts"]["QPSK"] == 100
    assert report["card"]["frame_len"] == FRAME_LEN


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("model", ["sr2cnn", "sr2cnn-zeroshot", "sr2cnn-paper"])
def test_info_fits_the_terminal(model, columns):
    result = run_cli("info", model, env={**os.environ, "COLUMNS": str(columns)})
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert not any(word in result.stdout for word in ("{", "}", "None", "'", "known_accuracy"))
    card = Bundle.read(model)
    for name, count in zip(card.classes, card.counts):
        assert sum(line.startswith(f"│ {name} ") and str(count) in line for line in lines) == 1
    snrs = {"sr2cnn": "2 to 18 dB by 4"}.get(model, "16, 18 dB")
    assert any(line.split("  ")[0] == "SNRs" and line.rstrip().endswith(snrs) for line in lines)
    held_out = [line.rstrip().split("  ")[-1].strip() for line in lines if line.startswith("held out")]
    assert held_out == ([] if model == "sr2cnn" else ["AM-SSB, GFSK"])
    assert ("TUR" in result.stdout) == (model != "sr2cnn")  # it was trained on all there were


@pytest.mark.parametrize(
    ("value", "key", "said"),
    [
        ([], "", ""),
        (None, "", ""),
        ({"a_b": None}, "", ""),
        ({"a_b": [1, 2.5], "spread": False, "snrs": [3]}, "", "a b 1, 2.5; spread no; SNRs 3 dB"),
        ([{"class": "DECT", "frames": 64}], "promoted", "class DECT; frames 64"),
        ("0" * 64, "data_sha256", "0" * 16 + "…"),
    ],
)
def test_provenance_in_words(value, key, said):
    assert in_words(value, key) == said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["snrs", "tkr", "sha256", "x"]), JSON))
@example({"snrs": [10**400]})
def test_any_provenance_in_words(provenance):
    stdout_console(file=io.StringIO()).print(figures_table("figures", provenance))
    assert isinstance(in_words(provenance), str)


@pytest.mark.parametrize(
    ("snrs", "said"),
    [
        ([18, 16], "16, 18 dB"),
        ([5], "5 dB"),
        (range(-20, 20, 2), "-20 to 18 dB by 2"),
        ([1, 2, 4, 8], "1, 2, 4, 8 dB"),
        ([1, 2, 4, 8, 16, 17, 30], "7 from 1 to 30 dB"),
    ],
)
def test_levels(snrs, said):
    assert levels(snrs) == said


def test_info_of_what_is_no_bundle(tmp_path):
    fails(run_cli("info", tmp_path / "none.pt"), "none.pt", "no such model file")
    for content in (b"", b"hello"):
        (tmp_path / "bad.pt").write_bytes(content)
        fails(run_cli("info", tmp_path / "bad.pt"), "bad.pt", "not a model bundle")


def test_train(data, tmp_path):
    out = tmp_path / "new.pt"
    recipe = {"recipe": "noise", "seed": 77, "sha256": load_dataset(data).sha256}
    (tmp_path / "data.pkl.json").write_text(json.dumps(recipe))
    others = tmp_path / "others.npz"
    rng = np.random.default_rng(1)
    save_radioml(others, {("OOK", 18): rng.standard_normal((20, 128, 2)).astype("f4")})
    (tmp_path / "others.npz.json").write_text('{"recipe": "of another file", "sha256": "0"}')
    arguments = ("--data", data, "--out", out, "--unknown", "GFSK", "--epochs", 1, "--seed", 4)
    result = run_cli("train", *arguments, "--background", others, "--device", "cpu", "--json")
    assert result.returncode == 0, result.stderr
    assert "epoch   1" in result.stderr and "validation" in result.stderr
    card = json.loads(result.stdout)
    bundle = Bundle.read(out)
    assert bundle.classes == ["BPSK", "QPSK"] and bundle.card == card
    assert card["provenance"]["seed"] == 4
    assert card["provenance"]["recipe"]["preset"] == "residual"
    assert card["provenance"]["background"] == ["OOK"]
    assert card["provenance"]["data"] == recipe
    assert "background_data" not in card["provenance"]
    assert "others.npz.json is left out of the card" in result.stderr
    assert "data.pkl.json" not in result.stderr
    assert not list(tmp_path.glob("*.checkpoint"))


def test_max_per_key_and_channels(data, tmp_path):
    """On the file of the training no frame is judged by that may have been trained on."""
    out, options = tmp_path / "few.pt", ("--max-per-key", 10)
    channels = ("--preset", "lite", "--channels", 8, 16, 24)
    result = run_cli("train", "--data", data, "--out", out, "--epochs", 1, *channels, *options)
    assert result.returncode == 0, result.stderr
    provenance = Bundle.read(out).card["provenance"]
    assert provenance["recipe"]["channels"] == [8, 16, 24]
    assert provenance["max_per_key"] == 10
    result = run_cli("evaluate", out, "--data", data, "--orders", 1, "--json", *options)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["part"].startswith("test part") and figures["frames"] == 6  # of 6 keys, 1 of 10 each
    for others in ((), ("--max-per-key", 9)):
        fails(run_cli("evaluate", out, "--data", data, *others), "max_per_key", "trained", "10")


def test_train_refusals(data, tmp_path):
    out = tmp_path / "new.pt"

    def train(*arguments):
        return run_cli("train", "--out", out, "--epochs", 1, *arguments)

    fails(train("--data", tmp_path / "none.pkl"), "none.pkl: no such file")
    fails(train("--data", data, "--unknown", "FM"), "unknown class 'FM'")
    fails(train("--data", data, "--snr", "30"), "data.pkl", "no SNR of 30")
    fails(train("--data", data, "--device", "tpu"), "tpu")
    fails(train("--data", data, "--preset", "x"), "--preset", "paper", status=2)
    fails(train("--data", data, "--preset", "best", "--channels", 8, 8, 8), "--channels", status=2)
    fails(train("--data", data, "--preset", "lite", "--channels", 8, 0, 8), "--channels", status=2)
    fails(train("--data", data, "--background", data), "background class 'BPSK'")
    data.write_bytes(data.read_bytes()[:5000])
    fails(train("--data", data), "data.pkl", "pickle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.pkl"]


def test_doctor_report_and_status(monkeypatch):
    findings = [
        doctor.Finding("numpy", "ok", "1.24"),
        doctor.Finding("GNU Radio Companion", "hint", "elsewhere", "export it"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    result = CliRunner().invoke(sr2cnn, ["doctor"])
    assert result.exit_code == 0 and "→ export it" in result.output
    findings.append(doctor.Finding("torch", "fault", "No module named torch", "install it"))
    result = CliRunner().invoke(sr2cnn, ["doctor", "--json"])
    assert result.exit_code == 1
    assert [part["state"] for part in json.loads(result.output)] == ["ok", "hint", "fault"]


@pytest.mark.parametrize(
    ("look", "remedy"),
    [
        (doctor._numpy, "python3-numpy"),
        (doctor._gnuradio, "make build PYTHON=/usr/bin/python3"),
        (doctor._torch, "pip install torch"),
        (doctor._module, "make build"),
    ],
)
def test_doctor_says_what_to_do(monkeypatch, look, remedy):
    monkeypatch.setattr(doctor, "_probe", lambda code: (None, "ImportError: it is broken"))
    finding = look()
    assert finding.state == "fault"
    assert "it is broken" in finding.detail and remedy in finding.remedy


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """An interpreter that sees all that this one does, but GNU Radio: as where pip installed the lab."""
    folder = tmp_path_factory.mktemp("lab")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for path in filter(os.path.isdir, sys.path):
        if path.startswith(sysconfig.get_path("stdlib")) and "packages" not in path:
            continue
        for entry in Path(path).iterdir():
            if not entry.name.startswith("gnuradio") and not (packages / entry.name).exists():
                (packages / entry.name).symlink_to(entry)

    def typed(*arguments):
        command = [folder / "bin/python", "-c", "from sr2cnn_learn.cli.app import main; main()", *arguments]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)

    return typed


def test_the_lab_alone_is_whole(lab):
    """As pip installs it, and no GNU Radio."""
    result = lab("doctor", "--json")
    findings = {finding["part"]: finding for finding in json.loads(result.stdout)}
    assert result.returncode == 0, findings
    assert findings["GNU Radio"]["state"] == "hint" and "classify" in findings["GNU Radio"]["detail"]
    assert findings["torch"]["state"] == findings["model"]["state"] == "ok"
    assert "sr2cnn.pt" in findings["model"]["detail"]
    assert lab("info", "sr2cnn").returncode == 0


@pytest.mark.parametrize("command", radio_commands())
def test_what_the_lab_lacks(command, lab):
    fails(lab(command, "x.cf32", "--rate", "1M"), f"{command} needs gnuradio.sr2cnn", "pip", "make build")


def test_doctor_on_gnu_radio_without_this_module(monkeypatch):
    def probe(code):
        if "gnuradio.sr2cnn" in code:
            return None, "ModuleNotFoundError: No module named 'gnuradio.sr2cnn'"
        return "3.10.5 /somewhere", ""

    monkeypatch.setattr(doctor, "_probe", probe)
    findings = {finding.part: finding for finding in doctor.examine()}
    assert findings["gnuradio.sr2cnn"].state == "hint" and "make build" in findings["gnuradio.sr2cnn"].remedy
    assert all(finding.state != "fault" for finding in findings.values())


def test_doctor_finds_numpy_2_under_gnu_radio_for_numpy_1(monkeypatch):
    def probe(code):
        if "gnuradio" in code:
            return None, "ImportError: numpy.core.multiarray failed to import"
        return "2.1.0 /somewhere/numpy", ""

    monkeypatch.setattr(doctor, "_probe", probe)
    finding = doctor._numpy()
    assert finding.state == "fault" and "numpy<2" in finding.remedy
