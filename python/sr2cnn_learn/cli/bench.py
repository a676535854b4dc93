# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn bench`: how fast this machine recognises, as ratios measured in one run."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.table import Table

from .common import RATE, Names, json_options
from .found import BENCHMARKS, found
from .output import stderr_console, stdout_console

WIDTH = 140  # of the table in a file
ENCODER = "encoder"


@click.command()
@click.option(
    "--model", default="sr2cnn", show_default=True, help="Bundle that is compared with the faithful one."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--parts", type=Names(), help=f"Of {','.join([ENCODER, *found(BENCHMARKS)])}; default: all.")
@click.option("--rate", type=RATE, default="1M", show_default=True, help="Sample rate, for latency.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.01),
    default=1.0,
    show_default=True,
    help="For each measurement.",
)
@json_options
def bench(model, device, parts, rate, seconds, json_output):
    """Measure speed, each figure beside another one of the same run.

    Rates depend on the machine and on what else it does; ratios travel. Leave the machine alone meanwhile:
    two minutes. Without GNU Radio the encoders alone are measured.

    \b
    Examples:
      sr2cnn bench
      sr2cnn bench --model mine.pt --parts encoder,flowgraph
      sr2cnn bench --seconds 0.2 --json-file bench.json
    """
    chosen = _chosen(parts)
    console = stderr_console()
    with console.status("") as status:
        rows = list(measure(chosen, model, device, rate, seconds, status.update))
    from ..machine import machine

    title = machine(device)
    if json_output.put({"machine": title, "rows": [asdict(row) for row in rows]}):
        return
    table = Table("part", "measured", "value", "ratio", "to", "aim", title=title)
    for row in rows:
        table.add_row(*cells(row))
    wide = None if console.is_terminal else WIDTH
    stdout_console(width=wide).print(table)


def _chosen(parts):
    """Name → function of the parts asked for, all that are there without any; None for the encoders."""
    found_parts = found(BENCHMARKS)
    names = parts or [ENCODER, *found_parts]
    chosen = {}
    for name in names:
        if name != ENCODER and name not in found_parts:
            expected = ", ".join([ENCODER, *found_parts])
            raise click.BadParameter(f"{name!r}, expected some of {expected}", param_hint="--parts")
        try:
            chosen[name] = None if name == ENCODER else found_parts[name].load()
        except ImportError as error:
            if parts:
                raise ImportError(f"{name} needs gnuradio.sr2cnn, which does not load ({error})") from error
    return chosen


def measure(parts, model, device, rate, seconds, say=lambda what: None):
    """The rows, as they come.

    Args:
        parts: dict, name → function of (model, device, rate, seconds) that gives rows; None for the encoders
        model, device, rate, seconds: the command's options
        say: called with what is measured next
    """
    from ..benchmark.encoders import FAITHFUL, encoders
    from ..benchmark.limit import Limit
    from ..benchmark.row import Row

    say("the machine's limit")
    limit = Limit(device)
    limit.measure(seconds)
    if ENCODER in parts:
        say("encoders")
        rows, best = encoders([FAITHFUL, model], limit, device, seconds)
        yield from limit.rows()
        yield from rows
        ratio = best[model] / best[FAITHFUL]
        what = f"{model} at its best"
        yield Row(ENCODER, what, best[model], "frames/s", ratio, f"{FAITHFUL} at its best", 20)
    else:
        yield from limit.rows()
    for name, rows_of in parts.items():
        if rows_of:
            say(name)
            yield from rows_of(model=model, device=device, rate=rate, seconds=seconds)


def cells(row):
    """A row of the benchmark as the table's texts."""
    value, unit = row.value, row.unit
    for prefix, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            value, unit = value / factor, f"{prefix}{unit}" if unit[0].isupper() else f"{prefix} {unit}"
            break
    aim, reached = "", True
    if row.at_least is not None:
        aim, reached = f"≥ {row.at_least:,.9g}", (row.ratio or row.value) >= row.at_least
    if row.at_most is not None:
        aim, reached = f"≤ {row.at_most:,.9g}", (row.ratio or row.value) <= row.at_most
    ratio = "" if row.ratio is None else f"{row.ratio:,.3g}" if row.ratio < 1000 else f"{row.ratio:,.0f}"
    return row.part, row.what, f"{value:.4g} {unit}", ratio, row.of, aim + ("" if reached else "  missed")
