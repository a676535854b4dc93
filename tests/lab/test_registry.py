# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovered classes that live on: registry, recognizer with a registry, promotion."""

import io
import json
import os
import re
import shutil
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from places import ROOT
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.calibration import needed_lambda1
from sr2cnn_learn.datasets import load_dataset
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.iq import interleaved
from sr2cnn_learn.nets.promoted import Promoted
from sr2cnn_learn.promotion import promote
from sr2cnn_learn.registry import MOST_SAMPLE_BYTES, Registry, Samples, fingerprint, locked

pytest.importorskip("gnuradio")

import pmt
from gnuradio import blocks, gr, sr2cnn
from registry_support import (
    CENTERS,
    DIM,
    FRAME_LEN,
    MODEL,
    UNKNOWN,
    filled,
    make,
    plane,
    run,
    small,
    stream,
    told,
)
from waiting import until


def about(registry):
    return registry.contents(5e8)[0]


def same(a, b):
    assert about(a) == about(b)
    for x, y in zip(a.contents(0)[1:], b.contents(0)[1:]):
        np.testing.assert_array_equal(x, y)


# -- in a flowgraph -------------------------------------------------------------------------


def send(recognizer, message):
    recognizer.registry.to_basic_block()._post(pmt.intern("cmd"), pmt.to_pmt(message))


class endless:
    """A recognizer with a registry, running; its status messages."""

    def __init__(self, path, model=MODEL):
        self.recognizer = make(path, model, registry_period=0.1)
        self.status = blocks.message_debug()
        self._top = gr.top_block()
        source = blocks.vector_source_c(stream()[0].ravel(), True)
        throttle = blocks.throttle(gr.sizeof_gr_complex, 128 * 2000)
        self._null = blocks.null_sink(gr.sizeof_short)
        self._top.connect(source, throttle, self.recognizer, self._null)
        self._top.msg_connect((self.recognizer, "status"), (self.status, "store"))

    def __enter__(self):
        self._top.start()
        return self

    def __exit__(self, *error):
        self._top.stop()
        self._top.wait()

    def answer(self, key, word):
        """The status message that has the word under the key, when it is there."""

        def look():
            for k in range(self.status.num_messages()):
                status = pmt.to_python(self.status.get_message(k))
                if word in str(status.get(key, "")):
                    return status
            return None

        return until(look)


def test_a_second_run_goes_on_with_ids_names_and_counts(tmp_path):
    path = tmp_path / "radio.classes"
    frames, truth = stream()
    first = make(path)
    ids = run(first, frames)
    held = Registry.load(path)
    assert held.model == "sr2cnn-zeroshot" and held.frames == len(frames) == first.registry.saved_frames
    assert {known.id: known.count for known in held.classes} == dict(
        zip(*np.unique(ids[ids < 0], return_counts=True))
    )
    for known in held.classes:  # what is kept of a class are frames that got its id
        of_class = {frame.tobytes() for frame in frames[ids == known.id]}
        kept = {frame.tobytes() for frame in known.samples.frames}
        assert kept <= of_class and len(kept) == min(len(of_class), held.frames_per_class)
    big = max(held.classes, key=lambda known: known.count)
    held.rename(big.id, "DECT")
    held.save(path)

    second = make(path)
    assert second.discriminator.state() == held.state()
    later = run(second, frames)
    again = Registry.load(path)
    assert again.frames == 2 * len(frames)
    assert again.find("DECT").id == big.id and again.find("DECT").count > big.count
    assert again.find("DECT").last_frame >= len(frames)
    assert again.find("DECT").first_frame == big.first_frame
    assert again.find("DECT").samples.first_seen == big.samples.first_seen
    assert (later == big.id).sum() > 0
    assert later.min() >= again.next_id + 1 and again.next_id <= held.next_id
    new = {known.id for known in again.classes} - {known.id for known in held.classes}
    assert all(id <= held.next_id for id in new)


