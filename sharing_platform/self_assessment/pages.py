"""Pages of the self-assessment: how far an organisation is, each transformation with its questions, and who can be learnt from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, PlatformError
from sharing_platform.machines.visibility import has_anonymous_machines
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Actor, Right, require
from sharing_platform.pages import Form, FormData, validate_form
from sharing_platform.self_assessment import records, service
from sharing_platform.self_assessment.charts import radar
from sharing_platform.self_assessment.levels import (
    Answer,
    Standing,
    a_year_before,
    answers_on,
    is_reached,
    moments,
    next_steps,
    standing,
    standings,
    steps_of,
)
from sharing_platform.self_assessment.questionnaire import (
    GOOD,
    LEVELS,
    editions,
    newest,
    question_texts,
    texts_of,
    transformations,
)
from sharing_platform.self_assessment.records import Strength
from sharing_platform.self_assessment.schemas import AssessmentAnswerIn, AssessmentAnswersIn, GoalIn, StrengthIn

router = APIRouter(include_in_schema=False)

_NOT_APPLICABLE = "none"
"""In forms, in place of a level."""
_MISSING = {"questions": "strength_level", "listing": "strength_listing", "name_shown": "name_not_agreed"}
"""What is said of a field that is not filled in."""


@router.get("/self-assessment")
def get_assessment(page: Page) -> HTMLResponse:
    actor = require(page.actor, Right.READ)
    today, texts = service.today(page.context), texts_of(page.language)
    with read_session(page.context.sessions) as session:
        answers = records.answers_of(session, actor.organisation)
        goals = records.goals_of(session, actor.organisation)
        shown = service.shown_of(session, page.context, actor.organisation)
    now = standings(today, answers, editions())
    first = min((one.day for one in answers), default=today)
    compared = _compared(page, first, today)
    before = standings(compared, answers, editions())
    return page.render(
        "self_assessment.html",
        texts=texts,
        questions=question_texts(page.language),
        today=today,
        now_at=now,
        before=before,
        compared=compared,
        first=first,
        started=bool(answers),
        answered=sum(one.answered for one in now.values()),
        asked=sum(one.asked for one in now.values()),
        goals=goals,
        reached={name for name, goal in goals.items() if is_reached(goal, now[name].level)},
        shape=radar(_levels(now), _levels(before), {name: goal.level for name, goal in goals.items()}),
        steps=next_steps(answers_on(today, answers), goals, editions()),
        history=[(day, standings(day, answers, editions())) for day in moments(first, today)],
        shown=shown,
        resume=next((name for name, one in now.items() if not one.complete), None),
    )


def _levels(found: Mapping[str, Standing]) -> dict[str, float | None]:
    return {name: one.level for name, one in found.items()}


def _compared(page: PageRequest, first: date, today: date) -> date:
    """The day with which today is compared: what is asked for, else a year ago; if that is before the first answer, the first day."""
    try:
        asked = date.fromisoformat(page.request.query_params.get("compared", ""))
    except ValueError:
        asked = a_year_before(today)
    return min(max(asked, first), today)


@router.get("/self-assessment/answers.csv")
def get_answers_csv(page: Page) -> Response:
    """All answers, of now and of before."""
    actor = require(page.actor, Right.READ)
    with read_session(page.context.sessions) as session:
        content = service.as_csv(records.answers_of(session, actor.organisation), page.translator)
    headers = {"Content-Disposition": 'attachment; filename="self-assessment.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/self-assessment/network")
def get_network(page: Page) -> HTMLResponse:
    """Whom to ask; what the organisation itself is less good at stands first."""
    actor = require(page.actor, Right.READ)
    with read_session(page.context.sessions) as session:
        found = records.network(session, page.now) if actor.viewer is not None else []
        held = answers_on(date.max, records.answers_of(session, actor.organisation))
        goals = records.goals_of(session, actor.organisation)
    by_name: defaultdict[str, list[Strength]] = defaultdict(list)
    for one in found:
        by_name[one.transformation].append(one)
    names = sorted(transformations(), key=lambda name: name not in goals)
    return page.render(
        "self_assessment_network.html",
        texts=texts_of(page.language),
        strengths=[(name, by_name[name]) for name in names if by_name[name]],
        goals=goals,
        learns=_learns(held),
    )


def _learns(held: Mapping[str, Answer]) -> set[str]:
    """Questions at which the organisation says itself that it is not good yet."""
    return {name for name, one in held.items() if one.level is not None and one.level < GOOD}


@router.get("/self-assessment/{transformation}")
def get_transformation(transformation: str, page: Page) -> HTMLResponse:
    return _transformation(page, require(page.actor, Right.READ), transformation)


@router.post("/self-assessment/{transformation}")
def post_answers(transformation: str, page: Page, form: FormData) -> Response:
    """Answers that somebody has changed since they were shown; what others have answered meanwhile stays. A script sends each as it is chosen."""
    actor = require(page.actor, Right.ASK)
    name = records.require_transformation(transformation)
    changed = []
    for question in newest().questions[name]:
        given = form.get(question)
        if given is not None and given != form.get(f"was_{question}"):
            if given not in (_NOT_APPLICABLE, *map(str, LEVELS)):
                raise InvalidError("field", question)
            changed.append(
                AssessmentAnswerIn(question=question, level=None if given == _NOT_APPLICABLE else int(given))
            )
    if changed:
        service.put_answers(page.context, actor, AssessmentAnswersIn(answers=changed))
    if page.by_script:
        with read_session(page.context.sessions) as session:
            held = answers_on(service.today(page.context), records.answers_of(session, actor.organisation))
        return page.render("_self_assessment_saved.html", standing=standing(name, held, editions()))
    names = transformations()
    place = names.index(name) + 1
    onwards = f"/{names[place]}" if form.get("then") == "next" and place < len(names) else ""
    return page.redirect(f"/self-assessment{onwards}", "saved")


@router.post("/self-assessment/{transformation}/goal")
def post_goal(transformation: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.LIST)
    name = records.require_transformation(transformation)
    if form.get("what") == "remove":
        service.remove_goal(page.context, actor, name)
        return page.redirect(f"/self-assessment/{name}", "saved")
    wanted, problems = validate_form(GoalIn, {"level": form.get("level"), "day": form.get("day")})
    if wanted is None:
        return _transformation(page, actor, name, None, form, problems)
    try:
        service.put_goal(page.context, actor, name, wanted)
    except PlatformError as error:
        return _transformation(page, actor, name, error, form)
    return page.redirect(f"/self-assessment/{name}", "saved")


@router.post("/self-assessment/{transformation}/strength")
def post_strength(transformation: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.LIST)
    name = records.require_transformation(transformation)
    if form.get("what") == "remove":
        service.remove_strength(page.context, actor, name)
        return page.redirect(f"/self-assessment/{name}", "saved")
    chosen = (form.get("questions") or "").split("\n")
    fields: dict[str, Any] = {
        "questions": [one for one in chosen if one], "listing": form.get("listing"), "name_shown": form.get("name_shown") == "yes" or None,
    }  # fmt: skip
    wanted, problems = validate_form(StrengthIn, fields)
    if wanted is None:
        problems = {field: _MISSING.get(field, code) for field, code in problems.items()}
        return _transformation(page, actor, name, None, form, problems)
    try:
        service.put_strength(page.context, actor, name, wanted)
    except PlatformError as error:
        return _transformation(page, actor, name, error, form)
    return page.redirect(f"/self-assessment/{name}", "saved")


@dataclass(frozen=True)
class _Others:
    """Who can be learnt from, and what of this organisation others see."""

    found: list[Strength]
    shown: tuple[str, ...]


def _others(session: Session, page: PageRequest, actor: Actor, name: str) -> _Others:
    seen = records.network(session, page.now, transformation=name)
    own = next((one.questions for one in seen if one.organisation.id == actor.organisation), ())
    others = [one for one in seen if one.organisation.id != actor.organisation]
    return _Others(others if actor.viewer is not None else [], own)


def _transformation(
    page: PageRequest,
    actor: Actor,
    transformation: str,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    name = records.require_transformation(transformation)
    today = service.today(page.context)
    with read_session(page.context.sessions) as session:
        held = answers_on(today, records.answers_of(session, actor.organisation))
        goal = records.goals_of(session, actor.organisation).get(name)
        strength = records.strengths_of(session, actor.organisation).get(name)
        others = _others(session, page, actor, name)
        listings = records.own_know_how(session, actor.organisation, page.now)
        anonymous = has_anonymous_machines(session, actor.organisation)
        organisation = session.get_one(Organisation, actor.organisation)
    questions = newest().questions[name]
    names = transformations()
    place = names.index(name)
    given = {
        "level": str(goal.level) if goal else "",
        "day": goal.day.isoformat() if goal else "",
        "listing": strength.listing_id if strength else "",
        **(form or {}),
    }
    good = [one for one in questions if one in held and (held[one].level or 0) >= GOOD]
    ticked = (form or {}).get("questions", "").split("\n") if form else list(strength.questions) if strength else good
    return page.render_with_forms(
        "self_assessment_one.html",
        error,
        given,
        problems,
        name=name,
        text=texts_of(page.language)[name],
        number=place + 1,
        names=names,
        names_of=texts_of(page.language),
        before=names[place - 1] if place else None,
        after=names[place + 1] if place + 1 < len(names) else None,
        questions=questions,
        held=held,
        levels=LEVELS,
        standing=standing(name, held, editions()),
        goal=goal,
        steps=steps_of(name, questions, held),
        strength=strength,
        shown=others.shown,
        others=others.found,
        learns=_learns(held),
        good=good,
        ticked=ticked,
        listings=listings,
        anonymous=anonymous,
        organisation=organisation,
    )
