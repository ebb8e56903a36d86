"""Reads a machine history from a CSV file with the columns `machine,since,until,state` and optionally `mode`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from telemetry import MachineState, OperationMode, UserError

COLUMNS = ["machine", "since", "until", "state"]
_STATES = [state.value for state in MachineState]
_MODES = [mode.value for mode in OperationMode]


def read_history(path: Path) -> pd.DataFrame:
    """Read a CSV file into a table of the form that `StateStore.intervals` returns, ordered by machine and time.
    Times without a zone are taken as UTC. Raises UserError, which names the line."""
    try:
        frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error}).") from error
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise UserError(
            f"{path}: the column {', '.join(missing)} is missing; the first line must name {','.join(COLUMNS)}."
        )
    history = pd.DataFrame({"machine": frame["machine"], "state": frame["state"]})
    for column in ("since", "until"):
        history[column] = _times(frame[column])
        _refuse(path, frame, history[column].isna(), column, "is not an ISO 8601 time")
    mode = frame["mode"] if "mode" in frame else pd.Series("", index=frame.index)
    history["mode"] = mode.where(mode != "", None)
    _refuse(path, frame, ~history["state"].isin(_STATES), "state", f"is not one of {', '.join(_STATES)}")
    _refuse(path, frame, (mode != "") & ~mode.isin(_MODES), "mode", f"is not one of {', '.join(_MODES)}")
    _refuse(path, frame, frame["machine"] == "", "machine", "is empty")
    _refuse(path, frame, history["until"] < history["since"], "until", "is before `since`")
    return history[["machine", "since", "until", "state", "mode"]].sort_values(["machine", "since"], kind="stable")


def _times(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")


def _refuse(path: Path, frame: pd.DataFrame, wrong: pd.Series, column: str, why: str) -> None:
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        value = frame[column].iloc[place] if column in frame else ""
        raise UserError(f"{path}, line {place + 2}: `{column}` {value!r} {why}.")
