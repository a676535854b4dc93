# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed of the blocks and of the flowgraph, as ratios of what one run measured: parts of `sr2cnn bench`.

Each takes the command's model, device, rate (Hz) and seconds (of a measurement), and gives rows.
"""

import os


def _count_performance():
    """Before GNU Radio makes the first block."""
    os.environ["GR_CONF_PERFCOUNTERS_ON"] = "True"


def discriminator(seconds, **_):
    from .parts import kernels

    return kernels(seconds)


def detector(seconds, **_):
    from .parts import detecting

    return detecting(seconds)


def framing(seconds, **_):
    from .parts import framing

    _count_performance()
    return framing(2 * seconds)


def flowgraph(model, device, seconds, **_):
    from .flowgraph import flowgraph

    _count_performance()
    return flowgraph(model, device, 4 * seconds)


def latency(model, device, rate, seconds):
    from .flowgraph import latency

    _count_performance()
    return latency(model, rate, device, 10 * seconds)
