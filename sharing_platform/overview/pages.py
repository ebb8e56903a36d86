"""What needs an answer, what is coming, and all that is one's own."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from sharing_platform.bookings import service as asking
from sharing_platform.bookings.lifecycle import FIRM, LIVE, PENDING, Party, State
from sharing_platform.database import read_session
from sharing_platform.errors import NotSignedInError
from sharing_platform.listings import service as listings
from sharing_platform.wanted import service as searches
from sharing_platform.machines.models import Machine
from sharing_platform.pages import Showing
from sharing_platform.organisations.models import Organisation

router = APIRouter(include_in_schema=False)

_SHOWN = 50


@router.get("/desk")
def get_desk(page: Page) -> HTMLResponse:
    if page.person is None:
        raise NotSignedInError
    actor = page.actor
    if actor is None:
        return page.render("desk_alone.html")
    with read_session(page.context.sessions) as session:
        own, now = actor.organisation, page.now
        ended = frozenset(State) - LIVE - PENDING
        waiting = asking.waiting_for_answer(session, own, now) if actor.approved else []
        return page.render(
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
