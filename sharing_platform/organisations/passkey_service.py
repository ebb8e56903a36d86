"""Operations on passkeys for API and pages, each in one transaction and recorded in the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sharing_platform.database import read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError
from sharing_platform.i18n import texts
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import accounts, devices, passkeys, rate_limits
from sharing_platform.organisations.accounts import NewSession, SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.credentials import new_secret
from sharing_platform.organisations.models import Account, Passkey
from sharing_platform.organisations.rate_limits import CHALLENGE_BY_SENDER, Counted
from sign_in.passkeys import Credential, RelyingParty, relying_party, sign_in_options


@dataclass(frozen=True)
class Visitor:
    """Who wants to sign in: the network address, and the secrets that the browser presented. `holder`: of the browser that asked for a challenge."""

    address: str
    device: str
    holder: str = ""


def begin_sign_in(context: PlatformContext, visitor: Visitor) -> tuple[dict[str, Any], str]:
    """Options for the browser, and the secret for its cookie. Raises TooManyError, ConflictError."""
    party, now = _party(context), context.now()
    rate_limits.count_attempt(context.sessions, *_asking(context, visitor), now)
    challenge, options = sign_in_options(party)
    holder, _ = new_secret()
    with context.sessions.begin() as session:
        passkeys.keep_challenge(session, holder, None, challenge, now)
    return options, holder


def sign_in(context: PlatformContext, credential: Credential, visitor: Visitor) -> tuple[NewSession, Account]:
    """Raises InvalidError, the same for whatever is wrong; TooManyError as for passwords; ConflictError."""
    with rate_limits.failures_logged(visitor.address):
        return _sign_in(context, credential, visitor)


def _sign_in(context: PlatformContext, credential: Credential, visitor: Visitor) -> tuple[NewSession, Account]:
    party, now = _party(context), context.now()
    answer = passkeys.parse_answer(credential)
    with read_session(context.sessions) as session:
        account = passkeys.account_of(session, answer)
        known = devices.is_known(session, account, visitor.device, now)
    email = account.email if account is not None else None
    device = visitor.device if known else None
    counted = rate_limits.count_sign_in(context.sessions, email, visitor.address, device, now)
    counted.append(_asking(context, visitor))
    challenge = _take_challenge(context, visitor.holder, None, "passkey_wrong")
    with context.sessions.begin() as session:
        passkey, account = passkeys.use(session, party, answer, challenge, now)
        rate_limits.give_back(session, counted)
        log(session, now, None, "account.signed_in", account.id, passkey=passkey.id)
        return accounts.start_session(session, account, visitor.device, now), account


def begin_adding(
    context: PlatformContext, person: SignedIn, password: str | None, session_secret: str
) -> dict[str, Any]:
    """Options for the browser. The password is needed of who has not signed in a moment ago. Raises InvalidError, ConflictError, TooManyError."""
    party, now = _party(context), context.now()
    if not person.recent(now):
        rate_limits.count_attempt(context.sessions, rate_limits.PASSWORD_BY_ACCOUNT, person.account.id, now)
        accounts.require_password(person.account, password, "password")
    with context.sessions.begin() as session:
        account = session.get_one(Account, person.account.id)
        passkeys.require_room(session, account.id)
        known = passkeys.of_account(session, account.id)
        challenge, options = passkeys.new_passkey_options(party, texts(account.language)["site"], account, known)
        passkeys.keep_challenge(session, session_secret, account, challenge, now)
    return options


def add(context: PlatformContext, person: SignedIn, name: str, credential: Credential, session_secret: str) -> Passkey:
    """What the browser answers to `begin_adding`. An e-mail tells the person. Raises InvalidError, ConflictError."""
    party, now = _party(context), context.now()
    challenge = _take_challenge(context, session_secret, person.account.id, "passkey_not_added")
    with context.sessions.begin() as session:
        account = session.get_one(Account, person.account.id)
        passkey = passkeys.add(session, party, account, name, credential, challenge, now)
        log(session, now, person.actor(), "passkey.added", passkey.id)
        queue_mail(session, account, "passkey_added", context.zone, now, (), moment=now, link=f"{context.url}/account")
    context.wake_workers()
    return passkey


def rename(context: PlatformContext, person: SignedIn, passkey_id: str, name: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        passkeys.find(session, person.account.id, passkey_id).name = name


def remove(context: PlatformContext, person: SignedIn, passkey_id: str) -> None:
    """An e-mail tells the person. Raises NotFoundError."""
    now = context.now()
    with context.sessions.begin() as session:
        session.delete(passkeys.find(session, person.account.id, passkey_id))
        log(session, now, person.actor(), "passkey.removed", passkey_id)
        account = session.get_one(Account, person.account.id)
        link = f"{context.url}/account"
        queue_mail(session, account, "passkey_removed", context.zone, now, (), moment=now, link=link)
    context.wake_workers()


def _party(context: PlatformContext) -> RelyingParty:
    """Raises ConflictError."""
    party = relying_party(context.url)
    if party is None:
        raise ConflictError("passkeys_unavailable")
    return party


def _asking(context: PlatformContext, visitor: Visitor) -> Counted:
    with read_session(context.sessions) as session:
        return CHALLENGE_BY_SENDER, devices.sender(session, visitor.device, visitor.address, context.now())


def _take_challenge(context: PlatformContext, holder: str, account_id: str | None, code: str) -> bytes:
    """In a transaction of its own: it is void, whatever the answer is worth. Raises InvalidError."""
    with context.sessions.begin() as session:
        challenge = passkeys.take_challenge(session, holder, account_id, context.now())
    if challenge is None:
        raise InvalidError(code, "credential")
    return challenge
