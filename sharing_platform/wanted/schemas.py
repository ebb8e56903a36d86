"""Requests and answers of the HTTP API about wanted notices and saved searches."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from sharing_platform.schemas import ApiModel, LongText, Title
from sharing_platform.search.criteria import Subject, Wish
from sharing_platform.search.schemas import Reason


class SearchIn(ApiModel):
    """A wanted notice or a saved search. `notify`: how its owner is notified of matches."""

    title: Title
    text: LongText = ""
    wish: Wish
    notify: Literal["mail", "webhook", "both", "none"] = "mail"


class NoticePartIn(ApiModel):
    """A part of a wanted notice: matched and answered on its own."""

    title: Title
    wish: Wish


class NoticeIn(SearchIn):
    """A wanted notice. With `parts`, those are matched instead of its own `wish`, which says what it is about."""

    parts: Annotated[list[NoticePartIn], Field(max_length=20)] = Field(default_factory=list)


class SearchOut(SearchIn):
    """As it stands. `organisation` is the seeker. `part_count`: of a notice, how many parts it has."""

    id: str
    organisation: str
    organisation_name: str
    status: Literal["open", "closed"]
    created: datetime
    part_count: int = 0


class NoticePartOut(NoticePartIn):
    """A part, and how many have answered it; `filled`: whether its owner has said yes to one."""

    id: str
    answers: int
    filled: bool


class NoticeOut(SearchOut):
    """A wanted notice as it stands, and how many have answered it as a whole."""

    answers: int
    parts: list[NoticePartOut]


class NoticeAnswerIn(ApiModel):
    """An answer to a wanted notice, or to a part of one; a text is not needed."""

    text: LongText = ""


class NoticeAnswerOut(ApiModel):
    """An answer. `email`: of the other side, once the notice's owner has said yes."""

    id: str
    organisation: str
    organisation_name: str
    text: str
    state: Literal["open", "accepted", "declined"]
    answered: datetime
    email: str


class NoticeAnswersOut(ApiModel):
    """The oldest first."""

    answers: list[NoticeAnswerOut]


class SearchPage(ApiModel):
    """The newest first."""

    searches: list[SearchOut]
    next: str | None


class MatchedOut(ApiModel):
    """What a match is, as far as the reader may know it. Of an anonymous machine: no `organisation` and no `place`; `machine` is its alias, of which its
    `title` is made."""

    kind: Subject
    title: str
    machine: str | None = Field(description="Null for a listing.")
    organisation: str | None
    organisation_name: str | None
    place: str
    start: datetime
    end: datetime
    price: Decimal | None = Field(
        description="For each `price_unit`, without VAT; of machine hours, the lowest. Null: to be agreed."
    )
    price_unit: str


class MatchOut(ApiModel):
    """A match of a wanted notice or saved search: an offer (`offer:…`) or a listing (`listing:…`), its score and the reasons."""

    subject: str
    what: MatchedOut | None = Field(description="Null where it is gone, or no longer the reader's to see.")
    score: float
    reasons: list[Reason]
    found: datetime


class MatchesOut(ApiModel):
    """The best first."""

    matches: list[MatchOut]
