# SPDX-License-Identifier: GPL-3.0-or-later
"""The former name of a recognizer of a whole band."""

import warnings

import pytest
from gnuradio import sr2cnn


def test_it_is_a_recognizer_and_says_so(tiny_bundle):
    with pytest.warns(FutureWarning, match=r"recognizer\(…\) takes the whole band"):
        chain = sr2cnn.wideband_recognizer(4, 1e6, str(tiny_bundle), device="cpu", lambda1=0.5)
    assert isinstance(chain, sr2cnn.recognizer) and chain.discriminator.lambda1() == 0.5


@pytest.mark.parametrize(("n_channels", "rate", "named"), [(1, 1e6, "n_channels"), (4, -1.0, "sample_rate")])
def test_bad_arguments_are_named(n_channels, rate, named, tiny_bundle):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=named):
        warnings.simplefilter("ignore", FutureWarning)
        sr2cnn.wideband_recognizer(n_channels, rate, str(tiny_bundle))
