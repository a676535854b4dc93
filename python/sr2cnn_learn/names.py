# SPDX-License-Identifier: GPL-3.0-or-later
"""Names from strangers: what may be one, and how one is shown.

A name with control characters (ESC, C1) would command the terminal that shows it, one with bidirectional
controls would look like another name.
"""

import math

LONGEST_NAME = 1024  # bytes in UTF-8


def check_name(name, what="class name"):
    """The name, if it is one: printable in Unicode's sense, trimmed, neither empty nor too long.

    Args:
        name: anything
        what: what it names, for the message

    Raises:
        ValueError: it is none
    """
    if not isinstance(name, str) or not name.isprintable() or not name or name != name.strip():
        raise ValueError(f"'{shown(name, 60)}' is no {what}: expected printable text, trimmed")
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"'{shown(name, 60)}' is no {what}: expected at most {LONGEST_NAME} bytes")
    return name


def shown(text, longest=math.inf):
    """Text of a stranger as a terminal may show it: on one line, what is not printable escaped, cut if long."""
    text = str(text)
    cut = text if len(text) <= longest else text[: int(longest) - 1] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
