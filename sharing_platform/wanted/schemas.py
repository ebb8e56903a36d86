"""Requests and answers of the HTTP API about wanted notices and saved searches."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sharing_platform.schemas import ApiModel, LongText, Title
from sharing_platform.search.criteria import Wish
from sharing_platform.search.schemas import Reason


class SearchIn(ApiModel):
    """A wanted notice or a saved search. `notify`: how its owner is notified of matches."""

    title: Title
    text: LongText = ""
    wish: Wish
    notify: Literal["mail", "webhook", "both", "none"] = "mail"


class SearchOut(SearchIn):
    """As it stands. `organisation` is the seeker."""

    id: str
    organisation: str
    organisation_name: str
    status: Literal["open", "closed"]
    created: datetime


class SearchPage(ApiModel):
    """The newest first."""

    searches: list[SearchOut]
    next: str | None


class MatchOut(ApiModel):
    """A match of a wanted notice or saved search: an offer (`offer:…`) or a listing (`listing:…`), its score and the reasons."""

    subject: str
    score: float
    reasons: list[Reason]
    found: datetime


class MatchesOut(ApiModel):
    """The best first."""

    matches: list[MatchOut]