def test_one_flowgraph_started_twice_takes_up_what_was_edited_between(tmp_path):
    path = tmp_path / "radio.classes"
    recognizer = make(path)
    run(recognizer)
    with locked(path):
        held = Registry.load(path)
        held.rename(-1, "edited")
        held.save(path)
    run(recognizer)
    assert Registry.load(path).find("edited").id == -1


def test_commands_while_it_runs(tmp_path):
    path, rest = tmp_path / "radio.classes", tmp_path / "rest.classes"
    new, folder = tmp_path / "new.pt", tmp_path / "frames"
    os.mkfifo(pipe := tmp_path / "pipe")
    with endless(path) as flowgraph:
        recognizer = flowgraph.recognizer

        def discovered(least=40):
            return [c for c in recognizer.discriminator.discovered() if c.count >= least]

        first, second, *_ = until(lambda: len(discovered()) >= 2 and discovered())
        send(recognizer, {"rename": {"id": first.id, "name": "DECT"}, "export": {"path": str(folder)}})
        assert str(folder) in flowgraph.answer("done", "export")["done"]
        send(recognizer, {"promote": {"label": "DECT", "path": str(new), "rest": str(rest)}})
        assert "DECT" in flowgraph.answer("done", "promote")["done"]
        send(recognizer, {"merge": {"from": second.id, "into": "DECT"}})
        until(lambda: second.id in recognizer.discriminator.merged())
        for wrong, word in (
            ({"promote": {"id": -9999, "path": str(new)}}, "-9999"),
            ({"promote": {"path": str(new)}}, "id or label"),
            ({"promote": "DECT"}, "expected a dict"),
            ({"export": {"path": 5}}, "expected a text"),
            ({"export": {"path": str(tmp_path), "format": "pickle"}}, "pickle"),
            ({"export": {"path": str(new)}}, "exists"),
            ({"promote": {"id": first.id, "path": str(pipe)}}, "is no regular file"),
            ({"nonsense": 1}, "nonsense"),
        ):
            send(recognizer, wrong)
            assert flowgraph.answer("error", word)["command"]
    held = Registry.load(path)
    merged = held.find("DECT")
    assert second.id not in {known.id for known in held.classes}
    assert merged.count > first.count + second.count
    assert merged.samples.offered > merged.count / 2  # of both
    assert "DECT" in Bundle.load(new).classes
    Registry.load(rest).check_model(Bundle.read(new))
    assert any("DECT" in p.name or f"unknown_{-first.id}" in p.name for p in folder.iterdir())


def test_the_commands_in_the_docs_do_no_harm(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "messages.md").read_text()
    (snippet,) = [code for code in re.findall("```python\n(.*?)```", text, re.DOTALL) if "_post" in code]
    monkeypatch.chdir(tmp_path)
    with endless(tmp_path / "radio.classes") as flowgraph:
        discriminator = flowgraph.recognizer.discriminator
        until(lambda: any(c.count >= 10 for c in discriminator.discovered()))
        before = {name: getattr(discriminator, name)() for name in ("lambda1", "lambda2", "theta2_limit")}
        exec(snippet, {"recognizer": flowgraph.recognizer})
        flowgraph.answer("done", "export")
        until(lambda: discriminator.min_support() > 1)
        assert {name: getattr(discriminator, name)() for name in before} == before


def test_a_save_that_fails_is_told_and_tried_again(tmp_path):
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    with endless(folder / "radio.classes") as flowgraph:
        registry = flowgraph.recognizer.registry
        until(lambda: registry.saved_frames)
        folder.rename(away)
        until(lambda: registry.fault)
        flowgraph.answer("registry_fault", "here")
        away.rename(folder)
        until(lambda: registry.fault is None)
    assert Registry.load(folder / "radio.classes").frames == flowgraph.recognizer.discriminator.frames()


