# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn classes`: what a registry holds, its names, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.table import Table

from ..bundle import Bundle
from ..names import default_name
from ..registry import EXPORT_FORMATS, Registry, locked
from ..wording import facts, fitting_table, percent
from .common import FILE, FOLDER, NEW_FILE, json_options
from .output import stderr_console, stdout_console

IDS = {"ignore_unknown_options": True}  # -3 is a class


def of_registry(command):
    return click.argument("registry", type=FILE)(command)


@click.group()
def classes():
    """List, name, merge, forget, export and promote discovered classes.

    A recognizer with a registry file (`registry="radio.classes"`, or "Class registry file" in GNU Radio
    Companion) keeps its discovered classes there, each with some of its frames. REGISTRY is that
    file. CLASS is a label, `unknown_3` or the name given to it, or an id, `-3`.

    While a recognizer has the file open, rename, merge and forget refuse: send it these commands as
    messages to its port cmd. list, export and promote work at any time; they see the last save.

    \b
    Examples:
      sr2cnn classes list radio.classes
      sr2cnn classes rename radio.classes unknown_3 DECT
      sr2cnn classes merge radio.classes unknown_5 DECT
      sr2cnn classes forget radio.classes unknown_4 unknown_7
      sr2cnn classes export radio.classes --out frames
      sr2cnn classes promote radio.classes DECT --out with-dect.pt
    """


@classes.command("list")
@of_registry
@click.option("--model", help="Bundle, for what the classes look like; default: the shipped one, if it is.")
@json_options
def list_classes(registry, model, json_output):
    """List the discovered classes of REGISTRY.

    Frames are the frames that made up the class, samples those of them that are kept in the file.
    Times are in UTC. Frame indices, with --json, count all frames judged, on from run to run.

    \b
    Examples:
      sr2cnn classes list radio.classes
      sr2cnn classes list radio.classes --json | jq '.classes[].name'
    """
    held = _load(registry)
    about, centers, _ = held.contents(held.written)
    for entry, center in zip(about["classes"], centers.tolist()):
        entry["center"] = center
    if json_output.put(about):
        return
    bundle = _bundle_of(held, model)
    console = stdout_console()
    found = f"{len(held.classes)} discovered in {held.frames} frames"
    console.print(facts([("registry", registry), ("model", held.model), ("classes", found)]))
    if not held.classes:
        return
    rows = [_row(known, bundle) for known in held.classes]
    console.print(fitting_table(console, rows, COLUMNS, names=["name"]))


# From wide terminals to narrow ones.
COLUMNS = (
    ("id", "name", "frames", "samples", "first seen", "last seen", "looks like"),
    ("id", "name", "frames", "last seen", "looks like"),
    ("id", "name", "frames", "last seen", "looks like in short"),
    ("id", "name", "frames", "looks like in short"),
)


def _row(known, bundle):
    """A class: the text of each column."""
    first, last = known.samples.first_seen, known.samples.last_seen
    row = dict(id=known.id, name=known.name, frames=known.count, samples=len(known.samples.frames))
    row |= {"first seen": _minute(first), "last seen": _minute(last)}
    if bundle:
        from ..attributes import in_words

        look = bundle.describe(known.center)
        short = {key: look.get(key) for key in ("family", "nearest_known")}
        row |= {"looks like": in_words(look), "looks like in short": in_words(short)}
    return {heading: str(text) for heading, text in row.items()}


def _bundle_of(held, model):
    """The bundle of a registry: the one asked for, or a shipped one that it is of."""
    try:
        bundle = Bundle.read(held.model if model is None else model)
        held.check_model(bundle)
        return bundle
    except (FileNotFoundError, ValueError):
        if model is not None:
            raise
        return None


