"""Accounts: confirmation of the address, sign-in and sign-out, passwords."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.organisations import devices, directory
from sharing_platform.organisations.credentials import (
    check_password,
    hash_password,
    hash_secret,
    new_secret,
    verify_password,
)
from sharing_platform.organisations.mailed_links import end_links
from sharing_platform.organisations.models import Account, Identity, Membership, Organisation, Passkey, WebSession
from sharing_platform.organisations.permissions import Actor, Kind, Role, rights_of

SESSION_LIFE = timedelta(days=14)
MAX_SESSIONS = 50
"""Of one person at a time."""
_PRECISION = 20
"""When a session locks is noted as often as that part of the time without use: a page that is opened seldom costs a write."""
_LAST_MOMENT = timedelta(seconds=1)
_RECENT = timedelta(minutes=10)
"""For so long after signing in, nobody else is thought to have sat down at the same browser."""


@dataclass(frozen=True)
class NewSession:
    """The secrets of a session that was opened, and of the browser in which it was, for its cookies."""

    secret: str
    device: str


@dataclass(frozen=True)
class SignedIn:
    """Who a session belongs to, and for whom they speak; `organisation` is None for somebody who is in none. `since`: when they signed in. `can_return`: whether
    they can sign in again without a mailed link. `until`: when the session ends if nobody uses it."""

    account: Account
    organisation: Organisation | None
    role: Role | None
    since: datetime
    can_return: bool
    until: datetime

    def until_if_used(self, now: datetime, lock_after: timedelta) -> datetime:
        return min(now + lock_after, self.since + SESSION_LIFE - _LAST_MOMENT)

    def is_to_be_noted(self, now: datetime, lock_after: timedelta) -> bool:
        """Whether a use now moves the end of the session by more than a little."""
        if lock_after >= SESSION_LIFE:
            return False
        return abs(self.until_if_used(now, lock_after) - self.until) > lock_after / _PRECISION

    def recent(self, now: datetime) -> bool:
        """Whether they have signed in a moment ago."""
        return now - self.since < _RECENT

    def actor(self) -> Actor | None:
        if self.organisation is None or self.role is None:
            return None
        kind, status = Kind(self.organisation.kind), self.organisation.status
        rights = rights_of(self.role, kind, status)
        return Actor(self.organisation.id, kind, status, rights, account=self.account.id, role=self.role)


def find_account(session: Session, email: str) -> Account | None:
    return session.scalars(select(Account).where(Account.email == email.casefold())).first()


def get_or_create_account(
    session: Session, email: str, name: str, language: str, now: datetime
) -> tuple[Account, bool]:
    """The account with this address, and whether it was made now: without a password, not confirmed."""
    account = find_account(session, email)
    if account is not None:
        return account, False
    account = Account(id=str(uuid.uuid4()), email=email.casefold(), name=name, language=language, created=now)
    session.add(account)
    session.flush()
    return account, True


def confirmed_account(session: Session, email: str) -> Account | None:
    """The account whose owner has shown that they read the mail of this address."""
    account = find_account(session, email)
    return account if account is not None and account.confirmed is not None else None


def can_sign_in(session: Session, account: Account | None) -> bool:
    """Whether there is such an account, and it can be signed in to without a mailed link: a mailbox alone is not enough for it any more."""
    if account is None:
        return False
    return bool(session.scalar(select(_has_credential()).where(Account.id == account.id)))


def _has_credential() -> ColumnElement[bool]:
    passkey, identity = (exists().where(table.account_id == Account.id) for table in (Passkey, Identity))
    return Account.password_hash.is_not(None) | passkey | identity


def make_account(session: Session, email: str, name: str, language: str, now: datetime) -> Account:
    """The account of somebody who has used a link that was sent to this address. One that nobody had confirmed so far takes the name that is known
    now."""
    account, _ = get_or_create_account(session, email, name, language, now)
    if account.confirmed is None:
        account.name, account.language = name, language
    confirm(account, now)
    return account


def confirm(account: Account, now: datetime) -> None:
    """Its owner has used a link that was sent to its address."""
    account.confirmed = account.confirmed or now


def set_password(session: Session, account: Account, password: str, now: datetime) -> None:
    """Ends all sessions, all links that were sent to the address before, and forgets the known devices. Raises InvalidError for a bad password."""
    organisations = select(Organisation.name).join(Membership, Membership.organisation_id == Organisation.id)
    own = session.scalars(organisations.where(Membership.account_id == account.id)).all()
    check_password(password, [account.email, account.name, *own])
    account.password_hash = hash_password(password)
    session.execute(delete(WebSession).where(WebSession.account_id == account.id))
    end_links(session, account.email, now)
    devices.forget(session, account)


def sign_in(session: Session, email: str, password: str) -> Account:
    """Who has this password. Raises InvalidError, the same for a wrong address, a wrong password and an address that was not
    confirmed."""
    account = find_account(session, email)
    fits = verify_password(account.password_hash if account else None, password)
    if account is None or not fits or account.confirmed is None or account.erased is not None:
        raise InvalidError("sign_in_wrong", "password")
    return account


def start_session(session: Session, account: Account, device: str, now: datetime) -> NewSession:
    """`device`: the secret that the browser presented, empty if none. The browser is known from now on."""
    return NewSession(open_session(session, account, now), devices.remember(session, account, device, now))


def open_session(session: Session, account: Account, now: datetime) -> str:
    """Speaks for the organisation that the account has been in longest. At the bound the oldest sessions end."""
    secret, kept = new_secret()
    own = select(WebSession.hash).where(WebSession.account_id == account.id)
    too_many = own.order_by(WebSession.created.desc(), WebSession.hash).offset(MAX_SESSIONS - 1)
    session.execute(delete(WebSession).where(WebSession.hash.in_(too_many)))
    session.add(
        WebSession(
            hash=kept,
            account_id=account.id,
            organisation_id=directory.first_organisation(session, account.id),
            created=now,
            expires=now + SESSION_LIFE,
        )
    )
    return secret


def speak_for_first(session: Session, account: Account, organisation: Organisation) -> None:
    """Somebody who was in no organisation speaks for this one from now on."""
    silent = update(WebSession).where(WebSession.account_id == account.id, WebSession.organisation_id.is_(None))
    session.execute(silent.values(organisation_id=organisation.id))


_SIGNED_IN = (
    select(WebSession, Account, Membership, Organisation, _has_credential())
    .join(Account, Account.id == WebSession.account_id)
    .outerjoin(
        Membership, (Membership.account_id == Account.id) & (Membership.organisation_id == WebSession.organisation_id)
    )
    .outerjoin(Organisation, Organisation.id == Membership.organisation_id)
    .where(WebSession.hash == bindparam("hash"), WebSession.expires > bindparam("now"))
)
"""Built once, as every request of somebody who is signed in asks it."""


def user_of_session(
    session: Session, secret: str, now: datetime, lock_after: timedelta = SESSION_LIFE
) -> SignedIn | None:
    """Who the cookie belongs to. Role and organisation are read each time: what was taken away is away at once. `lock_after`: so long without use, a session ends."""
    row = session.execute(_SIGNED_IN, {"hash": hash_secret(secret), "now": now}).first()
    if row is None:
        return None
    current, account, membership, organisation, can_return = row
    if current.expires == current.created + SESSION_LIFE and now - current.created >= lock_after:
        return None  # it was opened and never used
    role = Role(membership.role) if membership else None
    return SignedIn(account, organisation, role, current.created, can_return, current.expires)


def note_use(session: Session, secret: str, until: datetime) -> None:
    """Somebody is there: the session goes on, to lock at `until` if nobody comes back."""
    session.execute(update(WebSession).where(WebSession.hash == hash_secret(secret)).values(expires=until))


def sign_out(session: Session, secret: str) -> None:
    session.execute(delete(WebSession).where(WebSession.hash == hash_secret(secret)))


def switch_organisation(session: Session, secret: str, organisation: str, now: datetime) -> None:
    """Raises NotFoundError where the account is not in that organisation."""
    current = session.get(WebSession, hash_secret(secret))
    if current is None or current.expires <= now:
        raise NotFoundError
    if session.get(Membership, (current.account_id, organisation)) is None:
        raise NotFoundError
    current.organisation_id = organisation


def require_password(account: Account, given: str | None, field: str) -> None:
    """It is the person who sits there, and not somebody at a browser that was left open: they know the password. Who has none has just signed in. Raises InvalidError
    at `field`, ConflictError for who has none."""
    if account.password_hash is None:
        raise ConflictError("sign_in_again")
    if not given:
        raise InvalidError("password_needed", field)
    if not verify_password(account.password_hash, given):
        raise InvalidError("password_wrong", field)
