# SPDX-License-Identifier: GPL-3.0-or-later
"""GRC as it loads, drops and compiles our blocks."""

import re
import sys

import pytest
import yaml
from gnuradio import gr, sr2cnn
from gnuradio.grc.core.platform import Platform
from places import ROOT
from sr2cnn_learn import doctor
from sr2cnn_learn.discriminator_parameters import PARAMETERS

BLOCKS = sorted(path.name.split(".")[0] for path in (ROOT / "grc").glob("*.block.yml"))
REQUIRED = {
    f"sr2cnn_{name}"
    for name in (
        "framer frame_queue encoder discriminator recognizer tagger radioml_source scorer event_sink".split()
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
    assert set(BLOCKS) >= REQUIRED


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


def parameters(key):
    return yaml.safe_load((ROOT / "grc" / f"{key}.block.yml").read_text()).get("parameters", ())


@pytest.mark.parametrize("key", BLOCKS)
def test_what_stands_for_none_is_said(key):
    asserts = yaml.safe_load((ROOT / "grc" / f"{key}.block.yml").read_text()).get("asserts", ())
    for parameter in parameters(key):
        if any(f"{parameter['id']} is None" in text for text in asserts):
            assert "None" in parameter["options"]
        if parameter.get("default") in ("None", "[]", "0") and parameter["id"] != "seed":
            said = dict(zip(parameter["options"], parameter["option_labels"]))
            assert said[parameter["default"]] not in ("None", "[]", "0")


SHIPPED = {path.stem for path in (ROOT / "models").glob("*.pt")}
OF_A_MODEL = [
    key for key in BLOCKS if {"model", "classes"} & {parameter["id"] for parameter in parameters(key)}
]


def test_blocks_that_have_a_model():
    assert {key.removeprefix("sr2cnn_") for key in OF_A_MODEL} == {
        "recognizer",
        "wideband_recognizer",
        "encoder",
        "discriminator",
        "label_display",
        "scorer",
    }


@pytest.mark.parametrize("key", OF_A_MODEL)
def test_model_is_a_shipped_one_or_a_file(dropped, key):
    block = dropped(key)
    name = "classes" if key == "sr2cnn_scorer" else "model"
    quote = "'{}'".format if key == "sr2cnn_scorer" else str
    model, file = block.params[name], block.params["model_file"]

    def made(value):
        model.set_value(value)
        block.rewrite()
        block.validate()
        assert file.hide == ("none" if value == quote("file") else "all")
        return block.templates.render("make"), any("model_file" in e for e in block.get_error_messages())

    values = {option.strip("'") for option in model.options} - {""}
    assert values == SHIPPED | {"file"}
    for value in SHIPPED:
        assert made(quote(value)) == (block.templates.render("make"), False)
        assert f"'{value}'" in block.templates.render("make")
    assert made(quote("file"))[1]  # which one?
    file.set_value("/my models/mine.pt")
    code, wrong = made(quote("file"))
    assert not wrong and "'/my models/mine.pt'" in code and "'file'" not in code
    block.parent.new_block("variable").params["id"].set_value("chosen")
    block.parent.blocks[-1].params["value"].set_value("'mine.pt'")
    block.parent.rewrite()
    code, wrong = made("chosen")
    assert not wrong and re.search(r"\bchosen\b", code)
    if key != "sr2cnn_scorer":  # as flowgraphs of before have it
        assert "'somewhere/mine.pt'" in made("somewhere/mine.pt")[0]


def test_recognizer_s_dialog_begins_with_what_people_set(dropped):
    block = dropped("sr2cnn_recognizer")
    tabs = {}
    for parameter in block.params.values():
        if parameter.hide != "all":
            tabs.setdefault(parameter.category, []).append(parameter.key)
    assert set(tabs) == {"General", "Discovery", "Labels", "Network", "Advanced"}
    shown = [key for key in tabs["General"] if key != "id"]
    assert shown == ["model", "condition", "sample_rate", "live", "registry"]


def test_recognizer_takes_what_a_receiver_hears(dropped):
    code = dropped("sr2cnn_recognizer").templates.render("make")
    assert "condition=True" in code and "sample_rate=samp_rate" in code


@pytest.mark.parametrize("key", BLOCKS)
def test_callbacks_are_methods(dropped, key):
    block = dropped(key)
    maker = re.search(r"sr2cnn\.(\w+)\(", block.templates["make"]).group(1)
    target = {"discriminator_from_bundle": "discriminator"}.get(maker, maker)
    for callback in block.templates["callbacks"] or ():
        assert hasattr(getattr(sr2cnn, target), callback.split("(")[0])


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda field: field.name)
@pytest.mark.parametrize("key", ["sr2cnn_recognizer", "sr2cnn_discriminator"])
def test_parameters_of_the_discriminator(dropped, key, parameter):
    block, name = dropped(key), parameter.name
    if name == "zero_variance":  # for comparison with the released code alone
        assert name not in block.params
        return
    assert f"{name}=None" in block.templates.render("make") or parameter.default == 1
    assert f"{name}=${{{name}}}" in block.templates["make"]
    callback = f"set_{name}(${{{name}}})"
    assert (callback in block.templates["callbacks"]) == (not parameter.metadata["fixed"])


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


@pytest.mark.parametrize(
    "interpreter, blocks, state, words",
    [
        (sys.executable, True, "ok", [sys.executable]),
        (sys.executable, False, "hint", ["does not look into"]),
        (f"/usr/bin/env {sys.executable}", True, "ok", [sys.executable]),
        ("/usr/bin/false", True, "hint", ["runs flowgraphs with /usr/bin/false", "gnuradio.sr2cnn"]),
        ("/nowhere/python", False, "hint", ["does not look into", "/nowhere/python"]),
    ],
)
def test_doctor_tells_what_the_companion_on_the_path_would_do(
    interpreter, blocks, state, words, tmp_path, monkeypatch
):
    script = tmp_path / "gnuradio-companion"
    script.write_text(f"#!{interpreter}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRC_BLOCKS_PATH", str(ROOT / "grc") if blocks else "")
    finding = doctor._companion()
    assert finding.state == state
    assert all(word in finding.detail for word in words)
    assert state == "ok" or "sr2cnn grc" in finding.remedy
    script.unlink()
    assert doctor._companion().state == "hint"
    monkeypatch.setattr(doctor, "blocks_folder", lambda: None)
    monkeypatch.setenv("GRC_BLOCKS_PATH", "")
    assert doctor._companion().state == "fault"
