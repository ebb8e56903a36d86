"""Converts InfluxQL rows to the store's values. Of the points of all workers with the same key the newest is used."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from stores.influxdb_connection import Series
from stores.state_store import INTERVAL_COLUMNS, MODE_TYPE, STATE_TYPE


def newest_per_machine(answer: list[Series]) -> list[tuple]:  # type: ignore[type-arg]
    """The newest point of each machine among all workers: rows (machine, since, until, state, mode, power_w, seq, …), ordered by machine."""
    newest: dict[str, tuple] = {}  # type: ignore[type-arg]
    for series in answer:
        for values in series.values:
            machine = series.tags["machine"]
            held = newest.get(machine)
            if held is None or rank_of(values) > rank_of(held[1:]):
                newest[machine] = (machine, *values)
    return [newest[machine] for machine in sorted(newest)]


def rank_of(values: Sequence) -> tuple[int, int, int]:  # type: ignore[type-arg]
    """(since, until, seq) of a row: the newest has the greatest."""
    return values[0], values[1], values[5]


def newest_per_key(rows: list[tuple]) -> list[tuple]:  # type: ignore[type-arg]
    """The newest row of each key (machine, since), ordered by key. Rows: (machine, since, until, state, mode, power_w, seq, …)."""
    rows.sort(key=lambda row: (row[0], row[1], row[2], row[6]))
    return [row for place, row in enumerate(rows) if place + 1 == len(rows) or row[:2] != rows[place + 1][:2]]


def frame(rows: list[tuple], columns: list[str], factory: str | None = None) -> pd.DataFrame:  # type: ignore[type-arg]
    """A frame with `columns` from rows (machine, since, until, state, mode, power_w, seq[, reason, gateway])."""
    names = [*INTERVAL_COLUMNS, "seq", "reason", "gateway"]
    frame = pd.DataFrame(rows, columns=names[: len(rows[0])] if rows else names)
    for column in ("since", "until"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True).dt.as_unit("us")
    frame["state"] = frame["state"].astype(STATE_TYPE)
    frame["mode"] = pd.Categorical(frame["mode"].replace("", None), dtype=MODE_TYPE)
    frame["power_w"] = frame["power_w"].astype("float64")
    if "factory" in columns:
        frame["factory"] = factory
        frame["reason"] = frame["reason"].replace("", None)
    return frame[columns]
