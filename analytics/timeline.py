"""From reported intervals to a timeline without holes or overlaps: gaps are Unknown, the later report wins. Pure."""

from __future__ import annotations

from datetime import datetime

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
    spells = intervals.sort_values(["machine", "since"], kind="stable")
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
    machines = pd.unique(intervals["machine"])
    holes = [_holes(machine, spells[spells["machine"] == machine], left, right) for machine in machines]
    parts = [part for part in [spells, *holes] if not part.empty]
    whole = pd.concat(parts) if parts else pd.DataFrame(columns=TIMELINE_COLUMNS)
    whole = whole.astype({"start": TIME_DTYPE, "end": TIME_DTYPE})
    return whole.sort_values(["machine", "start"], kind="stable").reset_index(drop=True)


def _holes(machine: str, spells: pd.DataFrame, left: pd.Timestamp, right: pd.Timestamp) -> pd.DataFrame:
    """The Unknown spells between, before and after the known ones."""
    starts = [left, *spells["end"]]
    ends = [*spells["start"], right]
    gaps = [(begin, stop) for begin, stop in zip(starts, ends, strict=True) if stop > begin]
    return pd.DataFrame(
        [(machine, begin, stop, MachineState.UNKNOWN.value, None) for begin, stop in gaps], columns=TIMELINE_COLUMNS
    )


def hours_per_state(spells: pd.DataFrame) -> dict[str, float]:
    """Hours of each state over all machines of a timeline; every state is named, also with 0."""
    lengths = (spells["end"] - spells["start"]).dt.total_seconds() / 3600 if len(spells) else pd.Series(dtype=float)
    sums = lengths.groupby(spells["state"]).sum() if len(spells) else pd.Series(dtype=float)
    return {state.value: float(sums.get(state.value, 0.0)) for state in MachineState}


def seconds_per_bin(starts: np.ndarray, ends: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many seconds of disjoint, ordered spells fall into each bin.

    All in epoch seconds. `starts`, `ends`: shape (spells,). `edges`: shape (bins + 1,), increasing. Returns shape (bins,).
    """
    return seconds_within(starts, ends, edges[:-1], edges[1:])


def seconds_within(starts: np.ndarray, ends: np.ndarray, begins: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """The same for bins [begins, stops) of any order, that may overlap: both of shape (bins,), as is what is returned."""
    if len(starts) == 0:
        return np.zeros(len(begins))
    points = np.column_stack([starts, ends]).ravel()
    lengths = (ends - starts).cumsum()
    totals = np.column_stack([np.concatenate([[0.0], lengths[:-1]]), lengths]).ravel()
    return np.asarray(np.interp(stops, points, totals) - np.interp(begins, points, totals))
