"""Turns reported intervals into a timeline without gaps or overlaps: gaps become Unknown, and later reports win.
Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from stores.state_store import MODE_TYPE, STATE_TYPE
from telemetry import MachineState

TIME_DTYPE = "datetime64[us, UTC]"
TIMELINE_COLUMNS = ["machine", "start", "end", "state", "mode"]
_UNKNOWN_CODE = STATE_TYPE.categories.get_loc(MachineState.UNKNOWN.value)


def timeline(intervals: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """Spells that cover [start, end) exactly once for every machine in `intervals`, ordered by machine and start.

    `intervals`: columns machine, since, until, state, mode (as `StateStore.intervals` returns them), times in
    UTC. Returns the columns `TIMELINE_COLUMNS`; machine, state and mode are categorical. Where a report with a
    later `since` overlaps an earlier one, the earlier is cut there: it had asserted more than it could know.
    Adjacent spells of the same state and mode are not joined.
    """
    left, right = microseconds(pd.Series([start, end])).tolist()
    machine, names = pd.factorize(intervals["machine"], sort=True)
    since, until = microseconds(intervals["since"]), microseconds(intervals["until"])
    state = pd.Categorical(intervals["state"], dtype=STATE_TYPE).codes
    mode = pd.Categorical(intervals["mode"], dtype=MODE_TYPE).codes
    order = _order(machine, since)
    if order is not None:
        machine, since, until, state, mode = (column[order] for column in (machine, since, until, state, mode))
    cut = until.copy()
    same = machine[1:] == machine[:-1]
    cut[:-1][same] = np.minimum(until[:-1][same], since[1:][same])
    starts, ends = np.maximum(since, left), np.minimum(cut, right)
    nonempty = ends > starts
    known = _Spells(*(column[nonempty] for column in (machine, starts, ends, state, mode)))
    places, holes = _holes(known, len(names), left, right)
    whole = _Spells(*(np.insert(column, places, more) for column, more in zip(known, holes, strict=True)))
    return pd.DataFrame(
        {
            "machine": pd.Categorical.from_codes(whole.machine, dtype=pd.CategoricalDtype(names.astype("str"))),
            "start": _times(whole.start),
            "end": _times(whole.end),
            "state": pd.Categorical.from_codes(whole.state, dtype=STATE_TYPE),
            "mode": pd.Categorical.from_codes(whole.mode, dtype=MODE_TYPE),
        }
    )


class _Spells(NamedTuple):
    """Columns of numbers: category codes, and microseconds since 1970. A million rows take a tenth of the time that
    columns of names take."""

    machine: np.ndarray
    start: np.ndarray
    end: np.ndarray
    state: np.ndarray
    mode: np.ndarray


def _order(machine: np.ndarray, since: np.ndarray) -> np.ndarray | None:
    """The positions that sort by machine and time, stable; None if the rows are sorted already, as those of a store
    are."""
    later = (machine[1:] == machine[:-1]) & (since[1:] >= since[:-1])
    return None if bool(((machine[1:] > machine[:-1]) | later).all()) else np.lexsort((since, machine))


def _holes(known: _Spells, machines: int, left: int, right: int) -> tuple[np.ndarray, _Spells]:
    """The Unknown spells before, between and after the known spells of every machine, and the position at which to
    insert each."""
    count = len(known.machine)
    first = np.ones(count, dtype=bool)
    first[1:] = known.machine[1:] != known.machine[:-1]
    before = np.full(count, left)
    before[1:][~first[1:]] = known.end[:-1][~first[1:]]
    last = np.append(first[1:], True)[:count]
    silent = np.flatnonzero(np.bincount(known.machine, minlength=machines) == 0)
    after, ahead = np.flatnonzero(last & (known.end < right)), np.flatnonzero(before < known.start)
    # At one position: first the end of the machine before, then machines without reports, then what precedes the next
    # spell.
    places = np.concatenate([after + 1, np.searchsorted(known.machine, silent), ahead])
    machine = np.concatenate([known.machine[after], silent, known.machine[ahead]])
    starts = np.concatenate([known.end[after], np.full(len(silent), left), before[ahead]])
    ends = np.concatenate([np.full(len(after) + len(silent), right), known.start[ahead]])
    unknown, no_mode = np.full(len(places), _UNKNOWN_CODE, np.int8), np.full(len(places), -1, np.int8)
    return places, _Spells(machine, starts, ends, unknown, no_mode)


def microseconds(times: pd.Series) -> np.ndarray:
    """Microseconds since 1970 as int64, whatever the resolution of the column."""
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("us").asi8


def _times(microseconds: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds.view("datetime64[us]")).tz_localize("UTC")


def hours_per_state(spells: pd.DataFrame) -> dict[str, float]:
    """Hours of each state, summed over all machines of a timeline. States that do not occur are listed with 0."""
    lengths = (spells["end"] - spells["start"]).dt.total_seconds() / 3600 if len(spells) else pd.Series(dtype=float)
    sums = lengths.groupby(spells["state"]).sum() if len(spells) else pd.Series(dtype=float)
    return {state.value: float(sums.get(state.value, 0.0)) for state in MachineState}
