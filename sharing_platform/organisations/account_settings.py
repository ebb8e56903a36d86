"""What people choose about their account: name, language, address, which e-mails they get, and the browsers they are signed in with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import InvalidError, NotFoundError
from sharing_platform.notifications import preferences
from sharing_platform.notifications.mail import Mailbox, queue_mail
from sharing_platform.notifications.preferences import DIGEST, KINDS, How
from sharing_platform.notifications.signed_links import LinkTo, value_of
from sharing_platform.organisations import accounts, devices, rate_limits
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.credentials import hash_secret
from sharing_platform.organisations.mailed_links import Purpose, create_link, end_links, find_link, use_link
from sharing_platform.organisations.models import Account, WebSession
from sharing_platform.organisations.permissions import Right
from sharing_platform.organisations.schemas import AccountIn

_SHOWN_OF_HASH = 16


@dataclass(frozen=True)
class Browser:
    """Somewhere where one is signed in. `here`: the one that asks."""

    id: str
    since: datetime
    until: datetime
    here: bool


@dataclass(frozen=True)
class ChosenMails:
    """Of each kind that the person gets: what they may choose, and what they have chosen; and the hour of their summary."""

    hour: int
    kinds: Sequence[tuple[str, tuple[How, ...], How]]


def chosen_mails(session: Session, person: SignedIn) -> ChosenMails:
    settings, actor = preferences.settings_of(session, person.account.id), person.actor()
    regional = actor is not None and actor.may(Right.REGION)
    return ChosenMails(
        settings.hour,
        [
            (name, kind.choices, preferences.how_to_tell(settings, name))
            for name, kind in KINDS.items()
            if regional or not kind.regional
        ],
    )


def change(context: PlatformContext, person: SignedIn, wanted: AccountIn) -> None:
    """What is left out stays."""
    with context.sessions.begin() as session:
        account = session.get_one(Account, person.account.id)
        account.name, account.language = wanted.name, wanted.language
        if wanted.mail_hour is not None or wanted.mails:
            hour = preferences.settings_of(session, account.id).hour if wanted.mail_hour is None else wanted.mail_hour
            preferences.choose(session, account.id, hour, wanted.mails)
        log(session, context.now(), person.actor(), "account.changed", account.id)


def ask_for_address(context: PlatformContext, person: SignedIn, email: str, password: str | None, sender: str) -> None:
    """Send a link to the new address, which shows that the person reads its mail. The answer is the same where it is somebody else's. Raises InvalidError, ConflictError for who
    has not shown that it is them, TooManyError."""
    now = context.now()
    rate_limits.count_attempt(context.sessions, rate_limits.PASSWORD_BY_ACCOUNT, person.account.id, now)
    if not person.recent(now):
        accounts.require_password(person.account, password, "password")
    if email == person.account.email:
        raise InvalidError("address_same", "email")
    rate_limits.require_mail(context.sessions, "address", sender, email, now)
    with context.sessions.begin() as session:
        known = accounts.confirmed_account(session, email)
        if known is not None:
            queue_mail(session, known, "address_known", context.zone, now, (), link=f"{context.url}/sign-in")
        else:
            secret = create_link(session, Purpose.ADDRESS, email, now, person.account.id)
            mailbox = Mailbox(email, person.account.language)
            queue_mail(
                session, mailbox, "address", context.zone, now, (), link=f"{context.url}/account/address/{secret}"
            )
    context.wake_workers()


def address_of_link(session: Session, secret: str, now: datetime) -> str:
    """Raises NotFoundError."""
    return find_link(session, secret, now, Purpose.ADDRESS).email


def take_address(context: PlatformContext, secret: str) -> None:
    """Use the link: the account has the new address from now on, which the old one is told. Raises NotFoundError, also where somebody else has the address by now."""
    now = context.now()
    with context.sessions.begin() as session:
        link = use_link(session, secret, now, Purpose.ADDRESS)
        account = session.get(Account, link.subject, with_for_update=True)
        other = accounts.find_account(session, link.email)
        if account is None or account.erased is not None or other is not None:
            raise NotFoundError("link")
        end_links(session, account.email, now)
        queue_mail(session, account, "address_changed", context.zone, now, (), moment=now, email=link.email)
        account.email = link.email
        log(session, now, None, "account.address", account.id)
    context.wake_workers()


def browsers(session: Session, person: SignedIn, secret: str, now: datetime) -> list[Browser]:
    """The newest first."""
    query = select(WebSession).where(WebSession.account_id == person.account.id, WebSession.expires > now)
    own = hash_secret(secret)
    return [
        Browser(one.hash[:_SHOWN_OF_HASH], one.created, one.expires, one.hash == own)
        for one in session.scalars(query.order_by(WebSession.created.desc(), WebSession.hash))
    ]


def sign_out_others(context: PlatformContext, person: SignedIn, secret: str) -> None:
    """Everywhere but here; and no browser is known any more."""
    with context.sessions.begin() as session:
        own = (WebSession.account_id == person.account.id) & (WebSession.hash != hash_secret(secret))
        session.execute(delete(WebSession).where(own))
        devices.forget(session, person.account)
        log(session, context.now(), person.actor(), "account.signed_out", person.account.id)


def stopped_by_link(session: Session, token: str) -> tuple[Account, str]:
    """Whose e-mails of which kind a link ends. Raises NotFoundError."""
    account_id, _, kind = value_of(session, LinkTo.MAILS, token).partition("/")
    account = session.get(Account, account_id)
    if account is None or account.erased is not None or kind not in (*KINDS, DIGEST):
        raise NotFoundError("link")
    return account, kind


def stop_by_link(context: PlatformContext, token: str) -> str:
    """Returns the kind that is off now. Raises NotFoundError."""
    with context.sessions.begin() as session:
        account, kind = stopped_by_link(session, token)
        preferences.stop(session, account.id, kind)
    return kind
