# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed as ratios of what one run measured: the machine, the encoders, the blocks, the flowgraph."""

from .encoders import encoders, matrix_products
from .flowgraph import flowgraph, latency
from .parts import framing, kernels
from .row import Row

__all__ = ["Row", "encoders", "flowgraph", "framing", "kernels", "latency", "matrix_products"]
