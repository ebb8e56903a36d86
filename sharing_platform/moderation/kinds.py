"""The kinds of content that can be reported. A further kind is one more entry of `KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.moderation import answer_kinds, booking_kinds, page_kinds, picture_kinds
from sharing_platform.moderation.content import Content, File, Kind, Part
from sharing_platform.moderation.models import Report
from sharing_platform.organisations.permissions import Actor

KINDS: Mapping[str, Kind] = {
    "machine": page_kinds.MACHINE,
    "listing": page_kinds.LISTING,
    "wanted": page_kinds.NOTICE,
    "post": page_kinds.POST,
    "answer": answer_kinds.ANSWER,
    "thread": booking_kinds.THREAD,
    "message": booking_kinds.MESSAGE,
    "attachment": booking_kinds.ATTACHMENT,
    "quote": booking_kinds.QUOTE,
    "review": booking_kinds.REVIEW,
    "picture": picture_kinds.PICTURE,
}
"""By the name under which reports and decisions keep them."""
TITLED = frozenset({"machine", "listing", "wanted", "post"})
"""Kinds that have a title of their own."""
_WITH_PARTS = (
    (page_kinds.MACHINE_PAGE, picture_kinds.of_machine),
    (page_kinds.LISTING_PAGE, picture_kinds.of_listing),
    (page_kinds.POST_PAGE, picture_kinds.of_story),
    (page_kinds.POST_PAGE, answer_kinds.of_question),
    (booking_kinds.BOOKING_PAGE, booking_kinds.parts_seen),
)
"""Pages on which single things can be reported, and what finds those that the visitor sees."""


def seen_on(session: Session, page: str, actor: Actor | None, now: datetime) -> Content:
    """What stands on a page, or is the part of one that this path names, if the visitor may see it. Raises NotFoundError."""
    for kind in KINDS.values():
        for pattern, seen in kind.pages:
            if (match := pattern.fullmatch(page)) is not None:
                found = kind.content(session, seen(session, match, actor, now))
                if found is not None:
                    return found
    raise NotFoundError


def choices_on(session: Session, page: str, actor: Actor | None, now: datetime) -> tuple[str, list[Part]]:
    """The page that a path belongs to, and what of it can be reported: all of it, then single things. Raises NotFoundError where there is nothing."""
    if _is_single(page):
        page = seen_on(session, page, actor, now).path
    found: list[Part] = []
    for pattern, parts_seen in _WITH_PARTS:
        if (match := pattern.fullmatch(page)) is not None:
            found += parts_seen(session, match, actor, now)
    try:
        whole = seen_on(session, page, actor, now)
    except NotFoundError:
        if not found:
            raise
        return page, found
    return page, [Part(whole.kind, page), *found]


def page_of(path: str) -> str:
    """The page on which somebody saw what they have reported."""
    match = booking_kinds.BOOKING_PAGE.match(path)
    return match.group() if match is not None else path


def _is_single(page: str) -> bool:
    return any(pattern.fullmatch(page) for kind in KINDS.values() if kind.single for pattern, _ in kind.pages)


def can_be_reported(page: str) -> bool:
    """Whether a page is one of content."""
    return any(pattern.fullmatch(page) for kind in KINDS.values() for pattern, _ in kind.pages)


def read(session: Session, kind: str, subject: str) -> Content | None:
    """As it stands now, for the region and its owner; None where it is gone."""
    return KINDS[kind].content(session, subject)


def read_file(session: Session, kind: str, subject: str) -> File:
    """Of something that was reported. Raises NotFoundError for anything else."""
    reported = session.scalar(select(Report.id).where(Report.kind == kind, Report.subject == subject).limit(1))
    reader = KINDS[kind].file if kind in KINDS else None
    found = reader(session, subject) if reported is not None and reader is not None else None
    if found is None:
        raise NotFoundError
    return found


def set_taken_down(session: Session, kind: str, subject: str, moment: datetime | None) -> None:
    """Hide it from others from now on, or show it again (None)."""
    KINDS[kind].hide(session, subject, moment)
