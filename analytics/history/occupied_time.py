"""Occupied time and free time. A machine between two parts of one job waits for minutes: that is not spare capacity.

Executing, Setup and Maintenance spells separated by less than the changeover gap form one occupied spell. Free is what
lies outside occupied spells in state NotExecuting or NotAvailable; OutOfService and Unknown are neither.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

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


def idle_spells(spells: pd.DataFrame) -> pd.DataFrame:
    """The spells of a timeline that are free where they lie outside occupied ones."""
    return spells[spells["state"].isin(FREE_STATES) & ~_in_busy_mode(spells)]


def _in_busy_mode(spells: pd.DataFrame) -> pd.Series:
    # A machine in set-up waits for its setter, not for a customer; out of service or unknown it stays what it is.
    return spells["mode"].isin(_BUSY_MODES) & spells["state"].isin(FREE_STATES)
