# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-world modulation recognition: known classes by name, unknown ones discovered (SR2CNN).

Importing this does not import torch; making an encoder or a recognizer does.
"""

import importlib

from gnuradio import gr as _gr  # registers the types that the blocks derive from
from .sr2cnn_python import *

#: Python block or function -> the module of this package that holds it, imported when asked for.
_LAZY = {
    "discriminator_from_bundle": "discriminator",
    "encoder": "encoder",
    "event_sink": "event_sink",
    "framer": "framer",
    "radioml_source": "radioml_source",
    "recognizer": "recognizer",
    "recording_source": "recording_source",
    "scorer": "scorer",
}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(set(globals()) | set(_LAZY))
