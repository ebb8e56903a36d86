"""Accounts: registration, confirmation of the address, sign-in and sign-out, passwords."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.errors import InvalidError, NotFoundError
from sharing_platform.organisations.credentials import hash_password, hash_secret, new_secret, verify_password
from sharing_platform.organisations.models import Account, MailedLink, Membership, Organisation, WebSession
from sharing_platform.organisations.permissions import APPROVED, Actor, Kind, Role, rights_of

LINK_LIFE = timedelta(hours=24)
SESSION_LIFE = timedelta(days=14)


@dataclass(frozen=True)
class SignedIn:
    """Who a session belongs to, and for whom they speak; `organisation` is None for somebody who is in none."""

    account: Account
    organisation: Organisation | None
    role: Role | None

    def actor(self) -> Actor | None:
        if self.organisation is None or self.role is None:
            return None
        kind, approved = Kind(self.organisation.kind), self.organisation.status == APPROVED
        rights = rights_of(self.role, kind, approved)
        return Actor(self.organisation.id, kind, approved, rights, account=self.account.id, role=self.role)


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


def create_link(session: Session, account: Account, now: datetime) -> str:
    """A secret that proves, once, that its bearer reads the account's mail."""
    secret, kept = new_secret()
    session.add(MailedLink(hash=kept, account_id=account.id, expires=now + LINK_LIFE))
    return secret


def account_of_link(session: Session, secret: str, now: datetime) -> Account:
    """Raises NotFoundError for a link that is unknown, used or too old."""
    return session.get_one(Account, _usable(session.get(MailedLink, hash_secret(secret)), now).account_id)


def redeem_link(session: Session, secret: str, password: str | None, now: datetime) -> Account:
    """Confirm the address; choose the password where one is given, which ends all sessions. Raises NotFoundError, or InvalidError where the account
    has no password yet and none is given, or a bad one."""
    link = _usable(session.get(MailedLink, hash_secret(secret), with_for_update=True), now)
    account = session.get_one(Account, link.account_id)
    if password is not None:
        account.password_hash = hash_password(password, account.email, account.name)
        session.execute(delete(WebSession).where(WebSession.account_id == account.id))
    elif account.password_hash is None:
        raise InvalidError("password_length", "password")
    link.used = now
    account.confirmed = account.confirmed or now
    return account


def _usable(link: MailedLink | None, now: datetime) -> MailedLink:
    if link is None or link.used is not None or link.expires <= now:
        raise NotFoundError("link")
    return link


def sign_in(session: Session, email: str, password: str, now: datetime) -> tuple[str, Account]:
    """A new session's secret. Raises InvalidError, the same for a wrong address, a wrong password and an address that was not
    confirmed."""
    account = find_account(session, email)
    fits = verify_password(account.password_hash if account else None, password)
    if account is None or not fits or account.confirmed is None or account.erased is not None:
        raise InvalidError("sign_in_wrong", "password")
    return open_session(session, account, now), account


def open_session(session: Session, account: Account, now: datetime) -> str:
    """Speaks for the organisation that the account has been in longest."""
    secret, kept = new_secret()
    first = select(Membership).where(Membership.account_id == account.id).order_by(Membership.created).limit(1)
    membership = session.scalars(first).first()
    session.add(
        WebSession(
            hash=kept,
            account_id=account.id,
            organisation_id=membership.organisation_id if membership else None,
            created=now,
            expires=now + SESSION_LIFE,
        )
    )
    return secret


def user_of_session(session: Session, secret: str, now: datetime) -> SignedIn | None:
    """Who the cookie belongs to. Role and organisation are read each time: what was taken away is away at once."""
    query = (
        select(WebSession, Account, Membership, Organisation)
        .join(Account, Account.id == WebSession.account_id)
        .outerjoin(
            Membership,
            (Membership.account_id == Account.id) & (Membership.organisation_id == WebSession.organisation_id),
        )
        .outerjoin(Organisation, Organisation.id == Membership.organisation_id)
        .where(WebSession.hash == hash_secret(secret), WebSession.expires > now)
    )
    row = session.execute(query).first()
    if row is None:
        return None
    _, account, membership, organisation = row
    return SignedIn(account, organisation, Role(membership.role) if membership else None)


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


def change_password(session: Session, account: Account, old: str, new: str) -> None:
    """Ends all sessions. Raises InvalidError."""
    if not verify_password(account.password_hash, old):
        raise InvalidError("sign_in_wrong", "old")
    account.password_hash = hash_password(new, account.email, account.name)
    session.execute(delete(WebSession).where(WebSession.account_id == account.id))
