"""Points for dashboards, stored beside the states. Available only in a store that Grafana can query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

Value = float | int | str

HEALTH_EVERY = timedelta(minutes=5)


def health_time(now: datetime) -> datetime:
    """The start of the current five-minute period: health points within it overwrite each other, which limits their number."""
    return now - timedelta(microseconds=int(now.timestamp() * 1_000_000) % (HEALTH_EVERY // timedelta(microseconds=1)))


@dataclass(frozen=True, slots=True)
class Point:
    """Fields at a moment. They overwrite those of an earlier point with the same measurement, tags and time."""

    measurement: str
    tags: Mapping[str, str]
    time: datetime
    fields: Mapping[str, Value]


class PointStore(Protocol):
    """Holds points. Thread-safe. Every call may raise StoreUnavailableError."""

    def write_points(self, points: Sequence[Point]) -> None:
        """Write points; durable on return. Idempotent. Those older than the store keeps them are left out."""
        ...

    def point_times(
        self, measurement: str, factory: str, machines: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, list[datetime]]:
        """The times of each machine's points in [start, end); machines without points are omitted."""
        ...

    def sums(
        self, measurement: str, factory: str, fields: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, dict[str, float]]:
        """The sums of fields over [start, end) for each machine; machines without points are omitted."""
        ...

    def forget(self, measurements: Sequence[str], factory: str) -> None:
        """Delete a factory's points before they are rewritten with other tags. Raises StoreRefusedError if the server cannot delete."""
        ...

    def move(self, measurement: str, factory: str, machine: str, group: str) -> None:
        """Change the tag `group` of a machine's points. Can be repeated after being interrupted at any moment. Raises as `forget`."""
        ...

    def close(self) -> None: ...
