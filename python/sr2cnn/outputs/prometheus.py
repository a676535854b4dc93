# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as metrics for Prometheus."""

import ipaddress
import threading
import weakref
from collections import Counter

from .discovered_labels import DiscoveredLabels
from .output import Output

MOST_CLASSES = 1000  # with counts of their own; what comes then is counted as OTHER
OTHER = "other"
UNJUDGED = ""  # label of emissions that got none
# Keys of a status message, and what they are as metrics. Counters get the suffix _total.
COUNTERS = {
    "frames_in": "Whole frames of the samples that came in.",
    "frames_out": "Frames that got a class id.",
    "frames_dropped": "Frames that got none.",
    "frames_skipped": "Frames left out for NaN or infinity.",
    "frames_overrun": "Frames dropped because the network was too slow.",
    "samples_dropped": "Samples before a gap that made no whole frame.",
    "invalid": "Frames that got no class.",
    "emissions_left_out": "Emissions that were not judged, because too many waited.",
    "discoveries_refused": "Frames that got no class, because too many were discovered in a minute.",
}
GAUGES = {
    "n_discovered": ("discovered_classes", "Discovered classes."),
    "mean_batch": ("batch_frames", "Frames that the network takes at once, on average."),
    "frames_waiting": ("frames_waiting", "Frames in the queue."),
}
LATENCY = {"latency_ms_p50": "0.5", "latency_ms_p99": "0.99"}


class Prometheus(Output):
    """Serves metrics over HTTP, from a registry of its own, until it is closed or nobody holds it any more.

    At most 32 connections at once, each for at most 5 s. The counts of a discovered class that is merged go to
    the class that it is part of now, those of one that is forgotten to ``other``.

    Args:
        port: 0 takes any that is free
        address: of the interface to listen on; ``"0.0.0.0"`` are all
        outputs: other outputs, whose counts it tells, too
        report: see `Output`

    Attributes:
        port: the one it listens on, None while that cannot be had
        lost: here, events that came while it did not listen; they are counted all the same

    Raises:
        ValueError: the port or the address is none
    """

    name = "Prometheus"

    def __init__(self, port, address="127.0.0.1", outputs=(), report=None):
        super().__init__(report)
        import prometheus_client

        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ValueError(f"Prometheus port is {port!r}, expected an integer from 0 to 65535")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ValueError(f"Prometheus address is {address!r}, expected an IP address") from None
        self._client = prometheus_client
        self._wanted = port, address
        self.name = f"Prometheus {address} port {port}"
        self._outputs = [*outputs, self]
        self._status = {}
        self._frames, self._runs, self._emissions = Counter(), Counter(), Counter()
        self._events = Counter()
        self._labels = DiscoveredLabels()
        self._registry = prometheus_client.CollectorRegistry()
        self._registry.register(_Collector(weakref.WeakMethod(self._families)))
        self.port = None
        self._ended = threading.Event()
        # Only an event: garbage may be collected in the server's thread.
        weakref.finalize(self, self._ended.set).atexit = False
        self._thread = None
        self._attempt(self._listen)

    def _listen(self):
        from .metrics_server import MetricsServer

        port, address = self._wanted
        server = MetricsServer(address, port, self._client.MetricsHandler.factory(self._registry))
        self._thread = threading.Thread(target=server.serve, args=(self._ended,), daemon=True)
        self._thread.start()
        self.port = server.server_port

    def _write(self, kind, event):
        self._events[kind] += 1
        if kind == "status":
            self._status.update(
                (key, event[key])
                for key in (*COUNTERS, *GAUGES, *LATENCY)
                if isinstance(event.get(key), (int, float))
            )
            for label, heir in self._labels.let_go(event):
                for counter in (self._runs, self._frames, self._emissions):
                    if label in counter:
                        counter[heir or OTHER] += counter.pop(label)
        elif kind == "labels":
            self._count(event)
        elif kind == "emissions" and not event.get("continues"):
            self._count_emission(event)
        if self.port is None:
            self._listen()

    def _count(self, event):
        label, n_frames = event.get("label"), event.get("n_frames", 1)
        if not isinstance(label, str) or not isinstance(n_frames, int) or n_frames < 0:
            raise ValueError(f"label event with label {label!r}, n_frames {n_frames!r}")
        if label not in self._runs and len(self._runs) >= MOST_CLASSES:
            label = OTHER
        else:
            self._labels.heard(event)
        self._runs[label] += 1
        self._frames[label] += n_frames

    def _count_emission(self, event):
        label = event.get("label")
        if not isinstance(label, (str, type(None))):
            raise ValueError(f"emission event with label {label!r}")
        # Its label event, which came before, has decided whether that has counts of its own.
        self._emissions[UNJUDGED if label is None else label if label in self._runs else OTHER] += 1

    def _families(self):
        """The metrics as they are now; called in the server's threads."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        def counts(name, text, label, counter):
            family = CounterMetricFamily(f"sr2cnn_{name}", text, labels=[label])
            for value, n in counter.items():
                family.add_metric([value], n)
            return family

        latency = GaugeMetricFamily(
            "sr2cnn_latency_seconds", "Latency as the status says it.", labels=["quantile"]
        )
        with self._lock:
            status = self._status
            for key, quantile in LATENCY.items():
                if key in status:
                    latency.add_metric([quantile], status[key] / 1000)
            lost = {output.name: output.lost for output in self._outputs}
            return [
                *(
                    CounterMetricFamily(f"sr2cnn_{key}", text, status[key])
                    for key, text in COUNTERS.items()
                    if key in status
                ),
                *(
                    GaugeMetricFamily(f"sr2cnn_{name}", text, status[key])
                    for key, (name, text) in GAUGES.items()
                    if key in status
                ),
                latency,
                counts("label_frames", "Frames of each class.", "label", self._frames),
                counts("emissions", "Emissions of each class that have ended.", "label", self._emissions),
                counts("label_runs", "Runs of frames of each class.", "label", self._runs),
                counts("events", "Messages by kind.", "kind", self._events),
                counts("events_lost", "Events that an output could not take.", "output", lost),
            ]

    def _close(self):
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self.port = None


class _Collector:
    """What a registry calls for metrics: a weak method, so that the server does not hold its output."""

    def __init__(self, families):
        self._families = families

    def collect(self):
        families = self._families()
        return families() if families else []
