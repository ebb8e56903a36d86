"""What needs an answer, what is coming, and all that is one's own."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from sharing_platform.booking import asking
from sharing_platform.booking.states import FIRM, LIVE, PENDING, Party, State
from sharing_platform.database import reading
from sharing_platform.errors import NotSignedInError
from sharing_platform.finding import listings, searches
from sharing_platform.finding.tables import Machine
from sharing_platform.pages.shown import Showing
from sharing_platform.people.tables import Organisation

router = APIRouter(include_in_schema=False)

_SHOWN = 50


@router.get("/desk")
def get_desk(show: Showing) -> HTMLResponse:
    if show.person is None:
        raise NotSignedInError
    actor = show.actor
    if actor is None:
        return show.page("desk_alone.html")
    with reading(show.context.sessions) as session:
        own, now = actor.organisation, show.now
        ended = frozenset(State) - LIVE - PENDING
        waiting = asking.waiting_for_answer(session, own, now) if actor.approved else []
        return show.page(
            "desk.html",
            organisation=session.get_one(Organisation, own),
            waiting=[asking.booking_out(session, one, Party.PROVIDER, now) for one in waiting],
            given=asking.page_of(session, actor, Party.PROVIDER, FIRM, _SHOWN, None, now).bookings,
            asked=asking.page_of(session, actor, Party.SEEKER, FIRM | PENDING, _SHOWN, None, now).bookings,
            over=asking.page_of(session, actor, Party.SEEKER, ended, _SHOWN, None, now).bookings[-5:],
            machines=list(session.scalars(select(Machine).where(Machine.factory == own).order_by(Machine.title))),
            listings=listings.own_listings(session, own),
            giving=listings.asked_to_give(session, own),
            wanted=searches.searches_of(session, own, searches.WANTED),
            saved=searches.searches_of(session, own, searches.SAVED),
        )
