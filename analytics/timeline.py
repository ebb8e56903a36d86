"""From reported intervals to a timeline without holes or overlaps: gaps are Unknown, the later report wins. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from telemetry import MachineState

TIME_DTYPE = "datetime64[us, UTC]"
TIMELINE_COLUMNS = ["machine", "start", "end", "state", "mode"]


def timeline(intervals: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """Spells that cover [start, end) of every machine in `intervals` exactly once, ordered by machine and start.

    `intervals`: columns machine, since, until, state, mode (as `StateStore.intervals` gives them), times as UTC.
    Returns `TIMELINE_COLUMNS`. Where a report with a later `since` overlaps an earlier one, the earlier is cut there: it
    had asserted more than it could know. Neighbouring spells of the same state and mode are not joined.
    """
    left, right = pd.Timestamp(start), pd.Timestamp(end)
    spells = _in_order(intervals, "since")
    following = spells.groupby("machine", sort=False)["since"].shift(-1)
    stops = spells["until"].where(following.isna() | (spells["until"] <= following), following)
    spells = pd.DataFrame(
        {
            "machine": spells["machine"],
            "start": spells["since"].where(spells["since"] > left, left),
            "end": stops.where(stops < right, right),
            "state": spells["state"],
            "mode": spells["mode"],
        }
    )
    spells = spells[spells["end"] > spells["start"]]
    parts = [part for part in (spells, _holes(spells, pd.unique(intervals["machine"]), left, right)) if len(part)]
    whole = pd.concat(parts) if parts else pd.DataFrame(columns=TIMELINE_COLUMNS)
    whole = whole.astype({"start": TIME_DTYPE, "end": TIME_DTYPE})
    return _in_order(whole, "start").reset_index(drop=True)


def _in_order(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """By machine and time, stable. Numbers sort ten times faster than names."""
    machine, _ = pd.factorize(frame["machine"], sort=True)
    moment = pd.DatetimeIndex(frame[column]).as_unit("us").asi8
    if len(frame) < 2 or bool(
        ((machine[1:] > machine[:-1]) | ((machine[1:] == machine[:-1]) & (moment[1:] >= moment[:-1]))).all()
    ):
        return frame
    return frame.iloc[np.lexsort((moment, machine))]


def _holes(spells: pd.DataFrame, machines: Any, left: pd.Timestamp, right: pd.Timestamp) -> pd.DataFrame:
    """The Unknown spells before, between and after the known ones of every machine; `spells` in order."""
    by_machine = spells.groupby("machine", sort=False)
    before = by_machine["end"].shift()
    before = before.where(before.notna(), left)
    lasts = by_machine["end"].max()
    silent = [one for one in machines if one not in lasts.index]
    found = pd.concat(
        [
            pd.DataFrame({"machine": spells["machine"], "start": before, "end": spells["start"]}),
            pd.DataFrame({"machine": lasts.index, "start": lasts.array, "end": right}),
            pd.DataFrame({"machine": silent, "start": left, "end": right}),
        ]
    )
    found = found[found["end"] > found["start"]]
    return found.assign(
        state=_all_the_same(MachineState.UNKNOWN.value, len(found), spells["state"].dtype),
        mode=_all_the_same(None, len(found), spells["mode"].dtype),
    )


def _all_the_same(value: str | None, count: int, dtype: Any) -> Any:
    """Of the other spells' type, so that categories stay categories."""
    return pd.Categorical([value] * count, dtype=dtype) if isinstance(dtype, pd.CategoricalDtype) else value


def hours_per_state(spells: pd.DataFrame) -> dict[str, float]:
    """Hours of each state over all machines of a timeline; every state is named, also with 0."""
    lengths = (spells["end"] - spells["start"]).dt.total_seconds() / 3600 if len(spells) else pd.Series(dtype=float)
    sums = lengths.groupby(spells["state"]).sum() if len(spells) else pd.Series(dtype=float)
    return {state.value: float(sums.get(state.value, 0.0)) for state in MachineState}


def seconds_within(starts: np.ndarray, ends: np.ndarray, begins: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """How many seconds of disjoint, ordered spells fall into each bin [begin, stop).

    All in the same seconds. `starts`, `ends`: shape (spells,). `begins`, `stops`: shape (bins,), in any order, and may
    overlap. Returns shape (bins,).
    """
    if len(starts) == 0:
        return np.zeros(len(begins))
    points = np.column_stack([starts, ends]).ravel()
    lengths = (ends - starts).cumsum()
    totals = np.column_stack([np.concatenate([[0.0], lengths[:-1]]), lengths]).ravel()
    return np.asarray(np.interp(stops, points, totals) - np.interp(begins, points, totals))
