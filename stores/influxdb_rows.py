"""Converts InfluxQL rows of the measurement `machine_state` to the store's values.

InfluxDB may return a point that is being written with some of its fields missing; such a row is not there yet. Of the points of all workers with
the same key the newest is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeGuard

import numpy as np
import pandas as pd

from stores.influxdb_answers import Series, StateRow
from stores.report_batch import MODES, NO_MODE, STATES
from stores.state_store import INTERVAL_COLUMNS, MODE_TYPE, RECORD_COLUMNS, STATE_TYPE

_STATE_CODES = {state.value: code for code, state in enumerate(STATES)}
_MODE_CODES = {mode.value: code for code, mode in enumerate(MODES)}


class WholeRow(Protocol):
    """A `StateRow` that has every field that is always written."""

    since: int
    until: int
    state: str
    mode: str
    power_w: float | None
    seq: int
    reason: str
    gateway: str


def is_whole(row: StateRow) -> TypeGuard[WholeRow]:
    """Whether every field is there that is always written: all but power, which a machine may never report. The state may also be one that a
    newer version has."""
    return (
        row.until is not None
        and row.seq is not None
        and row.state in _STATE_CODES
        and row.mode is not None
        and row.reason is not None
        and row.gateway is not None
    )


def is_hidden(series: Series[StateRow], limit: int) -> bool:
    """Whether a whole row may lie before those of a series that was read with this limit."""
    return len(series.values) >= limit and not any(map(is_whole, series.values))


def newest_per_machine(answer: Iterable[Series[StateRow]]) -> list[tuple[str, WholeRow]]:
    """The newest point of each machine among all workers, ordered by machine."""
    newest: dict[str, WholeRow] = {}
    for series in answer:
        machine = series.tags.get("machine")
        if not machine:
            continue  # a point that somebody else has written
        for row in filter(is_whole, series.values):
            held = newest.get(machine)
            if held is None or _rank(row) > _rank(held):
                newest[machine] = row
    return sorted(newest.items(), key=lambda one: one[0])


def _rank(row: WholeRow) -> tuple[int, int, int]:
    """(since, until, seq): the newest has the greatest."""
    return row.since, row.until, row.seq


class Columns:
    """Whole rows of machines, gathered from the parts of an answer: 50 bytes for each instead of the 600 of Python's objects."""

    def __init__(self, *, origin: bool = False) -> None:
        """`origin`: whether reason and gateway are kept as well."""
        self._origin = origin
        self._machines: dict[str, int] = {}
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._reasons: list[str] = []
        self._gateways: list[str] = []

    @classmethod
    def of(cls, answer: Iterable[tuple[str, list[StateRow]]], *, origin: bool = False) -> Columns:
        """`answer`: machines, and some of their rows."""
        columns = cls(origin=origin)
        for machine, rows in answer:
            columns.add(machine, list(filter(is_whole, rows)))
        return columns

    def add(self, machine: str, rows: list[WholeRow]) -> None:
        count = len(rows)
        if not count:
            return
        self._parts.append(
            (
                np.full(count, self._machines.setdefault(machine, len(self._machines)), dtype=np.int32),
                np.fromiter([row.since for row in rows], np.int64, count),
                np.fromiter([row.until for row in rows], np.int64, count),
                np.fromiter([_STATE_CODES[row.state] for row in rows], np.int8, count),
                np.fromiter([_MODE_CODES.get(row.mode, NO_MODE) for row in rows], np.int8, count),
                np.array([row.power_w for row in rows], np.float64),
                np.fromiter([row.seq for row in rows], np.int64, count),
            )
        )
        if self._origin:
            self._reasons += [row.reason for row in rows]
            self._gateways += [row.gateway for row in rows]

    def intervals(self) -> pd.DataFrame:
        """`INTERVAL_COLUMNS`: the newest row of each (machine, since), ordered by both."""
        return self._frame()[0][INTERVAL_COLUMNS]

    def records(self, factory: str) -> pd.DataFrame:
        """`RECORD_COLUMNS`, as `intervals`. Their origin must have been kept."""
        frame, order = self._frame()
        frame["factory"], frame["machine"] = factory, frame["machine"].astype("str")
        frame["reason"] = [self._reasons[place] or None for place in order]
        frame["gateway"] = [self._gateways[place] for place in order]
        return frame[RECORD_COLUMNS]

    def _frame(self) -> tuple[pd.DataFrame, list[int]]:
        """The columns in order, and the places at which their rows were gathered."""
        names = sorted(self._machines)
        empty = tuple(np.empty(0, dtype=kind) for kind in ("i4", "i8", "i8", "i1", "i1", "f8", "i8"))
        machine, since, until, state, mode, power, seq = map(
            np.concatenate, zip(*(self._parts or [empty]), strict=True)
        )
        places = {name: place for place, name in enumerate(names)}
        machine = np.array([places[name] for name in self._machines], dtype=np.int32)[machine] if names else machine
        order = _newest_per_key(machine, since, until, seq)
        frame = pd.DataFrame(
            {
                "machine": pd.Categorical.from_codes(machine[order], categories=pd.Index(names, dtype="str")),
                "since": _times(since[order]),
                "until": _times(until[order]),
                "state": pd.Categorical.from_codes(state[order], dtype=STATE_TYPE),
                "mode": pd.Categorical.from_codes(mode[order], dtype=MODE_TYPE),
                "power_w": power[order],
                "seq": seq[order],
            }
        )
        return frame, order.tolist()


def _newest_per_key(machine: np.ndarray, since: np.ndarray, until: np.ndarray, seq: np.ndarray) -> np.ndarray:
    """Places of the row with the greatest (until, seq) of each (machine, since), ordered by key."""
    order = np.arange(len(machine))
    later = (np.diff(machine) > 0) | ((np.diff(machine) == 0) & (np.diff(since) > 0))
    if later.all():  # the answer's own order, where one worker has written
        return order
    order = np.lexsort((seq, until, since, machine))
    is_last = (np.diff(machine[order]) != 0) | (np.diff(since[order]) != 0)
    return np.asarray(order[np.append(is_last, True)])


def _times(milliseconds: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex((milliseconds * 1000).astype("datetime64[us]")).tz_localize("UTC")
