# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio's sources of a radio, and of samples over ZeroMQ."""

import contextlib

REMEDIES = {
    "soapy": "is it plugged in, and SoapySDR's module for it installed (Debian: soapysdr-module-…)?",
    "uhd": "is it plugged in, and its firmware there (uhd_find_devices)?",
    "osmosdr": "is it plugged in?",
}


def open_source(address, rate, freq=None, gain=None, report=None):
    """Open a radio or a ZeroMQ publisher.

    Args:
        address: `Address` of such a kind
        rate: samples a second
        freq: center frequency of a radio, Hz
        gain: dB; None for the radio's own gain control, where it has one
        report: called with a line of text about what a publisher sends that is no samples; default: the log

    Returns:
        a block that gives complex samples, and the sample rate that it really has, Hz

    Raises:
        OSError: it cannot be opened, or not with that tuning; in one line
    """
    if address.kind == "zmq":
        from .zmq_source import zmq_source

        return zmq_source(address.argument, report), rate
    opener = {"soapy": _open_soapy, "uhd": _open_uhd, "osmosdr": _open_osmosdr}[address.kind]
    try:
        return opener(address.argument, rate, freq, gain)
    except ImportError as error:
        raise OSError(f"{address}: GNU Radio's blocks for it are not installed ({error})") from None
    except (RuntimeError, ValueError) as error:
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
    return source, source.get_sample_rate(0)


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
    return source, source.get_samp_rate()


def _open_osmosdr(arguments, rate, freq, gain):
    import osmosdr

    source = osmosdr.source(f"numchan=1 {arguments}")
    real_rate = source.set_sample_rate(rate)
    source.set_center_freq(freq, 0)
    source.set_gain_mode(gain is None, 0)
    if gain is not None:
        source.set_gain(gain, 0)
    return source, real_rate


def _in_one_line(error):
    return " ".join(str(error).split())
