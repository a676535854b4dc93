# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of `sr2cnn dataset` that build a data set."""

import os

import click
from rich.table import Table
from sr2cnn_learn.atomic import replaceable
from sr2cnn_learn.cli.common import NEW_FILE, Names, Snrs, json_options
from sr2cnn_learn.cli.output import progress_bar, stderr_console, stdout_console
from sr2cnn_learn.modulations import RADIOML2016


def _build_options(snrs):
    """The options that all recipes share; ``snrs`` by default."""
    return (
        click.option("--jobs", type=click.IntRange(min=1), help="Processes; default: one a core."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
        click.option(
            "--modulations",
            type=Names(),
            help="Default: the release's; see sr2cnn dataset modulations.",
        ),
        click.option("--snr", "snrs", type=Snrs(), default=snrs, show_default=True, help="SNRs."),
        click.option("--out", type=NEW_FILE, required=True, help="File to write: .npz, else a pickle."),
    )


def _with(options):
    def decorate(command):
        for option in options:
            command = option(command)
        return command

    return decorate


_recipe_options = _with(
    (
        click.option("--faithful", is_flag=True, help="The release's side of its oddities: noise and fixed."),
        click.option(
            "--channel-seeds",
            type=click.Choice(["fresh", "fixed"]),
            help="A channel of its own for each pass (default), or one for all as in the release.",
        ),
        *_build_options("-20:18:2"),
    )
)


_am_ssb = click.option(
    "--am-ssb",
    type=click.Choice(["signal", "noise"]),
    help="AM-SSB as a signal (default), or noise alone as in the release.",
)


def _frames_per_key(default):
    return click.option(
        "--frames-per-key",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        help="Frames for each modulation and SNR.",
    )


@click.command()
@_recipe_options
@_frames_per_key(1000)
@_am_ssb
@click.option(
    "--spread",
    is_flag=True,
    help="Vary samples a symbol (6.4 to 10), carrier offset, roll-off, deviation … from pass to pass.",
)
@click.option(
    "--condition",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the passes that are received at any rate and frequency, and brought back by the "
    "conditioner.",
)
def radioml2016(**options):
    """Synthesize a data set by the recipe of RML2016.10a.

    GNU Radio transmitters, GNU Radio's dynamic channel model, frames of 128 samples. OUT has the
    layout of RML2016.10a: {(modulation, snr): (n, 2, 128) float32}, pickled, or plain arrays with
    .npz. OUT.json says how it was made. One key of 1000 frames takes about two seconds of a core.

    \b
    Examples:
      sr2cnn dataset radioml2016 --out data.pkl --snr 16,18 --am-ssb noise
      sr2cnn dataset radioml2016 --out all.npz --faithful --seed 7
      sr2cnn dataset radioml2016 --out two.npz --modulations QPSK,OFDM --snr 0:18:6 --spread
    """
    _write_radioml("radioml2016", **options)


@click.command()
@_recipe_options
@_frames_per_key(6000)
def radioml2016b(modulations, **options):
    """Synthesize a data set by the recipe of RML2016.10b: no AM-SSB, six times the frames.

    \b
    Example:
      sr2cnn dataset radioml2016b --out large.pkl --snr 10:18:2
    """
    ten = tuple(name for name in RADIOML2016 if name != "AM-SSB")
    if "AM-SSB" in (modulations or ()):
        raise ValueError(f"RML2016.10b has no AM-SSB, expected some of {', '.join(ten)}")
    _write_radioml("radioml2016b", modulations=modulations or ten, **options)


@click.command()
@_recipe_options
@_am_ssb
def radioml2016c(**options):
    """Synthesize a data set by the recipe of RML2016.04C.

    One pass through the channel for each key, cut into at most 1000 frames that overlap by half:
    ragged counts, and neighbours across a split share samples (see sr2cnn dataset leakage).

    \b
    Example:
      sr2cnn dataset radioml2016c --out old.pkl --snr 10:18:2
    """
    _write_radioml("radioml2016c", **options)


@click.command()
@_with(_build_options("2:40:2"))
@_frames_per_key(1000)
def signal202002(**options):
    """Synthesize a data set after SIGNAL-202002 of the SR2CNN paper.

    8 samples a symbol, 128 a frame; each frame has a channel of its own: Rayleigh fading,
    multipath, clock offset, white noise. An SNR is the frame's true one in dB. One key of 1000
    frames takes about two seconds of a core.

    \b
    Examples:
      sr2cnn dataset signal202002 --out signal.pkl
      sr2cnn dataset signal202002 --out some.npz --snr 10:40:10 --frames-per-key 200 --seed 3
    """
    from ..synthesis.signal202002 import signal202002

    _write("signal202002", signal202002, **options)


def _write_radioml(layout, channel_seeds, faithful, am_ssb=None, **options):
    """Build and write a data set of that layout of RadioML 2016."""
    if faithful and (am_ssb == "signal" or channel_seeds == "fresh"):
        raise click.UsageError("--faithful means --am-ssb noise and --channel-seeds fixed")
    from ..synthesis import radioml

    _write(
        layout,
        radioml.radioml2016c if layout == "radioml2016c" else radioml.radioml2016,
        am_ssb=am_ssb or ("noise" if faithful else "signal"),
        channel_seeds=channel_seeds or ("fixed" if faithful else "fresh"),
        **options,
    )


def _write(layout, build, out, snrs, modulations, jobs, **options):
    """Build a data set, and write it and, beside it, how it was made."""
    if not os.access(out.absolute().parent, os.W_OK):
        raise ValueError(f"{out}: the folder {out.parent} does not exist or cannot be written to")

    from sr2cnn_learn.datasets import save_radioml, write_making

    replaceable(out)
    from ..synthesis.radioml import check_modulations
    from ..synthesis.transmitters import SAMPLES_PER_SYMBOL

    names = check_modulations(modulations)
    recipe = {"recipe": layout, "samples_per_symbol": SAMPLES_PER_SYMBOL, "modulations": names}
    recipe |= {"snrs": list(snrs), **options}
    console = stderr_console()
    with progress_bar(console) as progress:
        task = progress.add_task("modulations and SNRs", total=len(names) * len(snrs))
        frames = build(
            snrs=snrs,
            modulations=names,
            jobs=jobs,
            progress=lambda n: progress.advance(task),
            **options,
        )
    save_radioml(out, frames)
    write_making(out, recipe)
    n_frames = sum(map(len, frames.values()))
    console.print(f"wrote {out}: {len(frames)} keys, {n_frames} frames", soft_wrap=True)


@click.command()
@json_options
def modulations(json_output):
    """List what can be transmitted, and what --spread varies.

    With --spread each pass also has its own samples a symbol, 6.4 to 10, and carrier offset, up to
    1 % of the sample rate.

    \b
    Examples:
      sr2cnn dataset modulations
      sr2cnn dataset modulations --json
    """
    from ..synthesis.transmitters import TRANSMITTERS

    rows = [
        {
            "modulation": name,
            "radioml2016": name in RADIOML2016,
            "description": kind.__doc__.splitlines()[0],
            "bits_per_symbol": kind.bits_per_symbol,
            "spread": kind.spread,
        }
        for name, kind in TRANSMITTERS.items()
    ]
    if json_output.put(rows):
        return
    table = Table("modulation", "bits a symbol", "what it is", "--spread varies")
    for row in rows:
        ranges = [f"{name} {low:g} to {high:g}" for name, (low, high) in row["spread"].items()]
        table.add_row(
            row["modulation"],
            str(row["bits_per_symbol"] or "audio"),
            row["description"],
            ", ".join(ranges),
        )
    stdout_console().print(table)
