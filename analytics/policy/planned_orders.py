"""Reads the planned time of machines from a table of orders, CSV or JSON, as an ERP system exports it. Of a row only machine, start and end are read:
what is ordered, and by whom, is nobody's business here. Pure."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from analytics.policy.planned_work import Entry, Plan, PlanError, end_of_day, to_aware

_DELIMITERS = ";,\t|"
_DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y")
_TIMES = ("%H:%M", "%H:%M:%S")
_MOST_SHOWN = 20

_Row = tuple[str, Mapping[str, Any]]
"""What the row is called, and its values by the name of the column, casefolded."""


def read_orders(content: bytes, plan: Plan, zone: str) -> None:
    """Add the planned time that a table names. Raises PlanError.

    Times are ISO 8601, or day first as Belgians write them (06/01/2026 08:00); without a zone they are those of the factory. An order without an end lasts
    until the end of its day, and one that ends on a day until the end of that day.
    """
    columns = plan.feed.columns
    known, rows = _csv_rows(content) if plan.feed.kind == "csv" else _json_rows(content)
    for column in (columns.start, *(() if plan.feed.machine else (columns.machine,))):
        if rows and column.casefold() not in known:
            raise PlanError("no_column", column=column, known=", ".join(known[:_MOST_SHOWN]))
    for name, row in rows:
        cell = str(row.get(columns.machine.casefold()) or "")
        _add(
            plan,
            Entry(f"{name}: {cell}" if cell else name, cell),
            row.get(columns.start.casefold()),
            row.get(columns.end.casefold()),
            ZoneInfo(zone),
        )


def _add(plan: Plan, entry: Entry, start: Any, end: Any, zone: ZoneInfo) -> None:
    first, last = _parsed(start), _parsed(end)
    if first is None:
        plan.skip_unclear(entry, "bad_start", None)
        return
    begin = to_aware(first, zone)
    stop = to_aware(last, zone) if isinstance(last, datetime) else end_of_day(to_aware(last or first, zone), zone)
    if stop < begin:
        begin, stop = stop, begin
    if begin == stop:
        stop = end_of_day(begin, zone)
    if begin >= plan.end or stop <= plan.start:
        return
    if last is None and str(end or "").strip():
        plan.skip(entry, "bad_end", begin)
    plan.add(entry, begin, stop)


def _parsed(value: Any) -> date | None:
    """A moment, or a day."""
    text = value.strip() if isinstance(value, str) else ""
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    for day in _DAY_FIRST:
        for pattern in (day, *(f"{day} {time}" for time in _TIMES)):
            try:
                found = datetime.strptime(text, pattern)  # noqa: DTZ007 - the factory's zone is added where it is known
            except ValueError:
                continue
            return found.date() if pattern == day else found
    return None


def _csv_rows(content: bytes) -> tuple[list[str], list[_Row]]:
    """The columns, and the rows. The delimiter is what is most frequent in the first line: Belgian Excel writes semicolons."""
    lines = _decoded(content).lstrip().splitlines(keepends=True)
    if not lines:
        raise PlanError("not_a_table", detail="it is empty")
    table = csv.reader(lines, delimiter=max(_DELIMITERS, key=lines[0].count))
    try:
        known = [name.strip().casefold() for name in next(table)]
        return known, [
            (f"row {table.line_num}", dict(zip(known, cells, strict=False)))
            for cells in table
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise PlanError("not_a_table", detail=str(error)) from error


def _json_rows(content: bytes) -> tuple[list[str], list[_Row]]:
    """The keys of all rows, and the rows: a list of objects, or the only list in an object, as OData has it in `value`."""
    try:
        found = json.loads(_decoded(content))
    except (ValueError, RecursionError) as error:
        raise PlanError("not_a_table", detail=str(error)[:200]) from error
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        found = lists[0] if len(lists) == 1 else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise PlanError("not_a_table", detail="it is no list of objects")
    rows: list[_Row] = [
        (f"entry {number}", {str(key).casefold(): value for key, value in row.items()})
        for number, row in enumerate(found, start=1)
    ]
    return list(dict.fromkeys(key for _, row in rows for key in row)), rows


def _decoded(content: bytes) -> str:
    """Programs on Windows write UTF-8 with a mark, UTF-16, or the old code page."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