def _minute(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _load(path):
    """The registry in a file; names in it that are refused are told."""
    held = Registry.load(path)
    for refused in held.refused_names:
        stderr_console().print(f"{refused}; it has its default name", soft_wrap=True)
    return held


def _edit(path, change):
    """Change a registry that nobody else has open."""
    with locked(path):
        held = _load(path)
        change(held)
        held.save(path)


@classes.command(context_settings=IDS)
@of_registry
@click.argument("which", metavar="CLASS")
@click.argument("name")
def rename(registry, which, name):
    """Give CLASS a NAME: it is the label from then on. It cannot be that of another class, known or not.

    \b
    Examples:
      sr2cnn classes rename radio.classes unknown_3 DECT
      sr2cnn classes rename radio.classes -3 "DECT, base station"
    """

    def change(held):
        bundle = None if held.known else _bundle_of(held, None)  # of an older file
        if bundle:
            held.know(bundle.classes)
        held.rename(which, name)

    _edit(registry, change)


@classes.command(context_settings=IDS)
@of_registry
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="INTO")
def merge(registry, source, target):
    """Make the class FROM part of the class INTO, which keeps its name and id.

    \b
    Example:
      sr2cnn classes merge radio.classes unknown_5 DECT
    """
    _edit(registry, lambda held: held.merge(source, target))


@classes.command(context_settings=IDS)
@of_registry
@click.argument("which", metavar="CLASS…", nargs=-1, required=True)
def forget(registry, which):
    """Drop classes and their frames, `all` of them if need be. Their ids are never used again.

    \b
    Examples:
      sr2cnn classes forget radio.classes unknown_4 unknown_7
      sr2cnn classes forget radio.classes all
    """

    def change(held):
        for each in which:
            held.forget(each)

    _edit(registry, change)


@classes.command(context_settings=IDS)
@of_registry
@click.argument("which", metavar="[CLASS…]", nargs=-1)
@click.option("--out", type=FOLDER, required=True, help="Folder.")
@click.option(
    "--format",
    type=click.Choice(EXPORT_FORMATS),
    default="sigmf",
    show_default=True,
    help="SigMF recordings, or numpy's .npz.",
)
def export(registry, which, out, format):
    """Write the sample frames of classes, one file a class; of all that have any, if none is given.

    A SigMF recording has the frames back to back, each annotated with the class's name: `sr2cnn train`
    and `sr2cnn evaluate` read a folder of them as labelled data. An .npz has frames, center, label,
    id and count.

    \b
    Examples:
      sr2cnn classes export radio.classes --out frames
      sr2cnn classes export radio.classes DECT --out frames --format npz
    """
    held = _load(registry)
    bundle = _bundle_of(held, None)
    samples_per_symbol = bundle and bundle.samples_per_symbol
    for path in held.export(out, which or None, format, samples_per_symbol):
        click.echo(path)


@classes.command(context_settings=IDS)
@of_registry
@click.argument("which", metavar="CLASS…", nargs=-1, required=True)
@click.option("--out", type=NEW_FILE, required=True, help="Model bundle to write (.pt).")
@click.option("--model", help="Bundle that the registry is of; default: the shipped one of that name.")
@click.option("--name", help="Name of the new known class; default: that of the discovered one.")
@click.option("--rest", type=NEW_FILE, help="Registry to write for the new bundle, of the remaining classes.")
@json_options
def promote(registry, which, out, model, name, rest, json_output):
    """Make discovered classes known ones, in a new bundle, without training.

    The new bundle is the old one with more classes: the encoder is the same, the new classes have the
    centers that were discovered, and covariance and threshold from their recorded frames, at least 10
    of them. The old registry is no registry of the new bundle; --rest writes one that is.

    \b
    Examples:
      sr2cnn classes promote radio.classes DECT --out with-dect.pt
      sr2cnn classes promote radio.classes unknown_3 --name DECT --model mine.pt \\
                             --out with-dect.pt --rest with-dect.classes
    """
    held = _load(registry)
    console = stderr_console()
    with console.status("promoting"):
        from ..promotion import promote

        bundle = Bundle.load(held.model if model is None else model)
        promotions = promote(held, which, bundle, out, name, rest)
    for path in filter(None, (out, rest)):
        console.print(f"wrote {path}", soft_wrap=True)
    if json_output.put([vars(new) for new in promotions]):
        return
    table = Table("class", "was", "recorded frames", "named so", "takes at most")
    for new in promotions:
        loser = max(new.taken, key=new.taken.get)
        share = new.taken[loser]
        loss = f"{percent(share)} of {loser}" if share else "–"
        cells = (new.name, default_name(new.id), new.frames, percent(new.named), loss)
        table.add_row(*map(str, cells))
    stdout_console().print(table)
