"""Rate limits, counted in the database so that they hold over all processes of the platform."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.bounds import Bounds
from sharing_platform.errors import InvalidError, TooManyError
from sharing_platform.organisations.models import RateWindow

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bound:
    """At most `count` in each `window`."""

    name: str
    count: int
    window: timedelta


Counted = tuple[Bound, str]
"""A bound, and whose attempt was counted."""

_HOUR = timedelta(hours=1)

SIGN_IN_BY_ACCOUNT_AND_ADDRESS = Bound("sign_in_account_address", 10, timedelta(minutes=15))
SIGN_IN_BY_ADDRESS = Bound("sign_in_address", 60, timedelta(minutes=15))
SIGN_IN_BY_ACCOUNT = Bound("sign_in_account", 100, timedelta(minutes=15))
"""From all places that the account is not known in: ten of them reach it, or a net of robots. Known devices and mailed links still let in."""
SIGN_IN_BY_DEVICE = Bound("sign_in_device", 50, timedelta(minutes=15))
CHALLENGE_BY_SENDER = Bound("challenge_sender", 60, timedelta(minutes=15))
"""What browsers are asked to sign with a passkey, from one network address or in one known browser."""
IDENTITY_BY_SENDER = Bound("identity_sender", 60, timedelta(minutes=15))
"""Visits to identity providers that are begun from one network address or in one known browser."""
PASSWORD_BY_ACCOUNT = Bound("password_account", 10, timedelta(minutes=15))
"""Old passwords tried by somebody who is signed in."""
MAIL_BY_SENDER = Bound("mail_sender", 20, _HOUR)
MAIL_BY_SENDER_AND_MAILBOX = Bound("mail_sender_mailbox", 5, _HOUR)
MAIL_BY_MAILBOX = Bound("mail_mailbox", 10, _HOUR)


def messages_of(bounds: Bounds) -> Bound:
    return Bound("messages", bounds.messages_per_hour_of_organisation, _HOUR)


def count_attempt(sessions: sessionmaker[Session], bound: Bound, whose: str, now: datetime) -> None:
    """Count an attempt in its own transaction, so that it counts even if the request fails. Raises TooManyError."""
    try:
        _count(sessions, bound, whose, now)
    except IntegrityError:
        _count(sessions, bound, whose, now)  # another process began the same window at the same moment


def count_sign_in(
    sessions: sessionmaker[Session], email: str | None, address: str, device: str | None, now: datetime
) -> list[Counted]:
    """Count an attempt to sign in. `email`: of the account, None where there is no telling; `device`: the secret of a browser that is known for it. Returns what
    was counted. Raises TooManyError."""
    counted = _of_sign_in(email, address, device)
    for bound, whose in counted:
        count_attempt(sessions, bound, whose, now)
    return counted


@contextmanager
def failures_logged(address: str) -> Iterator[None]:
    """Log that somebody could not sign in: from where, for whoever watches the log, and not as whom."""
    try:
        yield
    except InvalidError:
        _log.warning("Signing in failed from %s.", address)
        raise
    except TooManyError:
        _log.warning("Too many attempts to sign in from %s.", address)
        raise


def _of_sign_in(email: str | None, address: str, device: str | None) -> list[Counted]:
    """In this order: who is over one bound does not use up the next, which others share."""
    if email is None:
        return [(SIGN_IN_BY_ADDRESS, address)]
    if device is not None:
        return [(SIGN_IN_BY_DEVICE, f"{email}/{device}")]
    return [
        (SIGN_IN_BY_ACCOUNT_AND_ADDRESS, f"{email}/{address}"),
        (SIGN_IN_BY_ADDRESS, address),
        (SIGN_IN_BY_ACCOUNT, email),
    ]


def count_mail(sessions: sessionmaker[Session], kind: str, sender: str, mailbox: str, now: datetime) -> bool:
    """Count an e-mail of a kind that `sender` (a network address, an organisation) causes. Returns whether the mailbox may get it: nobody's mailbox is
    flooded, whoever the senders are. Raises TooManyError where this sender causes too many; others are not kept from theirs."""
    count_attempt(sessions, MAIL_BY_SENDER, sender, now)
    count_attempt(sessions, MAIL_BY_SENDER_AND_MAILBOX, f"{kind}/{sender}/{mailbox}", now)
    try:
        count_attempt(sessions, MAIL_BY_MAILBOX, f"{kind}/{mailbox}", now)
    except TooManyError:
        return False
    return True


def require_mail(sessions: sessionmaker[Session], kind: str, sender: str, mailbox: str, now: datetime) -> None:
    """`count_mail` for an e-mail without which there is nothing to go on with. Raises TooManyError where the mailbox may not get it, too."""
    if not count_mail(sessions, kind, sender, mailbox, now):
        raise TooManyError(int(MAIL_BY_MAILBOX.window.total_seconds()))


def count_requests(session: Session, bounds: Bounds, organisation: str, account: str | None, now: datetime) -> None:
    """Count a request in the caller's transaction. Raises TooManyError."""
    of_organisation = Bound("requests", bounds.requests_per_hour_of_organisation, _HOUR)
    count_in_transaction(session, of_organisation, organisation, now)
    if account is not None:
        of_account = Bound("account_requests", bounds.requests_per_hour_of_account, _HOUR)
        count_in_transaction(session, of_account, account, now)


def _count(sessions: sessionmaker[Session], bound: Bound, whose: str, now: datetime) -> None:
    with sessions.begin() as session:
        count_in_transaction(session, bound, whose, now)


def count_in_transaction(session: Session, bound: Bound, whose: str, now: datetime) -> None:
    """Count in the caller's transaction: only what succeeds counts. Raises TooManyError."""
    key = _key(bound, whose)
    window = session.get(RateWindow, key, with_for_update=True)
    if window is None or now - window.began >= bound.window:
        session.merge(RateWindow(key=key, began=now, count=1))
        return
    if window.count >= bound.count:
        raise TooManyError(max(1, int((window.began + bound.window - now).total_seconds())))
    window.count += 1


def give_back(session: Session, counted: Iterable[Counted]) -> None:
    """What was counted as an attempt has succeeded."""
    for bound, whose in counted:
        window = session.get(RateWindow, _key(bound, whose), with_for_update=True)
        if window is not None and window.count > 0:
            window.count -= 1


def _key(bound: Bound, whose: str) -> str:
    return hashlib.sha256(f"{bound.name}/{whose}".encode()).hexdigest()


def forget_old(session: Session, now: datetime) -> None:
    """Delete windows that are over."""
    session.execute(delete(RateWindow).where(RateWindow.began < now - timedelta(hours=2)))
