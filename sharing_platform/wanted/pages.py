"""Pages of wanted notices and saved searches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.machines.index import get_machine_index
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData, decimal_point, split_lines, validate_form
from sharing_platform.search.criteria import Wish
from sharing_platform.search.form import fields_of, wish_of_form
from sharing_platform.search.neighbours import INCLUDED, NeighbourHit, get_neighbour_search
from sharing_platform.search.ranking import prepare_criteria
from sharing_platform.search.vocabulary import process_name
from sharing_platform.wanted import answers, matching, service
from sharing_platform.wanted.beside import OwnMachine, own_machines
from sharing_platform.wanted.matching import SAVED, WANTED
from sharing_platform.wanted.models import Match
from sharing_platform.wanted.notices import find_notices
from sharing_platform.wanted.schemas import MatchedOut, NoticeAnswerIn, NoticeAnswerOut, SearchIn

router = APIRouter(include_in_schema=False)

_MAX_SHOWN = 100
SUBJECTS = ("machine", "operator", "equipment", "know_how", "training")


@router.get("/wanted")
def get_wanted(page: Page) -> HTMLResponse:
    """The newest first; with words or other criteria, those that fit best."""
    asked = fields_of(page)
    wish, problems = wish_of_form(asked)
    filtered = wish != Wish()
    beyond: list[NeighbourHit] | None = None
    neighbours = get_neighbour_search(page.request)
    with read_session(page.context.sessions) as session:
        regions = neighbours.regions(session, page.now)
        try:
            if regions and asked.get(INCLUDED) == "yes":
                beyond = neighbours.find(session, prepare_criteria(wish), page.now, page.context.zone, ("notice",))
            notices = (
                find_notices(session, prepare_criteria(wish))
                if filtered
                else matching.wanted_notices(session, None, _MAX_SHOWN)
            )
        except InvalidError as error:
            problems[error.field], notices = error.code, []
        found = [service.search_out(*notice) for notice in notices[:_MAX_SHOWN]]
    return page.render(
        "wanted.html", found=found, regions=regions, beyond=beyond, given=asked, problems=problems, filtered=filtered
    )


@router.get("/wanted/new")
def get_new(page: Page) -> HTMLResponse:
    """With what a search of free hours asked for, where it found nothing."""
    require(page.actor, Right.ASK)
    return page.render("wanted_edit.html", subjects=SUBJECTS, given=_from_search(page))


_SEARCHED = {
    "q": "words", "process": "process", "material": "materials", "certificate": "certificates", "x": "x", "y": "y", "z": "z", "axes": "axes",
    "hours": "hours", "day": "first_day", "last_day": "last_day", "near": "near", "within_km": "within_km", "max_price": "max_price",
}  # fmt: skip
"""The fields of the search form, and those of a notice."""


def _from_search(page: PageRequest) -> dict[str, str]:
    asked = page.request.query_params
    given = {"subject": "machine"} | {field: asked[name] for name, field in _SEARCHED.items() if asked.get(name)}
    if "first_day" in given:
        given.setdefault("last_day", given["first_day"])
    title = given.get("words") or process_name(given.get("process", ""), page.language)
    return given | ({"title": title[:1].upper() + title[1:]} if title else {})


@router.post("/wanted/new")
def post_new(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    sides = [decimal_point(form.get(name)) for name in ("x", "y", "z")]
    fields: dict[str, Any] = {
        "subject": form.get("subject"), "words": form.get("words"), "process": form.get("process"),
        "materials": split_lines(form.get("materials")), "certificates": split_lines(form.get("certificates")),
        "workpiece_mm": sides if any(sides) else None, "axes": form.get("axes"), "hours": decimal_point(form.get("hours")),
        "first_day": form.get("first_day"), "last_day": form.get("last_day"), "near": form.get("near"),
        "within_km": decimal_point(form.get("within_km")), "max_price_per_hour": decimal_point(form.get("max_price")),
    }  # fmt: skip
    wish, problems = validate_form(Wish, fields)
    wanted = None
    if wish is not None:
        wanted, problems = validate_form(
            SearchIn, {"title": form.get("title"), "text": form.get("text"), "wish": wish, "notify": "mail"}
        )
    if wanted is None:
        return page.render_form("wanted_edit.html", None, form, problems, subjects=SUBJECTS)
    try:
        made = service.add(page.context, get_machine_index(page.request), actor, page.person, WANTED, wanted)
    except PlatformError as error:
        return page.render_form("wanted_edit.html", error, form, {}, subjects=SUBJECTS)
    return page.redirect(f"/wanted/{made.id}", "saved")


@router.get("/wanted/{search_id}")
def get_one(search_id: str, page: Page) -> HTMLResponse:
    return page.render("wanted_one.html", **_of_notice(page, search_id))


@dataclass(frozen=True)
class _Seen:
    """What a page shows of a notice or of a part of it: who has answered, for its owner what matches, and for others what they have themselves."""

    answers: list[NoticeAnswerOut]
    matches: list[tuple[Match, tuple[str, MatchedOut | None]]]
    beside: list[OwnMachine] = field(default_factory=list)


def _of_notice(page: PageRequest, search_id: str) -> dict[str, Any]:
    """`seen`: of the notice and of each part, by id."""
    viewer, actor = page.organisation, page.actor
    with read_session(page.context.sessions) as session:
        notice, organisation = matching.wanted_notice(session, search_id, viewer)
        is_own = viewer == organisation.id
        shown = service.notice_out(session, notice, organisation)
        seen, index = {}, get_machine_index(page.request)
        lends = actor is not None and not is_own and actor.may(Right.OFFER)
        for one, wish in ((shown.id, shown.wish), *((part.id, part.wish) for part in shown.parts)):
            found = matching.matches(session, one) if is_own else []
            seen[one] = _Seen(
                answers.answers_out(session, actor, one).answers if actor is not None else [],
                [(match, _what(page, session, match)) for match in found],
                own_machines(page.context, session, index, wish, viewer) if lends and viewer else [],
            )
        can_answer = actor is not None and not is_own and actor.approved and actor.may(Right.ASK)
        return {"search": shown, "seen": seen, "own": is_own, "saved": False, "can_answer": can_answer}


@router.post("/wanted/{search_id}/answers")
def post_answer(search_id: str, page: Page, form: FormData) -> Response:
    """To a notice or to a part of one: `notice` is the page that it came from."""
    actor = require(page.actor, Right.ASK)
    notice_id = form.get("notice") or search_id
    wanted, problems = validate_form(NoticeAnswerIn, {"text": form.get("text")})
    if wanted is None:
        return page.render_form("wanted_one.html", None, form, problems, **_of_notice(page, notice_id))
    try:
        answers.answer(page.context, actor, page.person, search_id, wanted.text)
    except NotFoundError:
        raise
    except PlatformError as error:
        return page.render_form("wanted_one.html", error, form, {}, **_of_notice(page, notice_id))
    return page.redirect(f"/wanted/{_checked(notice_id)}", "answered")


@router.post("/wanted/{search_id}/answers/{answer_id}")
def post_decision(search_id: str, answer_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    notice_id = form.get("notice") or search_id
    try:
        answers.decide(page.context, actor, search_id, answer_id, form.get("accepted") == "yes")
    except NotFoundError:
        raise
    except PlatformError as error:
        return page.render_form("wanted_one.html", error, form, {}, **_of_notice(page, notice_id))
    return page.redirect(f"/wanted/{_checked(notice_id)}", "saved")


def _checked(notice_id: str) -> str:
    """An id, as part of an address. Raises NotFoundError for what is none."""
    try:
        return str(UUID(notice_id))
    except ValueError:
        raise NotFoundError from None


@router.get("/searches/{search_id}")
def get_saved(search_id: str, page: Page) -> HTMLResponse:
    actor = require(page.actor, Right.READ)
    with read_session(page.context.sessions) as session:
        search = matching.own_search(session, actor.organisation, (SAVED,), search_id)
        matches = [(match, _what(page, session, match)) for match in matching.matches(session, search_id)]
        organisation = session.get_one(Organisation, actor.organisation)
        return page.render(
            "wanted_one.html",
            search=service.search_out(search, organisation),
            seen={search.id: _Seen([], matches)},
            own=True,
            saved=True,
            can_answer=False,
        )


@router.post("/wanted/{search_id}/close")
def post_close(search_id: str, page: Page) -> Response:
    service.close(page.context, require(page.actor, Right.ASK), WANTED, search_id)
    return page.redirect("/desk", "closed")


@router.post("/searches")
def post_search(page: Page, form: FormData) -> Response:
    """Save the search in the query string."""
    actor = require(page.actor, Right.ASK)
    wish, problems = wish_of_form(fields_of(page))
    title = (
        form.get("title") or wish.words or process_name(wish.process, page.language) or page.translator("free_hours")
    )
    wanted, wrong = validate_form(SearchIn, {"title": title, "wish": wish, "notify": "mail"})
    if wanted is None or problems or wrong:
        raise NotFoundError("request")
    made = service.add(page.context, get_machine_index(page.request), actor, page.person, SAVED, wanted)
    return page.redirect(f"/searches/{made.id}", "saved")


@router.post("/searches/{search_id}/close")
def post_forget(search_id: str, page: Page) -> Response:
    service.close(page.context, require(page.actor, Right.ASK), SAVED, search_id)
    return page.redirect("/desk", "closed")


def _what(page: PageRequest, session: Session, match: Match) -> tuple[str, MatchedOut | None]:
    """The path of the page of a match, and what is shown of it."""
    actor = require(page.actor, Right.READ)
    index = get_machine_index(page.request)
    return f"/{match.subject.replace(':', 's/', 1)}", service.matched_out(session, index, match, actor)
