"""A machine history from a CSV file `machine,since,until,state` (and `mode`, if it is there)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from telemetry import MachineState, OperationMode, UserError

COLUMNS = ["machine", "since", "until", "state"]
_STATES = [one.value for one in MachineState]
_MODES = [one.value for one in OperationMode]


def read_history(path: Path) -> pd.DataFrame:
    """Intervals as `StateStore.intervals` gives them, ordered. Times without a zone are UTC. Raises UserError with the line."""
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
        _refuse(path, frame, history[column].isna(), column, "is no ISO 8601 time")
    mode = frame["mode"] if "mode" in frame else pd.Series("", index=frame.index)
    history["mode"] = mode.where(mode != "", None)
    _refuse(path, frame, ~history["state"].isin(_STATES), "state", f"is none of {', '.join(_STATES)}")
    _refuse(path, frame, (mode != "") & ~mode.isin(_MODES), "mode", f"is none of {', '.join(_MODES)}")
    _refuse(path, frame, frame["machine"] == "", "machine", "is empty")
    _refuse(path, frame, history["until"] < history["since"], "until", "lies before `since`")
    return history[["machine", "since", "until", "state", "mode"]].sort_values(["machine", "since"], kind="stable")


def _times(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")


def _refuse(path: Path, frame: pd.DataFrame, wrong: pd.Series, column: str, why: str) -> None:
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        value = frame[column].iloc[place] if column in frame else ""
        raise UserError(f"{path}, line {place + 2}: `{column}` {value!r} {why}.")
