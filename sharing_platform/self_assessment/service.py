"""What API and pages do with self-assessments, each as one transaction, and how the API shows them."""

from __future__ import annotations

import csv
import io
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.i18n import Translator
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.self_assessment import records
from sharing_platform.self_assessment.levels import Answer, Goal, standings
from sharing_platform.self_assessment.questionnaire import (
    editions,
    newest,
    question_texts,
    texts_of,
    transformation_of,
)
from sharing_platform.self_assessment.schemas import (
    AssessmentAnswerOut,
    AssessmentAnswersIn,
    AssessmentOut,
    AssessmentQuestionOut,
    AssessmentQuestionsOut,
    GoalIn,
    GoalOut,
    NetworkOut,
    NetworkStrengthOut,
    StandingOut,
    StrengthIn,
    StrengthOut,
    TransformationOut,
)


def today(context: PlatformContext) -> date:
    return context.now().astimezone(ZoneInfo(context.zone)).date()


def put_answers(context: PlatformContext, actor: Actor, given: AssessmentAnswersIn) -> None:
    """Not in the audit log, which the region reads. Raises InvalidError."""
    levels = {one.question: one.level for one in given.answers}
    with context.sessions.begin() as session:
        records.put_answers(session, actor.organisation, levels, today(context))


def put_goal(context: PlatformContext, actor: Actor, transformation: str, wanted: GoalIn) -> None:
    """Not in the audit log, either. Raises NotFoundError, InvalidError."""
    goal = Goal(records.require_transformation(transformation), wanted.level, wanted.day)
    with context.sessions.begin() as session:
        records.put_goal(session, actor.organisation, goal, context.now(), context.zone)


def remove_goal(context: PlatformContext, actor: Actor, transformation: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        records.remove_goal(session, actor.organisation, records.require_transformation(transformation))


def put_strength(context: PlatformContext, actor: Actor, transformation: str, wanted: StrengthIn) -> None:
    """Raises NotFoundError, InvalidError."""
    name = records.require_transformation(transformation)
    with context.sessions.begin() as session:
        records.put_strength(session, actor.organisation, name, wanted.questions, wanted.listing, context.now())
        log(session, context.now(), actor, "strength.shown", name)


def remove_strength(context: PlatformContext, actor: Actor, transformation: str) -> None:
    """Raises NotFoundError."""
    name = records.require_transformation(transformation)
    with context.sessions.begin() as session:
        if records.remove_strength(session, actor.organisation, name):
            log(session, context.now(), actor, "strength.hidden", name)


def questions_out(language: str) -> AssessmentQuestionsOut:
    texts = texts_of(language)
    return AssessmentQuestionsOut(
        edition=newest().number,
        transformations=[
            TransformationOut(
                transformation=name,
                name=texts[name].name,
                about=texts[name].about,
                questions=[
                    AssessmentQuestionOut(question=one, title=told.title, text=told.question, levels=list(told.levels))
                    for one, told in ((one, texts[name].questions[one]) for one in questions)
                ],
            )
            for name, questions in newest().questions.items()
        ],
    )


def assessment_out(session: Session, context: PlatformContext, organisation: str) -> AssessmentOut:
    answers = records.answers_of(session, organisation)
    seen = shown_of(session, context, organisation)
    return AssessmentOut(
        standings=[
            StandingOut(
                transformation=one.transformation,
                level=round(one.level, 2) if one.level is not None else None,
                edition=one.edition,
                answered=one.answered,
                asked=one.asked,
            )
            for one in standings(today(context), answers, editions()).values()
        ],
        answers=[
            AssessmentAnswerOut(question=one.question, level=one.level, day=one.day, edition=one.edition)
            for one in answers
        ],
        goals=[
            GoalOut(transformation=one.transformation, level=one.level, day=one.day)
            for one in records.goals_of(session, organisation).values()
        ],
        strengths=[
            StrengthOut(
                transformation=name,
                questions=one.questions,
                listing=one.listing_id,
                since=one.since,
                shown=list(seen.get(name, ())),
            )
            for name, one in records.strengths_of(session, organisation).items()
        ],
    )


def shown_of(session: Session, context: PlatformContext, organisation: str) -> dict[str, tuple[str, ...]]:
    """What others see of an organisation, by transformation."""
    return {
        one.transformation: one.questions for one in records.network(session, context.now(), organisation=organisation)
    }


def network_out(session: Session, context: PlatformContext, viewer: str | None) -> NetworkOut:
    """Who is not a member sees nothing of it."""
    found = records.network(session, context.now()) if viewer is not None else []
    return NetworkOut(
        strengths=[
            NetworkStrengthOut(
                organisation=one.organisation.id,
                organisation_name=one.organisation.name,
                place=one.organisation.place,
                transformation=one.transformation,
                questions=list(one.questions),
                listing=one.listing.id,
                listing_title=one.listing.title,
            )
            for one in found
        ]
    )


def as_csv(answers: list[Answer], t: Translator) -> bytes:
    """As spreadsheets in Belgium open it with a click. All texts are the platform's own."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow([t(key) for key in ("day", "assessment_edition", "transformation", "question", "level", "assessment_meaning")])  # fmt: skip
    questions, names = question_texts(t.language), texts_of(t.language)
    for one in answers:
        told = questions[one.question]
        meaning = t("does_not_apply") if one.level is None else told.levels[one.level]
        writer.writerow([
            one.day.isoformat(), one.edition, names[transformation_of(one.question)].name, told.title,
            "" if one.level is None else one.level, meaning,
        ])  # fmt: skip
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")
