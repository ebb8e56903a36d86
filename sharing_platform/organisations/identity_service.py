"""Signing in with an organisation's own identity provider, and linking it to an account, each in one transaction and recorded in the audit log."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotAllowedError, NotFoundError
from sharing_platform.identity_providers import IdentityProvider
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import accounts, devices, directory, openid, rate_limits
from sharing_platform.organisations.accounts import NewSession, SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.credentials import hash_secret, new_secret
from sharing_platform.organisations.models import Account, Identity, IdentityAttempt, Organisation
from sharing_platform.organisations.openid import Somebody
from sharing_platform.organisations.permissions import REFUSED, Role
from sharing_platform.organisations.rate_limits import IDENTITY_BY_SENDER
from sign_in.openid import ATTEMPT_LIFE, Exchange

_log = logging.getLogger(__name__)

_NO_ORGANISATION = "Identity provider %r: there is no organisation %r whose members its people could become."


@dataclass(frozen=True)
class Returned:
    """Somebody who comes back from a provider. `holder`, `device`: the secrets of the browser's cookies; `state` and `code`: as in the address of the page."""

    address: str
    holder: str
    device: str
    state: str
    code: str
    language: str


@dataclass(frozen=True)
class Done:
    """`new`: the session that was begun; None where the provider was linked to the account of the present one."""

    account: Account
    new: NewSession | None
    after: str


def begin(
    context: PlatformContext, name: str, address: str, device: str, after: str, linking: SignedIn | None = None
) -> tuple[str, str]:
    """The provider's page to go to, and the secret for the browser's cookie. `linking`: whose account is to be linked. Raises NotFoundError, TooManyError, UnavailableError,
    ConflictError for somebody who has signed in too long ago."""
    provider, now = find_provider(context, name), context.now()
    if linking is not None and not linking.recent(now):
        raise ConflictError("sign_in_again")
    with read_session(context.sessions) as session:
        sender = devices.sender(session, device, address, now)
    rate_limits.count_attempt(context.sessions, IDENTITY_BY_SENDER, sender, now)
    secret, kept = new_secret()
    url = openid.authorization_url(provider, _redirect_uri(context, provider), context.now, Exchange.of(secret))
    with context.sessions.begin() as session:
        session.add(
            IdentityAttempt(
                holder=kept,
                provider=name,
                account_id=linking.account.id if linking is not None else None,
                after=after[:2000],
                expires=now + ATTEMPT_LIFE,
            )
        )
    return url, secret


def finish(context: PlatformContext, name: str, returned: Returned, person: SignedIn | None) -> Done:
    """Sign in, with an account that is made if there is none of this address; or link the account for which this was begun. Raises NotFoundError, ConflictError,
    InvalidError, NotAllowedError, UnavailableError."""
    provider, now = find_provider(context, name), context.now()
    exchange = Exchange.of(returned.holder)
    with context.sessions.begin() as session:
        attempt = _take(session, name, returned.holder, now)
    if attempt is None or returned.state != exchange.state or not returned.code:
        raise ConflictError("identity_wrong")
    if attempt.account_id is not None and (person is None or person.account.id != attempt.account_id):
        raise ConflictError("identity_wrong")
    redirect_uri = _redirect_uri(context, provider)
    somebody = openid.somebody(provider, redirect_uri, context.now, exchange, returned.code)
    with read_session(context.sessions) as session:
        sender = devices.sender(session, returned.device, returned.address, now)
    with context.sessions.begin() as session, _one_at_a_time():
        rate_limits.give_back(session, [(IDENTITY_BY_SENDER, sender)])
        if attempt.account_id is not None:
            account, new = _link(context, session, attempt.account_id, somebody, now), None
        else:
            account = _account(session, provider, somebody, returned.language, now)
            log(session, now, None, "account.signed_in", account.id, provider=name)
            new = accounts.start_session(session, account, returned.device, now)
    context.wake_workers()
    return Done(account, new, attempt.after)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Somebody who comes for the first time in two windows at the same moment: the database takes one."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError("identity_wrong") from error


def find_provider(context: PlatformContext, name: str) -> IdentityProvider:
    """Raises NotFoundError."""
    for provider in context.identity_providers:
        if provider.settings.name == name:
            return provider
    raise NotFoundError


