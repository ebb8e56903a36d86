"""The protocol of stores of machine states, with its values and errors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from stores.report_batch import MODES, STATES, ReportBatch
from stores.sequences import SequenceRanges
from telemetry import StateInterval

INTERVAL_COLUMNS = ["machine", "since", "until", "state", "mode"]
RECORD_COLUMNS = ["factory", *INTERVAL_COLUMNS, "power_w", "reason", "gateway", "seq"]

STATE_TYPE = pd.CategoricalDtype([item.value for item in STATES])
MODE_TYPE = pd.CategoricalDtype([item.value for item in MODES])


@dataclass(frozen=True, slots=True)
class LatestState:
    """The newest interval of a machine."""

    factory: str
    machine: str
    interval: StateInterval


@dataclass(frozen=True, slots=True)
class GatewayLedger:
    """The sequence numbers received from a gateway, with which an operator can see whether reports are missing."""

    factory: str
    gateway: str
    stored: int
    missing: int
    repeated: int
    gaps: tuple[tuple[int, int], ...]
    ranges: tuple[tuple[int, int], ...] = ()
    """The numbers received; `gaps` lie between them."""
    given_up: int = 0
    """Missing numbers whose gaps are no longer stored, because there were too many; included in `missing`."""

    @classmethod
    def of(cls, gateway: tuple[str, str], held: SequenceRanges, repeated: int) -> GatewayLedger:
        """`gateway`: (factory, gateway)."""
        return cls(*gateway, held.count, held.missing, repeated, tuple(held.gaps), tuple(held.ranges), held.given_up)


class StoreUnavailableError(Exception):
    """The store cannot be read or written at the moment; the same call may succeed later. The message names the store and the reason."""


class StoreRefusedError(Exception):
    """The store refuses the data. A retry does not help; leaving out the invalid record does."""


class StoreShutError(StoreUnavailableError):
    """The store refuses every request (token, bucket, permissions) until somebody corrects its configuration; retry rarely."""


class StateStore(Protocol):
    """Holds state intervals. Implementations are thread-safe. Every call may raise StoreUnavailableError."""

    def write(self, batch: ReportBatch) -> None:
        """Store reports durably before returning. Idempotent: per key the greatest (until, seq) wins, whatever the order.

        After StoreUnavailableError nothing or a part is stored, and the caller repeats the whole batch; after StoreRefusedError
        it repeats the batch in halves.
        """
        ...

    def intervals(
        self,
        factory: str,
        start: datetime,
        end: datetime,
        machines: Sequence[str] | None = None,
        *,
        power: bool = False,
    ) -> pd.DataFrame:
        """Intervals that touch [start, end), ordered by machine and since; `INTERVAL_COLUMNS`, times as UTC, and with `power` also `power_w`,
        which few look at.

        `machines` None means all. Of a machine's intervals that began before `start` only the newest is returned, since it ended
        the others. Intervals are as reported: not cut to the range, overlaps not resolved. `machine`, `state` and `mode` are
        categorical; the last two are `STATE_TYPE` and `MODE_TYPE`, and the machines are those that occur.
        """
        ...

    def cursor(self) -> str:
        """The current position in the store's sequence of writes, for `changed_since`."""
        ...

    def changed_since(self, factory: str, cursor: str) -> tuple[pd.DataFrame, str]:
        """The current form of the intervals written after `cursor` (`INTERVAL_COLUMNS`), and the next cursor.

        May return intervals that were returned before, but never omits one.
        """
        ...

    def records(self, factory: str, start: datetime, end: datetime, machines: Sequence[str]) -> pd.DataFrame:
        """All records of these machines with `since` in [start, end), ordered by machine and since; `RECORD_COLUMNS`."""
        ...

    def restore(self, records: pd.DataFrame) -> int:
        """Write records (`RECORD_COLUMNS`) as `write` does, without recording sequence numbers in the ledger. Returns how many were left out
        because they are older than the store keeps them."""
        ...

    def latest(self, factory: str) -> list[LatestState]:
        """The newest interval of each machine, ordered by machine."""
        ...

    def factories(self) -> list[str]:
        """The factories with data in the store, ordered."""
        ...

    def earliest(self, factory: str) -> datetime | None:
        """The earliest `since` of a factory; None if it has no data."""
        ...

    def ledger(self) -> list[GatewayLedger]:
        """Received and missing reports per gateway, ordered by factory and gateway."""
        ...

    def stored_ranges(self, gateways: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[int, int]]]:
        """The sequence numbers that are stored of these (factory, gateway), as far as this instance knows without asking: what it wrote
        itself, and what others had written a little while ago. Cheap enough to be asked after every batch."""
        ...

    def restore_ledger(self, ledger: Sequence[GatewayLedger]) -> None:
        """Add the ledger of another store."""
        ...

    def delete_machine(self, factory: str, machine: str) -> None:
        """Delete all data of a machine, and what was computed from it. The ledger keeps its sequence numbers, since they were received."""
        ...

    def delete_before(self, moment: datetime) -> None:
        """Delete intervals that ended before `moment`, except the newest of each machine."""
        ...

    def close(self) -> None:
        """Release files and connections; the store cannot be used afterwards."""
        ...
