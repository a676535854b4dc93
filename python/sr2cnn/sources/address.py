# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line says of a source, in words. Nothing here knows GNU Radio."""

import math
import re
from dataclasses import dataclass

from sr2cnn_learn.recordings import component_dtype

from ..outputs.zmq_pub import endpoint

RADIOS = ("soapy", "uhd", "osmosdr")
KINDS = (*RADIOS, "zmq", "file", "stdin")
EXAMPLES = "soapy:driver=rtlsdr, uhd:, osmosdr:rtl=0, zmq:tcp://host:5555, file:X.sigmf-meta, stdin:cf32"


@dataclass(frozen=True)
class Address:
    """A source: ``kind``, one of `KINDS`, and ``argument``, which says which of that kind."""

    kind: str
    argument: str

    @classmethod
    def parse(cls, text):
        """An address from ``kind:argument``.

        Args:
            text: the argument is the device arguments of a radio; the address of a ZeroMQ publisher of
                complex float samples; the path of a recording; the datatype of raw samples on the
                standard input (``cf32`` if empty)

        Raises:
            ValueError: it is none
        """
        kind, colon, argument = text.partition(":")
        if not colon or kind not in KINDS:
            raise ValueError(f"source is {text[:100]!r}, expected for example {EXAMPLES}")
        if not argument.isprintable():
            raise ValueError(f"source is {text[:100]!r}, expected printable characters")
        if kind == "soapy" and not re.fullmatch(r"\s*[^=,]+=[^,]*(,[^=,]+=[^,]*)*", argument):
            raise ValueError(f"source is {text[:100]!r}, expected soapy:KEY=VALUE,…, as soapy:driver=rtlsdr")
        if kind == "zmq":
            argument = connectable(argument)
        if kind == "file" and not argument:
            raise ValueError("source is 'file:', expected a path behind the colon")
        if kind == "stdin":
            argument = argument or "cf32"
            component_dtype("stdin", argument)
        return cls(kind, argument)

    def __str__(self):
        return f"{self.kind}:{self.argument}"

    def check_tuning(self, rate, freq, gain):
        """Check that what such a source needs is there, and is a number in range.

        Args:
            rate: samples a second; not needed for a file
            freq: Hz; needed for a radio
            gain: dB, or None, which leaves it to the radio

        Raises:
            ValueError: something is missing or out of range
        """
        if rate is None and self.kind != "file":
            raise ValueError(f"{self}: no sample rate; give --rate, for example --rate 1.6M")
        if rate is not None and not 0 < rate < math.inf:
            raise ValueError(f"rate is {rate:g} Hz, expected more than 0 Hz")
        if freq is None and self.kind in RADIOS:
            raise ValueError(f"{self}: no center frequency; give --freq, for example --freq 868.95M")
        if freq is not None and not 0 <= freq < math.inf:
            raise ValueError(f"freq is {freq:g} Hz, expected 0 Hz or more")
        if gain is not None and not math.isfinite(gain):
            raise ValueError(f"gain is {gain} dB, expected a finite number")
        if gain is not None and self.kind not in RADIOS:
            raise ValueError(f"{self}: no radio, and so without gain")


def connectable(address):
    """A ZeroMQ address to connect to; `endpoint` is about where to listen.

    Raises:
        ValueError: it is none
    """
    address = endpoint(address)
    if address.startswith("tcp://*:") or address.endswith(":0"):
        raise ValueError(f"address is {address!r}, expected the host and port of a publisher")
    return address
