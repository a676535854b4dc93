# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong time and again is not told each time."""

import pytest

pytest.importorskip("gnuradio")

from gnuradio.sr2cnn import reporting


@pytest.mark.parametrize(("again", "told"), [(True, [0, 60, 130]), (False, [0, 130])])
def test_told_seldom(again, told, monkeypatch):
    now, lines = 1000.0, []
    monkeypatch.setattr(reporting.time, "monotonic", lambda: 1000.0 + now)
    report = reporting.Seldom(lines.append, again)
    for now in (0, 1, 59, 60, 61, 130, 131):
        report(now)
    assert lines == told
