# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn tune`: batch size and threads for this machine."""

from dataclasses import asdict

import click
from rich.table import Table

from .common import json_options
from .output import progress_bar, stderr_console, stdout_console


@click.command()
@click.argument("model", default="sr2cnn")
@json_options
def tune(model, json_output):
    """Find the batch size and the threads that suit a model on this machine, and keep them.

    From then on encoders and recognizers take them whose batch size is 0, the default. MODEL is a bundle, or the
    name of a shipped model. Leave the machine alone meanwhile: ten seconds on two cores.

    \b
    Examples:
      sr2cnn tune
      sr2cnn tune mine.pt
    """
    from ..bundle import Bundle
    from ..tuning import BATCHES, cache_path, thread_counts
    from ..tuning import tune as measure

    bundle = Bundle.load(model)
    with progress_bar(stderr_console()) as progress:
        task = progress.add_task(bundle.name, total=len(BATCHES) * len(thread_counts()))
        best, rates = measure(bundle, progress=lambda rate: progress.advance(task))
    figures = [{**asdict(tuning), "frames_per_second": rate} for tuning, rate in rates.items()]
    if json_output.put({"model": bundle.name, "best": asdict(best), "rates": figures}):
        return
    threads = thread_counts()
    table = Table("frames a call", *(f"{n} thread{'s' * (n > 1)}" for n in threads), title="frames/s")
    for batch in BATCHES:
        of = {tuning.threads: rate for tuning, rate in rates.items() if tuning.batch_size == batch}
        table.add_row(str(batch), *(f"{of[n]:,.0f}" for n in threads))
    console = stdout_console()
    console.print(table)
    console.print(
        f"{bundle.name}: {best.batch_size} frames a call, {best.threads} threads; kept in {cache_path()}",
        soft_wrap=True,
    )
