# SPDX-License-Identifier: GPL-3.0-or-later
"""Where events go: files, subscribers, metrics. Nothing here knows GNU Radio.

An event is a dict that JSON can say; its kind is the port that it came from: ``"labels"``, ``"novel"``,
``"status"`` or ``"gap"``.
"""
