# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that need GNU Radio. They import it when they run, so that help is quick."""

from .bench import bench
from .classify import classify
from .dataset import dataset
from .demo import demo
from .grc import grc
from .monitor import monitor
from .reproduce import reproduce
from .tune import tune
from .watch import watch

COMMANDS = [bench, classify, dataset, demo, grc, monitor, reproduce, tune, watch]
