# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed as ratios of what one run measured: the machine, the encoders, the blocks, the flowgraph."""

from .encoders import encoders
from .flowgraph import flowgraph, latency
from .limit import Limit
from .parts import framing, kernels
from .row import Row

__all__ = ["Limit", "Row", "encoders", "flowgraph", "framing", "kernels", "latency"]
