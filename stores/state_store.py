"""What every store of machine states can do, and the values that go in and come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from telemetry import StateInterval

INTERVAL_COLUMNS = ["machine", "since", "until", "state", "mode", "power_w"]


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report with where it came from. The key of its row is (factory, machine, interval.since)."""

    factory: str
    machine: str
    gateway: str
    seq: int
    interval: StateInterval


@dataclass(frozen=True, slots=True)
class LatestState:
    """The newest interval of a machine."""

    factory: str
    machine: str
    interval: StateInterval


@dataclass(frozen=True, slots=True)
class GatewayLedger:
    """What has arrived of a gateway's reports: an operator's answer to "is anything missing?"."""

    factory: str
    gateway: str
    stored: int
    missing: int
    repeated: int
    gaps: tuple[tuple[int, int], ...]


class StoreUnavailableError(Exception):
    """The store cannot take or give data just now; the same call may succeed later. Says which store and why."""


class StateStore(Protocol):
    """Holds state intervals. Implementations are safe to call from several threads."""

    def write(self, reports: Sequence[StoredReport]) -> None:
        """Store reports durably before returning. Idempotent: per key the greatest (until, seq) wins, whatever the order.

        Raises StoreUnavailableError; then nothing or only a part was stored, and the call is repeated whole.
        """
        ...

    def intervals(
        self, factory: str, start: datetime, end: datetime, machines: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Intervals that touch [start, end), ordered by machine and since; `INTERVAL_COLUMNS`, times as UTC.

        `machines` None means all. Intervals are as reported: not cut to the range, overlaps not resolved.
        """
        ...

    def latest(self, factory: str) -> list[LatestState]:
        """The newest interval of each machine, ordered by machine."""
        ...

    def ledger(self) -> list[GatewayLedger]:
        """What has arrived and what is missing, per gateway."""
        ...

    def close(self) -> None:
        """Release files and connections; the store cannot be used afterwards."""
        ...
