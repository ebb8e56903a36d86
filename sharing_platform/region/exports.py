"""What a region reports: organisations, bookings, and hours shared in each month, as CSV for spreadsheets and as JSON. Read in portions, so that neither memory nor a
transaction grows with the region."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.bookings.lifecycle import AGREED
from sharing_platform.bookings.models import Booking
from sharing_platform.database import read_session
from sharing_platform.organisations.directory import all_organisations, names_of
from sharing_platform.pagination import after

Value = str | int | float | Decimal | datetime | None
Row = Mapping[str, Value]

_PORTION = 500
_CALCULATED = (
    "=",
    "+",
    "-",
    "@",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
_HOUR = 3600


@dataclass(frozen=True)
class Export:
    """`columns`: in this order. `dated`: whether it is of a period."""

    columns: tuple[str, ...]
    rows: Callable[[sessionmaker[Session], datetime, datetime, ZoneInfo], Iterator[Row]]
    dated: bool


def organisations(sessions: sessionmaker[Session], *_: object) -> Iterator[Row]:
    """All that the region sees, in order of their ids."""
    last: str | None = None
    while True:
        with read_session(sessions) as session:
            found = all_organisations(session, None, last, _PORTION)
        for one in found:
            yield {
                "id": one.id, "name": one.name, "kind": one.kind, "status": one.status, "country": one.country,
                "number": one.enterprise_number or one.vat, "place": one.place, "registered": one.created, "decided": one.decided,
            }  # fmt: skip
        if len(found) < _PORTION:
            return
        last = found[-1].id


def bookings(sessions: sessionmaker[Session], first: datetime, last: datetime, _: ZoneInfo) -> Iterator[Row]:
    """Those that begin in a period, also those that came to nothing, in order of their start. Without the people who asked."""
    for booking, names in _bookings(sessions, first, last):
        yield {
            "id": booking.id, "provider": booking.provider, "provider_name": names.get(booking.provider, booking.provider),
            "seeker": booking.seeker, "seeker_name": names.get(booking.seeker or "", ""),
            "kind": "machine" if booking.machine is not None else "listing", "machine": booking.machine, "title": booking.title, "start": booking.start,
            "end": booking.end, "hours": _hours(booking), "places": booking.places, "state": booking.state, "price": booking.price, "requested": booking.booked,
        }  # fmt: skip


def hours_shared(sessions: sessionmaker[Session], first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[Row]:
    """What was agreed in each month, by organisation and what it shares. A booking counts in the month in which it begins."""
    agreed = ((booking, names) for booking, names in _bookings(sessions, first, last) if booking.state in AGREED)
    for month, found in groupby(agreed, key=lambda pair: f"{pair[0].start.astimezone(zone):%Y-%m}"):
        totals: dict[tuple[str, str, str], _Total] = {}
        for booking, names in found:
            name = names.get(booking.provider, booking.provider)
            total = totals.setdefault((booking.provider, booking.machine or "", booking.title), _Total(name))
            total.add(booking)
        for (provider, machine, title), total in sorted(totals.items()):
            yield {
                "month": month, "provider": provider, "provider_name": total.name, "kind": "machine" if machine else "listing", "machine": machine or None,
                "title": title, "bookings": total.bookings, "seekers": len(total.seekers), "hours": round(total.hours, 2), "price": total.price,
            }  # fmt: skip


class _Total:
    """Of one thing that is shared, in a month."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bookings = 0
        self.hours = 0.0
        self.price = Decimal(0)
        self.seekers: set[str | None] = set()

    def add(self, booking: Booking) -> None:
        self.bookings += 1
        self.hours += _hours(booking)
        self.price += booking.price or Decimal(0)
        self.seekers.add(booking.seeker)


_ORGANISATION = "id name kind status country number place registered decided"
_BOOKING = (
    "id provider provider_name seeker seeker_name kind machine title start end hours places state price requested"
)
_MONTH = "month provider provider_name kind machine title bookings seekers hours price"

EXPORTS: Mapping[str, Export] = {
    "organisations": Export(tuple(_ORGANISATION.split()), organisations, dated=False),
    "bookings": Export(tuple(_BOOKING.split()), bookings, dated=True),
    "hours": Export(tuple(_MONTH.split()), hours_shared, dated=True),
}


def _bookings(
    sessions: sessionmaker[Session], first: datetime, last: datetime
) -> Iterator[tuple[Booking, dict[str, str]]]:
    """With the names of the organisations of the portion."""
    place: tuple[datetime, str] | None = None
    while True:
        query = select(Booking).where(Booking.start >= first, Booking.start < last)
        if place is not None:
            query = query.where(after(Booking.start, Booking.id, place))
        with read_session(sessions) as session:
            found = list(session.scalars(query.order_by(Booking.start, Booking.id).limit(_PORTION)))
            names = names_of(session, {name for one in found for name in (one.provider, one.seeker) if name})
        for one in found:
            yield one, names
        if len(found) < _PORTION:
            return
        place = (found[-1].start, found[-1].id)


def _hours(booking: Booking) -> float:
    return round((booking.end - booking.start).total_seconds() / _HOUR, 2)


def as_csv(columns: Iterable[str], rows: Iterable[Row], decimals: str) -> Iterator[str]:
    """As spreadsheets in Belgium open it: fields separated by semicolons, marked as UTF-8. `decimals`: the sign before decimals."""
    names = list(columns)
    line = io.StringIO()
    writer = csv.writer(line, delimiter=";")
    writer.writerow(names)
    yield "\N{ZERO WIDTH NO-BREAK SPACE}" + line.getvalue()
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow([_cell(row[name], decimals) for name in names])
        yield line.getvalue()


def _cell(value: Value, decimals: str) -> str:
    """A spreadsheet would calculate what begins with one of these signs, and could send what it reads elsewhere (OWASP: CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if not isinstance(value, str):
        return str(value).replace(".", decimals)
    return f"'{value}" if value.startswith(("\t", "\r", "\n")) or value.lstrip().startswith(_CALCULATED) else value


def as_json(name: str, rows: Iterable[Row]) -> Iterator[str]:
    """An object whose one member is the list."""
    yield f'{{"{name}": ['
    for number, row in enumerate(rows):
        told = {
            key: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for key, value in row.items()
        }
        yield ("," if number else "") + "\n" + json.dumps(told, ensure_ascii=False, default=str)
    yield "\n]}\n"
