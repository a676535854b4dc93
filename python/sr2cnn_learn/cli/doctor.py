# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn doctor`: is everything there?"""

from __future__ import annotations

import sys

import click

from .common import json_options
from .output import stdout_console


@click.command()
@json_options
def doctor(json_output):
    """Check that everything is there, and say what to do where it is not.

    Looks at the interpreter, numpy, GNU Radio, torch, the GNU Radio module and its C++ part, the
    blocks of GNU Radio Companion and the default model. The lab (train, evaluate, info, classes) is whole
    without GNU Radio. Exit status 1 when something that is there is broken, or the lab lacks something.
    """
    from ..doctor import examine

    findings = examine()
    if not json_output.put([vars(finding) for finding in findings]):
        console = stdout_console()
        colors = {"ok": "green", "hint": "yellow", "fault": "red"}
        for finding in findings:
            console.print(f"{finding.state:5} ", style=colors[finding.state], end="")
            console.print(finding.part, style="bold", end="")
            console.print(f": {finding.detail}", soft_wrap=True)
            if finding.remedy:
                console.print(f"      → {finding.remedy}", soft_wrap=True)
    if any(finding.state == "fault" for finding in findings):
        sys.exit(1)
