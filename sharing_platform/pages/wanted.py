"""What people look for: wanted notices and saved searches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.api import searches as doing
from sharing_platform.database import reading
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.finding import searches
from sharing_platform.finding.messages import SearchIn
from sharing_platform.finding.searches import SAVED, WANTED
from sharing_platform.finding.tables import Listing, Match, Offer
from sharing_platform.finding.wish import Wish
from sharing_platform.pages.search import wish_of
from sharing_platform.pages.shown import Filled, Showing, lines, number, parsed
from sharing_platform.people.access import Right, require
from sharing_platform.people.tables import Organisation

router = APIRouter(include_in_schema=False)

_MAX_SHOWN = 100
SUBJECTS = ("machine", "operator", "equipment", "know_how", "training")


@router.get("/wanted")
def get_wanted(show: Showing) -> HTMLResponse:
    with reading(show.context.sessions) as session:
        found = [doing.search_out(*one) for one in searches.wanted_notices(session, None, _MAX_SHOWN)]
    return show.page("wanted.html", found=found)


@router.get("/wanted/new")
def get_new(show: Showing) -> HTMLResponse:
    require(show.actor, Right.ASK)
    return show.page("wanted_edit.html", subjects=SUBJECTS, given={"subject": "machine"})


@router.post("/wanted/new")
def post_new(show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.ASK)
    sides = [number(form.get(name)) for name in ("x", "y", "z")]
    fields: dict[str, Any] = {
        "subject": form.get("subject"), "words": form.get("words"), "process": form.get("process"),
        "materials": lines(form.get("materials")), "certificates": lines(form.get("certificates")),
        "workpiece_mm": sides if any(sides) else None, "axes": form.get("axes"), "hours": number(form.get("hours")),
        "first_day": form.get("first_day"), "last_day": form.get("last_day"), "near": form.get("near"),
        "within_km": number(form.get("within_km")), "max_price_per_hour": number(form.get("max_price")),
    }  # fmt: skip
    wish, problems = parsed(Wish, fields)
    wanted = None
    if wish is not None:
        wanted, problems = parsed(
            SearchIn, {"title": form.get("title"), "text": form.get("text"), "wish": wish, "notify": "mail"}
        )
    if wanted is None:
        return show.again("wanted_edit.html", None, form, problems, subjects=SUBJECTS)
    try:
        made = doing.add(show.context, actor, show.person, WANTED, wanted)
    except PlatformError as error:
        return show.again("wanted_edit.html", error, form, {}, subjects=SUBJECTS)
    return show.to(f"/wanted/{made.id}", "saved")


@router.get("/wanted/{search_id}")
def get_one(search_id: str, show: Showing) -> HTMLResponse:
    viewer = show.organisation
    with reading(show.context.sessions) as session:
        notice, organisation = searches.wanted_notice(session, search_id, viewer)
        own = viewer == organisation.id
        matches = [(one, _what(session, one)) for one in searches.matches(session, search_id)] if own else []
        return show.page(
            "wanted_one.html", search=doing.search_out(notice, organisation), matches=matches, own=own, saved=False
        )


@router.get("/searches/{search_id}")
def get_saved(search_id: str, show: Showing) -> HTMLResponse:
    actor = require(show.actor, Right.READ)
    with reading(show.context.sessions) as session:
        search = searches.own_search(session, actor.organisation, SAVED, search_id)
        matches = [(one, _what(session, one)) for one in searches.matches(session, search_id)]
        organisation = session.get_one(Organisation, actor.organisation)
        return show.page(
            "wanted_one.html", search=doing.search_out(search, organisation), matches=matches, own=True, saved=True
        )


@router.post("/wanted/{search_id}/close")
def post_close(search_id: str, show: Showing) -> Response:
    doing.close(show.context, require(show.actor, Right.ASK), WANTED, search_id)
    return show.to("/desk", "closed")


@router.post("/searches")
def post_search(show: Showing, form: Filled) -> Response:
    """The search in the address, saved."""
    actor = require(show.actor, Right.ASK)
    wish, problems = wish_of(show)
    title = form.get("title") or wish.words or show.process_name(wish.process) or show.words("free_hours")
    wanted, wrong = parsed(SearchIn, {"title": title, "wish": wish, "notify": "mail"})
    if wanted is None or problems or wrong:
        raise NotFoundError("request")
    made = doing.add(show.context, actor, show.person, SAVED, wanted)
    return show.to(f"/searches/{made.id}", "saved")


@router.post("/searches/{search_id}/close")
def post_forget(search_id: str, show: Showing) -> Response:
    doing.close(show.context, require(show.actor, Right.ASK), SAVED, search_id)
    return show.to("/desk", "closed")


def _what(session: Session, match: Match) -> tuple[str, Offer | Listing | None]:
    """The page of what was found, and itself."""
    kind, _, own_id = match.subject.partition(":")
    found = session.get(Offer, own_id) if kind == "offer" else session.get(Listing, own_id)
    return f"/{kind}s/{own_id}", found
