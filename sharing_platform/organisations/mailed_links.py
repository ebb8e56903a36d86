"""Links sent by e-mail. Each works once, for what it was sent for and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import update
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.organisations.credentials import hash_secret, new_secret
from sharing_platform.organisations.models import MailedLink

LINK_LIFE = timedelta(hours=24)
LINKS_KEPT = timedelta(days=7)
"""After they are worth nothing, so that a page can say that they are too old."""


class Purpose(StrEnum):
    """What a link is for."""

    REGISTER = "register"
    """Make the account and the organisation that somebody registered."""
    REQUEST = "request"
    """Make the request of a guest count. The subject is the booking."""
    PASSWORD = "password"  # noqa: S105 - a purpose
    """Choose a password for an account that exists."""
    INVITATION = "invitation"
    """Make an account and become a member. The subject is the invitation."""
    ADDRESS = "address"
    """Another address of an account. The subject is the account."""


def create_link(
    session: Session,
    purpose: Purpose,
    email: str,
    now: datetime,
    subject: str = "",
    details: Mapping[str, str] | None = None,
    life: timedelta = LINK_LIFE,
) -> str:
    """The secret of a new link, which proves once that its bearer reads this mailbox. Earlier links for the same thing end."""
    end_links(session, email, now, purpose, subject)
    secret, kept = new_secret()
    session.add(
        MailedLink(
            hash=kept,
            purpose=purpose,
            email=email.casefold(),
            subject=subject,
            details=dict(details or {}),
            expires=now + life,
        )
    )
    return secret


def find_link(session: Session, secret: str, now: datetime, *purposes: Purpose) -> MailedLink:
    """To show what a link is for. Raises NotFoundError where it is unknown, for something else, used, superseded or too old."""
    return _usable(session.get(MailedLink, hash_secret(secret)), now, purposes)


def use_link(session: Session, secret: str, now: datetime, *purposes: Purpose) -> MailedLink:
    """The link, which is worth nothing from now on. Raises NotFoundError as `find_link` does."""
    link = _usable(session.get(MailedLink, hash_secret(secret), with_for_update=True), now, purposes)
    link.used = now
    return link


def end_links(
    session: Session, email: str, now: datetime, purpose: Purpose | None = None, subject: str | None = None
) -> None:
    """End the links that were sent to an address: all, or those for one thing."""
    links = update(MailedLink).where(MailedLink.email == email.casefold(), MailedLink.used.is_(None))
    if purpose is not None:
        links = links.where(MailedLink.purpose == purpose, MailedLink.subject == subject)
    session.execute(links.values(used=now))


def _usable(link: MailedLink | None, now: datetime, purposes: tuple[Purpose, ...]) -> MailedLink:
    if link is None or link.used is not None or link.expires <= now or link.purpose not in purposes:
        raise NotFoundError("link")
    return link
