"""Passkeys (WebAuthn) of accounts: public keys with which people sign in instead of with a password. What a browser is asked to sign is good once, for a few
minutes, in that browser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.organisations.credentials import hash_secret
from sharing_platform.organisations.models import Account, Passkey, PasskeyChallenge
from sign_in import passkeys
from sign_in.passkeys import CHALLENGE_LIFE, Answer, Credential, RelyingParty, WrongPasskeyError

MAX_PASSKEYS = 20
"""Of an account."""


def new_passkey_options(
    party: RelyingParty, site: str, account: Account, known: Sequence[Passkey]
) -> tuple[bytes, dict[str, Any]]:
    """The challenge, and the options for `navigator.credentials.create`. `site`: how the platform is called."""
    credentials = [one.credential for one in known]
    return passkeys.new_passkey_options(party, site, _handle(account), account.email, account.name, credentials)


def keep_challenge(session: Session, holder: str, account: Account | None, challenge: bytes, now: datetime) -> None:
    """`holder`: the secret of the browser's cookie. What it was to sign before is void."""
    from webauthn.helpers import bytes_to_base64url

    session.merge(
        PasskeyChallenge(
            holder=hash_secret(holder),
            account_id=account.id if account is not None else None,
            challenge=bytes_to_base64url(challenge),
            expires=now + CHALLENGE_LIFE,
        )
    )


def take_challenge(session: Session, holder: str, account_id: str | None, now: datetime) -> bytes | None:
    """What this browser is to sign, which is void from now on. None where it has asked for nothing, for something else, or too long ago."""
    from webauthn.helpers import base64url_to_bytes

    kept = session.get(PasskeyChallenge, hash_secret(holder), with_for_update=True)
    if kept is None:
        return None
    session.delete(kept)
    if kept.account_id != account_id or kept.expires <= now:
        return None
    return base64url_to_bytes(kept.challenge)


def add(
    session: Session, party: RelyingParty, account: Account, name: str, credential: Credential, challenge: bytes, now: datetime
) -> Passkey:  # fmt: skip
    """Raises InvalidError for an answer of an authenticator that does not hold, ConflictError beyond `MAX_PASSKEYS`."""
    with _said("passkey_not_added"):
        made = passkeys.check_new(party, credential, challenge)
    session.get_one(
        Account, account.id, with_for_update=True
    )  # two that are added at the same moment wait for each other
    require_room(session, account.id)
    passkey = Passkey(
        id=str(uuid.uuid4()), account_id=account.id, name=name, credential=made.credential, public_key=made.public_key, uses=made.uses,
        created=now,
    )  # fmt: skip
    session.add(passkey)
    try:
        session.flush()
    except IntegrityError as error:  # another account has it
        raise InvalidError("passkey_not_added", "credential") from error
    return passkey


def require_room(session: Session, account_id: str) -> None:
    """Raises ConflictError where the account has `MAX_PASSKEYS` already."""
    if (session.scalar(select(func.count()).where(Passkey.account_id == account_id)) or 0) >= MAX_PASSKEYS:
        raise ConflictError("too_many_passkeys")


def parse_answer(credential: Credential) -> Answer:
    """What an authenticator answers who signs in. Raises InvalidError for what is none."""
    with _said("passkey_wrong"):
        return passkeys.parse_answer(credential)


def account_of(session: Session, answer: Answer) -> Account | None:
    """Whose passkey it says that it is; nothing is checked yet."""
    query = select(Account).join(Passkey, Passkey.account_id == Account.id)
    return session.scalars(query.where(Passkey.credential == answer.credential)).first()


def use(
    session: Session, party: RelyingParty, answer: Answer, challenge: bytes, now: datetime
) -> tuple[Passkey, Account]:
    """The passkey with which this challenge was signed, and whose it is. Raises InvalidError, the same for whatever is wrong."""
    query = select(Passkey).where(Passkey.credential == answer.credential)
    passkey = session.scalars(query.with_for_update()).first()
    if passkey is None:
        raise InvalidError("passkey_wrong", "credential")
    account = session.get_one(Account, passkey.account_id)
    if account.confirmed is None or account.erased is not None or answer.user not in (None, _handle(account)):
        raise InvalidError("passkey_wrong", "credential")
    with _said("passkey_wrong"):
        passkey.uses = passkeys.check_answer(party, answer, challenge, passkey.public_key, passkey.uses)
    passkey.last_used = now
    return passkey, account


def of_account(session: Session, account_id: str) -> list[Passkey]:
    """The oldest first."""
    query = select(Passkey).where(Passkey.account_id == account_id)
    return list(session.scalars(query.order_by(Passkey.created, Passkey.id)))


def find(session: Session, account_id: str, passkey_id: str) -> Passkey:
    """Raises NotFoundError for what is another's."""
    passkey = session.get(Passkey, passkey_id)
    if passkey is None or passkey.account_id != account_id:
        raise NotFoundError
    return passkey


def _handle(account: Account) -> bytes:
    """By which authenticators know whose passkey it is."""
    return uuid.UUID(account.id).bytes


@contextmanager
def _said(code: str) -> Iterator[None]:
    try:
        yield
    except WrongPasskeyError as error:
        raise InvalidError(code, "credential") from error
