"""Passkeys (WebAuthn): public keys with which people sign in instead of with a password. What a browser is asked to sign is good once, for a few minutes, in
that browser."""

from __future__ import annotations

import ipaddress
import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json_dict,
    parse_authentication_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.organisations.credentials import hash_secret
from sharing_platform.organisations.models import Account, Passkey, PasskeyChallenge

CHALLENGE_LIFE = timedelta(minutes=5)
MAX_PASSKEYS = 20
"""Of an account."""
_TIMEOUT_MS = int(CHALLENGE_LIFE.total_seconds() * 1000)
_LONGEST = 1400
"""Characters of a credential's name; authenticators make at most 1023 bytes (WebAuthn, 4)."""
_HTTPS, _HTTP = 443, 80

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

Credential = Mapping[str, Any] | str
"""What `PublicKeyCredential.toJSON()` gives in a browser, as an object or as text."""


@dataclass(frozen=True)
class RelyingParty:
    """The platform to whom a passkey belongs. `id`: its host name. Browsers use the passkey on pages of `origin` alone."""

    id: str
    origin: str


def relying_party(url: str) -> RelyingParty | None:
    """Of the platform's public address. There are no passkeys for IP addresses; the one of a person's own computer has a name, `localhost`."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    try:
        if not ipaddress.ip_address(name).is_loopback:
            return None
        name = "localhost"
    except ValueError:
        pass  # a name, as it should be
    usual = parts.port in (None, _HTTPS if parts.scheme == "https" else _HTTP)
    return RelyingParty(name, f"{parts.scheme}://{name}{'' if usual else f':{parts.port}'}")


def new_passkey_options(
    party: RelyingParty, site: str, account: Account, known: Sequence[Passkey]
) -> tuple[bytes, dict[str, Any]]:
    """The challenge, and the options for `navigator.credentials.create`. `site`: how the platform is called. The passkey takes the place of a password, so the
    authenticator has to find it by itself and to check who is there."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=site,
        user_id=uuid.UUID(account.id).bytes,
        user_name=account.email,
        user_display_name=account.name,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.credential)) for one in known],
    )
    return options.challenge, options_to_json_dict(options)


def sign_in_options(party: RelyingParty) -> tuple[bytes, dict[str, Any]]:
    """The challenge, and the options for `navigator.credentials.get`: any passkey of this platform."""
    required = UserVerificationRequirement.REQUIRED
    options = generate_authentication_options(rp_id=party.id, timeout=_TIMEOUT_MS, user_verification=required)
    return options.challenge, options_to_json_dict(options)


def keep_challenge(session: Session, holder: str, account: Account | None, challenge: bytes, now: datetime) -> None:
    """`holder`: the secret of the browser's cookie. What it was to sign before is void."""
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
    checked = _checked(
        "passkey_not_added",
        lambda: verify_registration_response(
            credential=_as_object(credential),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        ),
    )
    made = bytes_to_base64url(checked.credential_id)
    session.get_one(
        Account, account.id, with_for_update=True
    )  # two that are added at the same moment wait for each other
    require_room(session, account.id)
    if len(made) > _LONGEST:
        raise InvalidError("passkey_not_added", "credential")
    passkey = Passkey(
        id=str(uuid.uuid4()), account_id=account.id, name=name, credential=made,
        public_key=bytes_to_base64url(checked.credential_public_key), uses=checked.sign_count, created=now,
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


def parse_answer(credential: Credential) -> AuthenticationCredential:
    """What an authenticator answers to `sign_in_options`. Raises InvalidError for what is none."""
    return _checked("passkey_wrong", lambda: parse_authentication_credential_json(_as_object(credential)))


def account_of(session: Session, answer: AuthenticationCredential) -> Account | None:
    """Whose passkey it says that it is; nothing is checked yet."""
    query = select(Account).join(Passkey, Passkey.account_id == Account.id)
    return session.scalars(query.where(Passkey.credential == bytes_to_base64url(answer.raw_id))).first()


def use(
    session: Session, party: RelyingParty, answer: AuthenticationCredential, challenge: bytes, now: datetime
) -> tuple[Passkey, Account]:
    """The passkey with which this challenge was signed, and whose it is. Raises InvalidError, the same for whatever is wrong."""
    query = select(Passkey).where(Passkey.credential == bytes_to_base64url(answer.raw_id))
    passkey = session.scalars(query.with_for_update()).first()
    if passkey is None:
        raise InvalidError("passkey_wrong", "credential")
    account = session.get_one(Account, passkey.account_id)
    whose = answer.response.user_handle
    if account.confirmed is None or account.erased is not None or whose not in (None, uuid.UUID(account.id).bytes):
        raise InvalidError("passkey_wrong", "credential")
    checked = _checked(
        "passkey_wrong",
        lambda: verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.uses,
            require_user_verification=True,
        ),
    )
    passkey.uses, passkey.last_used = checked.new_sign_count, now
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


def _as_object(credential: Credential) -> dict[str, Any]:
    found = json.loads(credential) if isinstance(credential, str) else credential
    return dict(found)


def _checked(code: str, check: Callable[[], _T]) -> _T:
    """The result of a check by the library. Raises InvalidError with `code`."""
    try:
        return check()
    except Exception as error:
        _log.info("A passkey was not accepted: %s: %.200r", type(error).__name__, str(error))
        raise InvalidError(code, "credential") from error
