# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio that needs no radio: a recording, served as rtl_tcp serves what an RTL-SDR hears."""

import contextlib
import socket
import struct
import threading
import time

import numpy as np

SET_FREQ, SET_RATE, SET_GAIN_MODE, SET_GAIN = 1, 2, 3, 4
COMMAND = struct.Struct(">BI")
HEADER = struct.pack(">4sII", b"RTL0", 5, 29)  # an R820T and how many gains that has
PIECE = 10e-3  # seconds of samples at once
LEVEL = 30  # of the recording's root mean square in its 8 bits


class RtlTcpServer:
    """Serves a recording on loopback, over and over by the clock, to one client at a time.

    What the client tunes to, and the rate that it asks for, decide what it gets: a band of the recording,
    with noise as the recording's where that has nothing. It begins when the client has asked for both.

    Args:
        samples: complex (n,); the recording's beginning follows its end
        sample_rate, center_freq: of the recording, Hz

    Attributes:
        address: host and port, as a client takes them
        commands: list of (number, value) that clients have sent
        clients: number of clients that came
    """

    def __init__(self, samples, sample_rate, center_freq):
        self._spectrum = np.fft.fft(samples)
        self._sample_rate, self._center_freq = sample_rate, center_freq
        self._scale = LEVEL / np.sqrt(np.mean(np.abs(samples) ** 2))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.commands = []
        self.clients = 0
        self._client = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        self._thread.join()
        self._listener.close()

    def values(self, number):
        """What clients have asked for with that command, in order."""
        return [value for command, value in self.commands if command == number]

    def hang_up(self):
        """End the present client's connection; the next one is served."""
        client = self._client
        if client is not None:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _run(self):
        while True:
            try:
                self._client, _ = self._listener.accept()
            except OSError:
                return
            self.clients += 1
            with self._client, contextlib.suppress(OSError):
                self._client.sendall(HEADER)
                self._serve(self._client)

    def _serve(self, client):
        asked, band, rest = {}, None, b""
        began, sent = None, 0
        client.setblocking(False)
        while True:
            with contextlib.suppress(BlockingIOError):
                data = client.recv(1000)
                if not data:
                    return
                rest += data
            whole = len(rest) // COMMAND.size * COMMAND.size
            news = list(COMMAND.iter_unpack(rest[:whole]))
            rest = rest[whole:]
            self.commands += news
            tuning = {number: value for number, value in news if number in (SET_FREQ, SET_RATE)}
            if tuning:
                asked.update(tuning)
                if len(asked) == 2:
                    band = self._band(asked[SET_RATE], asked[SET_FREQ])
                    began = time.monotonic() if SET_RATE in tuning or began is None else began
                    sent = 0 if SET_RATE in tuning else sent
            if began is not None:
                n = int((time.monotonic() - began) * asked[SET_RATE]) - sent
                client.setblocking(True)
                client.sendall(band.take(np.arange(sent, sent + n), axis=0, mode="wrap").tobytes())
                client.setblocking(False)
                sent += n
            time.sleep(PIECE)

    def _band(self, rate, freq):
        """The recording as a receiver with that rate and center frequency has it: uint8 (n, 2)."""
        n_old = len(self._spectrum)
        n = round(n_old * rate / self._sample_rate)
        bins = np.fft.fftfreq(n, 1 / n).round().astype(int)
        bins += round((freq - self._center_freq) / self._sample_rate * n_old)
        inside = (-n_old // 2 <= bins) & (bins < n_old // 2)
        rng = np.random.default_rng(1)
        floor = np.median(np.abs(self._spectrum)) / np.sqrt(2 * np.log(2))  # of noise that makes that median
        spectrum = floor * (rng.standard_normal((n, 2)) @ [1, 1j])
        spectrum[inside] = self._spectrum[bins[inside]]
        samples = np.fft.ifft(spectrum) * (n / n_old * self._scale)
        return np.clip(np.stack([samples.real, samples.imag], 1) + 127.5, 0, 255).round().astype(np.uint8)
