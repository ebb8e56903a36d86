"""Requests and answers of the HTTP API about reports and decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from sharing_platform.organisations.schemas import LanguageCode
from sharing_platform.schemas import ApiModel, Email, OneLine, OrganisationName, Text

Category = Literal["illegal", "dangerous", "rights", "personal_data", "misleading", "offensive", "spam", "other"]
"""What somebody reports."""
Ground = Literal["illegal", "dangerous", "rights", "personal_data", "misleading", "offensive", "spam", "terms", "none"]
"""On what a decision stands; `none`: nothing speaks against it."""
Outcome = Literal["taken_down", "left"]
Reason = Annotated[Text, StringConstraints(max_length=2000)]


class ReportIn(ApiModel):
    """What is wrong, and on which page it stands (its path). A single thing has a path, too: a picture of a machine the one that the machine lists; of what the other party of a
    booking has sent, `/bookings/{booking}/messages/{id}`, `…/attachments/{id}`, `…/proposals/{id}` (the texts of a quote) and `…/review`. Who is not signed in may say whom to
    answer."""

    page: Annotated[OneLine, StringConstraints(pattern=r"^/[^\s?#]*$", max_length=200)]
    category: Category
    text: Reason
    name: OrganisationName | None = None
    email: Email | None = None
    language: LanguageCode = "nl"


class ReportOut(ApiModel):
    """A report, for the region. `reporter`: whom to answer, empty where nobody said. `decision`: its id."""

    id: str
    kind: str
    subject: str
    page: str
    title: str
    organisation: str
    category: Category
    text: str
    reporter: str
    created: datetime
    decision: str | None


class ReportPage(ApiModel):
    """The oldest first."""

    reports: list[ReportOut]
    next: str | None


class ModerationIn(ApiModel):
    """The region's word on what a report is about, which answers all reports of it. `ground` and `text` are told to whom it concerns."""

    outcome: Outcome
    ground: Ground
    text: Reason


class AppealIn(ApiModel):
    """Why the decision is wrong."""

    text: Reason


class AnswerIn(ApiModel):
    """The answer to an appeal. `ground`: needed where something that was left is taken down after all."""

    outcome: Literal["upheld", "reversed"]
    ground: Ground = "none"
    text: Reason


class DecisionOut(ApiModel):
    """A decision with its reasons. `appeal_until`: until when whom it concerns may appeal, null where they no longer may."""

    id: str
    kind: str
    subject: str
    title: str
    outcome: Outcome
    ground: Ground
    text: str
    at: datetime
    appeal_until: datetime | None
    appealed: datetime | None
    appeal: str
    answered: datetime | None
    answer: Literal["upheld", "reversed"] | None
    answer_text: str


class DecisionsOut(ApiModel):
    """The newest first."""

    decisions: list[DecisionOut]


class CountedOut(ApiModel):
    """How many there are of a kind."""

    name: str
    count: int


class TransparencyOut(ApiModel):
    """Counts of a year. `reports`: by category; `contents`: the same by kind of content. `waiting`: reports that are not decided yet. `median_hours`: from the first report to the decision; null where there was none. No decision is made
    automatically."""

    year: int
    reports: list[CountedOut]
    contents: list[CountedOut]
    waiting: int
    taken_down: list[CountedOut]
    left: int
    appeals: list[CountedOut]
    median_hours: float | None
