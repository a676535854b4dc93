# SPDX-License-Identifier: GPL-3.0-or-later
"""Every number that a block takes may be a text, as GNU Radio Companion hands some on."""

import inspect

import numpy as np
import pytest
from gnuradio import sr2cnn
from sr2cnn_learn.discriminator_parameters import PARAMETERS
from sr2cnn_learn.quantities import number, takes_numbers, whole


@pytest.mark.parametrize("value", ["1e6", 1e6, 1_000_000, np.float32(1e6), np.int64(1_000_000), " 1000000 "])
def test_numbers_and_texts_that_are_some(value):
    assert number("rate", value) == 1e6 and isinstance(number("rate", value), float)
    assert whole("n", value) == 1_000_000 and isinstance(whole("n", value), int)


@pytest.mark.parametrize("value", ["much", "", None, [1], {}, 1j, "1 MHz", b"\xff"])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match=r"^rate is .*, expected a number$"):
        number("rate", value)
    with pytest.raises(ValueError, match=r"^n is .*, expected a whole number$"):
        whole("n", value)


@pytest.mark.parametrize("value", [1.5, "2.5", "nan", "inf", "1e400"])
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match=r"^n is .*, expected a whole number$"):
        whole("n", value)


def test_large_whole_numbers_stay_exact():
    assert whole("n", str(2**63 + 1)) == whole("n", 2**63 + 1) == 2**63 + 1


def test_none_stays_where_it_is_the_default():
    @takes_numbers(a=whole, b=number)
    def function(a, b=None):
        return a, b

    assert function("3") == (3, None) and function(a="3", b="0.5") == (3, 0.5)
    assert function(3, None) == (3, None)
    with pytest.raises(ValueError, match="a is None"):
        function(None)
    assert str(inspect.signature(function)) == "(a, b=None)"


CLASSES, CENTERS = ["A", "B"], np.eye(2, 4)


def judge(**parameters):
    return sr2cnn.discriminator(CLASSES, CENTERS, distance="euclidean", **parameters)


DISCRIMINATOR = {each.name: "5" for each in PARAMETERS if not isinstance(each.default, str)}
DISCRIMINATOR |= dict(lambda1="0.5", max_run="10", hop="64", max_new_per_minute="7")


@pytest.fixture(scope="module")
def makers(tiny_bundle, replay, tmp_path_factory):
    """Of each block a function that makes it, and its numbers as texts."""
    recording = tmp_path_factory.mktemp("recording") / "a.cf32"
    np.ones(1000, np.complex64).tofile(recording)
    model = str(tiny_bundle)
    chain = sr2cnn.discriminator_from_bundle(model)
    count = iter(range(1000))

    def events(**parameters):
        path = recording.with_name(f"{next(count)}.jsonl")
        sink = sr2cnn.event_sink(str(path), **parameters)
        sink.close()
        return sink

    def registry(**parameters):
        path = recording.with_name(f"{next(count)}.classes")
        return sr2cnn.class_registry(path, chain, model, **parameters)

    def recognizer(**parameters):
        own = recording.with_name(f"{next(count)}.classes")
        return sr2cnn.recognizer(model, device="cpu", live=True, registry=str(own), **parameters)

    return {
        "framer": (sr2cnn.framer, dict(frame_len="128", hop="64")),
        "frame_queue": (sr2cnn.frame_queue, dict(frame_len="128", capacity="1e3", hop="64")),
        "tagger": (sr2cnn.tagger, dict(frame_len="128", hop="64")),
        "encoder": (lambda **p: sr2cnn.encoder(model, "cpu", **p), dict(batch_size="32")),
        "discriminator": (judge, DISCRIMINATOR | dict(frame_len="128")),
        "discriminator_from_bundle": (
            lambda **p: sr2cnn.discriminator_from_bundle(model, **p),
            DISCRIMINATOR,
        ),
        "spectrum": (sr2cnn.spectrum, dict(sample_rate="1e6")),
        "detector": (sr2cnn.detector, dict(sample_rate="1e6", report_seconds="0.5")),
        "conditioner": (sr2cnn.conditioner, dict(sample_rate="1e6", samples_per_symbol="8")),
        "recognizer": (
            recognizer,
            DISCRIMINATOR
            | dict(
                batch_size="32",
                queue_frames="100",
                sample_rate="1e6",
                registry_period="2",
                report_seconds="3",
                frames_per_emission="64",
            ),
        ),
        "wideband_recognizer": (
            lambda n_channels="4", **p: sr2cnn.wideband_recognizer(n_channels, model=model, **p),
            DISCRIMINATOR | dict(n_channels="8", sample_rate="1e6", batch_size="32"),
        ),
        "class_registry": (registry, dict(period="2", frames_per_class="16", seed="3")),
        "event_sink": (events, dict(prometheus_port="0", rotate_bytes="1e6", rotate_keep="3")),
        "radioml_source": (
            lambda **p: sr2cnn.radioml_source(str(replay), **p),
            dict(frames_per_key="3", seed="1"),
        ),
        "recording_source": (
            lambda **p: sr2cnn.recording_source(str(recording), **p),
            dict(sample_rate="1e6", center_frequency="868.3e6"),
        ),
    }


