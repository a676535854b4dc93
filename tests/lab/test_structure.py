# SPDX-License-Identifier: GPL-3.0-or-later
"""The house rules that a machine can see: no import circle, one direction, functions of a size to be read."""

import ast
import re

import pytest
import sr2cnn_learn
from places import ROOT

SOURCES = ROOT / "python"
PACKAGES = {"sr2cnn_learn": "sr2cnn_learn", "gnuradio.sr2cnn": "sr2cnn"}
LONGEST = 100  # lines of a function
MOST_PARAMETERS = 10  # but for what GNU Radio Companion calls: the blocks' constructors


def modules():
    """Every module of the project by its dotted name: its path."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted((SOURCES / folder).rglob("*.py")):
            parts = [package, *path.relative_to(SOURCES / folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports_of(name):
    """The project's modules that a module imports, at its top and within functions."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            wanted = [whole if (whole := f"{base}.{alias.name}") in MODULES else base for alias in node.names]
        else:
            continue
        yield from (other for other in wanted if other in MODULES and other != name)


def test_no_import_circle():
    left = {name: set(imports_of(name)) for name in MODULES}
    while free := [name for name, needs in left.items() if not needs & set(left)]:
        for name in free:
            del left[name]
    circles = {name: sorted(needs & set(left)) for name, needs in left.items()}
    assert not circles


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("sr2cnn_learn")])
def test_the_lab_knows_nothing_of_gnu_radio(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "gnuradio" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module.split(".")[0] != "gnuradio"


def functions():
    for name, path in MODULES.items():
        for owner in ast.walk(ast.parse(path.read_text())):
            for node in getattr(owner, "body", []) if isinstance(owner, (ast.Module, ast.ClassDef)) else []:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield name, owner, node


def test_the_manifest_has_the_version():
    assert f"\nversion: {sr2cnn_learn.__version__}\n" in (ROOT / "MANIFEST.yml").read_text()


def test_docstrings_have_one_form():
    """Sections are named Args:, Returns:, Raises: and so on, without a line below the name."""
    other = [name for name, path in MODULES.items() if re.search(r"\n *-{4,}\n", path.read_text())]
    assert not other


def test_functions_can_be_read():
    long = {}
    for module, _, node in functions():
        lines = node.end_lineno - node.lineno + 1
        if lines > LONGEST:
            long[f"{module}.{node.name}"] = lines
    assert not long


def test_functions_have_few_parameters():
    """Blocks' constructors, and the commands, whose parameters are what the user may type, aside."""
    many = {}
    for module, owner, node in functions():
        arguments = node.args
        n = len([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs])
        n -= isinstance(owner, ast.ClassDef) and node.name != "__new__"
        if n > MOST_PARAMETERS and not (module.startswith("gnuradio.") and node.name == "__init__"):
            many[f"{module}.{node.name}"] = n
    assert not many
