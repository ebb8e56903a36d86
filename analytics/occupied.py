"""Occupied time and free time. A machine between two parts of one job waits for minutes: that is not spare capacity.

Executing, Setup and Maintenance spells separated by less than the changeover gap form one occupied spell. Free is what
lies outside occupied spells in state NotExecuting or NotAvailable; OutOfService and Unknown are neither.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from analytics.timeline import TIME_DTYPE
from telemetry import MachineState, OperationMode

FREE_STATES = (MachineState.NOT_EXECUTING.value, MachineState.NOT_AVAILABLE.value)
_BUSY_MODES = (OperationMode.SETUP.value, OperationMode.MAINTENANCE.value)


def occupied_spells(spells: pd.DataFrame, changeover_gap: timedelta) -> pd.DataFrame:
    """Columns machine, start, end of the occupied spells in a timeline, ordered."""
    busy = spells[(spells["state"] == MachineState.EXECUTING.value) | _in_busy_mode(spells)]
    if busy.empty:
        return busy[["machine", "start", "end"]].copy()
    same_machine = busy["machine"] == busy["machine"].shift()
    near = (busy["start"] - busy["end"].shift()) < pd.Timedelta(changeover_gap)
    spell = (~(same_machine & near)).cumsum()
    joined = busy.groupby(spell).agg(machine=("machine", "first"), start=("start", "min"), end=("end", "max"))
    return joined.reset_index(drop=True)


def free_spells(spells: pd.DataFrame, occupied: pd.DataFrame) -> pd.DataFrame:
    """Columns machine, start, end: the idle parts of a timeline that lie outside its occupied spells, ordered."""
    idle = spells[spells["state"].isin(FREE_STATES) & ~_in_busy_mode(spells)]
    rows = []
    for machine, own in idle.groupby("machine", sort=True):
        taken = occupied[occupied["machine"] == machine]
        rows += [(machine, start, end) for start, end in _outside(own, taken)]
    free = pd.DataFrame(rows, columns=["machine", "start", "end"])
    return free.astype({"start": TIME_DTYPE, "end": TIME_DTYPE})


def _in_busy_mode(spells: pd.DataFrame) -> pd.Series:
    # A machine in set-up waits for its setter, not for a customer; out of service or unknown it stays what it is.
    return spells["mode"].isin(_BUSY_MODES) & spells["state"].isin(FREE_STATES)


def _outside(idle: pd.DataFrame, taken: pd.DataFrame) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Idle spells minus taken ones; both ordered and disjoint. One pass over both."""
    blocks = list(zip(taken["start"], taken["end"], strict=True))
    left = []
    first = 0
    for start, end in zip(idle["start"], idle["end"], strict=True):
        while first < len(blocks) and blocks[first][1] <= start:
            first += 1
        cursor = start
        for begin, stop in blocks[first:]:
            if begin >= end:
                break
            if begin > cursor:
                left.append((cursor, begin))
            cursor = max(cursor, stop)
        if cursor < end:
            left.append((cursor, end))
    return left
