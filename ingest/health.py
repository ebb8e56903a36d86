"""Writes the health of a worker to the store every minute, for dashboards; the same values as in its Prometheus metrics."""

from __future__ import annotations

import threading

from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores import Point, PointStore, StoreRefusedError, StoreUnavailableError
from stores.points import health_time
from telemetry import Clock
from telemetry.measurements import INGEST

EVERY_S = 60.0
_TASK = "ingest: writing the worker's health"


class IngestHealth:
    """`point` returns the current values; after `start` a thread writes them every minute."""

    def __init__(self, service: IngestService, quarantine: Quarantine, worker: str, clock: Clock) -> None:
        self._service = service
        self._quarantine = quarantine
        self._worker = worker
        self._clock = clock
        self._latency: tuple[float, float] = (0.0, 0.0)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def point(self) -> Point:
        counters, waiting = self._service.counters, self._service.waiting()
        buckets, total = counters.latency()
        count = buckets[-1][1]
        before_count, before_total = self._latency
        self._latency = (count, total)
        fields: dict[str, float | int | str] = {
            "connected": int(self._service.connected),
            "failing": int(counters.failing is not None),
            "waiting": waiting.messages,
            "lag_s": waiting.oldest_s,
            "reports": counters.reports,
            "quarantine": self._quarantine.count(),
        }
        if count > before_count:
            fields["latency_s"] = (total - before_total) / (count - before_count)
        return Point(INGEST, {"worker": self._worker}, health_time(self._clock.now()), fields)

    def start(self, points: PointStore) -> None:
        self._thread = threading.Thread(target=self._write, args=(points,), name="ingest-health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)

    def _write(self, points: PointStore) -> None:
        while not self._stopping.wait(EVERY_S):
            self._service.tasks.attempt(
                _TASK, lambda: points.write_points([self.point()]), StoreUnavailableError, StoreRefusedError
            )
