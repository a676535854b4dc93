# SPDX-License-Identifier: GPL-3.0-or-later
"""Where samples come from: radios, ZeroMQ, files, the standard input."""
