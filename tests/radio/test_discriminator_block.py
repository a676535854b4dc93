# SPDX-License-Identifier: GPL-3.0-or-later
"""The discriminator block in running flowgraphs: ids, tags, runs, messages, commands."""

import json
import os
import re
import time

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from places import ROOT
from sr2cnn_learn.discriminator import INVALID, Discriminator
from sr2cnn_learn.discriminator_parameters import RUNTIME
from waiting import until

CLASSES = ["near", "right", "up"]
CENTERS = np.array([[0, 0], [10, 0], [0, 20]], dtype=float)
NEAR, RIGHT, UP = CENTERS.tolist()
FAR, LEFT = [4, 8], [-300, 0]  # neither known nor like each other
NAN = [np.nan, 0]


def make(**options):
    return sr2cnn.discriminator(CLASSES, CENTERS, np.ones((3, 2)), lambda1=0.5, **options)


def tag(offset, key, value):
    return gr.tag_utils.python_to_tag((offset, pmt.intern(key), value, pmt.intern("test")))


def frame_start(offset, sample):
    return tag(offset, "frame_start", pmt.from_uint64(sample))


def rx_time(offset, seconds, fraction):
    value = pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(fraction))
    return tag(offset, "rx_time", value)


class Outcome:
    """What a run of the block gave."""

    def __init__(self, block, frames, tags=(), cmds=(), path=None, most=None, scores=True):
        vectors = np.array(frames, np.float32).ravel().tolist()
        self.top = top = gr.top_block()
        self.source = blocks.vector_source_f(vectors, False, 2, list(tags))
        self.ids = blocks.vector_sink_s()
        self.sink = sr2cnn.event_sink(str(path))
        top.connect(self.source, block, self.ids)
        if scores:
            self.scores = blocks.vector_sink_f()
            top.connect((block, 1), self.scores)
        sr2cnn.connect_events(top, block, self.sink)
        for cmd in cmds:
            block.to_basic_block()._post(pmt.intern("cmd"), pmt.to_pmt(cmd))
        if most:
            top.run(most)
        else:
            top.run()
        events = [json.loads(line) for line in path.read_text().splitlines()]
        self.labels = [e for e in events if e["event"] == "label"]
        self.novel = [e for e in events if e["event"] == "novel"]
        self.status = [e for e in events if e["event"] == "status"]

    @property
    def runs(self):
        return [(e["label"], e["start_sample"], e["n_frames"]) for e in self.labels]

    def tags(self, key="signal_class"):
        found = [t for t in self.ids.tags() if pmt.eq(t.key, pmt.intern(key))]
        return [(t.offset, pmt.to_python(t.value)) for t in found]


@pytest.fixture
def run(tmp_path):
    return lambda *args, **kw: Outcome(*args, path=tmp_path / "events.jsonl", **kw)


@pytest.mark.parametrize("most", [1, 7, 100, None])
def test_equals_reference(run, most):
    rng = np.random.default_rng(1)
    sources = np.concatenate([CENTERS, rng.normal(size=(6, 2)) * 30])
    z = sources[rng.integers(len(sources), size=2000)] + rng.normal(size=(2000, 2))
    z = z.astype(np.float32)
    z[[5, 700]] = np.nan
    block = make()
    outcome = run(block, z, most=most)
    reference = Discriminator(CENTERS, np.ones((3, 2)), lambda1=0.5)
    np.testing.assert_array_equal(outcome.ids.data(), reference.predict(z))
    np.testing.assert_allclose(outcome.scores.data(), reference.scores, rtol=1e-6)
    assert [d.count for d in block.discovered()] == [d.count for d in reference.discovered]
    assert (block.frames(), block.invalid()) == (2000, 2)
    assert sum(e["n_frames"] for e in outcome.labels) == 1998
    last = outcome.status[-1]
    assert (last["frames_in"], last["frames_out"], last["invalid"]) == (2000, 2000, 2)
    assert last["n_discovered"] == reference.n_discovered


