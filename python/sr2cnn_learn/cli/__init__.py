# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `app` is the program, `found` finds its commands, a file each; they share `common` and
`output`."""
