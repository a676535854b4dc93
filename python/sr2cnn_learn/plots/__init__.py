# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: functions that draw numbers, and compute none that anybody asks for."""
