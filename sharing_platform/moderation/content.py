"""What can be reported, as the region judges it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.moderation.models import REVERSED, TAKEN_DOWN, Decision
from sharing_platform.organisations.permissions import Actor

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclass(frozen=True)
class Content:
    """Something that can be reported. `owner`: the organisation whose it is; `text`: what stands in it; `path`: of its page, as its owner knows it; `label`: what is said of it
    beside its text, as the name of a translation; `has_file`: whether there is something to look at (`Kind.file`)."""

    kind: str
    subject: str
    title: str
    text: str
    owner: str
    path: str
    label: str = ""
    has_file: bool = False


@dataclass(frozen=True)
class Part:
    """A single thing on a page, and the path by which it is reported. `text` and `at`: by which people recognise it; `picture`: the path of what it looks like."""

    kind: str
    path: str
    text: str = ""
    at: datetime | None = None
    picture: str = ""


@dataclass(frozen=True)
class File:
    """What was uploaded."""

    name: str
    media_type: str
    content: bytes


Seen = Callable[[Session, re.Match[str], Actor | None, datetime], str]
"""(session, the path, who looks, now): the subject of what stands there. Raises NotFoundError where the visitor may not see it."""


@dataclass(frozen=True)
class Kind:
    """`pages`: patterns of paths, each with what finds the subject. `content`: what the region is shown of it, None where it is gone. `hide`: from others from a moment on, or no
    more (None): the queries of its domain leave it out. `single`: a part of a page, which `Content.path` names. `file`: what the region looks at."""

    pages: tuple[tuple[re.Pattern[str], Seen], ...]
    content: Callable[[Session, str], Content | None]
    hide: Callable[[Session, str, datetime | None], None]
    single: bool = False
    file: Callable[[Session, str], File | None] | None = None


def stands(session: Session, kind: str, subject: str, since: datetime | None = None) -> bool:
    """Whether a decision that took something down still holds; `since`: one of then or later."""
    query = select(Decision.id).where(
        Decision.kind == kind,
        Decision.subject == subject,
        Decision.outcome == TAKEN_DOWN,
        Decision.answer.is_(None) | (Decision.answer != REVERSED),
    )
    if since is not None:
        query = query.where(Decision.at >= since)
    return session.scalar(query.limit(1)) is not None
