# SPDX-License-Identifier: GPL-3.0-or-later
"""GRC as it loads, drops and compiles our blocks."""

import re
from pathlib import Path

import pytest
import yaml
from gnuradio import gr, sr2cnn
from gnuradio.grc.core.platform import Platform

ROOT = Path(__file__).parents[1]
BLOCKS = sorted(path.name.split(".")[0] for path in (ROOT / "grc").glob("*.block.yml"))
REQUIRED = {
    f"sr2cnn_{name}"
    for name in (
        "framer frame_queue encoder discriminator recognizer tagger radioml_source scorer"
        " event_sink".split()
    )
}


@pytest.fixture(scope="module")
def platform():
    version = gr.major_version(), gr.api_version(), gr.minor_version()
    platform = Platform(version=gr.version(), version_parts=version, prefs=gr.prefs())
    platform.build_library(["/usr/share/gnuradio/grc/blocks", str(ROOT / "grc")])
    return platform


@pytest.fixture
def dropped(platform):
    """A block as GRC drops it on the canvas."""

    def drop(key):
        graph = platform.make_flow_graph()
        rate = graph.new_block("variable")  # every flowgraph of GRC begins with it
        rate.params["id"].set_value("samp_rate")
        graph.rewrite()
        block = graph.new_block(key)
        block.params["id"].set_value("it")
        block.rewrite()
        block.validate()
        return block

    return drop


def test_every_block_has_its_entry():
    assert REQUIRED <= set(BLOCKS)


@pytest.mark.parametrize("key", BLOCKS)
def test_valid_at_its_defaults(dropped, key):
    block = dropped(key)
    # Ports are not connected yet: that is the only thing GRC may find.
    errors = [e for e in block.get_error_messages() if "not connected" not in e]
    assert not errors
    assert block.category == ["SR2CNN"]


@pytest.mark.parametrize("key", BLOCKS)
def test_documentation_names_ports_and_parameters(key):
    entry = yaml.safe_load((ROOT / "grc" / f"{key}.block.yml").read_text())
    text = entry["documentation"]
    for parameter in entry.get("parameters", ()):
        assert parameter["label"].split(" (")[0] in text
    for title in ("inputs", "outputs"):
        assert title not in entry or f"{title.capitalize()}:" in text
        for port in entry.get(title, ()):
            assert port["domain"] == "stream" or port["id"] in text
    if "parameters" in entry:
        assert "Parameters:" in text


@pytest.mark.parametrize("key", BLOCKS)
def test_callbacks_are_methods(dropped, key):
    block = dropped(key)
    maker = re.search(r"sr2cnn\.(\w+)\(", block.templates["make"]).group(1)
    target = {"discriminator_from_bundle": "discriminator"}.get(maker, maker)
    for callback in block.templates["callbacks"] or ():
        assert hasattr(getattr(sr2cnn, target), callback.split("(")[0])


@pytest.mark.parametrize(
    "key, parameter, value",
    [
        ("sr2cnn_recognizer", "lambda1", "-1"),
        ("sr2cnn_recognizer", "batch_size", "-1"),
        ("sr2cnn_recognizer", "queue_frames", "0"),
        ("sr2cnn_framer", "frame_len", "0"),
        ("sr2cnn_frame_queue", "capacity", "0"),
        ("sr2cnn_tagger", "hop", "-1"),
        ("sr2cnn_radioml_source", "frames_per_key", "0"),
        ("sr2cnn_event_sink", "path", ""),
        ("sr2cnn_event_sink", "rotate_bytes", "1000"),
        ("sr2cnn_event_sink", "prometheus_port", "70000"),
    ],
)
def test_asserts_refuse(dropped, key, parameter, value):
    block = dropped(key)
    block.params[parameter].set_value(value)
    block.rewrite()
    block.validate()
    assert any("not connected" not in e for e in block.get_error_messages())
