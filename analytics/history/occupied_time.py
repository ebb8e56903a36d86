"""Occupied time and free time. A machine that waits between two parts of one job is not spare capacity.

Executing, Setup and Maintenance spells separated by less than the changeover gap form one occupied spell. Time is free where
the machine is NotExecuting or NotAvailable outside occupied spells; OutOfService and Unknown are neither free nor occupied.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from analytics.history.timeline import microseconds
from stores.state_store import MODE_TYPE, STATE_TYPE
from telemetry import MachineState, OperationMode


def _is_one_of(kind: pd.CategoricalDtype, *values: str) -> np.ndarray:
    """Of each category code whether it is one of the values; the last element is for -1, no value."""
    return np.append(kind.categories.isin(values), False)


_EXECUTING = _is_one_of(STATE_TYPE, MachineState.EXECUTING.value)
_FREE = _is_one_of(STATE_TYPE, MachineState.NOT_EXECUTING.value, MachineState.NOT_AVAILABLE.value)
_BUSY_MODE = _is_one_of(MODE_TYPE, OperationMode.SETUP.value, OperationMode.MAINTENANCE.value)


def occupied_spells(spells: pd.DataFrame, changeover_gap: timedelta | Mapping[str, timedelta]) -> pd.DataFrame:
    """The occupied spells of a timeline: columns machine, start, end, in the timeline's order.

    `changeover_gap`: one for all machines, or one for each machine of the timeline. A pause of exactly the gap is free.
    """
    state, mode = _codes(spells)
    busy = np.flatnonzero(_EXECUTING[state] | (_FREE[state] & _BUSY_MODE[mode]))
    names = spells["machine"].cat
    machine = np.asarray(names.codes)[busy]
    start, end = (microseconds(spells[column])[busy] for column in ("start", "end"))
    near = start[1:] - end[:-1] < _gaps(names.categories, changeover_gap)[machine[1:]]
    begins = np.append(True, ~((machine[1:] == machine[:-1]) & near))[: len(busy)]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(busy))[: len(first)] - 1
    return pd.DataFrame(
        {
            "machine": spells["machine"].take(busy[first]).array,
            "start": spells["start"].take(busy[first]).array,
            "end": spells["end"].take(busy[last]).array,
        }
    )


def idle_spells(spells: pd.DataFrame) -> pd.DataFrame:
    """The spells of a timeline that are free where they lie outside occupied spells."""
    state, mode = _codes(spells)
    # A machine in set-up waits for its setter, not for a customer. Out of service or unknown, its mode does not matter.
    found: pd.DataFrame = spells[_FREE[state] & ~_BUSY_MODE[mode]]
    return found


def _codes(spells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(state, mode) as numbers: a year of fifty machines is a million rows, of which names would take ten times as long."""
    return np.asarray(spells["state"].cat.codes), np.asarray(spells["mode"].cat.codes)


def _gaps(machines: pd.Index, changeover_gap: timedelta | Mapping[str, timedelta]) -> np.ndarray:
    """The gap of each machine, in microseconds."""
    if isinstance(changeover_gap, timedelta):
        changeover_gap = dict.fromkeys(machines, changeover_gap)
    return np.array([changeover_gap[name] for name in machines], dtype="timedelta64[us]").astype(np.int64)