def test_runs(run):
    frames = [NEAR, NEAR, FAR, FAR, FAR, NAN, FAR, UP]
    outcome = run(make(model="m"), frames)
    assert outcome.ids.data() == [0, 0, -1, -1, -1, INVALID, -1, 2]
    first = outcome.labels[0]
    assert first == {
        "event": "label",
        "label": "near",
        "class_id": 0,
        "known": True,
        "score": 0.0,
        "n_samples": 256,
        "start_sample": 0,
        "n_frames": 2,
        "distance": 0.0,
        "model": "m",
        "vector": [0.0, 0.0],
    }
    assert outcome.runs == [
        ("near", 0, 2),
        ("unknown_1", 256, 3),
        ("unknown_1", 768, 1),
        ("up", 896, 1),
    ]
    unknown = outcome.labels[1]
    assert (unknown["class_id"], unknown["known"], unknown["vector"]) == (-1, False, [4.0, 8.0])
    assert unknown["distance"] == pytest.approx(np.sqrt(80))
    assert unknown["score"] == pytest.approx(np.sqrt(80) / (1.5 * np.sqrt(2)))


def test_score_and_vector_are_means(run):
    outcome = run(make(), [[0, 1], [1, 0], [0, 0]])
    (label,) = outcome.labels
    assert label["distance"] == pytest.approx(2 / 3)
    assert label["vector"] == pytest.approx([1 / 3, 1 / 3])


@pytest.mark.parametrize("repeat", range(20))
def test_last_run_arrives(run, repeat):
    outcome = run(make(), [NEAR] * (1000 + repeat), scores=False)
    assert sum(e["n_frames"] for e in outcome.labels) == 1000 + repeat
    assert outcome.status[-1]["frames_in"] == 1000 + repeat


def test_max_run(run):
    outcome = run(make(max_run=4), [NEAR] * 10)
    assert outcome.runs == [("near", 0, 4), ("near", 512, 4), ("near", 1024, 2)]
    assert len(outcome.tags()) == 1  # a piece is no change


def test_hop(run):
    outcome = run(make(frame_len=100, hop=25), [NEAR] * 3 + [UP] * 2, [frame_start(0, 40)])
    assert outcome.runs == [("near", 40, 3), ("up", 115, 2)]
    assert [e["n_samples"] for e in outcome.labels] == [150, 125]


def test_gap_ends_run(run):
    tags = [frame_start(0, 0), frame_start(3, 1000), frame_start(5, 1256)]
    outcome = run(make(), [NEAR] * 8, tags)
    assert outcome.runs == [("near", 0, 3), ("near", 1000, 5)]  # the last tag is where it must be
    assert [offset for offset, _ in outcome.tags()] == [0, 3]


@pytest.mark.parametrize("most", [1, 3, None])
def test_radio(run, most):
    tags = [
        rx_time(0, 100, 0.5),
        tag(0, "rx_rate", pmt.from_double(128.0)),
        tag(0, "rx_freq", pmt.from_double(1e6)),
        tag(2, "rx_freq", pmt.from_double(1e6)),  # no change
        rx_time(3, 103, 0.5),  # no jump
        tag(4, "rx_freq", pmt.from_double(2e6)),
        rx_time(7, 200, 0.25),  # lost samples
    ]
    outcome = run(make(), [NEAR] * 9, tags, most=most)
    assert outcome.runs == [("near", 0, 4), ("near", 512, 3), ("near", 896, 2)]
    assert [e["rx_freq"] for e in outcome.labels] == [1e6, 2e6, 2e6]
    assert [e["rx_time"] for e in outcome.labels] == [[100, 0.5], [104, 0.5], [200, 0.25]]
    assert {e["sample_rate"] for e in outcome.labels} == {128.0}


def test_time_without_rate_is_of_its_sample_only(run):
    outcome = run(make(), [NEAR, UP], [rx_time(0, 7, 0.0)])
    assert [e.get("rx_time") for e in outcome.labels] == [[7, 0.0], None]


def test_strange_tags_do_no_harm(run):
    tags = [
        tag(0, key, value)
        for key in ("rx_time", "rx_freq", "rx_rate", "frame_start")
        for value in (pmt.PMT_NIL, pmt.intern("x"), pmt.make_tuple(pmt.PMT_T, pmt.PMT_T))
    ]
    assert run(make(), [NEAR] * 3, tags).ids.data() == [0, 0, 0]


def test_tags_pass(run):
    tags = [tag(k, "truth", pmt.from_long(k)) for k in (0, 3, 4)]
    outcome = run(make(), [NEAR] * 6, tags, most=2)
    assert outcome.tags("truth") == [(0, 0), (3, 3), (4, 4)]


FRAMES = [NEAR, FAR, FAR, UP, NAN, UP]


