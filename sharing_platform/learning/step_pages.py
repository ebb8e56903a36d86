"""What people do on the page of a post: sign up, want a training, make it a course, answer; and what the region sets."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.learning import interests, meetings, questions
from sharing_platform.learning.pages import values_of
from sharing_platform.learning.posts import is_shown
from sharing_platform.learning.schemas import AnswerTextIn, CourseIn, EnoughIn, InterestedIn, MarkIn
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)


@router.post("/learning/{post_id}/seat")
def post_seat(post_id: str, page: Page, form: FormData) -> Response:
    """Sign up, or cancel."""
    actor = require(page.actor, Right.ASK)

    def step() -> str:
        if form.get("leave"):
            meetings.leave(page.context, actor, page.person, post_id)
            return "seat_left"
        return f"seat_{meetings.join(page.context, actor, page.person, post_id).state}"

    return _take(page, post_id, form, step)


@router.post("/learning/{post_id}/interest")
def post_interest(post_id: str, page: Page, form: FormData) -> Response:
    """Want a training, or no longer."""
    actor = require(page.actor, Right.ASK)
    if form.get("leave"):
        interests.leave(page.context, actor, post_id)
        return _back(page, post_id, "interest_left")
    wanted, problems = validate_form(InterestedIn, {"people": form.get("people")})
    if wanted is None:
        return page.render_form("learning_post.html", None, form, problems, **values_of(page, post_id))

    def step() -> str:
        interests.join(page.context, actor, page.person, post_id, wanted.people)
        return "interest_joined"

    return _take(page, post_id, form, step)


@router.post("/learning/{post_id}/course")
def post_course(post_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.LIST)
    wanted, problems = validate_form(CourseIn, {"listing": form.get("listing")})
    if wanted is None:
        return page.render_form("learning_post.html", None, form, problems, **values_of(page, post_id))

    def step() -> str:
        interests.make_course(page.context, actor, post_id, wanted.listing)
        return "course_made"

    return _take(page, post_id, form, step)


@router.post("/learning/{post_id}/answers")
def post_answer(post_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    wanted, problems = validate_form(AnswerTextIn, {"text": form.get("text")})
    if wanted is None:
        return page.render_form("learning_post.html", None, form, problems, **values_of(page, post_id))

    def step() -> str:
        questions.answer(page.context, actor, post_id, wanted.text)
        return "answered"

    return _take(page, post_id, form, step)


@router.post("/learning/{post_id}/answers/{answer_id}")
def post_mark(post_id: str, answer_id: str, page: Page, form: FormData) -> Response:
    """What the asker says of an answer, or that who gave it withdraws it."""
    actor = require(page.actor, Right.ASK)
    if form.get("withdraw"):
        questions.withdraw(page.context, actor, post_id, answer_id)
    else:
        wanted, _ = validate_form(MarkIn, {"mark": form.get("mark")})
        if wanted is None:
            raise NotFoundError
        questions.mark(page.context, actor, post_id, answer_id, wanted.mark)
    return _back(page, post_id, "saved")


@router.get("/region/learning")
def get_region(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    with read_session(page.context.sessions) as session:
        number = interests.enough(session)
    return page.render("region_learning.html", given={"enough": str(number)})


@router.post("/region/learning")
def post_region(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    wanted, problems = validate_form(EnoughIn, {"enough": form.get("enough")})
    if wanted is None:
        return page.render_form("region_learning.html", None, form, problems)
    interests.set_enough(page.context, actor, wanted.enough)
    return page.redirect("/region/learning", "saved")


def _take(page: PageRequest, post_id: str, form: Form, step: Callable[[], str]) -> Response:
    """Take a step and show the page again, with what it says or with what is wrong. Raises NotFoundError."""
    try:
        done = step()
    except NotFoundError:
        raise
    except PlatformError as error:
        return page.render_form("learning_post.html", error, form, {}, **values_of(page, post_id))
    return _back(page, post_id, done)


def _back(page: PageRequest, post_id: str, done: str) -> Response:
    """To the post or, for who has taken something back of one that they see no more, to all that are there."""
    viewer = page.actor.organisation if page.actor is not None else None
    with read_session(page.context.sessions) as session:
        shown = is_shown(session, post_id, viewer)
    return page.redirect(f"/learning/{post_id}" if shown else "/learning", done)
