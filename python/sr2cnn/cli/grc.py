# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn grc`: GNU Radio Companion that finds this module, and whose flowgraphs do, too."""

import os
import shutil
import sys

import click
from sr2cnn_learn.doctor import blocks_folder


@click.command()
@click.argument(
    "flowgraphs", nargs=-1, type=click.Path(exists=True, dir_okay=False), metavar="[FLOWGRAPH]..."
)
def grc(flowgraphs):
    """GNU Radio Companion with the blocks of this module.

    It runs flowgraphs with the interpreter that it runs in itself. Started by this command that is the one of
    this module, with all that is installed beside it; started by itself it may be another one, see
    `sr2cnn doctor`.

    \b
    Examples:
      sr2cnn grc
      sr2cnn grc examples/recording_to_labels.grc
    """
    companion = shutil.which("gnuradio-companion")
    if companion is None:
        raise click.ClickException("gnuradio-companion is not on the PATH: install Debian's gnuradio")
    environment = dict(os.environ)
    environment.pop("GR_CONF_LOG_LOG_FILE", None)  # this program's own
    command = [companion, *flowgraphs]
    folder = blocks_folder()
    if folder:
        programs = folder.parents[3] / "libexec/sr2cnn"
        command.insert(0, str(programs / "grc_companion"))
        others = environment.get("GRC_BLOCKS_PATH", "")
        environment["GRC_BLOCKS_PATH"] = os.pathsep.join(filter(None, [str(folder), others]))
        if shutil.which("x-terminal-emulator"):
            environment.setdefault("GR_CONF_GRC_XTERM_EXECUTABLE", str(programs / "grc_terminal"))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *command], environment)
