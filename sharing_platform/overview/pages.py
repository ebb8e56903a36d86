"""The overview of an organisation: requests to answer, bookings, machines, listings, searches."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from sharing_platform.agreements import statements
from sharing_platform.bookings import confirmation, service, waiting_list, waiting_service
from sharing_platform.bookings.lifecycle import FIRM, LIVE, PENDING, Party, State
from sharing_platform.bookings.schemas import BookingOut
from sharing_platform.database import read_session
from sharing_platform.federation import asking
from sharing_platform.learning import meetings, posts
from sharing_platform.listings import records as listings
from sharing_platform.machines.models import Machine
from sharing_platform.moderation.service import taken_down
from sharing_platform.organisations.accounts_api import own_invitations
from sharing_platform.organisations.dependencies import Page, require_person
from sharing_platform.organisations.models import Organisation
from sharing_platform.site_pages.versions import terms_to_accept
from sharing_platform.wanted import matching

router = APIRouter(include_in_schema=False)

_SHOWN = 50


@router.get("/desk")
def get_desk(page: Page) -> HTMLResponse:
    person, actor = require_person(page.person), page.actor
    with read_session(page.context.sessions) as session:
        now = page.now
        unconfirmed = _by_request(
            service.booking_out(session, booking, Party.SEEKER, now)
            for booking in confirmation.waiting_requests(session, person)
        )
        invitations = own_invitations(session, person, now)
        terms = terms_to_accept(session, person.account.id, now)
        if actor is None:
            return page.render("desk_alone.html", unconfirmed=unconfirmed, invitations=invitations, terms=terms)
        own = actor.organisation
        ended = frozenset(State) - LIVE - PENDING

        def bookings(party: Party, states: frozenset[State]) -> list[BookingOut]:
            return _by_request(service.list_bookings(session, actor, party, states, _SHOWN, None, now).bookings)

        machines = list(session.scalars(select(Machine).where(Machine.factory == own).order_by(Machine.title)))
        waiting = service.waiting_for_answer(session, own, now) if actor.approved else []
        return page.render(
            "desk.html",
            unconfirmed=unconfirmed,
            invitations=invitations,
            terms=terms,
            months=[
                (f"{month:%Y-%m}", page.translator.month(month))
                for month in statements.months_of(session, own, page.context.zone)
            ],
            organisation=session.get_one(Organisation, own),
            waiting=_by_request(service.booking_out(session, booking, Party.PROVIDER, now) for booking in waiting),
            given=bookings(Party.PROVIDER, FIRM),
            asked=bookings(Party.SEEKER, FIRM | PENDING),
            over=bookings(Party.SEEKER, ended)[-5:],
            machines=machines,
            listings=listings.own_listings(session, own),
            posts=posts.own_posts(session, own),
            seats=meetings.own_meetings(session, own, person.account.id, now),
            waits=[
                (waiting_service.waiting_out(session, place), listing)
                for place, listing in waiting_list.places_of(session, own)
            ],
            decisions=taken_down(session, own),
            giving=listings.asked_to_give(session, own),
            wanted=matching.searches_of(session, own, matching.WANTED),
            saved=matching.searches_of(session, own, matching.SAVED),
            elsewhere=asking.count_requests(session, own),
        )


def _by_request(bookings: Iterable[BookingOut]) -> list[BookingOut]:
    """One for each request, whose parts are answered together, in the same order. Of parts that have begun and others that have not, one for either."""
    shown: list[BookingOut] = []
    known: set[str] = set()
    for booking in bookings:
        if booking.id not in known:
            shown.append(booking)
            known.update(part.id for part in booking.parts if part.state == booking.state)
    return shown
