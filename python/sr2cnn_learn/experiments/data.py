# SPDX-License-Identifier: GPL-3.0-or-later
"""The data sets of the experiments: how each is made. What makes them needs GNU Radio and is handed in."""

from dataclasses import dataclass, field

from ..modulations import RADIOML2016

DATA_SEED = 2016
TEST_SEED = 90001
FRAMES_PER_KEY = 1000
BACKGROUND = tuple("OOK 4ASK 16APSK 16PSK QAM32 2FSK NBFM BAND-NOISE TONE GMSK 8FSK PI4-DQPSK QAM128".split())
NEVER_SEEN = tuple("4FSK OQPSK 32APSK OFDM CHIRP".split())


@dataclass(frozen=True)
class Synthetic:
    """How a data set is made.

    Attributes:
        maker: the recipe's name; an entry point of the group ``sr2cnn.makers``
        seed: of everything random
        modulations: names
        frames_per_key: frames for each (modulation, SNR)
        options: further arguments of the maker
        release: the data set that it stands for: a file of that may be given in its place
    """

    maker: str
    seed: int
    modulations: tuple = RADIOML2016
    frames_per_key: int = FRAMES_PER_KEY
    options: dict = field(default_factory=dict)
    release: str | None = None


NOISE = dict(am_ssb="noise")
DATASETS = {
    "radioml2016": Synthetic("radioml2016", DATA_SEED, options=NOISE, release="RML2016.10a"),
    "signal202002": Synthetic("signal202002", DATA_SEED, release="SIGNAL-202002"),
    "train": Synthetic("radioml2016", DATA_SEED, frames_per_key=10 * FRAMES_PER_KEY, options=NOISE),
    "background": Synthetic("radioml2016", 3016, BACKGROUND, 3000, dict(spread=True)),
    "test": Synthetic("radioml2016", TEST_SEED, options=NOISE),
    "unseen": Synthetic("radioml2016", TEST_SEED + 1, NEVER_SEEN),
}
