# SPDX-License-Identifier: GPL-3.0-or-later
"""The `sr2cnn` command line."""

from __future__ import annotations

import os

import click

from .. import __version__
from ..names import shown
from .found import FoundCommands
from .output import drop_what_cannot_be_written, quiet_when_the_reader_is_gone, write_all_or_raise

CANCELLED = 130  # exit status after Ctrl-C, as shells have it


class _App(FoundCommands):
    """Says an expected failure in one line, without a traceback."""

    def make_context(self, *arguments, **options):
        with quiet_when_the_reader_is_gone():  # of --help
            return super().make_context(*arguments, **options)

    def invoke(self, ctx):
        with quiet_when_the_reader_is_gone():
            return self._invoke(ctx)

    def _invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(CANCELLED)
        except BrokenPipeError:
            raise
        except OSError as error:
            drop_what_cannot_be_written()
            where = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
            raise click.ClickException(shown(where)) from None
        except (ValueError, ImportError) as error:
            raise click.ClickException(shown(error)) from None
        except click.ClickException as error:
            error.message = shown(error.message)
            raise


@click.group(cls=_App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sr2cnn", message="%(prog)s %(version)s")
def sr2cnn():
    """Names the modulations it knows and discovers those it does not.

    \b
    Examples:
      sr2cnn demo                          a small replay through a real flowgraph
      sr2cnn classify recording.sigmf-meta labels of a recording, JSON lines
      sr2cnn dataset radioml2016 --out data.pkl --snr 16,18
      sr2cnn train --data data.pkl --unknown AM-SSB,GFSK --out mine.pt
      sr2cnn doctor                        is everything there?

    `sr2cnn COMMAND --help` has examples for each command.
    """


def main():
    """What the installed script runs."""
    # GNU Radio logs to the standard output, where this program's results belong.
    os.environ.setdefault("GR_CONF_LOG_LOG_FILE", "stderr")
    write_all_or_raise()
    sr2cnn(prog_name="sr2cnn")
