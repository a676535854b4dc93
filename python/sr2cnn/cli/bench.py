# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn bench`: how fast this machine recognises, as ratios measured in one run."""

import os
from dataclasses import asdict

import click
from rich.table import Table
from sr2cnn_learn.cli import RATE, Names, stderr_console, stdout_console
from sr2cnn_learn.cli_output import json_options

WIDTH = 140  # of the table in a file
PARTS = ("encoder", "discriminator", "framing", "flowgraph", "latency")


@click.command()
@click.option(
    "--model", default="sr2cnn", show_default=True, help="Bundle that is compared with the faithful one."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--parts", type=Names(), default=PARTS, help=f"Of {','.join(PARTS)}; default: all.")
@click.option("--rate", type=RATE, default="1M", show_default=True, help="Sample rate, for latency.")
@click.option(
    "--seconds", type=click.FloatRange(0.01), default=1.0, show_default=True,
    help="For each measurement.",
)  # fmt: skip
@json_options
def bench(model, device, parts, rate, seconds, json_output):
    """Measure speed, each figure beside another one of the same run.

    Rates depend on the machine and on what else it does; ratios travel. Leave the machine alone meanwhile:
    two minutes.

    \b
    Examples:
      sr2cnn bench
      sr2cnn bench --model mine.pt --parts encoder,flowgraph
      sr2cnn bench --seconds 0.2 --json-file bench.json
    """
    for part in parts:
        if part not in PARTS:
            expected = ", ".join(PARTS)
            raise click.BadParameter(f"{part!r}, expected some of {expected}", param_hint="--parts")
    console = stderr_console()
    with console.status("") as status:
        rows = list(measure(model, device, parts, rate, seconds, status.update))
    from sr2cnn_learn.machine import machine

    title = machine(device)
    if json_output.put({"machine": title, "rows": [asdict(row) for row in rows]}):
        return
    table = Table("part", "measured", "value", "ratio", "to", "aim", title=title)
    for row in rows:
        table.add_row(*cells(row))
    wide = None if console.is_terminal else WIDTH
    stdout_console(width=wide).print(table)


def measure(model, device, parts, rate, seconds, say=lambda what: None):
    """The rows, as they come.

    Args:
        model, device, parts, rate, seconds: the command's options
        say: called with what is measured next
    """
    os.environ["GR_CONF_PERFCOUNTERS_ON"] = "True"  # before GNU Radio makes the first block
    from ..benchmark import Limit, encoders, flowgraph, framing, kernels, latency
    from ..benchmark.encoders import FAITHFUL
    from ..benchmark.row import Row

    say("the machine's limit")
    limit = Limit(device)
    limit.measure(seconds)
    if "encoder" in parts:
        say("encoders")
        rows, best = encoders([FAITHFUL, model], limit, device, seconds)
        yield from limit.rows()
        yield from rows
        ratio = best[model] / best[FAITHFUL]
        what = f"{model} at its best"
        yield Row("encoder", what, best[model], "frames/s", ratio, f"{FAITHFUL} at its best", 20)
    else:
        yield from limit.rows()
    if "discriminator" in parts:
        say("discriminator")
        yield from kernels(seconds)
    if "framing" in parts:
        say("framer and frame queue")
        yield from framing(2 * seconds)
    if "flowgraph" in parts:
        say("flowgraph")
        yield from flowgraph(model, device, 4 * seconds)
    if "latency" in parts:
        say(f"latency at {rate:g} samples/s")
        yield from latency(model, rate, device, 10 * seconds)


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