@pytest.mark.parametrize(
    "emit, offsets", [("change", [0, 1, 3, 5]), ("every", [0, 1, 2, 3, 5]), ("unknown", [1, 2])]
)
def test_emit(run, emit, offsets):
    block = make(emit=emit)
    outcome = run(block, FRAMES)
    assert [offset for offset, _ in outcome.tags()] == offsets
    value = dict(outcome.tags())[1]
    score = value.pop("score")
    assert score == pytest.approx(np.sqrt(80) / (1.5 * np.sqrt(2)))
    assert value == {"label": "unknown_1", "class_id": -1, "known": False, "n_samples": 128}
    (first, *_) = [t for t in outcome.ids.tags() if pmt.eq(t.key, pmt.intern("signal_class"))]
    assert pmt.symbol_to_string(first.srcid) == block.alias()


@pytest.mark.parametrize("most", [1, 4, None])
def test_novel(run, most):
    outcome = run(make(min_support=3), [FAR, LEFT, FAR, FAR, FAR, LEFT], most=most)
    (novel,) = outcome.novel
    assert (novel["label"], novel["class_id"], novel["n_frames"]) == ("unknown_1", -1, 3)
    assert novel["start_sample"] == 3 * 128
    assert novel["vector"] == [4.0, 8.0]


HALVES = [[30, 40], [30, 43], [30, 41], [30, 42.25], [30, 39], [30, 44], [30, 41], [30, 42.25]]
FIFTH = [[30, 41], [30, 42.4]]  # makes them one class, see test_discriminator.py


@pytest.mark.parametrize("most", [1, 3, None])
def test_merged_classes(run, most):
    block = make(theta2_limit=1.0, merge_separation=4.0, min_support=2, emit="every")
    outcome = run(block, HALVES + FIFTH + FIFTH + [LEFT], most=most)
    assert list(outcome.ids.data()) == [-1, -2] * 5 + [-1, -1, -3]
    labels = ["unknown_1", "unknown_2"] * 5 + ["unknown_1"] * 2 + ["unknown_3"]
    assert [value["label"] for _, value in outcome.tags()] == labels
    assert [(label, n) for label, _, n in outcome.runs] == [
        *((label, 1) for label in labels[:10]),
        ("unknown_1", 2),
        ("unknown_3", 1),
    ]
    assert [e["class_id"] for e in outcome.novel] == [-1, -2]
    (merge,) = [e for e in outcome.status if "merged" in e]
    assert merge["merged"] == {"from": -2, "into": -1} and merge["n_discovered"] == 2
    assert block.merged() == {-2: -1}
    assert [(d.id, d.count) for d in block.discovered()] == [(-1, 12), (-3, 1)]
    assert outcome.status[-1]["frames_in"] == outcome.status[-1]["frames_out"] == 13


def test_an_operators_names_and_a_merge(run):
    block = make(theta2_limit=1.0, merge_separation=4.0, emit="every")
    run(block, HALVES)
    outcome = run(block, FIFTH + FIFTH, cmds=[{"rename": {"id": -2, "name": "DMR"}}])
    assert [value["label"] for _, value in outcome.tags()] == ["unknown_1", "DMR", "DMR", "DMR"]


def test_no_more_classes_a_minute_than_the_limit(run):
    rng = np.random.default_rng(2)
    z = rng.uniform(-1000, 1000, size=(3000, 2)).astype(np.float32)
    block = make(theta2_limit=0.5)
    assert block.max_new_per_minute() == sr2cnn.discriminator.MAX_NEW_PER_MINUTE == 100
    outcome = run(block, z, most=64)
    last = outcome.status[-1]
    ids = np.array(outcome.ids.data())
    refused = np.count_nonzero(ids == INVALID)
    assert len(block.discovered()) == 100 and ids[ids != INVALID].min() == -100
    assert last["discovered_last_minute"] == last["n_discovered"] == 100
    assert last["discoveries_refused"] == last["invalid"] == refused > 1000
    assert (np.array(outcome.scores.data())[ids == INVALID] > 1).all()
    assert sum(e["n_frames"] for e in outcome.labels) == 3000 - refused

    # A class that is forgotten frees no place in the minute; a higher limit does.
    last = run(block, z[-300:], cmds=[{"forget": "all"}]).status[-1]
    assert (last["n_discovered"], last["discovered_last_minute"]) == (0, 100)
    last = run(block, z[-300:], cmds=[{"max_new_per_minute": 130}]).status[-1]
    assert (last["n_discovered"], last["discovered_last_minute"]) == (30, 130)
    block.set_max_new_per_minute(None)
    assert run(block, z[-300:]).status[-1]["n_discovered"] > 200
    with pytest.raises(ValueError, match="max_new_per_minute is -1, expected at least 0"):
        block.set_max_new_per_minute(-1)


