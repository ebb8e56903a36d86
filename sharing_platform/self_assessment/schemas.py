"""Requests and answers of the HTTP API about self-assessments."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from sharing_platform.schemas import ApiModel, Day, Name

Level = Annotated[int, Field(ge=0, le=4)]


class AssessmentAnswerIn(ApiModel):
    """How far the organisation is with what a question asks."""

    question: Name
    level: Annotated[Level | None, Field(description="null: the question does not apply.")]


class AssessmentAnswersIn(ApiModel):
    """Some answers, or all; questions that are left out keep theirs."""

    answers: Annotated[list[AssessmentAnswerIn], Field(min_length=1, max_length=100)]


class GoalIn(ApiModel):
    """The level that is to be reached by a day in the next ten years."""

    level: Annotated[int, Field(ge=1, le=4)]
    day: Day


class StrengthIn(ApiModel):
    """At what the organisation is good: questions that it answers itself with 3 or 4; and the know-how listing by which others ask it. Its name is shown to all approved
    organisations, also if it offers machines anonymously."""

    questions: Annotated[list[Name], Field(min_length=1, max_length=20)]
    listing: Annotated[str, Field(min_length=1, max_length=36)]
    name_shown: Annotated[Literal[True], Field(description="That the organisation's name is shown is agreed to.")]


class AssessmentQuestionOut(ApiModel):
    """`levels`: what somebody would see at each, from 0 on."""

    question: str
    title: str
    text: str
    levels: list[str]


class TransformationOut(ApiModel):
    """One of the seven, with what is asked of it."""

    transformation: str
    name: str
    about: str
    questions: list[AssessmentQuestionOut]


class AssessmentQuestionsOut(ApiModel):
    """What is asked now. A question that changes its meaning gets another name in another edition."""

    edition: int
    transformations: list[TransformationOut]


class AssessmentAnswerOut(ApiModel):
    """From `day` on, until the next answer to the same question."""

    question: str
    level: int | None
    day: date
    edition: int


class StandingOut(ApiModel):
    """`level`: the mean of the answers that apply; null while one is missing, or where none applies. `edition`: whose questions it is of."""

    transformation: str
    level: float | None
    edition: int | None
    answered: int
    asked: int


class GoalOut(ApiModel):
    """A goal, as it was set."""

    transformation: str
    level: int
    day: date


class StrengthOut(ApiModel):
    """What the organisation wants others to see; `shown`: of these questions, the ones that they do see."""

    transformation: str
    questions: list[str]
    listing: str
    since: datetime
    shown: list[str]


class AssessmentOut(ApiModel):
    """All that the platform keeps of the organisation's self-assessment, which no other organisation sees; nor does the region. `answers`: with those of before."""

    standings: list[StandingOut]
    answers: list[AssessmentAnswerOut]
    goals: list[GoalOut]
    strengths: list[StrengthOut]


class NetworkStrengthOut(ApiModel):
    """Who is good at what. Ask them by their listing."""

    organisation: str
    organisation_name: str
    place: str
    transformation: str
    questions: list[str]
    listing: str
    listing_title: str


class NetworkOut(ApiModel):
    """Organisations that want to be seen."""

    strengths: list[NetworkStrengthOut]
