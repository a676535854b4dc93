# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the installation sound? Each finding that is not says what to do."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .cli.found import radio_commands

GRC_FILES = "sr2cnn_*.block.yml"
ABSENT = "not there"


@dataclass(frozen=True)
class Finding:
    """One part looked at: `state` is ``"ok"``, ``"hint"`` or ``"fault"``."""

    part: str
    state: str
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything, in the order in which one thing needs the other."""
    findings = [_interpreter(), _numpy(), _torch(), _model()]
    for look in (_gnuradio, _module, _companion):
        findings.append(look())
        if findings[-1].detail.startswith(ABSENT):
            break
    return findings


def _probe(code: str, interpreter: str = sys.executable) -> tuple[str | None, str]:
    """Run code in a fresh interpreter, where a crash does no harm: (output, "") or (None, last error)."""
    try:
        result = subprocess.run([interpreter, "-c", code], capture_output=True, text=True)
    except OSError as error:
        return None, str(error)
    if result.returncode == 0:
        return result.stdout.strip(), ""
    lines = result.stderr.strip().splitlines() or [f"exit status {result.returncode}"]
    return None, lines[-1]


def _interpreter() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    detail = f"{sys.executable}, Python {version}"
    if sys.version_info < (3, 11):  # noqa: UP036, one who tries it is told
        return Finding("interpreter", "fault", detail, "use Python 3.11 or later")
    return Finding("interpreter", "ok", detail)


def _numpy() -> Finding:
    output, error = _probe("import numpy; print(numpy.__version__, numpy.__file__)")
    if output is None:
        return Finding("numpy", "fault", error, "install Debian's python3-numpy")
    version, path = output.split(" ", 1)
    detail = f"{version}, {path}"
    # GNU Radio works with the numpy generation that it was compiled for; only trying tells.
    works, error = _probe("from gnuradio import gr, blocks; blocks.vector_source_c([0])")
    if works is None and int(version.split(".")[0]) >= 2 and "numpy" in error.lower():
        return Finding(
            "numpy",
            "fault",
            f"{detail}; GNU Radio does not load with it: {error}",
            f"{sys.executable} -m pip install 'numpy<2' (GNU Radio is compiled for numpy 1)",
        )
    return Finding("numpy", "ok", detail)


def _gnuradio() -> Finding:
    output, error = _probe("from gnuradio import gr; print(gr.version())")
    if output is None and error.endswith("No module named 'gnuradio'"):
        return Finding(
            "GNU Radio",
            "hint",
            f"{ABSENT}: the lab is whole without it; {', '.join(radio_commands())} need it",
            "for them install Debian's gnuradio, then run make build in a checkout of this module",
        )
    if output is None:
        return Finding(
            "GNU Radio",
            "fault",
            f"{sys.executable} does not load it: {error}",
            "install Debian's gnuradio, then make the environment from the interpreter that has "
            "it: rm -r .venv; make build PYTHON=/usr/bin/python3",
        )
    numbers = output.lstrip("v").split(".")
    if tuple(map(int, numbers[:2])) < (3, 10):
        return Finding("GNU Radio", "fault", output, "install GNU Radio 3.10 or later")
    return Finding("GNU Radio", "ok", output)


def _torch() -> Finding:
    output, error = _probe(
        "import torch; c = torch.cuda;"
        "print(torch.__version__, 'with ' + c.get_device_name() if c.is_available() else 'CPU')"
    )
    if output is None:
        return Finding("torch", "fault", error, f"{sys.executable} -m pip install torch==2.13.*")
    return Finding("torch", "ok", output)


def _module() -> Finding:
    output, error = _probe(
        "import gnuradio.sr2cnn as sr2cnn; sr2cnn.discriminator_kernel, sr2cnn.tagger;"
        "print(sr2cnn.__path__[0])"
    )
    if output is None and error.endswith("No module named 'gnuradio.sr2cnn'"):
        return Finding(
            "gnuradio.sr2cnn",
            "hint",
            f"{ABSENT}: {', '.join(radio_commands())} need it",
            "run make build; if it is installed in another prefix, use that prefix's interpreter "
            "or add its site-packages to PYTHONPATH",
        )
    if output is None:
        return Finding(
            "gnuradio.sr2cnn",
            "fault",
            error,
            "run make build; if it is installed in another prefix, use that prefix's interpreter "
            "or add its site-packages to PYTHONPATH",
        )
    return Finding("gnuradio.sr2cnn", "ok", f"{output}, C++ part loaded")


def blocks_folder() -> Path | None:
    """Where the descriptions of our blocks for GNU Radio Companion were installed together with this."""
    for prefix in Path(__file__).parents:
        folder = prefix / "share/gnuradio/grc/blocks"
        if any(folder.glob(GRC_FILES)):
            return folder
    return None


def _companion() -> Finding:
    """GRC runs flowgraphs with its own interpreter; blocks it finds in its folder and in GRC_BLOCKS_PATH."""
    output, error = _probe(
        "from gnuradio import gr; p = gr.prefs();"
        "print(p.get_string('grc', 'global_blocks_path', ''),"
        "p.get_string('grc', 'local_blocks_path', ''), sep='\\n')"
    )
    searched = os.environ.get("GRC_BLOCKS_PATH", "").split(os.pathsep)
    for line in (output or "").splitlines():
        searched += line.split(os.pathsep)
    searched.append("~/.grc_gnuradio")
    folders = [Path(folder).expanduser() for folder in searched if folder]
    found = next((folder for folder in folders if any(folder.glob(GRC_FILES))), None)
    own, companion = blocks_folder(), shutil.which("gnuradio-companion")
    part = "GNU Radio Companion"
    if found is None and own is None:
        looked = ", ".join(map(str, folders))
        return Finding(part, "fault", f"no blocks in {looked}", "run make build")
    if companion is None:
        return Finding(part, "hint", "no gnuradio-companion on the PATH", "install Debian's gnuradio")
    interpreter, lacks = _interpreter_of(companion), []
    if found is None:
        lacks.append(f"does not look into {own}, where the blocks are")
    _, error = _probe("from gnuradio import sr2cnn", interpreter)
    if error:
        lacks.append(f"runs flowgraphs with {interpreter}, which does not load gnuradio.sr2cnn ({error})")
    if lacks:
        return Finding(part, "hint", f"{companion} {' and '.join(lacks)}", "start it by sr2cnn grc")
    return Finding(part, "ok", f"{companion}, {interpreter}, blocks in {found}")


def _interpreter_of(script: str) -> str:
    """The program that a script's first line names."""
    with open(script, "rb") as file:
        words = file.readline(1000).decode("utf-8", "replace").removeprefix("#!").split()
    if len(words) > 1 and Path(words[0]).name == "env":
        return shutil.which(words[-1]) or words[-1]
    return words[0] if words else sys.executable


def _model() -> Finding:
    try:
        bundle = importlib.import_module(f"{__package__}.bundle").Bundle.load("sr2cnn")
    except (OSError, ValueError, ImportError) as error:
        return Finding("model", "fault", str(error), "run make build in a whole checkout")
    return Finding("model", "ok", f"{bundle.path}, {len(bundle.classes)} classes, {bundle.engine}")
