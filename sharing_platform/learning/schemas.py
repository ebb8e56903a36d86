"""Requests and answers of the HTTP API about what organisations learn from each other. What they say depends on the kind."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from sharing_platform.learning.details import InterestDetails, MeetingDetails, QuestionDetails, StoryDetails
from sharing_platform.pictures.schemas import PictureOut
from sharing_platform.schemas import ApiModel, LongText, Text, Title

PostKind = Literal["story", "meeting", "interest", "question"]
Mark = Literal["none", "helpful", "accepted"]
People = Annotated[int, Field(ge=1, le=100)]


class _PostIn(ApiModel):
    title: Title
    text: LongText = ""


class StoryIn(_PostIn):
    """A success story: a problem, the approach, and the result in figures."""

    kind: Literal["story"]
    details: StoryDetails


class MeetingIn(_PostIn):
    """A plant visit or a learning group, with dates and seats."""

    kind: Literal["meeting"]
    details: MeetingDetails


class InterestIn(_PostIn):
    """A training that one would like to have, for so many `people`, and that others may want, too."""

    kind: Literal["interest"]
    people: People = 1
    details: InterestDetails = InterestDetails()


class QuestionIn(_PostIn):
    """A question to all others."""

    kind: Literal["question"]
    details: QuestionDetails = QuestionDetails()


PostIn = Annotated[StoryIn | MeetingIn | InterestIn | QuestionIn, Field(discriminator="kind")]

REQUESTS: dict[str, type[StoryIn | MeetingIn | InterestIn | QuestionIn]] = {
    "story": StoryIn,
    "meeting": MeetingIn,
    "interest": InterestIn,
    "question": QuestionIn,
}
"""The request of each kind."""


class PostFileOut(ApiModel):
    """A file that goes with a story. `path`: where it is downloaded."""

    id: str
    path: str
    name: str
    size: int


class PostFilesOut(ApiModel):
    """In order of their names."""

    files: list[PostFileOut]


class _PostOut(ApiModel):
    id: str
    organisation: str
    organisation_name: str
    title: str
    text: str
    status: Literal["open", "closed"]
    created: datetime
    changed: datetime


class StoryOut(_PostOut):
    """A success story, as it stands."""

    kind: Literal["story"]
    details: StoryDetails
    pictures: list[PictureOut]
    files: list[PostFileOut]


class MeetingOut(_PostOut):
    """A plant visit or a learning group, as it stands. `waiting`: how many wait for a seat."""

    kind: Literal["meeting"]
    details: MeetingDetails
    start: datetime
    end: datetime
    seats_left: int
    waiting: int


class InterestOut(_PostOut):
    """A training that is wanted, as it stands: by how many organisations, for how many people. `enough`: when so many want it, trainers are told, as soon as
    there are any (`trainers_told`). `course`: the listing that it has become, until that is withdrawn."""

    kind: Literal["interest"]
    details: InterestDetails
    organisations: int
    people: int
    enough: int
    trainers_told: bool
    course: str | None


class QuestionOut(_PostOut):
    """A question, as it stands. `solved`: whether the asker has accepted an answer."""

    kind: Literal["question"]
    details: QuestionDetails
    answers: int
    solved: bool


PostOut = Annotated[StoryOut | MeetingOut | InterestOut | QuestionOut, Field(discriminator="kind")]


class PostPage(ApiModel):
    """Those that fit best first, else those that meet first, and of others the newest."""

    posts: list[PostOut]
    next: str | None


class SeatOut(ApiModel):
    """One's own seat. `number`: of those who wait, the how manieth."""

    state: Literal["seated", "waiting"]
    joined: datetime
    number: int | None


class AttendeeOut(ApiModel):
    """Who comes, or waits for a seat, for the organiser alone."""

    name: str
    email: str
    organisation: str
    organisation_name: str
    state: Literal["seated", "waiting"]
    joined: datetime


class AttendeesOut(ApiModel):
    """In the order in which they signed up, those with a seat first."""

    attendees: list[AttendeeOut]


class InterestedIn(ApiModel):
    """For how many people one wants it."""

    people: People = 1


class InterestedOut(InterestedIn):
    """As it is kept."""


class CourseIn(ApiModel):
    """`listing`: the training that it becomes, of one's own, open and with a waiting list."""

    listing: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]


class EnoughIn(ApiModel):
    """How many organisations have to want a training before trainers are told."""

    enough: Annotated[int, Field(ge=2, le=50)]


class EnoughOut(EnoughIn):
    """As it is kept."""


class AnswerTextIn(ApiModel):
    """An answer to a question."""

    text: Text


class MarkIn(ApiModel):
    """What the asker says of an answer. One is accepted at a time: the one before stays helpful."""

    mark: Mark


class AnswerOut(ApiModel):
    """An answer, and what the asker says of it."""

    id: str
    organisation: str
    organisation_name: str
    text: str
    mark: Mark
    answered: datetime


class AnswersOut(ApiModel):
    """What is accepted first, then what is helpful, then in the order in which they came."""

    answers: list[AnswerOut]