def warn_of_strangers(session: Session, providers: Iterable[IdentityProvider]) -> None:
    """Say in the log for which providers nobody could become a member: the operator may have mistyped the organisation."""
    for one in providers:
        if session.get(Organisation, one.settings.organisation) is None:
            _log.warning(_NO_ORGANISATION, one.settings.name, one.settings.organisation)


def of_account(session: Session, account_id: str) -> list[Identity]:
    """The oldest first."""
    query = select(Identity).where(Identity.account_id == account_id)
    return list(session.scalars(query.order_by(Identity.created, Identity.id)))


def remove(context: PlatformContext, person: SignedIn, identity_id: str) -> None:
    """An e-mail tells the person. Raises NotFoundError for what is another's."""
    now = context.now()
    with context.sessions.begin() as session:
        identity = session.get(Identity, identity_id)
        if identity is None or identity.account_id != person.account.id:
            raise NotFoundError
        session.delete(identity)
        log(session, now, person.actor(), "identity.unlinked", identity_id)
        account = session.get_one(Account, person.account.id)
        link = f"{context.url}/account"
        queue_mail(session, account, "identity_unlinked", context.zone, now, (), moment=now, link=link)
    context.wake_workers()


def _take(session: Session, name: str, holder: str, now: datetime) -> IdentityAttempt | None:
    """The attempt of this browser, which is over from now on; None where there is none with this provider."""
    attempt = session.get(IdentityAttempt, hash_secret(holder), with_for_update=True)
    if attempt is None:
        return None
    session.delete(attempt)
    return attempt if attempt.provider == name and attempt.expires > now else None


def _find(session: Session, somebody: Somebody) -> Identity | None:
    known = select(Identity).where(Identity.issuer == somebody.issuer, Identity.subject == somebody.subject)
    return session.scalars(known.with_for_update()).first()


def _account(session: Session, provider: IdentityProvider, somebody: Somebody, language: str, now: datetime) -> Account:
    """Whose identity it is; for one that is not known yet, a new account."""
    identity = _find(session, somebody)
    if identity is None:
        account = _make_account(session, provider, somebody, language, now)
        identity = _add(session, account, somebody, now)
    identity.last_used = now
    return session.get_one(Account, identity.account_id)


def _make_account(
    session: Session, provider: IdentityProvider, somebody: Somebody, language: str, now: datetime
) -> Account:
    """The account of somebody who signs in for the first time, as a member of the provider's organisation. Whoever has an account with this address signs in to it and links
    it: otherwise a provider could take over accounts. Raises ConflictError, NotAllowedError for an organisation that the region has refused."""
    organisation = session.get(Organisation, provider.settings.organisation)
    if organisation is None:
        _log.warning(_NO_ORGANISATION, provider.settings.name, provider.settings.organisation)
        raise ConflictError("identity_wrong")
    if organisation.status == REFUSED:
        raise NotAllowedError("refused")
    if accounts.find_account(session, somebody.email) is not None:
        raise ConflictError("identity_known")
    account = accounts.make_account(session, somebody.email, somebody.name, language, now)
    directory.put_member(session, organisation.id, account.id, Role.MEMBER, now)
    log(session, now, None, "member.joined", account.id, organisation=organisation.id, role=Role.MEMBER)
    return account


def _link(context: PlatformContext, session: Session, account_id: str, somebody: Somebody, now: datetime) -> Account:
    """Link a provider to the account of somebody who is signed in. An e-mail tells them. Raises ConflictError for the identity of somebody else."""
    account = session.get_one(Account, account_id)
    known = _find(session, somebody)
    if account.email != somebody.email or (known is not None and known.account_id != account.id):
        raise ConflictError("identity_other")
    if known is None:
        _add(session, account, somebody, now)
        log(session, now, None, "identity.linked", account.id)
        link = f"{context.url}/account"
        queue_mail(session, account, "identity_linked", context.zone, now, (), moment=now, link=link)
    return account


def _add(session: Session, account: Account, somebody: Somebody, now: datetime) -> Identity:
    identity = Identity(
        id=str(uuid.uuid4()), account_id=account.id, issuer=somebody.issuer, subject=somebody.subject, created=now
    )
    session.add(identity)
    session.flush()
    return identity


def _redirect_uri(context: PlatformContext, provider: IdentityProvider) -> str:
    return f"{context.url}/sign-in/with/{provider.settings.name}/back"
