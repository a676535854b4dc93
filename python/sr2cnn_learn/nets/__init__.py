# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, a file each: `registry.network` gives one its name, `build` makes it."""

from ..plugins import import_all
from .registry import NETWORKS, build, inferred, knows, network, outline, restored

import_all(__name__, __path__)

__all__ = ["NETWORKS", "build", "inferred", "knows", "network", "outline", "restored"]
