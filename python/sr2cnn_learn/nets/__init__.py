# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, a file each: `registry.network` gives one its name, `build` makes it."""

from importlib import import_module
from pkgutil import iter_modules

from .registry import NETWORKS, build, inferred, knows, network, outline, restored

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["NETWORKS", "build", "inferred", "knows", "network", "outline", "restored"]
