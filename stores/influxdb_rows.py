"""Converts InfluxQL rows of the measurement `machine_state` to the store's values.

InfluxDB may return a point that is being written with some of its fields missing; such a row is not there yet. Of the points of all workers with
the same key the newest is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TypeGuard

import numpy as np
import pandas as pd

from stores.influxdb_answers import Series, StateRow
from stores.report_batch import MODES, NO_MODE, STATES
from stores.state_store import MODE_TYPE, RECORD_COLUMNS, STATE_TYPE

_STATE_CODES = {state.value: code for code, state in enumerate(STATES)}
_MODE_CODES = {mode.value: code for code, mode in enumerate(MODES)}
_TYPES = {"since": "i8", "until": "i8", "state": "i1", "mode": "i1", "seq": "i8", "power_w": "f8"}


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


class _Part(NamedTuple):
    """Some rows of a machine."""

    since: np.ndarray
    until: np.ndarray
    state: np.ndarray
    mode: np.ndarray
    seq: np.ndarray
    power_w: np.ndarray
    reason: list[str]
    gateway: list[str]


class Columns:
    """Whole rows of machines, gathered from the parts of an answer: 50 bytes for each instead of the 600 of Python's objects."""

    def __init__(self, fields: Sequence[str]) -> None:
        """`fields`: those that were asked for."""
        self._fields = frozenset(fields)
        self._parts: dict[str, list[_Part]] = {}

    def add(self, machine: str, rows: Iterable[StateRow]) -> None:
        if whole := list(filter(is_whole, rows)):
            self._parts.setdefault(machine, []).append(self._part(whole))

    def add_earlier(self, machine: str, row: WholeRow) -> None:
        """Add one that began before all others of the machine, in front of them: what is in order need not be sorted."""
        self._parts.setdefault(machine, []).insert(0, self._part([row]))

    def _part(self, rows: list[WholeRow]) -> _Part:
        count, fields = len(rows), self._fields
        return _Part(
            np.fromiter([row.since for row in rows], np.int64, count),
            np.fromiter([row.until for row in rows], np.int64, count),
            np.fromiter([_STATE_CODES[row.state] for row in rows], np.int8, count),
            np.fromiter([_MODE_CODES.get(row.mode, NO_MODE) for row in rows], np.int8, count),
            np.fromiter([row.seq for row in rows], np.int64, count),
            np.array([row.power_w for row in rows], np.float64) if "power_w" in fields else np.empty(0),
            [row.reason for row in rows] if "reason" in fields else [],
            [row.gateway for row in rows] if "gateway" in fields else [],
        )

    def take_undecided(self) -> list[str]:
        """Takes out the machines that have rows of which only the sequence numbers tell which is the newer, and returns their names."""
        undecided = [machine for machine, parts in self._parts.items() if _disagree(parts)]
        for machine in undecided:
            del self._parts[machine]
        return undecided

    def intervals(self) -> pd.DataFrame:
        """`INTERVAL_COLUMNS`, and `power_w` if it was asked for: the newest row of each (machine, since), ordered by both."""
        frame, order, parts = self._frame()
        if "power_w" in self._fields:
            frame["power_w"] = _joined(parts, "power_w")[order]
        return frame

    def records(self, factory: str) -> pd.DataFrame:
        """`RECORD_COLUMNS`, as `intervals`. All fields must have been asked for."""
        frame, order, parts = self._frame()
        reasons, gateways = ([text for part in parts for text in getattr(part, name)] for name in ("reason", "gateway"))
        frame["factory"], frame["machine"] = factory, frame["machine"].astype("str")
        frame["power_w"], frame["seq"] = _joined(parts, "power_w")[order], _joined(parts, "seq")[order]
        frame["reason"] = [reasons[place] or None for place in order.tolist()]
        frame["gateway"] = [gateways[place] for place in order.tolist()]
        return frame[RECORD_COLUMNS]

    def _frame(self) -> tuple[pd.DataFrame, np.ndarray, list[_Part]]:
        """`INTERVAL_COLUMNS`, and the places of their rows in these parts."""
        names = sorted(self._parts)
        parts = [part for name in names for part in self._parts[name]]
        counts = [sum(len(part.since) for part in self._parts[name]) for name in names]
        machine = np.repeat(np.arange(len(names), dtype=np.int32), counts)
        since, until = _joined(parts, "since"), _joined(parts, "until")
        order = _newest_per_key(machine, since, until, _joined(parts, "seq"))
        frame = pd.DataFrame(
            {
                "machine": pd.Categorical.from_codes(machine[order], categories=pd.Index(names, dtype="str")),
                "since": _times(since[order]),
                "until": _times(until[order]),
                "state": pd.Categorical.from_codes(_joined(parts, "state")[order], dtype=STATE_TYPE),
                "mode": pd.Categorical.from_codes(_joined(parts, "mode")[order], dtype=MODE_TYPE),
            }
        )
        return frame, order, parts


def _joined(parts: list[_Part], name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts] or [np.empty(0, dtype=_TYPES[name])])


def _disagree(parts: list[_Part]) -> bool:
    """Whether two rows of a machine with the same time say something else and reach equally far."""
    since, until, state, mode = (_joined(parts, name) for name in ("since", "until", "state", "mode"))
    if (np.diff(since) > 0).all():
        return False
    order = np.lexsort((until, since))
    same = (np.diff(since[order]) == 0) & (np.diff(until[order]) == 0)
    return bool((same & ((np.diff(state[order]) != 0) | (np.diff(mode[order]) != 0))).any())


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
