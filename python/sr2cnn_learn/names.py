# SPDX-License-Identifier: GPL-3.0-or-later
"""Names from strangers: what may be one, and how one is shown.

A name with control characters (ESC, C1) would command the terminal that shows it, one with bidirectional
controls would look like another name.
"""

import math
import re

LONGEST_NAME = 1024  # bytes in UTF-8
_DEFAULT_NAME = re.compile("unknown_[0-9]+")


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


def label_of(id, classes):
    """The label of a class id: the name of a known class, or the default name of a discovered one.

    Args:
        id: int, the class id
        classes: names of the known classes in the model's order
    """
    return classes[id] if id >= 0 else default_name(id)


def default_name(id):
    """What a discovered class is called until it is named: its id is -1, its default name ``unknown_1``."""
    return f"unknown_{-id}"


def is_default_name(name):
    """Whether a name is the default name of some discovered class."""
    return _DEFAULT_NAME.fullmatch(name) is not None


def shown(text, longest=math.inf):
    """Text of a stranger as a terminal may show it: on one line, what is not printable escaped, cut if long."""
    text = str(text)
    cut = text if len(text) <= longest else text[: int(longest) - 1] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
