# SPDX-License-Identifier: GPL-3.0-or-later
"""Modulations by the names that releases of data sets have for them, and their families."""

#: In alphabetical order.
RADIOML2016 = tuple("8PSK AM-DSB AM-SSB BPSK CPFSK GFSK PAM4 QAM16 QAM64 QPSK WBFM".split())

_MEMBERS = {
    "PSK": "BPSK QPSK 8PSK 16PSK PI4-DQPSK OQPSK",
    "QAM": "QAM16 QAM32 QAM64 QAM128 QAM256 16APSK 32APSK",
    "ASK": "OOK 4ASK PAM4",
    "AM": "AM-DSB AM-SSB",
    "FSK": "2FSK 4FSK 8FSK GFSK GMSK CPFSK MSK",
    "FM": "NBFM WBFM",
    "OFDM": "OFDM",
    "CHIRP": "CHIRP",
    "TONE": "TONE",
    "NOISE": "NOISE BAND-NOISE",
}
#: Family by modulation: what is hard to tell apart within one, and wrong to mix up across them.
FAMILIES = {name: family for family, names in _MEMBERS.items() for name in names.split()}
