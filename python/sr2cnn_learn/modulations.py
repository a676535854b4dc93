# SPDX-License-Identifier: GPL-3.0-or-later
"""Modulations by the names that releases of data sets have for them, in alphabetical order."""

RADIOML2016 = tuple("8PSK AM-DSB AM-SSB BPSK CPFSK GFSK PAM4 QAM16 QAM64 QPSK WBFM".split())
