"""What every store of machine states can do, and the values that go in and come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from stores.report_batch import MODES, STATES, ReportBatch
from stores.sequences import SequenceRanges
from telemetry import StateInterval

INTERVAL_COLUMNS = ["machine", "since", "until", "state", "mode", "power_w"]
RECORD_COLUMNS = ["factory", *INTERVAL_COLUMNS, "reason", "gateway", "seq"]

STATE_TYPE = pd.CategoricalDtype([one.value for one in STATES])
MODE_TYPE = pd.CategoricalDtype([one.value for one in MODES])


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
    ranges: tuple[tuple[int, int], ...] = ()
    """The numbers that arrived; `gaps` are what lies between."""
    given_up: int = 0
    """Missing numbers whose gaps were too many to keep; counted in `missing`."""

    @classmethod
    def of(cls, gateway: tuple[str, str], held: SequenceRanges, repeated: int) -> GatewayLedger:
        """`gateway`: (factory, gateway)."""
        return cls(*gateway, held.count, held.missing, repeated, tuple(held.gaps), tuple(held.ranges), held.given_up)


class StoreUnavailableError(Exception):
    """The store cannot take or give data just now; the same call may succeed later. Says which store and why."""


class StoreRefusedError(Exception):
    """The store refuses this data for what it is: repeating does not help, leaving out the culprit does."""


class StoreShutError(StoreUnavailableError):
    """The store lets us do nothing at all (token, bucket, rights): until a person has mended it, only asking now and then helps."""


class StateStore(Protocol):
    """Holds state intervals. Implementations are safe to call from several threads.

    Every call may raise StoreUnavailableError.
    """

    def write(self, batch: ReportBatch) -> None:
        """Store reports durably before returning. Idempotent: per key the greatest (until, seq) wins, whatever the order.

        After StoreUnavailableError nothing or a part was stored, and the call is repeated whole; after StoreRefusedError
        it is repeated in halves.
        """
        ...

    def intervals(
        self, factory: str, start: datetime, end: datetime, machines: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Intervals that touch [start, end), ordered by machine and since; `INTERVAL_COLUMNS`, times as UTC.

        `machines` None means all. Of a machine's intervals that began before `start` only the newest counts: it ended
        the others. Intervals are as reported: not cut to the range, overlaps not resolved. `state` and `mode` are
        categorical (`STATE_TYPE`, `MODE_TYPE`).
        """
        ...

    def cursor(self) -> str:
        """Where the store stands now, for `changed_since`."""
        ...

    def changed_since(self, factory: str, cursor: str) -> tuple[pd.DataFrame, str]:
        """The intervals written after `cursor` as they are now (`INTERVAL_COLUMNS`), and the next cursor.

        May give some again that were given before, never leaves one out.
        """
        ...

    def records(self, factory: str, start: datetime, end: datetime, machines: Sequence[str]) -> pd.DataFrame:
        """Everything held of these machines with `since` in [start, end), ordered; `RECORD_COLUMNS`."""
        ...

    def restore(self, records: pd.DataFrame) -> None:
        """Take `RECORD_COLUMNS` in again, as `write` would, without booking sequence numbers."""
        ...

    def latest(self, factory: str) -> list[LatestState]:
        """The newest interval of each machine, ordered by machine."""
        ...

    def factories(self) -> list[str]:
        """Every factory that something is held of, ordered."""
        ...

    def earliest(self, factory: str) -> datetime | None:
        """The first `since` that is held of a factory."""
        ...

    def ledger(self) -> list[GatewayLedger]:
        """What has arrived and what is missing, per gateway, ordered."""
        ...

    def restore_ledger(self, ledger: Sequence[GatewayLedger]) -> None:
        """Book what another store had booked."""
        ...

    def delete_machine(self, factory: str, machine: str) -> None:
        """Forget everything of a machine; the ledger keeps its numbers, since they did arrive."""
        ...

    def delete_before(self, moment: datetime) -> None:
        """Forget intervals that ended before `moment`, but a machine's newest."""
        ...

    def close(self) -> None:
        """Release files and connections; the store cannot be used afterwards."""
        ...
