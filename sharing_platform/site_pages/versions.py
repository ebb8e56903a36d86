"""Versions of pages: the present one, those to come, and those of before."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.site_pages.models import PageVersion, TermsAcceptance

TERMS = "terms"
PAGES = ("about", "contact", "privacy", TERMS)
BINDING = ("privacy", TERMS)
"""Those of which a new version is announced."""


def present(session: Session, name: str, now: datetime) -> PageVersion:
    """What the page says now. Raises NotFoundError for a page that there is not."""
    query = select(PageVersion).where(PageVersion.name == name, PageVersion.effective <= now)
    found = session.scalars(query.order_by(PageVersion.effective.desc(), PageVersion.number.desc())).first()
    if found is None:
        raise NotFoundError
    return found


def coming(session: Session, name: str, now: datetime) -> PageVersion | None:
    """What it will say next."""
    query = select(PageVersion).where(PageVersion.name == name, PageVersion.effective > now)
    return session.scalars(query.order_by(PageVersion.effective, PageVersion.number.desc())).first()


def version(session: Session, name: str, number: int) -> PageVersion:
    """Raises NotFoundError."""
    found = session.get(PageVersion, (name, number))
    if found is None:
        raise NotFoundError
    return found


def history(session: Session, name: str) -> list[PageVersion]:
    """The newest first."""
    query = select(PageVersion).where(PageVersion.name == name)
    return list(session.scalars(query.order_by(PageVersion.number.desc())))


def add(
    session: Session,
    name: str,
    texts: Mapping[str, str],
    effective: datetime,
    announced: bool,
    account: str | None,
    now: datetime,
) -> PageVersion:
    """A new version, beside those that there are."""
    known = select(PageVersion).where(PageVersion.name == name).order_by(PageVersion.number.desc()).limit(1)
    last = session.scalars(known.with_for_update()).one()
    made = PageVersion(
        name=name, number=last.number + 1, effective=effective, made=now, account_id=account, announced=announced, **texts
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def terms_to_accept(session: Session, account: str, now: datetime) -> PageVersion | None:
    """The present terms, where they were announced since somebody accepted them last; None where there is nothing to accept."""
    in_force = (PageVersion.name == TERMS) & (PageVersion.effective <= now)
    asked = session.scalar(select(func.max(PageVersion.number)).where(in_force, PageVersion.announced)) or 0
    accepted = session.scalar(select(func.max(TermsAcceptance.number)).where(TermsAcceptance.account_id == account))
    return present(session, TERMS, now) if (accepted or 0) < asked else None


def accept_terms(session: Session, account: str, number: int, now: datetime) -> None:
    """Once for each version. Raises NotFoundError where there is no such version."""
    version(session, TERMS, number)
    if session.get(TermsAcceptance, (account, number)) is None:
        session.add(TermsAcceptance(account_id=account, number=number, at=now))


def differences(old: str, new: str) -> list[tuple[str, str]]:
    """Each line with `+`, `-` or a space before it."""
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return [(line[0], line[2:]) for line in lines if line[0] in "+- "]
