"""Counters of ingest and their Prometheus metrics. Updated once per batch, because ingest handles up to 100,000 reports per second."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from stores import GatewayLedger, StoreUnavailableError

LATENCY_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)


@dataclass
class IngestCounters:
    """Counts since the start of the process. Thread-safe."""

    messages: int = 0
    reports: int = 0
    quarantined: int = 0
    batches: int = 0
    unknown_fields: int = 0
    store_errors: Counter[str] = field(default_factory=Counter)
    """`unavailable`, `refused`, `shut`."""
    failing: str | None = None
    """Why reports cannot be stored at the moment; None if they can."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies = np.zeros(len(LATENCY_BOUNDS_S) + 1, dtype=np.int64)
        self._latency_sum = 0.0

    def settled(self, messages: int, until_ms: np.ndarray, now: datetime) -> None:
        """Count a batch that is durable. `until_ms`: the `until` of its reports, shape (reports,), milliseconds."""
        seconds = now.timestamp() - until_ms / 1000
        places = np.searchsorted(LATENCY_BOUNDS_S, seconds)
        with self._lock:
            self.messages += messages
            self.reports += len(until_ms)
            self.batches += 1
            self.failing = None
            self._latencies += np.bincount(places, minlength=len(self._latencies))
            self._latency_sum += float(seconds.sum())

    def latency(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative buckets as in a Prometheus histogram, and the sum in seconds."""
        with self._lock:
            names = [*(str(bound) for bound in LATENCY_BOUNDS_S), "+Inf"]
            return list(zip(names, np.cumsum(self._latencies).astype(float), strict=True)), self._latency_sum

    def as_dict(self) -> dict[str, int]:
        return {
            name: getattr(self, name) for name in ("messages", "reports", "quarantined", "batches", "unknown_fields")
        }


@dataclass(frozen=True)
class Waiting:
    """Messages that a worker has received but not yet made durable, and the age of the oldest in seconds."""

    messages: int
    oldest_s: float


class IngestCollector:
    """Collector for a Prometheus `CollectorRegistry`."""

    def __init__(
        self,
        counters: IngestCounters,
        waiting: Callable[[], Waiting],
        connected: Callable[[], bool],
        quarantined: Callable[[], int],
        ledger: Callable[[], list[GatewayLedger]],
    ) -> None:
        self._counters = counters
        self._waiting = waiting
        self._connected = connected
        self._quarantined = quarantined
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        counters, waiting = self._counters, self._waiting()
        for name, text in (
            ("messages", "Messages processed: stored or quarantined."),
            ("reports", "Reports stored, including repeated ones."),
            ("batches", "Batches written."),
            ("quarantined", "Messages moved to quarantine."),
            ("unknown_fields", "Fields ignored because this version does not know them."),
        ):
            yield CounterMetricFamily(f"vrijloop_ingest_{name}", text, value=getattr(counters, name))
        errors = CounterMetricFamily(
            "vrijloop_ingest_store_errors", "Batches that the store did not accept.", labels=["kind"]
        )
        for kind in ("unavailable", "refused", "shut"):
            errors.add_metric([kind], counters.store_errors[kind])
        yield errors
        buckets, total = counters.latency()
        yield HistogramMetricFamily(
            "vrijloop_ingest_latency_seconds", "Time from a report's `until` until it is stored.", buckets, total
        )
        yield GaugeMetricFamily(
            "vrijloop_ingest_connected", "1 while the broker is connected.", value=self._connected()
        )
        yield GaugeMetricFamily(
            "vrijloop_ingest_waiting_messages", "Messages received but not yet stored.", value=waiting.messages
        )
        yield GaugeMetricFamily(
            "vrijloop_ingest_lag_seconds", "Age of the oldest message not yet stored.", value=waiting.oldest_s
        )
        yield GaugeMetricFamily(
            "vrijloop_ingest_quarantine_messages", "Messages in quarantine.", value=self._quarantined()
        )
        yield from self._gaps()

    def _gaps(self) -> Iterator[Metric]:
        labels = ["factory", "gateway"]
        missing = GaugeMetricFamily(
            "vrijloop_ingest_missing_reports",
            "Sequence numbers missing between the first and the last received.",
            labels=labels,
        )
        stored = CounterMetricFamily(
            "vrijloop_ingest_stored_reports", "Distinct sequence numbers received.", labels=labels
        )
        try:
            for entry in self._ledger():
                missing.add_metric([entry.factory, entry.gateway], entry.missing)
                stored.add_metric([entry.factory, entry.gateway], entry.stored)
        except StoreUnavailableError:
            return  # the ledger cannot be read now; `store_errors` shows why
        yield missing
        yield stored