def test_score_is_below_1_where_known_and_nowhere_else(run):
    rng = np.random.default_rng(4)
    sources = np.concatenate([CENTERS, rng.normal(size=(6, 2)) * 12])
    z = sources[rng.integers(len(sources), size=4000)] + rng.normal(size=(4000, 2))
    z[:10] = [0, 1.5 * np.sqrt(2) * (1 - 1e-9)]  # rounds to 1 as a float
    outcome = run(make(rival_support=2, theta2_limit=0.8, emit="every", max_run=7), z, most=100)
    ids, scores = np.array(outcome.ids.data()), np.array(outcome.scores.data())
    np.testing.assert_array_equal(ids >= 0, scores < 1)
    reference = Discriminator(CENTERS, np.ones((3, 2)), lambda1=0.5)
    assert np.count_nonzero((ids < 0) & (reference.nearest_known(z.astype(np.float32))[1] < 1)) > 20
    for told in (outcome.labels, outcome.novel, [value for _, value in outcome.tags()]):
        assert told and all(event["known"] == (event["score"] < 1) for event in told)


# -- commands -----------------------------------------------------------------------------


def test_commands_set_parameters(run):
    block = make()
    values = dict.fromkeys(RUNTIME, 7) | dict(lambda1=0.7, theta2="mean", max_new_per_minute=12)
    run(block, [NEAR], cmds=[values | dict(emit="every", max_run=5)])
    assert {name: getattr(block, name)() for name in values} == values
    assert (block.emit(), block.max_run()) == ("every", 5)


def test_commands_that_set_parameters_are_in_the_documentation():
    text = (ROOT / "docs" / "messages.md").read_text()
    (row,) = [line for line in text.splitlines() if line.endswith("| the new value |")]
    assert re.findall("`(.*?)`", row) == [*RUNTIME, "max_new_per_minute", "emit", "max_run"]


def test_forget_all(run):
    block = make()
    run(block, [FAR, LEFT, [0, -900]])
    outcome = run(block, [NEAR], cmds=[{"rename": {"id": -2, "name": "all"}}, {"forget": "all"}])
    assert [d.id for d in block.discovered()] == [-1, -3]  # the class that is called so
    outcome = run(block, [FAR], cmds=[{"forget": "all"}])
    assert [(d.id, d.name) for d in block.discovered()] == [(-4, "unknown_4")]
    (told,) = [e for e in outcome.status if "forgotten" in e]
    assert told["forgotten"] == [-1, -3] and told["n_discovered"] == 0


def test_a_merge_by_command_is_told(run):
    block = make()
    run(block, [FAR, LEFT])
    outcome = run(block, [NEAR], cmds=[{"merge": {"from": -2, "into": -1}}])
    (told,) = [e for e in outcome.status if "merged" in e]
    assert told["merged"] == {"from": -2, "into": -1} and told["n_discovered"] == 1


def test_names_of_known_classes_are_refused(run, tmp_path):
    block, path = make(), tmp_path / "classes.txt"
    run(block, [FAR], cmds=[{"rename": {"id": -1, "name": "theirs"}}])
    outcome = run(block, [FAR], cmds=[{"rename": {"id": -1, "name": "near"}}])
    (answer,) = [e for e in outcome.status if "error" in e]
    assert answer["error"] == "rename: the name 'near' is that of a known class"
    # A state where that has happened: the class has its default name back.
    state = block.state().replace("theirs", "near")
    block.restore(state)
    assert [d.name for d in block.discovered()] == ["unknown_1"]
    path.write_text(state)
    assert run(make(), [FAR], cmds=[{"load": str(path)}]).runs == [("unknown_1", 0, 1)]


def test_what_is_logged_commands_no_terminal(run, capfd):
    evil = "\x1b[2J\u202e"
    cmds = [{"rename": {"id": -1, "name": evil}}, {evil: 1}, {"forget": evil}, evil]
    run(make(), [FAR], cmds=[*cmds, {"theta2": evil}, {"emit": evil}])
    said = "".join(capfd.readouterr())
    assert "\x1b[2J" not in said and "\u202e" not in said and "\\x1b[2J\\u202e" in said


