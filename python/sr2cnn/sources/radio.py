# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio's sources of a radio, and of samples over ZeroMQ."""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from gnuradio import gr

from .rtl_tcp_relay import SERVER, RtlTcpRelay

REMEDIES = {
    "soapy": "is it plugged in, and SoapySDR's module for it installed (Debian: soapysdr-module-…)?",
    "uhd": "is it plugged in, and its firmware there (uhd_find_devices)?",
    "osmosdr": "is it plugged in?",
}


class Radio(NamedTuple):
    """An open source.

    ``block`` gives complex samples at ``sample_rate``, Hz, which is what the radio really has. ``tune``, given
    a center frequency in Hz, tunes it while it runs; ``hang_up`` makes a block end that waits for samples;
    None where there is no such thing.
    """

    block: gr.basic_block
    sample_rate: float
    tune: Callable | None = None
    hang_up: Callable | None = None


def open_source(address, rate, freq=None, gain=None, report=None):
    """Open a radio or a ZeroMQ publisher.

    Args:
        address: `Address` of such a kind
        rate: samples a second
        freq: center frequency of a radio, Hz
        gain: dB; None for the radio's own gain control, where it has one
        report: called with a line of text about what a publisher sends that is no samples; default: the log

    Returns:
        a `Radio`

    Raises:
        OSError: it cannot be opened, or not with that tuning; in one line
    """
    if address.kind == "zmq":
        from .zmq_source import zmq_source

        return Radio(zmq_source(address.argument, report), rate)
    opener = {"soapy": _open_soapy, "uhd": _open_uhd, "osmosdr": _open_osmosdr}[address.kind]
    try:
        return opener(address.argument, rate, freq, gain)
    except ImportError as error:
        raise OSError(f"{address}: GNU Radio's blocks for it are not installed ({error})") from None
    except (RuntimeError, ValueError, OSError) as error:
        raise OSError(f"{address}: {_in_one_line(error)}; {REMEDIES[address.kind]}") from None


def _open_soapy(arguments, rate, freq, gain):
    from gnuradio import soapy

    source = soapy.source(arguments, "fc32", 1, "", "", [""], [""])
    source.set_sample_rate(0, rate)
    source.set_frequency(0, freq)
    if gain is not None:
        source.set_gain_mode(0, False)
        source.set_gain(0, gain)
    elif source.has_gain_mode(0):
        source.set_gain_mode(0, True)
    return Radio(source, source.get_sample_rate(0), lambda freq: source.set_frequency(0, freq))


def _open_uhd(arguments, rate, freq, gain):
    from gnuradio import uhd

    source = uhd.usrp_source(arguments, uhd.stream_args(cpu_format="fc32", channels=[0]))
    source.set_samp_rate(rate)
    source.set_center_freq(freq, 0)
    if gain is not None:
        source.set_gain(gain, 0)
    else:
        with contextlib.suppress(RuntimeError):  # most have none
            source.set_rx_agc(True, 0)
    return Radio(source, source.get_samp_rate(), lambda freq: source.set_center_freq(freq, 0))


def _open_osmosdr(arguments, rate, freq, gain):
    import osmosdr

    relay = RtlTcpRelay(arguments) if SERVER.search(arguments) else None
    try:
        source = osmosdr.source(f"numchan=1 {relay.arguments if relay else arguments}")
        real_rate = source.set_sample_rate(rate)
        source.set_center_freq(freq, 0)
        source.set_gain_mode(gain is None, 0)
        if gain is not None:
            source.set_gain(gain, 0)
    except BaseException:
        if relay:
            relay.close()
        raise
    return Radio(source, real_rate, lambda freq: source.set_center_freq(freq, 0), relay and relay.close)


def _in_one_line(error):
    return " ".join(str(error).split())
