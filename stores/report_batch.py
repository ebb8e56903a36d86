"""Reports on their way into a store, as columns: at 100,000 reports per second, one object each would be too slow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from telemetry import MachineState, OperationMode, StateInterval, StateReport

STATES = tuple(MachineState)
MODES = tuple(OperationMode)
NO_MODE = -1

_STATE_CODE = {state: code for code, state in enumerate(STATES)}
_MODE_CODE: dict[OperationMode | None, int] = {mode: code for code, mode in enumerate(MODES)} | {None: NO_MODE}
_STATE_NAMES = np.array([state.value for state in STATES], dtype=object)
_MODE_NAMES = np.array([*(mode.value for mode in MODES), None], dtype=object)
"""None stands last, where `NO_MODE` finds it."""
_NO_POWER = float("nan")

Source = tuple[str, str, str]
"""(factory, machine, gateway)."""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report with its origin. The key of its row is (factory, machine, interval.since)."""

    factory: str
    machine: str
    gateway: str
    seq: int
    interval: StateInterval


@dataclass(frozen=True)
class ReportBatch:
    """Reports in order of arrival. All arrays have shape (reports,)."""

    sources: list[Source]
    source: np.ndarray
    """Index into `sources`, int32."""
    seq: np.ndarray
    since_ms: np.ndarray
    """Milliseconds since 1970, int64, as is `until_ms`."""
    until_ms: np.ndarray
    state: np.ndarray
    """Index into `STATES`, int8."""
    mode: np.ndarray
    """Index into `MODES`, int8; `NO_MODE` if the source does not report it."""
    power_w: np.ndarray
    """NaN if it was not measured."""
    reason: list[str | None]

    def __len__(self) -> int:
        return len(self.seq)

    @classmethod
    def of(cls, reports: Iterable[StoredReport]) -> ReportBatch:
        builder = ReportBatchBuilder()
        for report in reports:
            builder.add((report.factory, report.machine, report.gateway), [StateReport.of(report.seq, report.interval)])
        return builder.build()

    @classmethod
    def from_records(cls, records: pd.DataFrame) -> ReportBatch:
        """Convert a frame with the columns `RECORD_COLUMNS`."""
        keys = records[["factory", "machine", "gateway"]].astype("str")
        source = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
        reason = records["reason"].astype("object")
        return cls(
            [(row[0], row[1], row[2]) for row in keys.drop_duplicates().itertuples(index=False, name=None)],
            source.astype(np.int32),
            records["seq"].to_numpy(np.int64),
            _column_milliseconds(records["since"]),
            _column_milliseconds(records["until"]),
            _codes(records["state"], [item.value for item in STATES]),
            _codes(records["mode"], [item.value for item in MODES]),
            records["power_w"].to_numpy(np.float64),
            reason.where(reason.notna(), None).tolist(),
        )

    def newest_per_key(self) -> np.ndarray:
        """Indices of the reports with the greatest (until, seq) of each (factory, machine, since), ordered by key."""
        return self._last_of_each(self._machine_codes(), self.since_ms)

    def newest_per_machine(self) -> np.ndarray:
        """Indices of the reports with the greatest (since, until, seq) of each (factory, machine)."""
        return self._last_of_each(self._machine_codes())

    def seqs_per_gateway(self) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
        """Pairs of (factory, gateway) and its sequence numbers in order, with repetitions."""
        places: dict[tuple[str, str], int] = {}
        codes = [places.setdefault((factory, gateway), len(places)) for factory, _, gateway in self.sources]
        if not len(self.seq):
            return
        code = np.array(codes, dtype=np.int32)[self.source]
        order = np.lexsort((self.seq, code))
        ends = np.append(np.flatnonzero(np.diff(code[order])) + 1, len(order)).tolist()
        gateways = list(places)
        for first, last in zip([0, *ends], ends, strict=False):
            yield gateways[code[order[first]]], self.seq[order[first:last]]

    def interval(self, place: int) -> StateInterval:
        """The interval of the report at index `place`."""
        power_w = float(self.power_w[place])
        mode = int(self.mode[place])
        return StateInterval(
            STATES[self.state[place]],
            from_milliseconds(int(self.since_ms[place])),
            from_milliseconds(int(self.until_ms[place])),
            MODES[mode] if mode != NO_MODE else None,
            None if math.isnan(power_w) else power_w,
            self.reason[place],
        )

    def columns(self, written: int) -> dict[str, np.ndarray]:
        """The columns of the DuckDB store; `written` is the number of the batch."""
        names = list(zip(*self.sources, strict=True)) if self.sources else [(), (), ()]
        factory, machine, gateway = (np.array(column, dtype=object)[self.source] for column in names)
        return {
            "factory": factory,
            "machine": machine,
            "since": self.since_ms.astype("datetime64[ms]"),
            "until": self.until_ms.astype("datetime64[ms]"),
            "state": _STATE_NAMES[self.state],
            "mode": _MODE_NAMES[self.mode],
            "power_w": self.power_w,
            "reason": np.array(self.reason, dtype=object),
            "gateway": gateway,
            "seq": self.seq,
            "written": np.full(len(self), written),
        }

    def _last_of_each(self, machine: np.ndarray, *further: np.ndarray) -> np.ndarray:
        """Indices of the last report of each group of equal keys, in the order of (machine, since, until, seq)."""
        order = np.lexsort((self.seq, self.until_ms, self.since_ms, machine))
        if not len(order):
            return order
        is_last = np.any([np.diff(key[order]) != 0 for key in (machine, *further)], axis=0)
        return np.asarray(order[np.append(is_last, True)])

    def _machine_codes(self) -> np.ndarray:
        machines: dict[tuple[str, str], int] = {}
        codes = [machines.setdefault((factory, machine), len(machines)) for factory, machine, _ in self.sources]
        return np.array(codes, dtype=np.int32)[self.source] if codes else np.zeros(0, dtype=np.int32)


