"""Pages of what organisations post to learn from each other."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.learning import interests, meetings, posts, questions, service
from sharing_platform.learning.details import MEETING_FORMS, TRANSFORMATIONS
from sharing_platform.learning.form import form_of_post, post_of_form
from sharing_platform.learning.posts import NEEDED
from sharing_platform.learning.schemas import InterestOut, MeetingOut, PostOut, QuestionOut
from sharing_platform.listings.form import session_rows
from sharing_platform.listings.pages import LANGUAGES
from sharing_platform.machines.visibility import has_anonymous_machines
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData
from sharing_platform.search.form import fields_of, wish_of_form
from sharing_platform.search.vocabulary import process_choices

router = APIRouter(include_in_schema=False)

KINDS = tuple(NEEDED)
_SHOWN_OF_EACH = 4
_MAX_SHOWN = 200
_KEPT = ("q", "process", "transformation", "near", "within_km")
_FIGURE_ROWS = 4


@router.get("/learning")
def get_learning(page: Page) -> HTMLResponse:
    """The first of each kind, or all of one."""
    asked = fields_of(page)
    kind = asked.get("kind") if asked.get("kind") in KINDS else None
    transformation = next((one for one in TRANSFORMATIONS if one == asked.get("transformation")), None)
    wish, problems = wish_of_form(asked)
    found: dict[str, list[PostOut]] = {}
    counts: dict[str, int] = {}
    with read_session(page.context.sessions) as session:
        try:
            criteria = posts.criteria_of(wish)
            for one in KINDS if kind is None else (kind,):
                results = posts.find_posts(session, criteria, page.now, one, transformation)
                counts[one] = len(results)
                found[one] = service.posts_out(session, results[: _SHOWN_OF_EACH if kind is None else _MAX_SHOWN])
        except InvalidError as error:
            problems[error.field] = error.code
    kept = [(name, asked[name]) for name in _KEPT if asked.get(name)]
    return page.render(
        "learning.html",
        found=found,
        counts=counts,
        kind=kind,
        tabs=[(one, urlencode([*([("kind", one)] if one else []), *kept])) for one in (None, *KINDS)],
        may_post=_kinds_to_post(page),
        given=asked,
        problems=problems,
        filtered=bool(kept),
        **_choices(page),
    )


def _kinds_to_post(page: PageRequest) -> list[str]:
    return [one for one in KINDS if page.actor is not None and page.actor.may(NEEDED[one])]


def _choices(page: PageRequest) -> dict[str, Any]:
    """What can be chosen in the forms, with its names."""
    t = page.translator
    return {
        "transformations_named": [(one, t(f"learning_{one}")) for one in TRANSFORMATIONS],
        "processes_named": process_choices(t.language),
    }


@router.get("/learning/new")
def get_new(page: Page) -> HTMLResponse:
    require(page.actor, Right.ASK)
    may = _kinds_to_post(page)
    asked = page.request.query_params.get("kind")
    kind = asked if asked in KINDS else next(iter(may), KINDS[0])
    require(page.actor, NEEDED[kind])
    given = {"form": page.request.query_params.get("form", "visit"), "people": "1"}
    return page.render("learning_edit.html", post=None, kinds=may, given=given, **_of_form(page, kind, given))


@router.post("/learning/new")
def post_new(page: Page, form: FormData) -> Response:
    require(page.actor, Right.ASK)
    return _put(page, form, None)


@router.get("/learning/{post_id}")
def get_one(post_id: str, page: Page) -> HTMLResponse:
    return page.render("learning_post.html", **values_of(page, post_id))


@router.get("/learning/{post_id}/edit")
def get_edit(post_id: str, page: Page) -> HTMLResponse:
    post = _own(page, post_id)
    with read_session(page.context.sessions) as session:
        people = interests.own_people(session, post.id, page.organisation)
    given = form_of_post(post, ZoneInfo(page.context.zone), people)
    return page.render("learning_edit.html", post=post, kinds=(), given=given, **_of_form(page, post.kind, given))


@router.post("/learning/{post_id}/edit")
def post_edit(post_id: str, page: Page, form: FormData) -> Response:
    return _put(page, form, _own(page, post_id))


@router.post("/learning/{post_id}/close")
def post_close(post_id: str, page: Page) -> Response:
    service.close_post(page.context, require(page.actor, Right.ASK), post_id)
    return page.redirect("/learning", "closed")


def values_of(page: PageRequest, post_id: str) -> dict[str, Any]:
    """What the page of a post shows. Raises NotFoundError. `attendees`: for the organiser alone; `trainings`: what the actor can make the course that is wanted."""
    with read_session(page.context.sessions) as session:
        post = service.post_out(session, posts.shown_post(session, post_id, page.organisation))
        values: dict[str, Any] = {
            "post": post,
            "own": page.organisation == post.organisation,
            "needed": NEEDED,
            "anonymous": has_anonymous_machines(session, page.organisation),
        }
        actor, person = page.actor, page.person
        if isinstance(post, MeetingOut):
            values["seat"] = meetings.own_seat(session, post.id, person.account.id if person else None)
            sees = actor is not None and values["own"] and actor.may(Right.LIST)
            values["attendees"] = meetings.attendees(session, actor, post.id).attendees if actor and sees else None
        if isinstance(post, InterestOut):
            values["people"] = interests.own_people(session, post.id, page.organisation)
            trains = actor is not None and actor.may(Right.LIST) and post.course is None
            values["trainings"] = interests.own_trainings(session, actor.organisation, page.now) if actor and trains else None  # fmt: skip
        if isinstance(post, QuestionOut):
            values["answers"] = questions.answers_out(session, post.id, page.organisation).answers
        return values


def _of_form(page: PageRequest, kind: str, given: Form) -> dict[str, Any]:
    """What the form of a kind shows beside its fields. `rows`: of sessions, with some to add."""
    t = page.translator
    with read_session(page.context.sessions) as session:
        anonymous = has_anonymous_machines(session, page.organisation)
    filled = len(given["figure_label"].split("\n")) if given.get("figure_label") else 0
    return {
        "kind": kind,
        "rows": session_rows(given),
        "figure_rows": min(10, max(_FIGURE_ROWS, filled + 1)),
        "forms_named": [(one, t(f"meeting_{one}")) for one in MEETING_FORMS],
        "spoken_named": [(one, t(f"language_{one}")) for one in LANGUAGES],
        "anonymous": anonymous,
        **_choices(page),
    }


def _put(page: PageRequest, form: Form, post: PostOut | None) -> Response:
    given_kind = form.get("kind", "")
    kind = post.kind if post else given_kind if given_kind in KINDS else next(iter(_kinds_to_post(page)), KINDS[0])
    actor = require(page.actor, NEEDED[kind])
    values = {"post": post, "kinds": () if post else _kinds_to_post(page), **_of_form(page, kind, form)}
    wanted, problems = post_of_form(kind, form, ZoneInfo(page.context.zone))
    if wanted is None:
        return page.render_form("learning_edit.html", None, form, problems, **values)
    try:
        put = service.put_post(page.context, actor, wanted, post.id if post else None, None)
    except PlatformError as error:
        return page.render_form("learning_edit.html", error, form, {}, **values)
    return page.redirect(f"/learning/{put.id}", "saved")


def _own(page: PageRequest, post_id: str) -> PostOut:
    """Raises NotFoundError for another's, NotAllowedError for a member who may not post this kind."""
    actor = require(page.actor, Right.ASK)
    with read_session(page.context.sessions) as session:
        post = service.post_out(session, posts.shown_post(session, post_id, actor.organisation))
    if post.organisation != actor.organisation:
        raise NotFoundError
    require(actor, NEEDED[post.kind])
    return post
