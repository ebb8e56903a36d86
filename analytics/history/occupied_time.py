"""Occupied time and free time. A machine that waits between two parts of one job is not spare capacity.

Executing, Setup and Maintenance spells separated by less than the changeover gap form one occupied spell. Time is free where
the machine is NotExecuting or NotAvailable outside occupied spells; OutOfService and Unknown are neither free nor occupied.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from telemetry import MachineState, OperationMode

FREE_STATES = (MachineState.NOT_EXECUTING.value, MachineState.NOT_AVAILABLE.value)
_BUSY_MODES = (OperationMode.SETUP.value, OperationMode.MAINTENANCE.value)


def occupied_spells(spells: pd.DataFrame, changeover_gap: timedelta | Mapping[str, timedelta]) -> pd.DataFrame:
    """The occupied spells of a timeline: columns machine, start, end, in the timeline's order.

    `changeover_gap`: one for all machines, or one for each machine of the timeline. A pause of exactly the gap is free.
    """
    busy = spells[(spells["state"] == MachineState.EXECUTING.value) | _in_busy_mode(spells)]
    if busy.empty:
        return busy[["machine", "start", "end"]].copy()
    same_machine = busy["machine"] == busy["machine"].shift()
    near = (busy["start"] - busy["end"].shift()) < _gaps(busy["machine"], changeover_gap)
    spell = (~(same_machine & near)).cumsum()
    joined = busy.groupby(spell).agg(machine=("machine", "first"), start=("start", "min"), end=("end", "max"))
    return joined.reset_index(drop=True)


def idle_spells(spells: pd.DataFrame) -> pd.DataFrame:
    """The spells of a timeline that are free where they lie outside occupied spells."""
    return spells[spells["state"].isin(FREE_STATES) & ~_in_busy_mode(spells)]


def _gaps(machines: pd.Series, changeover_gap: timedelta | Mapping[str, timedelta]) -> pd.Series | pd.Timedelta:
    """The gap that applies to each row; `machines` is categorical."""
    if isinstance(changeover_gap, timedelta):
        return pd.Timedelta(changeover_gap)
    by_code = np.array([np.timedelta64(changeover_gap[name]) for name in machines.cat.categories])
    return pd.Series(by_code[machines.cat.codes], index=machines.index)


def _in_busy_mode(spells: pd.DataFrame) -> pd.Series:
    # A machine in set-up waits for its setter, not for a customer. Out of service or unknown, its mode does not matter.
    return spells["mode"].isin(_BUSY_MODES) & spells["state"].isin(FREE_STATES)
