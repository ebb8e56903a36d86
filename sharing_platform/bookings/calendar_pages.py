"""What calendars on pages show: free hours, and the bookings that the reader is a party to."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import ColumnElement, false, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.events import Appointment, CalendarRequested
from sharing_platform.bookings.lifecycle import LIVE
from sharing_platform.bookings.models import Booking
from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.machines import service
from sharing_platform.machines.anonymity import is_alias
from sharing_platform.machines.free_spans import FreeSpan, free_spans
from sharing_platform.machines.index import get_machine_index
from sharing_platform.machines.models import KeptHours, Machine, Offer
from sharing_platform.machines.visibility import is_open
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require

router = APIRouter(include_in_schema=False)

_LONGEST = timedelta(days=45)
_USUAL = timedelta(days=14)
_MOST = 1000
Span = tuple[datetime, datetime]


class Item(TypedDict):
    """Hours in a calendar, as wall-clock times of the region. `kind`: free, or the state of a booking, or kept; an appointment is accepted. `offer`: of free hours, `url`: of a booking, else
    empty; `machine`: for its factory alone."""

    start: str
    end: str
    kind: str
    title: str
    machine: str
    offer: str
    url: str


@router.get("/parts/calendar")
def get_calendar(page: Page, machine: str = "") -> JSONResponse:
    """Of one machine, by the name that the visitor knows: its free hours; of the others, its factory sees all, and a seeker their own. Hours that are neither are
    not free, and more than that nobody learns."""
    span = _span(page)
    with read_session(page.context.sessions) as session:
        known = _machine(page, session, machine)
        own = known.factory == page.organisation
        whose: ColumnElement[bool] = Booking.machine == known.machine
        if not own:
            whose &= Booking.seeker == page.organisation if page.organisation is not None else false()
        offered = (Offer.factory == known.factory) & (Offer.machine == known.machine)
        kept = (KeptHours.factory == known.factory) & (KeptHours.machine == known.machine) if own else false()
        items = _kept(page, session, kept, span)
        items += _free(page, session, offered, span) + _booked(
            page, session, (Booking.provider == known.factory) & whose, span, own
        )
    return JSONResponse({"items": items})


@router.get("/parts/calendar/own")
def get_own_calendar(page: Page) -> JSONResponse:
    """Of all machines of one's own organisation, and what it and its people have signed up for or invite others to."""
    actor, span = require(page.actor, Right.READ), _span(page)
    with read_session(page.context.sessions) as session:
        whose = (Booking.provider == actor.organisation) & Booking.machine.is_not(None)
        items = _free(page, session, Offer.factory == actor.organisation, span)
        items += _booked(page, session, whose, span, own=True)
        items += _kept(page, session, KeptHours.factory == actor.organisation, span)
        items += _appointments(page, session, actor.organisation, span)
    return JSONResponse({"items": items})


def _machine(page: PageRequest, session: Session, name: str) -> Machine:
    """Raises NotFoundError, also for a machine that the visitor may not know of, or not by this name."""
    if is_alias(name):
        known = session.scalars(select(Machine).where(Machine.alias == name)).first()
    else:
        factory, _, machine = name.partition("/")
        known = session.get(Machine, (factory, machine))
    shown = service.machine_shown(page.context, get_machine_index(page.request), session, known, page.actor)
    if known is None or (shown.factory is None and not is_alias(name)):
        raise NotFoundError
    return known


def _span(page: PageRequest) -> Span:
    """From the midnight of one day asked for to that of another; two weeks from today where these are no days."""
    zone = ZoneInfo(page.context.zone)
    today = page.now.astimezone(zone).date()
    first, last = today, today + _USUAL
    with suppress(ValueError):
        asked = page.request.query_params
        first = date.fromisoformat(asked.get("start", "")[:10])
        last = date.fromisoformat(asked.get("end", "")[:10])
    if not today - timedelta(days=366) <= first < last <= today + timedelta(days=366):
        first, last = today, today + _USUAL
    last = min(last, first + _LONGEST)
    return datetime.combine(first, time(0), zone), datetime.combine(last, time(0), zone)


def _free(page: PageRequest, session: Session, which: ColumnElement[bool], span: Span) -> list[Item]:
    start, end = span
    offers = session.scalars(
        select(Offer)
        .where(is_open(page.now, page.viewer), which, Offer.start < end, Offer.end > start)
        .order_by(Offer.start, Offer.public_id)
        .limit(_MOST)
    )
    t = page.translator
    return [
        Item(
            start=t.local(one.start),
            end=t.local(one.end),
            kind="free",
            title=t("calendar_by_hand") if offer.by_hand else _sureness(t, one),
            machine=offer.machine if offer.factory == page.organisation else "",
            offer=offer.public_id,
            url="",
        )
        for offer in offers
        for one in free_spans(offer.free_windows(page.now))
    ]


def _booked(page: PageRequest, session: Session, which: ColumnElement[bool], span: Span, own: bool) -> list[Item]:
    start, end = span
    shown = Booking.state.in_(LIVE) | Booking.hours_kept if own else Booking.state.in_(LIVE)
    found = session.scalars(
        select(Booking)
        .where(which, shown, Booking.start < end, Booking.end > start)
        .order_by(Booking.start, Booking.id)
        .limit(_MOST)
    )
    return [_item_of(page.translator, booking, own) for booking in found]


def _kept(page: PageRequest, session: Session, which: ColumnElement[bool], span: Span) -> list[Item]:
    start, end = span
    t = page.translator
    found = session.scalars(select(KeptHours).where(which, KeptHours.start < end, KeptHours.end > start).limit(_MOST))
    return [
        Item(
            start=t.local(one.start),
            end=t.local(one.end),
            kind="kept",
            title=t("calendar_kept"),
            machine=one.machine,
            offer="",
            url=f"/machines/{one.factory}/{one.machine}/hours",
        )
        for one in found
    ]


def _appointments(page: PageRequest, session: Session, organisation: str, span: Span) -> list[Item]:
    start, end = span
    t = page.translator
    found: dict[str, Appointment] = {}
    for as_provider in (True, False):
        asked = CalendarRequested(session, organisation, as_provider, start)
        page.context.events.publish(asked)
        found |= {one.uid: one for one in asked.found if one.start < end and not one.cancelled}
    return [
        Item(
            start=t.local(one.start),
            end=t.local(one.end),
            kind="accepted",
            title=one.title,
            machine="",
            offer="",
            url=one.path,
        )
        for one in found.values()
    ]


def _item_of(t: Translator, booking: Booking, own: bool) -> Item:
    kept = booking.state not in LIVE
    who = booking.organisation if own else t("calendar_yours")
    return Item(
        start=t.local(booking.start),
        end=t.local(booking.end),
        kind="kept" if kept else booking.state,
        title=t("calendar_kept") if kept else f"{t(f'state_{booking.state}')}{t.colon}{who}",
        machine=booking.machine or "" if own else "",
        offer="",
        url=f"/bookings/{booking.id}",
    )


def _sureness(t: Translator, span: FreeSpan) -> str:
    return t("calendar_free", percent=t.percents(span.lowest, span.highest))