class ReportBatchBuilder:
    """Collects the reports of several messages into one batch."""

    def __init__(self) -> None:
        self._sources: dict[Source, int] = {}
        self._source: list[int] = []
        self._reports: list[StateReport] = []

    def __len__(self) -> int:
        return len(self._reports)

    def add(self, source: Source, reports: Sequence[StateReport]) -> None:
        place = self._sources.setdefault(source, len(self._sources))
        self._source += [place] * len(reports)
        self._reports += reports

    def build(self) -> ReportBatch:
        reports, count = self._reports, len(self._reports)
        return ReportBatch(
            list(self._sources),
            np.array(self._source, dtype=np.int32),
            np.fromiter((report.seq for report in reports), np.int64, count),
            _milliseconds(np.fromiter((report.since.timestamp() for report in reports), np.float64, count)),
            _milliseconds(np.fromiter((report.until.timestamp() for report in reports), np.float64, count)),
            np.fromiter((_STATE_CODE[report.state] for report in reports), np.int8, count),
            np.fromiter((_MODE_CODE[report.mode] for report in reports), np.int8, count),
            np.fromiter(
                (_NO_POWER if report.power_w is None else report.power_w for report in reports), np.float64, count
            ),
            [report.reason for report in reports],
        )


def _milliseconds(seconds: np.ndarray) -> np.ndarray:
    """Truncate to milliseconds, as `to_milliseconds` does, via whole microseconds, which a float64 represents exactly enough."""
    return np.asarray(np.rint(seconds * 1e6).astype(np.int64) // 1000)


def _column_milliseconds(times: pd.Series) -> np.ndarray:
    return pd.to_datetime(times, utc=True).astype("datetime64[ms, UTC]").astype("int64").to_numpy()


def _codes(values: pd.Series, names: list[str]) -> np.ndarray:
    return np.asarray(pd.Categorical(values, categories=names).codes, dtype=np.int8)


def to_epoch_milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def interval_of(
    since_ms: int, until_ms: int, state: str, mode: str | None, power_w: float | None, reason: str | None
) -> StateInterval:
    """The interval of a store's row; an empty `mode` or `reason` means None."""
    return StateInterval(
        MachineState(state),
        from_milliseconds(since_ms),
        from_milliseconds(until_ms),
        OperationMode(mode) if mode else None,
        power_w,
        reason or None,
    )


def from_milliseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)
