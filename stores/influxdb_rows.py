"""Converts InfluxQL rows of the measurement `machine_state` to the store's values.

A row is (time, until_ms, state, mode, power_w, seq[, reason[, gateway]]), times in milliseconds. InfluxDB may return a point that is being
written with some of its fields missing; such a row is not there yet. Of the points of all workers with the same key the newest is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stores.influxdb_answers import Series
from stores.report_batch import MODES, NO_MODE, STATES
from stores.state_store import INTERVAL_COLUMNS, MODE_TYPE, RECORD_COLUMNS, STATE_TYPE

_POWER = 4
"""The one field that a machine may never report; all others are always written."""
_STATE_CODES = {state.value: code for code, state in enumerate(STATES)}
_MODE_CODES = {mode.value: code for code, mode in enumerate(MODES)} | {"": NO_MODE}

Row = Sequence[Any]


def is_whole(row: Row) -> bool:
    """Whether every field is there that is always written. The state may also be one that a newer version has."""
    return None not in row[:_POWER] and None not in row[_POWER + 1 :] and row[2] in _STATE_CODES


def is_hidden(series: Series, limit: int) -> bool:
    """Whether a whole row may lie before those of a series that was read with this limit."""
    return len(series.values) >= limit and not any(map(is_whole, series.values))


def newest_per_machine(answer: Iterable[Series]) -> list[tuple[Any, ...]]:
    """The newest point of each machine among all workers: (machine, *row), ordered by machine."""
    newest: dict[str, Row] = {}
    for series in answer:
        machine = series.tags.get("machine")
        if not machine:
            continue  # a point that somebody else has written
        for row in filter(is_whole, series.values):
            held = newest.get(machine)
            if held is None or _rank(row) > _rank(held):
                newest[machine] = row
    return [(machine, *newest[machine]) for machine in sorted(newest)]


def _rank(row: Row) -> tuple[int, int, int]:
    """(since, until, seq): the newest has the greatest."""
    return row[0], row[1], row[5]


class Columns:
    """Whole rows of machines, gathered from the parts of an answer: 50 bytes for each instead of the 600 of Python's objects."""

    def __init__(self) -> None:
        self._machines: dict[str, int] = {}
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._reasons: list[str] = []
        self._gateways: list[str] = []

    @classmethod
    def of(cls, answer: Iterable[Series]) -> Columns:
        columns = cls()
        for series in answer:
            if machine := series.tags.get("machine"):  # without one, somebody else has written it
                columns.add(machine, series.values)
        return columns

    def add(self, machine: str, rows: list[list[Any]]) -> None:
        if not rows:
            return
        fields = list(zip(*rows, strict=True))
        if any(
            None in field for place, field in enumerate(fields) if place != _POWER
        ) or not _STATE_CODES.keys() >= set(fields[2]):
            self.add(machine, [row for row in rows if is_whole(row)])
            return
        since, until, state, mode, power, seq, *origin = fields
        count = len(rows)
        self._parts.append(
            (
                np.full(count, self._machines.setdefault(machine, len(self._machines)), dtype=np.int32),
                np.array(since, dtype=np.int64),
                np.array(until, dtype=np.int64),
                np.fromiter(map(_STATE_CODES.__getitem__, state), np.int8, count),
                np.fromiter((_MODE_CODES.get(name, NO_MODE) for name in mode), np.int8, count),
                np.array(power, dtype=np.float64),
                np.array(seq, dtype=np.int64),
            )
        )
        for held, values in zip((self._reasons, self._gateways), origin, strict=False):
            held.extend(values)

    def intervals(self) -> pd.DataFrame:
        """`INTERVAL_COLUMNS`: the newest row of each (machine, since), ordered by both."""
        return self._frame()[0][INTERVAL_COLUMNS]

    def records(self, factory: str) -> pd.DataFrame:
        """`RECORD_COLUMNS`, as `intervals`. The rows must have reason and gateway."""
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