def test_refuses_what_is_damaged_of_another_model_or_in_use(tmp_path, tiny_bundle):
    path = tmp_path / "radio.classes"
    first = make(path)
    with pytest.raises(ValueError, match="has it open"):
        make(path)
    run(first)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="not of 'tiny'"):
        make(path, tiny_bundle)
    for damaged in (whole[: len(whole) // 2], b"", b"\x80\x04."):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="radio.classes: damaged"):
            make(path)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    run(make(path))
    with pytest.raises(OSError, match="nowhere"):
        make(tmp_path / "nowhere" / "radio.classes")
    with pytest.raises(ValueError, match="period is 0"):
        make(path, registry_period=0)


def test_live(tmp_path):
    recognizer = make(tmp_path / "radio.classes", live=True)
    ids = run(recognizer)
    held = Registry.load(tmp_path / "radio.classes")
    assert held.frames == len(ids) == recognizer.queue.count().frames_out


# -- promotion ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def promoted(tmp_path_factory):
    """Registry of a run, with names, folder of the bundle that knows its large classes, what is said."""
    folder = tmp_path_factory.mktemp("promoted")
    ids = run(make(folder / "radio.classes"))
    held = Registry.load(folder / "radio.classes")
    truth = stream()[1]
    names = {}
    for name in UNKNOWN:
        values, counts = np.unique(ids[(truth == name) & (ids < 0)], return_counts=True)
        names[name] = int(values[counts.argmax()])
    assert len(set(names.values())) == 2
    for name, id in names.items():
        held.rename(id, name)
    bundle = Bundle.load(MODEL)
    said = promote(held, list(names), bundle, folder / "new.pt", rest=folder / "rest.classes")
    return held, folder, said


def test_a_promoted_class_is_named(promoted, tmp_path):
    held, folder, said = promoted
    frames, truth = stream()
    shutil.copy(folder / "rest.classes", tmp_path)
    recognizer = make(tmp_path / "rest.classes", folder / "new.pt")
    labels = np.array([*recognizer.encoder.bundle.classes, *["?"] * 40000])[run(recognizer)]
    old = Bundle.load(MODEL)
    before = Discriminator(**old.discriminator_options()).predict(old.encode(frames))
    for name in UNKNOWN:
        of_class = before == held.find(name).id
        assert np.mean(labels[of_class] == name) > 0.8
    for name in ("QPSK", "BPSK"):  # the known ones lose little
        was = before == old.classes.index(name)
        assert np.mean(labels[was & (truth == name)] == name) > 0.95
    for new in said:
        assert new.frames == 64 and new.named > 0.8 and max(new.taken.values()) <= 0.05


def test_logits_say_the_new_class_exactly_where_it_is_nearest(promoted):
    _, folder, _ = promoted
    old, new = Bundle.load(MODEL), Bundle.load(folder / "new.pt")
    z = old.encode(stream()[0])
    # The stored graph of the old one is from before what nets/residual.py is now: the same but for rounding.
    np.testing.assert_allclose(new.encode(stream()[0]), z, atol=1e-5 * np.abs(z).max())
    logits = new.classify(z)
    np.testing.assert_array_equal(logits[:, : len(old.classes)], old.classify(z))
    nearest, _ = Discriminator(**new.discriminator_options()).nearest_known(z)
    is_new = nearest >= len(old.classes)
    assert 0 < is_new.sum() < len(z)
    np.testing.assert_array_equal(logits.argmax(1)[is_new], nearest[is_new])
    assert (logits.argmax(1)[~is_new] < len(old.classes)).all()


def test_a_promoted_bundle_is_our_network_with_its_weights(promoted):
    bundle = Bundle.load(promoted[1] / "new.pt")
    network = bundle.card["network"]
    assert (network["name"], network["arguments"]["network"]["name"]) == ("promoted", "residual")
    module, frames = bundle.module(), stream()[0][:200]
    assert isinstance(module, Promoted)
    iq = torch.from_numpy(interleaved(frames))
    with torch.inference_mode():
        z = module(iq)
        logits = module.classify(z).numpy()
    expected = bundle.encode(frames)
    np.testing.assert_allclose(z.numpy(), expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(logits, bundle.classify(z.numpy()), rtol=1e-4, atol=1e-4)


def test_a_promoted_class_is_promoted_again(promoted, tmp_path):
    """A network within a network within a network."""
    first, second, rest = (tmp_path / name for name in ("first.pt", "second.pt", "rest.classes"))
    promote(promoted[0], ["GFSK"], Bundle.load(MODEL), first, rest=rest)
    promote(Registry.load(rest), ["AM-SSB"], Bundle.load(first), second)
    old, new = Bundle.load(first), Bundle.load(second)
    assert new.classes == [*old.classes, "AM-SSB"]
    assert new.card["network"]["arguments"]["network"] == old.card["network"]
    frames = stream()[0][:50]
    z = old.encode(frames)
    np.testing.assert_array_equal(new.encode(frames), z)
    np.testing.assert_array_equal(new.classify(z)[:, :-1], old.classify(z))


def test_the_card_tells_where_a_class_comes_from(promoted):
    held, folder, _ = promoted
    old, new = Bundle.read(MODEL), Bundle.read(folder / "new.pt")
    assert new.classes == [*old.classes, *UNKNOWN]
    assert new.name == "sr2cnn-zeroshot+GFSK+AM-SSB"
    assert [p["class"] for p in new.card["provenance"]["promoted"]] == list(UNKNOWN)
    assert "metrics" not in new.card["provenance"]
    np.testing.assert_array_equal(new.centers[-1], held.find("AM-SSB").center)
    assert new.counts[-1] == held.find("AM-SSB").count
    np.testing.assert_array_equal(new.attribute_weights, old.attribute_weights)
    left = Registry.load(folder / "rest.classes")
    assert {c.id for c in held.classes} - {c.id for c in left.classes} == {held.find(n).id for n in UNKNOWN}
    assert left.next_id == held.next_id


def test_a_recognizer_takes_back_a_name_that_its_model_knows(promoted, tmp_path, capfd):
    held, path = promoted[0].copy(), tmp_path / "radio.classes"
    held.know([])  # a file from before it said them
    held.rename("GFSK", "QPSK")
    held.save(path)
    recognizer = make(path)
    id = promoted[0].find("GFSK").id
    names = {known.id: known.name for known in recognizer.discriminator.discovered()}
    assert names[id] == f"unknown_{-id}" and names[promoted[0].find("AM-SSB").id] == "AM-SSB"
    assert f"unknown_{-id}: the name 'QPSK' is that of a known class" in "".join(capfd.readouterr())
    run(recognizer)
    assert Registry.load(path).known == Bundle.read(MODEL).classes


def test_promotion_refuses(promoted, tmp_path, tiny_bundle):
    held, folder, _ = promoted
    bundle, out = Bundle.load(MODEL), tmp_path / "out.pt"
    few = held.copy()
    few.find("GFSK").samples.frames = few.find("GFSK").samples.frames[:9]
    with pytest.raises(ValueError, match="GFSK has 9 recorded frames, expected at least 10"):
        promote(few, ["GFSK"], bundle, out)
    for which, options, word in (
        (["GFSK"], {"name": "QPSK"}, "known class"),
        (["GFSK"], {"name": "unknown_77"}, "name of its own"),
        (["GFSK"], {"name": "AM-SSB"}, "another discovered class"),
        (["GFSK"], {"name": "\x1b[2J"}, "no class name"),
        (["nobody"], {}, "nobody"),
        ([], {}, "at least one"),
        (["GFSK", "GFSK"], {}, "each once"),
        (["GFSK", "AM-SSB"], {"name": "both"}, "one name"),
    ):
        with pytest.raises(ValueError, match=word):
            promote(held, which, bundle, out, **options)
    with pytest.raises(ValueError, match="another file"):
        promote(held, ["GFSK"], bundle, MODEL)
    with pytest.raises(ValueError, match="not of 'tiny'"):
        promote(held, ["GFSK"], Bundle.load(tiny_bundle), out)
    assert not out.exists()


class Same(torch.nn.Module):
    """A network out of a stored one, which cannot be stored a second time as it is."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, iq):
        return self.network(iq)

    def classify(self, z):
        return self.network.classify(z)


@pytest.mark.parametrize("distance", ["diagonal", "isotropic", "euclidean", "mahalanobis"])
def test_promotion_in_every_distance(distance, tiny_bundle, mixed_samples, tmp_path):
    bundle = Bundle.load(tiny_bundle)
    semantics = {"centers": bundle.centers, "counts": bundle.counts, "variances": bundle.variances}
    if distance == "mahalanobis":
        del semantics["variances"]
        semantics["covariances"] = np.stack([np.diag(v) for v in bundle.variances])
    network, card = Same(bundle.stored_network()[0]), {**bundle.card, "distance": distance}
    Bundle.save(tmp_path / "old.pt", network, card, semantics)
    old = Bundle.load(tmp_path / "old.pt")
    frames = mixed_samples[: 600 * 128].reshape(600, 128)
    z = old.encode(frames)
    half = float(np.median(needed_lambda1(old.discriminator_options(), z)))
    kernel = sr2cnn.discriminator_kernel(**old.discriminator_options(lambda1=half))
    held = Registry.of_model(old)
    ids = kernel.predict(z)
    held.offer(ids, frames, 1e9)
    held.update(kernel.state(), {}, 1e9)
    biggest = max(held.classes, key=lambda known: known.count)
    (new,) = promote(held, [biggest.id], old, tmp_path / "new.pt", name="new")
    bundle = Bundle.load(tmp_path / "new.pt")
    nearest, scores = Discriminator(**bundle.discriminator_options()).nearest_known(
        old.encode(biggest.samples.frames)
    )
    assert np.mean((nearest == 3) & (scores < 1)) == pytest.approx(new.named)
    logits = bundle.classify(z).argmax(1)
    nearest, _ = Discriminator(**bundle.discriminator_options()).nearest_known(z)
    assert np.mean((logits == 3) == (nearest == 3)) > 0.99  # logits are in single precision


# -- the registry ---------------------------------------------------------------------------


def test_save_and_load_are_one(tmp_path):
    registry = filled()
    registry.save(tmp_path / "r")
    loaded = Registry.load(tmp_path / "r")
    same(loaded, registry)
    assert loaded.find("Prüfsender [7]").id == -2
    kernel = plane()
    kernel.restore(loaded.state())
    assert kernel.state() == loaded.state() == registry.state()
    with np.load(tmp_path / "r", allow_pickle=False) as npz:  # for others to read
        assert npz["frames"].shape == (27, FRAME_LEN) and npz["centers"].shape == (2, DIM)
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_fewer_frames_a_class_from_now_on(tmp_path):
    filled().save(tmp_path / "r")
    fewer = Registry.load(tmp_path / "r", frames_per_class=3)
    assert [len(known.samples.frames) for known in fewer.classes] == [3, 3]
    assert [known.samples.offered for known in fewer.classes] == [14, 13]


def test_each_frame_is_kept_with_the_same_probability():
    counts = np.zeros(40)
    for seed in range(2000):
        samples, rng = Samples(1, 0.0), np.random.default_rng(seed)
        for chunk in np.split(np.arange(40, dtype=np.complex64)[:, None], [3, 4, 20, 35]):
            samples.offer(chunk, 8 - len(samples.frames), rng)
        assert len(samples.frames) == 8 and samples.offered == 40
        counts[samples.frames.real.ravel().astype(int)] += 1
    assert abs(counts / 2000 - 0.2).max() < 0.05  # five deviations


def test_samples_are_bounded_in_all(monkeypatch):
    monkeypatch.setattr("sr2cnn_learn.registry.MOST_SAMPLE_BYTES", 20 * 8 * FRAME_LEN)
    registry = filled(90)
    assert sum(len(known.samples.frames) for known in registry.classes) == 20
    assert MOST_SAMPLE_BYTES <= 2**28


def test_merge_rename_forget():
    registry = filled()
    one, two = (known.samples.offered for known in registry.classes)
    registry.merge("unknown_1", "-2")
    (known,) = registry.classes
    assert (known.id, known.count, known.samples.offered) == (-2, 27, one + two)
    registry.rename(-2, "DECT")
    with pytest.raises(ValueError, match="belongs to another"):
        registry.rename("DECT", "unknown_1")
    for bad in ("", " x", "a\x1b[2J", "\ud800", "x" * 1025):
        with pytest.raises(ValueError):
            registry.rename("DECT", bad)
    registry.forget("DECT")
    assert not registry.classes and registry.next_id == -3
    kernel = plane()
    kernel.restore(registry.state())
    assert kernel.predict([[-30.0, 0]]).tolist() == [-3]


def test_forget_all():
    registry = filled()
    registry.rename(-1, "all")
    registry.forget("all")
    assert [known.id for known in registry.classes] == [-2]
    registry.forget("all")
    assert not registry.classes and not registry._samples and registry.next_id == -3


def test_a_known_classs_name_is_refused(tmp_path):
    path = tmp_path / "radio.classes"
    registry = filled()
    registry.know(["BPSK", "QPSK", "8PSK"])
    with pytest.raises(ValueError, match="'BPSK' is that of a known class"):
        registry.rename(-2, "BPSK")
    registry.save(path)
    loaded = Registry.load(path)
    assert loaded.known == ["BPSK", "QPSK", "8PSK"] and not loaded.refused_names
    with pytest.raises(ValueError, match="'QPSK' is that of a known class"):
        loaded.rename(-1, "QPSK")
    # A model that knows a class of that name by now: the discovered one has its default name.
    loaded.know(["BPSK", "QPSK", "Prüfsender [7]"])
    assert [known.name for known in loaded.classes] == ["unknown_1", "unknown_2"]
    assert loaded.refused_names == ["unknown_2: the name 'Prüfsender [7]' is that of a known class"]


@pytest.mark.parametrize("name", ["a\u202eb", "\x9b2J", "unknown_1", "unknown_8", ""])
def test_a_name_that_is_refused_costs_the_name_only(tmp_path, whole, name):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        about = json.loads(archive.read("registry.json"))
    about["classes"][1]["name"] = name
    registry = loads_or_refuses(tmp_path / "r", rewritten(whole, registry=json.dumps(about)))
    assert [known.name for known in registry.classes] == ["unknown_1", "unknown_2"]


@pytest.mark.parametrize("known", ["BPSK", [1], ["\x1b"], {"a": 1}, [""]])
def test_labels_of_known_classes_that_are_none(tmp_path, whole, known):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        about = json.loads(archive.read("registry.json"))
    about["known_classes"] = known
    assert loads_or_refuses(tmp_path / "r", rewritten(whole, registry=json.dumps(about))) is None


@pytest.mark.parametrize("frames", [2**53, 2**53 + 1, 2**62, 2**63])
def test_counts_beyond_all_frames(tmp_path, whole, frames):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        about = json.loads(archive.read("registry.json"))
    about["frames"] = frames
    for entry in about["classes"]:
        entry["count"] = entry["sampled_of"] = frames // 2
    registry = loads_or_refuses(tmp_path / "r", rewritten(whole, registry=json.dumps(about)))
    assert (registry is None) == (frames > 2**53)
    if registry:
        kernel = plane()
        kernel.restore(registry.state())
        told(registry, kernel, [[-30.0, 0]] * 5)
        kernel.merge(-2, -1)
        registry.update(kernel.state(), kernel.merged, 1.8e9)
        (known,) = registry.classes
        assert known.count == known.samples.offered == frames + 5
    about["frames"] = 41  # fewer than there are members
    assert loads_or_refuses(tmp_path / "r", rewritten(whole, registry=json.dumps(about))) is None


NOW, THEN = 1.8e9, 5e8  # 2027; 1985: a clock without a battery


def test_a_clock_that_is_set_back_does_not_change_what_was_seen():
    registry, kernel = small(), plane()
    told(registry, kernel, [[-30.0, 0]], now=NOW)
    told(registry, kernel, [[-30.0, 0]], now=NOW + 60)
    told(registry, kernel, [[-30.0, 0]], now=THEN)
    (known,) = registry.classes
    assert (known.samples.first_seen, known.samples.last_seen) == (NOW, NOW + 60)
    told(registry, kernel, [[-30.0, 0]], now=NOW + 2e9)  # decades ahead, for once
    told(registry, kernel, [[-30.0, 0]], now=NOW + 90)
    assert (known.samples.first_seen, known.samples.last_seen) == (NOW, NOW + 90)


def test_a_clock_that_is_set_at_last_says_when_a_class_was_seen(tmp_path):
    registry, kernel = small(), plane()
    told(registry, kernel, [[-30.0, 0], [300, 1]], now=THEN)
    registry.save(tmp_path / "r")
    registry = Registry.load(tmp_path / "r")
    assert registry.classes[0].samples.first_seen == THEN
    told(registry, kernel, [[-30.0, 0]], now=NOW)
    registry.merge(-2, -1)
    (known,) = registry.classes
    assert (known.samples.first_seen, known.samples.last_seen) == (NOW, NOW)


def test_what_the_discriminator_merged_and_forgot():
    registry, kernel = small(), plane()
    z = np.array([[-30.0, 0], [300, 1], [0, -400]] * 5)
    told(registry, kernel, z)
    kernel.merge(-3, -1)
    kernel.forget(-2)
    told(registry, kernel, [[-15.0, -200]], now=2e9)
    (known,) = registry.classes
    assert (known.id, known.count, known.samples.offered) == (-1, 11, 11)
    assert (known.samples.first_seen, known.samples.last_seen) == (1.8e9, 2e9)
    held = set(known.samples.frames[:, 0].real.astype(int).tolist())
    assert held == {k for k in range(15) if k % 3 != 1}


def test_a_class_loaded_from_elsewhere_does_not_get_the_frames_of_its_namesake(tmp_path):
    registry, kernel, other = small(), plane(), plane()
    told(registry, kernel, [[-30.0, 0]] * 5)
    other.predict([[300.0, 1]] * 3)
    other.save(str(tmp_path / "other"))
    kernel.load(str(tmp_path / "other"))
    registry.update(kernel.state(), kernel.merged, 1e9)
    assert (registry.classes[0].count, len(registry.classes[0].samples.frames)) == (3, 0)


def test_export_sigmf_is_labelled_data(tmp_path):
    registry = filled()
    written = registry.export(tmp_path, format="sigmf")
    assert [path.name for path in written] == ["unknown_1.sigmf-meta", "unknown_2-Pr_fsender_7_.sigmf-meta"]
    dataset = load_dataset(tmp_path, frame_len=FRAME_LEN)
    counts = dict(zip(*np.unique(dataset.labels, return_counts=True)))
    assert counts == {"unknown_1": 14, "Prüfsender [7]": 13}


def test_export_npz(tmp_path):
    registry = filled()
    (path,) = registry.export(tmp_path / "new" / "folder", [-2], "npz")
    with np.load(path, allow_pickle=False) as npz:
        assert str(npz["label"]) == "Prüfsender [7]" and int(npz["count"]) == 13
        np.testing.assert_array_equal(npz["frames"], registry.classes[1].samples.frames)


def test_one_holder(tmp_path):
    with locked(tmp_path / "r"):
        with pytest.raises(ValueError, match="has it open"), locked(tmp_path / "r"):
            pass
    with locked(tmp_path / "r"):
        pass


# -- what strangers write -------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "r"
    filled().save(path)
    return path.read_bytes()


def loads_or_refuses(path, data):
    """The registry in the bytes, or None where they are refused; nothing else may happen."""
    path.write_bytes(data)
    try:
        registry = Registry.load(path)
    except ValueError as error:
        assert str(path) in str(error)
        assert path.read_bytes() == data
        return None
    kernel = plane()
    if (registry.fingerprint, registry.dim) == (fingerprint(CENTERS), DIM):
        kernel.restore(registry.state())  # what loads can be restored
        assert kernel.state() == registry.state()
    registry.save(path)
    same(Registry.load(path), registry)
    return registry


@given(data=st.binary(max_size=300))
@example(data=b"")
@example(data=b"PK\x05\x06" + bytes(18))
def test_any_bytes(tmp_path_factory, data):
    assert loads_or_refuses(tmp_path_factory.getbasetemp() / "any", data) is None


@settings(max_examples=150)
@given(data=st.data())
def test_any_mutation(tmp_path_factory, whole, data):
    mutated = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "insert"]))
        if how == "set":
            mutated[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del mutated[at : at + data.draw(st.integers(1, 2000))]
            mutated = mutated or bytearray(1)
        else:
            mutated[at:at] = data.draw(st.binary(max_size=20))
    loads_or_refuses(tmp_path_factory.getbasetemp() / "mutated", bytes(mutated))


def rewritten(whole, **replaced):
    """The archive with members replaced, checksums and all."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            key = member.split(".")[0]
            new.writestr(member, replaced.get(key, old.read(member)))
    return out.getvalue()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["unknown_2", "2026-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00", "0" * 16]),
    lambda children: (
        st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=3), children, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=150)
@given(data=st.data())
def test_any_json_in_a_sound_archive(tmp_path_factory, whole, data):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        about = json.loads(archive.read("registry.json"))
    entry = data.draw(st.sampled_from([about, *about["classes"]]))
    entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(values)
    loads_or_refuses(tmp_path_factory.getbasetemp() / "json", rewritten(whole, registry=json.dumps(about)))


@pytest.mark.parametrize(
    "time",
    [
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59.999999+00:00",
        "0001-01-01T00:00:00+01:00",
        "2026-01-01",
    ],
)
def test_a_time_that_cannot_be_written_again_is_refused(tmp_path, whole, time):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        about = json.loads(archive.read("registry.json"))
    about["classes"][0]["last_seen"] = time
    path = tmp_path / "registry.npz"
    path.write_bytes(rewritten(whole, registry=json.dumps(about)))
    with pytest.raises(ValueError, match="last_seen"):
        Registry.load(path)


@settings(max_examples=100)
@given(header=st.binary(max_size=80))
@example(header=b"{'descr': '|O', 'fortran_order': False, 'shape': (27, 8), }")
@example(header=b"(" * 80)
def test_any_header_of_an_array(tmp_path_factory, whole, header):
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(27 * 8 * 8)
    path = tmp_path_factory.getbasetemp() / "header"
    assert loads_or_refuses(path, rewritten(whole, frames=npy)) is None


def test_hostile_archives(tmp_path, whole):
    deep = "[" * 100_000
    compressed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old:
        with zipfile.ZipFile(compressed, "w", zipfile.ZIP_DEFLATED) as new:
            for member in old.namelist():
                new.writestr(member, old.read(member))
    for data in (rewritten(whole, registry=deep), compressed.getvalue(), whole[:-1]):
        assert loads_or_refuses(tmp_path / "r", data) is None
    with pytest.raises(ValueError, match="not a registry"):
        Registry.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        Registry.load(tmp_path / "absent")