BLOCKS = (
    "framer frame_queue tagger encoder discriminator discriminator_from_bundle spectrum detector conditioner"
    " recognizer wideband_recognizer class_registry event_sink radioml_source recording_source"
).split()


def test_every_block_is_tried(makers):
    """But for label_display, which test_label_display.py tries, and what takes no number."""
    public = {name for name in dir(sr2cnn) if hasattr(getattr(sr2cnn, name), "to_basic_block")}
    public -= {"label_display", "scorer", "message_gateway"}
    assert public <= set(makers) == set(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_constructor_takes_texts_or_says_what_it_expected(name, makers):
    make, texts = makers[name]
    assert make(**texts)
    for parameter in texts:
        with pytest.raises(ValueError, match=rf"^{parameter} is 'much', expected a (whole )?number$"):
            make(**{parameter: "much"})


IN_CPP = [
    "framer",
    "frame_queue",
    "tagger",
    "discriminator",
    "detector",
]  # these have no signature that Python sees


@pytest.mark.parametrize("name", [name for name in BLOCKS if name not in IN_CPP])
def test_no_number_of_a_constructor_is_left_out(name, makers):
    signature = inspect.signature(getattr(sr2cnn, name))
    defaults = {p.name: p.default for p in signature.parameters.values()}
    numeric = {key for key, value in defaults.items() if type(value) in (int, float)}
    assert numeric <= set(makers[name][1])


SETTERS = {key: text for key, text in DISCRIMINATOR.items() if key != "hop"}


@pytest.mark.parametrize("of", ["discriminator", "recognizer"])
@pytest.mark.parametrize("name", SETTERS)
def test_setter_takes_texts_or_says_what_it_expected(of, name, tiny_bundle):
    block = (
        judge()
        if of == "discriminator"
        else sr2cnn.recognizer(str(tiny_bundle), device="cpu", condition=name != "max_run")
    )
    getattr(block, f"set_{name}")(SETTERS[name])
    assert getattr(getattr(block, "discriminator", block), name)() == float(SETTERS[name])
    with pytest.raises(ValueError, match=rf"^{name} is 'much', expected a (whole )?number$"):
        getattr(block, f"set_{name}")("much")


@pytest.mark.parametrize("name", ["max_unknown", "max_new_per_minute"])
def test_none_is_no_limit(name, tiny_bundle):
    for block in (judge(**{name: None}), sr2cnn.discriminator_from_bundle(str(tiny_bundle), **{name: None})):
        assert getattr(block, name)() is None
        getattr(block, f"set_{name}")("5")
        getattr(block, f"set_{name}")(None)
        assert getattr(block, name)() is None


def test_other_setters():
    queue = sr2cnn.frame_queue()
    queue.set_min_output_buffer("64")
    with pytest.raises(ValueError, match="^n_frames is 'much', expected a whole number$"):
        queue.set_min_output_buffer("much")


def test_snrs_of_the_radioml_source(replay):
    assert {snr for _, snr in sr2cnn.radioml_source(str(replay), snrs=["18"]).dataset.keys} == {18}
    with pytest.raises(ValueError, match="^snrs is 'loud', expected a whole number$"):
        sr2cnn.radioml_source(str(replay), snrs=["loud"])


def test_numbers_that_no_int_holds():
    with pytest.raises(ValueError, match="^hop is 10+, too large$"):
        sr2cnn.framer(128, 10**30)
