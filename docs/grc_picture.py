#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of a flowgraph as GNU Radio Companion shows it. Needs an X display, a virtual one will do.

GRC_BLOCKS_PATH=grc python3 docs/grc_picture.py examples/label_display.grc grc.png
"""

import os
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("PangoCairo", "1.0")

from gi.repository import GLib
from gnuradio import gr

from gnuradio.grc.gui.Platform import Platform  # isort: skip; these import each other in this order only
from gnuradio.grc.gui.Application import Application  # isort: skip
from gnuradio.grc.gui import Utils  # isort: skip

SETTLE_MS = 1000  # until the window has loaded and drawn it


def main():
    flowgraph, picture = map(os.path.abspath, sys.argv[1:])
    version = gr.major_version(), gr.api_version(), gr.minor_version()
    platform = Platform(
        version=gr.version(), version_parts=version, prefs=gr.prefs(), install_prefix=gr.prefix()
    )
    platform.build_library([*os.environ["GRC_BLOCKS_PATH"].split(":"), "/usr/share/gnuradio/grc/blocks"])
    application = Application([flowgraph], platform)

    def draw():
        Utils.make_screenshot(application.main_window.current_flow_graph, picture)
        os._exit(0)  # GRC would ask questions and save its own settings

    GLib.timeout_add(SETTLE_MS, draw)
    application.run([])


if __name__ == "__main__":
    main()