def test_commands_on_discovered_classes(run, tmp_path):
    path = str(tmp_path / "classes.txt")
    block = make()
    run(block, [FAR, LEFT, [0, -900]])
    run(
        block,
        [FAR, UP],
        cmds=[
            {"rename": {"id": -1, "name": "DMR"}},
            {"rename": {"label": "unknown_2", "name": "LTE"}},
            {"forget": "unknown_3"},
            {"save": path},
        ],
    )
    assert [(d.id, d.name, d.count) for d in block.discovered()] == [(-1, "DMR", 2), (-2, "LTE", 1)]
    outcome = run(block, [FAR], cmds=[{"merge": {"from": "LTE", "into": -1}}, {"freeze": True}])
    assert outcome.runs == [("DMR", 5 * 128, 1)]  # samples count on
    assert [(d.id, d.count) for d in block.discovered()] == [(-1, 3)]

    other = make()
    outcome = run(other, [LEFT], cmds=[{"load": path}])
    assert outcome.runs == [("LTE", 0, 1)] and outcome.novel == []


@pytest.mark.parametrize(
    "cmd, error",
    [
        ("nonsense", "expected a dict of commands"),
        ({"what": 1}, "what: there is no such command"),
        ({"lambda1": -1}, "lambda1: lambda1 is -1, expected a number above 0"),
        ({"lambda1": "x"}, "lambda1: expected a number"),
        ({"min_support": 1.5}, "min_support: expected a whole number"),
        ({"emit": "never"}, "emit: emit is 'never'"),
        ({"rename": {"id": -7, "name": "x"}}, "rename: there is no discovered class -7"),
        ({"rename": 4}, "rename: expected a dict with 'name'"),
        ({"merge": {"from": "a"}}, "merge: there is no discovered class 'a'"),
        ({"forget": None}, "forget: expected a number"),
        ({"freeze": 1}, "freeze: expected true or false"),
        ({"save": "/no/such/folder/file"}, "save: /no/such/folder/file: cannot be written"),
        ({"load": "/no/such/file"}, "load: /no/such/file: no such file"),
        ({1: 2}, "expected a text"),
    ],
)
def test_bad_command_is_answered_and_no_more(run, cmd, error):
    outcome = run(make(), [NEAR, FAR], cmds=[cmd])
    answers = [e for e in outcome.status if "error" in e]
    assert len(answers) == 1 and error in answers[0]["error"] and "command" in answers[0]
    assert outcome.ids.data() == [0, -1]


def test_upstream_is_merged_into_status(run, tmp_path):
    block = make()
    block.to_basic_block()._post(pmt.intern("upstream"), pmt.to_pmt({"mean_batch": 12.5}))
    block.to_basic_block()._post(pmt.intern("upstream"), pmt.to_pmt({"frames_skipped": 3}))
    last = run(block, [NEAR]).status[-1]
    assert (last["mean_batch"], last["frames_skipped"]) == (12.5, 3)


def test_a_save_by_message_replaces_nothing_but_files(run, tmp_path):
    path, pipe, victim = tmp_path / "classes", tmp_path / "pipe", tmp_path / "victim"
    os.mkfifo(pipe)
    victim.write_text("mine")
    (tmp_path / "classes.part").symlink_to(victim)  # where the content went first, once
    leader, terminal = os.openpty()  # a device
    device = os.ttyname(terminal)
    cmds = [{"save": str(path)} for path in (pipe, device, path)]
    outcome = run(make(), [NEAR, FAR], cmds=cmds)
    errors = [e["error"] for e in outcome.status if "error" in e]
    assert errors == [f"save: {p}: is no regular file, and not replaced by one" for p in (pipe, device)]
    assert pipe.is_fifo() and os.ttyname(terminal) == device and victim.read_text() == "mine"
    assert path.read_text().startswith("sr2cnn-discovered") and not path.is_symlink()
    os.close(leader), os.close(terminal)


