"""Answers, goals and shown strengths in the database. Functions over a session and the present moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from sharing_platform.errors import InvalidError, NotFoundError
from sharing_platform.listings.models import OPEN, Listing
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED
from sharing_platform.self_assessment.levels import Answer, Goal, answers_on
from sharing_platform.self_assessment.models import AssessmentAnswer, AssessmentGoal, ShownStrength
from sharing_platform.self_assessment.questionnaire import GOOD, asked, newest, transformations

BEFORE = timedelta(days=28)
"""So long before a goal's day people are reminded for the first time, and for the second time on the day."""
_HOUR = time(7)
_FURTHEST = timedelta(days=3660)


def answers_of(session: Session, organisation: str) -> list[Answer]:
    """All that were ever given, the earliest first."""
    query = select(AssessmentAnswer).where(AssessmentAnswer.organisation_id == organisation)
    found = session.scalars(query.order_by(AssessmentAnswer.day, AssessmentAnswer.question))
    return [Answer(one.question, one.level, one.day, one.edition) for one in found]


def put_answers(session: Session, organisation: str, given: Mapping[str, int | None], today: date) -> None:
    """What is as it was leaves no trace. Raises InvalidError for what is not asked."""
    if not given.keys() <= asked():
        raise InvalidError("no_such_question", "answers")
    _lock(session, organisation)
    own = (AssessmentAnswer.organisation_id == organisation) & AssessmentAnswer.question.in_(given)
    session.execute(delete(AssessmentAnswer).where(own, AssessmentAnswer.day == today))
    held = answers_on(today, answers_of(session, organisation))
    edition = newest().number
    for question, level in given.items():
        known = held.get(question)
        if known is None or (known.level, known.edition) != (level, edition):
            session.add(
                AssessmentAnswer(organisation_id=organisation, question=question, day=today, level=level, edition=edition)
            )  # fmt: skip


def _lock(session: Session, organisation: str) -> None:
    """People of one organisation who save at the same moment take turns."""
    session.get_one(Organisation, organisation, with_for_update=True)


def require_transformation(name: str) -> str:
    """Raises NotFoundError."""
    if name not in transformations():
        raise NotFoundError
    return name


def goals_of(session: Session, organisation: str) -> dict[str, Goal]:
    """By transformation."""
    query = select(AssessmentGoal).where(AssessmentGoal.organisation_id == organisation)
    return {one.transformation: Goal(one.transformation, one.level, one.day) for one in session.scalars(query)}


def put_goal(session: Session, organisation: str, goal: Goal, now: datetime, zone: str) -> None:
    """Raises InvalidError for a day that is over, or ten years away."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if not today < goal.day <= today + _FURTHEST:
        raise InvalidError("goal_day", "day")
    _lock(session, organisation)
    found = session.get(AssessmentGoal, (organisation, goal.transformation))
    if found is None:
        found = AssessmentGoal(organisation_id=organisation, transformation=goal.transformation)
        session.add(found)
    found.level, found.day = goal.level, goal.day
    found.remind = next(one for one in reminders_of(goal.day, zone) if one > now)


def reminders_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """When people are reminded of a goal."""
    first, last = (datetime.combine(one, _HOUR, ZoneInfo(zone)) for one in (day - BEFORE, day))
    return first, last


def remove_goal(session: Session, organisation: str, transformation: str) -> None:
    session.execute(
        delete(AssessmentGoal).where(
            AssessmentGoal.organisation_id == organisation, AssessmentGoal.transformation == transformation
        )
    )


@dataclass(frozen=True)
class Strength:
    """What others see of an organisation that is good at something."""

    organisation: Organisation
    transformation: str
    questions: tuple[str, ...]
    listing: Listing


def put_strength(
    session: Session, organisation: str, transformation: str, questions: Collection[str], listing_id: str, now: datetime
) -> None:  # fmt: skip
    """Raises InvalidError for what the organisation does not answer with a good level itself, and where there is no know-how of its own that can be asked for."""
    _lock(session, organisation)
    good = good_questions(session, [organisation], questions).get(organisation, set())
    chosen = [one for one in newest().questions[transformation] if one in questions]
    if len(chosen) != len(set(questions)) or not chosen or not good.issuperset(chosen):
        raise InvalidError("strength_level", "questions")
    if listing_id not in {one.id for one in own_know_how(session, organisation, now)}:
        raise InvalidError("strength_listing", "listing")
    found = session.get(ShownStrength, (organisation, transformation))
    if found is None:
        found = ShownStrength(organisation_id=organisation, transformation=transformation, since=now)
        session.add(found)
    found.questions, found.listing_id = chosen, listing_id


def remove_strength(session: Session, organisation: str, transformation: str) -> bool:
    """Returns whether there was one."""
    found = session.get(ShownStrength, (organisation, transformation), with_for_update=True)
    if found is not None:
        session.delete(found)
    return found is not None


def strengths_of(session: Session, organisation: str) -> dict[str, ShownStrength]:
    """What an organisation wants to be shown, by transformation."""
    query = select(ShownStrength).where(ShownStrength.organisation_id == organisation)
    return {one.transformation: one for one in session.scalars(query)}


def network(
    session: Session, now: datetime, organisation: str | None = None, transformation: str | None = None
) -> list[Strength]:
    """All that may be shown now, of one organisation or transformation where they are named: of approved organisations that want it, as far as they still answer so themselves and
    can be asked. Read anew each time, so that what is withdrawn is gone at once."""
    query = (
        select(ShownStrength, Organisation, Listing)
        .join(Organisation, Organisation.id == ShownStrength.organisation_id)
        .join(Listing, Listing.id == ShownStrength.listing_id)
        .where(Organisation.status == APPROVED, *_can_be_asked(now), Listing.organisation_id == Organisation.id)
        .order_by(Organisation.name, Organisation.id)
    )
    if organisation is not None:
        query = query.where(ShownStrength.organisation_id == organisation)
    if transformation is not None:
        query = query.where(ShownStrength.transformation == transformation)
    rows = session.execute(query).all()
    named = {one for shown, _, _ in rows for one in shown.questions}
    good = good_questions(session, {owner.id for _, owner, _ in rows}, named)
    found = []
    for shown, owner, listing in rows:
        questions = tuple(one for one in shown.questions if one in good.get(owner.id, ()))
        if questions:
            found.append(Strength(owner, shown.transformation, questions, listing))
    return found


def good_questions(session: Session, organisations: Collection[str], questions: Collection[str]) -> dict[str, set[str]]:
    """What of these questions they themselves answer with a good level, by organisation."""
    answers: defaultdict[str, list[Answer]] = defaultdict(list)
    theirs = AssessmentAnswer.organisation_id.in_(organisations) & AssessmentAnswer.question.in_(questions)
    for one in session.scalars(select(AssessmentAnswer).where(theirs)):
        answers[one.organisation_id].append(Answer(one.question, one.level, one.day, one.edition))
    return {
        organisation: {
            one.question for one in answers_on(date.max, given).values() if one.level is not None and one.level >= GOOD
        }
        for organisation, given in answers.items()
    }


def own_know_how(session: Session, organisation: str, now: datetime) -> list[Listing]:
    """By which others can ask."""
    query = select(Listing).where(Listing.organisation_id == organisation, *_can_be_asked(now))
    return list(session.scalars(query.order_by(Listing.title, Listing.id)))


def _can_be_asked(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Listing.kind == "know_how", Listing.status == OPEN, Listing.end > now, Listing.taken_down.is_(None)
