"""Small intervals, timelines and grids for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, QuarterGrid

MONDAY = date(2026, 1, 5)


def utc(day: int, hour: int = 0, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def intervals(rows: Sequence[tuple[str, datetime, datetime, str, str | None]]) -> pd.DataFrame:
    """Intervals as `StateStore.intervals` returns them."""
    frame = pd.DataFrame(rows, columns=["machine", "since", "until", "state", "mode"])
    return frame.astype({"since": "datetime64[us, UTC]", "until": "datetime64[us, UTC]"})


def spells(frame: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """(machine, start, end, state), with short times."""
    return [
        (row["machine"], f"{row['start']:%d %H:%M}", f"{row['end']:%d %H:%M}", row["state"])
        for row in frame.to_dict("records")
    ]


def shift_weeks(weeks: int, first_day: date = MONDAY, start: int = 6, end: int = 22, zone: str = "UTC") -> QuarterGrid:
    """A machine that works from `start` to `end` o'clock on weekdays and is free at all other hours."""
    values = np.full(weeks * 7 * QUARTERS_PER_DAY, FREE, dtype=np.int8)
    for day in range(weeks * 7):
        if (first_day + timedelta(days=day)).weekday() < 5:
            values[day * QUARTERS_PER_DAY + start * 4 : day * QUARTERS_PER_DAY + end * 4] = NOT_FREE
    return QuarterGrid(values, first_day, zone)
