"""Small numbers that are written back beside the states, for dashboards. Only a server that dashboards can ask has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

Value = float | int | str

HEALTH_EVERY = timedelta(minutes=5)


def health_time(now: datetime) -> datetime:
    """The time at which a moment's health stands: within it, it is written over, so that a year has no more points than it needs."""
    return now - timedelta(microseconds=int(now.timestamp() * 1_000_000) % (HEALTH_EVERY // timedelta(microseconds=1)))


@dataclass(frozen=True, slots=True)
class Point:
    """Fields at a moment. A point with the same measurement, tags and time takes these fields over the older ones."""

    measurement: str
    tags: Mapping[str, str]
    time: datetime
    fields: Mapping[str, Value]


class PointStore(Protocol):
    """Every call may raise StoreUnavailableError. Safe to call from several threads."""

    def write_points(self, points: Sequence[Point]) -> None:
        """Durable on return; repeating is harmless."""
        ...

    def point_times(
        self, measurement: str, factory: str, machines: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, list[datetime]]:
        """When each of these machines has points in [start, end); machines without one are left out."""
        ...

    def sums(
        self, measurement: str, factory: str, fields: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, dict[str, float]]:
        """Machine to the sums of fields over [start, end); machines without a point are left out."""
        ...

    def forget(self, measurements: Sequence[str], factory: str) -> None:
        """Delete a factory's points: they are to be written anew under other tags. Raises StoreRefusedError where the server cannot."""
        ...

    def move(self, measurement: str, factory: str, machine: str, group: str) -> None:
        """Give a machine's points the tag `group`, whatever it was. Killed at any moment, it can be done again. Raises as `forget`."""
        ...

    def close(self) -> None: ...
