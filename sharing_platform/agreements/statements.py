"""What an organisation gave and took in a month, for its bookkeeping. The platform takes no payments."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.agreements.agreement_pdf import number_of
from sharing_platform.bookings.amounts import vat_of
from sharing_platform.bookings.lifecycle import AGREED, Party, State
from sharing_platform.bookings.models import Booking
from sharing_platform.i18n import Translator
from sharing_platform.organisations.directory import names_of

MOST = 5000
"""Bookings in a statement."""
_SHOWN = 6
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Row:
    """A booking that began in the month. `price`: without VAT; None: to be agreed."""

    number: str
    booking: str
    side: Party
    title: str
    other: str
    start: datetime
    end: datetime
    hours: Decimal | None
    price: Decimal | None
    vat_percent: Decimal
    vat: Decimal | None
    state: State

    @property
    def total(self) -> Decimal | None:
        return self.price + self.vat if self.price is not None and self.vat is not None else None


@dataclass(frozen=True)
class Totals:
    """Of one side. Prices to be agreed are not in the amounts; `open_prices`: how many there are."""

    bookings: int
    hours: Decimal
    price: Decimal
    vat: Decimal
    open_prices: int

    @property
    def total(self) -> Decimal:
        return self.price + self.vat


def rows_of(session: Session, organisation: str, month: date, zone: str) -> list[Row]:
    """What was agreed and began in the month, in the region's time; first what was given."""
    first = datetime(month.year, month.month, 1, tzinfo=ZoneInfo(zone))
    after = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=ZoneInfo(zone))
    own = (Booking.provider == organisation) | (Booking.seeker == organisation)
    query = select(Booking).where(own, Booking.state.in_(AGREED), Booking.start >= first, Booking.start < after)
    found = session.scalars(query.order_by(Booking.start, Booking.id).limit(MOST)).all()
    names = names_of(session, {one.provider for one in found})
    rows = [_row(one, organisation, names.get(one.provider, one.provider)) for one in found]
    return sorted(rows, key=lambda row: row.side is Party.SEEKER)


def months_of(session: Session, organisation: str, zone: str) -> list[date]:
    """The latest months, at most six, in which something was given or taken, the newest first."""
    own = (Booking.provider == organisation) | (Booking.seeker == organisation)
    starts = select(Booking.start).where(own, Booking.state.in_(AGREED)).order_by(Booking.start.desc()).limit(MOST)
    local = (start.astimezone(ZoneInfo(zone)).date().replace(day=1) for start in session.scalars(starts))
    return list(dict.fromkeys(local))[:_SHOWN]


def _row(booking: Booking, organisation: str, provider: str) -> Row:
    side = Party.PROVIDER if booking.provider == organisation else Party.SEEKER
    minutes = Decimal((booking.end - booking.start) // timedelta(minutes=1))
    price = booking.price
    return Row(
        number_of(booking),
        booking.id,
        side,
        booking.title,
        booking.organisation if side is Party.PROVIDER else provider,
        booking.start,
        booking.end,
        round(minutes / 60, 2) if booking.machine is not None else None,
        price,
        booking.vat_percent,
        vat_of(price, booking.vat_percent) if price is not None else None,
        State(booking.state),
    )


def totals_of(rows: Iterable[Row], side: Party) -> Totals:
    found = [row for row in rows if row.side is side]
    return Totals(
        len(found),
        sum((row.hours or Decimal(0) for row in found), Decimal(0)),
        sum((row.price or Decimal(0) for row in found), Decimal(0)),
        sum((row.vat or Decimal(0) for row in found), Decimal(0)),
        sum(row.price is None for row in found),
    )


def as_csv(rows: Iterable[Row], t: Translator) -> bytes:
    """As spreadsheets in Belgium open it with a click: semicolons, and a decimal comma in Dutch and French."""
    head = (
        "agreement_number", "statement_side", "statement_what", "statement_other", "statement_from", "statement_until", "statement_hours",
        "quote_total", "vat_rate", "statement_vat", "quote_total_vat", "statement_state",
    )  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow([t(key) for key in head])
    for row in rows:
        amounts = (row.hours, row.price, row.vat_percent, row.vat, row.total)
        hours, price, percent, vat, total = (_number(one, t) for one in amounts)
        writer.writerow([
            row.number, t(f"statement_{row.side}"), _harmless(row.title), _harmless(row.other), t.local(row.start).replace("T", " "),
            t.local(row.end).replace("T", " "), hours, price, percent, vat, total, t(f"state_{row.state}"),
        ])  # fmt: skip
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def _number(amount: Decimal | None, t: Translator) -> str:
    written = "" if amount is None else f"{amount:.2f}"
    return written if t.language == "en" else written.replace(".", ",")


def _harmless(text: str) -> str:
    """Spreadsheets take a cell that begins like this for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_pdf(rows: list[Row], organisation: str, month: date, t: Translator, now: datetime) -> bytes:
    from sharing_platform.agreements.pdf import Document  # a sixth of the platform's start, for who asks for a document

    title = t("statement_of", month=t.month(month))
    document = Document(title, t.language, now, t("document_made", moment=t.moment(now)), landscape=True)
    document.heading(title)
    document.paragraph(organisation)
    head = tuple(
        t(key)
        for key in ("agreement_number", "statement_what", "statement_other", "statement_from", "statement_hours", "quote_total", "statement_vat", "quote_total_vat")
    )  # fmt: skip
    for side in (Party.PROVIDER, Party.SEEKER):
        document.section(t(f"statement_{side}"))
        found = [row for row in rows if row.side is side]
        if not found:
            document.paragraph(t("statement_none"), soft=True)
            continue
        sums = totals_of(rows, side)
        lines = [
            (
                row.number, row.title, row.other, t.moment(row.start), _hours(row.hours, t), _euros(row.price, t), _euros(row.vat, t),
                _euros(row.total, t),
            )
            for row in found
        ]  # fmt: skip
        total = (t("statement_total"), str(sums.bookings), "", "", _hours(sums.hours, t), t.euros(sums.price), t.euros(sums.vat), t.euros(sums.total))  # fmt: skip
        document.amounts(head, [*lines, total], (3.2, 4, 3.4, 3, 1.6, 2.6, 2.2, 2.6), 4, strong=1)
        if sums.open_prices:
            document.paragraph(t("statement_open_prices", count=sums.open_prices), soft=True)
    document.ln(4)
    document.paragraph(t("statement_help"), soft=True)
    return document.content()


def _hours(hours: Decimal | None, t: Translator) -> str:
    return t.plain(float(hours)) if hours is not None else ""


def _euros(amount: Decimal | None, t: Translator) -> str:
    return t.euros(amount) if amount is not None else t("price_agree")
