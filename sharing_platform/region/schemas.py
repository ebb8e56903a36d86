"""Requests and answers of the HTTP API about the pages that the region edits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from sharing_platform.schemas import ApiModel, Day, printable

Markdown = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60_000), AfterValidator(printable)
]


class SitePageIn(ApiModel):
    """What a page is to say, in Markdown (no HTML, no pictures). `effective`: from which day on, at once where none is given; `announce`: tell everybody by e-mail, and have new terms accepted again."""

    nl: Markdown
    fr: Markdown
    en: Markdown
    effective: Day | None = None
    announce: bool = True


class TermsIn(ApiModel):
    """The version of the terms of use that is accepted."""

    version: Annotated[int, Field(ge=1, le=99_999)]


class SitePageOut(ApiModel):
    """A version of a page. `version` is what is accepted at registration."""

    name: str
    version: int
    effective: datetime
    nl: str
    fr: str
    en: str
