"""A recorded power meter: a CSV file of energy per interval, from which the power at any moment is derived.

Columns `date,usage_kwh`; `date` is `DD-MM-YYYY HH:MM`, local time, the END of the interval. The row for the midnight that ends a day may
have the date of that day. A file whose times do not match the DST changes of the zone is refused, since it was recorded in a time without DST.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from telemetry import UserError

COLUMNS = ["date", "usage_kwh"]
_SHOWN_MISTAKES = 5


@dataclass(frozen=True)
class RecordedMeter:
    """`ends[i]` is the end of the interval with the mean power `power_w[i]`, in watts; None if the row was invalid."""

    ends: list[datetime]
    power_w: list[float | None]
    interval: timedelta

    @property
    def start(self) -> datetime:
        return self.ends[0] - self.interval

    @property
    def end(self) -> datetime:
        return self.ends[-1]

    def power_at(self, moment: datetime) -> float | None:
        """Power in watts at this moment, up to and including the end of the recording; None if it is not known."""
        place = bisect_left(self.ends, moment)
        if place < len(self.ends) and self.ends[place] == moment and moment != self.end:
            place += 1
        if place >= len(self.ends) or moment < self.ends[place] - self.interval:
            return None
        return self.power_w[place]


def read_recorded_meter(path: Path, zone: str = "UTC", skip_broken: bool = False) -> RecordedMeter:
    """Read and check the whole file.

    Raises UserError that names up to five broken rows by line. With `skip_broken` they become "no value" instead.
    """
    rows: list[tuple[int, datetime, float | None]] = []
    mistakes: list[str] = []
    local = ZoneInfo(zone)
    for line, cells in _lines(path):
        try:
            end = _end_of(cells[0] if cells else "", rows[-1][1] if rows else None)
        except ValueError as error:
            mistakes.append(f"{path}:{line}: {error}")
            continue
        usage_kwh: float | None = None
        try:
            usage_kwh = _usage_of(cells)
        except ValueError as error:
            mistakes.append(f"{path}:{line}: {error}")
        rows.append((line, end, usage_kwh))
    if mistakes and not skip_broken:
        more = len(mistakes) - _SHOWN_MISTAKES
        shown = "\n".join(mistakes[:_SHOWN_MISTAKES]) + (f"\n… and {more} more" if more > 0 else "")
        raise UserError(f"{shown}\nCorrect the file, or use --skip-broken-rows to treat such rows as no value.")
    if len(rows) < 2:
        raise UserError(f"{path}: at least two rows of data are needed; there are {len(rows)}.")
    interval = min(later[1] - earlier[1] for earlier, later in pairwise(rows))
    ends = [end.replace(tzinfo=local).astimezone(UTC) for _, end, _ in rows]
    for (line, _, _), earlier, later in zip(rows[1:], ends, ends[1:], strict=False):
        if later - earlier < interval:
            raise UserError(
                f"{path}:{line}: in the time zone {zone} this row does not lie {interval} after the row before it "
                "(DST). Give the zone that the recording was made in with --timezone."
            )
    hours = interval.total_seconds() / 3600
    power_w = [None if usage_kwh is None else usage_kwh / hours * 1000 for _, _, usage_kwh in rows]
    return RecordedMeter(ends, power_w, interval)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if [cell.strip() for cell in header] != COLUMNS:
                raise UserError(f"{path}:1: the first line must be `{','.join(COLUMNS)}`; it is `{','.join(header)}`.")
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file. Give the path of a CSV with `date,usage_kwh`.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a CSV file ({error}).") from error


def _end_of(text: str, previous: datetime | None) -> datetime:
    """The row's end as naive local time, later than `previous`. Raises ValueError."""
    try:
        end = datetime.strptime(text.strip(), "%d-%m-%Y %H:%M")  # noqa: DTZ007 - the zone is applied to all rows at once
    except ValueError:
        raise ValueError(f"date {text!r} is not of the form DD-MM-YYYY HH:MM") from None
    if previous is not None and end <= previous and (end.hour, end.minute) == (0, 0):
        end += timedelta(days=1)  # midnight at the end of a day, written with the date of that day
    if previous is not None and end <= previous:
        raise ValueError(f"date {text!r} does not lie after the row before it ({previous:%d-%m-%Y %H:%M})")
    return end


def _usage_of(cells: list[str]) -> float:
    """The energy of the row in kWh. Raises ValueError."""
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} columns where {len(COLUMNS)} are expected ({','.join(COLUMNS)})")
    try:
        usage = float(cells[1])
    except ValueError:
        raise ValueError(f"usage_kwh {cells[1]!r} is not a number") from None
    if not 0 <= usage < 1e9:
        raise ValueError(f"usage_kwh {cells[1]!r} is not a possible energy")
    return usage