@pytest.mark.parametrize(
    "said, expected",
    [
        ({}, (2, 2, 0)),
        ({"frames_skipped": 3}, (5, 2, 3)),
        ({"frames_queued": 9, "frames_overrun": 7}, (9, 2, 7)),
        ({"frames_queued": 9, "frames_overrun": 7, "frames_skipped": 3}, (12, 2, 10)),
        ({"frames_queued": 5, "frames_overrun": 4}, (6, 2, 4)),  # as of earlier
        ({"frames_queued": -1, "frames_overrun": "many"}, (2, 2, 0)),
    ],
)
def test_frame_counts_are_those_of_the_chain(run, said, expected):
    block = make()
    block.to_basic_block()._post(pmt.intern("upstream"), pmt.to_pmt(said))
    last = run(block, [NEAR, NEAR]).status[-1]
    assert (last["frames_in"], last["frames_out"], last["frames_dropped"]) == expected


class silence(gr.sync_block):
    """A source of no frame."""

    def __init__(self):
        gr.sync_block.__init__(self, "silence", None, [(np.float32, 2)])

    def work(self, input_items, output_items):
        return 0


def test_status_comes_while_frames_do_not():
    top, source = gr.top_block(), silence()
    strobe = blocks.message_strobe(pmt.to_pmt({"frames_overrun": 7}), 50)
    block, sink, log = make(), blocks.null_sink(gr.sizeof_short), blocks.message_debug()
    top.connect(source, block, sink)
    top.msg_connect((strobe, "strobe"), (block, "upstream"))
    top.msg_connect((block, "status"), (log, "store"))
    top.start()
    until(lambda: log.num_messages() >= 2)
    seen = [pmt.to_python(log.get_message(k)) for k in range(log.num_messages())]
    top.stop()
    top.wait()
    assert len(seen) >= 2
    assert all(status["frames_dropped"] == 7 for status in seen)


def test_setters_while_running():
    top = gr.top_block()
    source = blocks.null_source(2 * gr.sizeof_float)
    throttle = blocks.throttle(2 * gr.sizeof_float, 200_000)
    block, sink = make(), blocks.null_sink(gr.sizeof_short)
    status = blocks.message_debug()
    top.connect(source, throttle, block, sink)
    top.msg_connect((block, "status"), (status, "store"))
    top.start()
    end = time.monotonic() + 2.3
    while time.monotonic() < end:
        for k in range(50):
            block.set_lambda1(0.1 + 0.01 * k)
            block.set_lambda2(k)
            block.set_theta2(["mean", "median"][k % 2])
            block.set_emit(["every", "change", "unknown"][k % 3])
            block.set_max_run(1 + k)
            block.set_min_support(1 + k)
            block.set_max_unknown([None, k][k % 2])
            block.discovered()
    top.stop()
    top.wait()
    assert block.frames() > 0
    assert 2 <= status.num_messages() <= 4  # once a second and at the end
    with pytest.raises(ValueError, match="lambda1 is -1"):
        block.set_lambda1(-1)
    with pytest.raises(ValueError, match="emit is 'x', expected one of change, every, unknown"):
        block.set_emit("x")


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(emit="no"), "emit is 'no', expected one of"),
        (dict(max_run=0), "max_run is 0, expected at least 1"),
        (dict(frame_len=0), "frame_len is 0, expected at least 1"),
        (dict(hop=-1), "hop is -1, expected at least 0"),
        (dict(distance="x"), "distance is 'x'"),
    ],
)
def test_constructor_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    "classes", [[], ["a", "b"], ["a", "a", "b"], ["", "a", "b"], ["a", "b", "unknown_1"]]
)
def test_constructor_refuses_labels(classes):
    with pytest.raises(ValueError, match="class"):
        sr2cnn.discriminator(classes, CENTERS, np.ones((3, 2)))


@pytest.mark.parametrize("centers", [np.empty((0, 0)), np.zeros((3, 0)), np.zeros(3)])
def test_constructor_refuses_empty(centers):
    with pytest.raises(ValueError, match="centers have shape"):
        sr2cnn.discriminator(CLASSES, centers, np.ones((3, 2)))


def test_last_run_of_a_stopped_flowgraph_is_told_before_wait_returns(tmp_path):
    path = tmp_path / "events.jsonl"
    top = gr.top_block()
    source = blocks.null_source(2 * gr.sizeof_float)
    throttle = blocks.throttle(2 * gr.sizeof_float, 50_000)
    block, sink = make(max_run=10**6), blocks.null_sink(gr.sizeof_short)
    events = sr2cnn.event_sink(str(path))
    top.connect(source, throttle, block, sink)
    top.msg_connect((block, "labels"), (events, "labels"))
    top.start()
    time.sleep(0.3)
    top.stop()
    top.wait()
    (label,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert label["n_frames"] == block.frames() > 0
