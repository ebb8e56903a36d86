"""Passkeys (WebAuthn): what browsers are asked to sign, and whether the answer holds. Who keeps challenges and keys decides whose they are.

The library is loaded when somebody has a passkey or makes one: with what it needs, it is a thirtieth of what a server loads when it starts.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticationCredential

CHALLENGE_LIFE = timedelta(minutes=5)
_TIMEOUT_MS = int(CHALLENGE_LIFE.total_seconds() * 1000)
_LONGEST = 1400
"""Characters of a credential's name; authenticators make at most 1023 bytes (WebAuthn, 4)."""
_HTTPS, _HTTP = 443, 80

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

Credential = Mapping[str, Any] | str
"""What `PublicKeyCredential.toJSON()` gives in a browser, as an object or as text."""


class WrongPasskeyError(Exception):
    """What an authenticator answered does not hold. The log says why; whoever sent it is not told."""


@dataclass(frozen=True)
class RelyingParty:
    """The site to which a passkey belongs. `id`: its host name. Browsers use the passkey on pages of `origin` alone."""

    id: str
    origin: str


@dataclass(frozen=True)
class NewPasskey:
    """What is kept of a passkey, in base64url. `uses`: as the authenticator counts them."""

    credential: str
    public_key: str
    uses: int


@dataclass(frozen=True)
class Answer:
    """What an authenticator answers to `sign_in_options`; nothing is checked yet. `credential`: which passkey it says that it is, `user`: whose."""

    credential: str
    user: bytes | None
    whole: AuthenticationCredential


def relying_party(url: str) -> RelyingParty | None:
    """Of a site's public address. There are no passkeys for IP addresses, nor without TLS; the address of a person's own computer has a name, `localhost`."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    try:
        if not ipaddress.ip_address(name).is_loopback:
            return None
        name = "localhost"
    except ValueError:
        pass  # a name, as it should be
    if not name or (parts.scheme != "https" and name != "localhost"):
        return None
    usual = parts.port in (None, _HTTPS if parts.scheme == "https" else _HTTP)
    return RelyingParty(name, f"{parts.scheme}://{name}{'' if usual else f':{parts.port}'}")


def new_passkey_options(
    party: RelyingParty,
    site: str,
    user: bytes,
    name: str,
    display_name: str,
    known: Sequence[str],
    challenge: bytes | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """The challenge, and the options for `navigator.credentials.create`. `site`: how people call it. `user`: whose passkey it becomes, at most 64 bytes
    that say nothing to others. `known`: credentials that they have. The passkey takes the place of a password, so the authenticator has to find it by
    itself and to check who is there. `challenge`: else a random one."""
    from webauthn import generate_registration_options
    from webauthn.helpers import base64url_to_bytes, options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.id,
        rp_name=site,
        user_id=user,
        user_name=name,
        user_display_name=display_name,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
    )
    return options.challenge, options_to_json_dict(options)


def sign_in_options(party: RelyingParty, challenge: bytes | None = None) -> tuple[bytes, dict[str, Any]]:
    """The challenge, and the options for `navigator.credentials.get`: any passkey of this site. `challenge`: else a random one."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options.challenge, options_to_json_dict(options)


def check_new(party: RelyingParty, credential: Credential, challenge: bytes) -> NewPasskey:
    """What an authenticator answers to `new_passkey_options`. Raises WrongPasskeyError."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url

    checked = _checked(
        lambda: verify_registration_response(
            credential=_as_object(credential),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    )
    made = bytes_to_base64url(checked.credential_id)
    if len(made) > _LONGEST:
        raise WrongPasskeyError
    return NewPasskey(made, bytes_to_base64url(checked.credential_public_key), checked.sign_count)


def parse_answer(credential: Credential) -> Answer:
    """Raises WrongPasskeyError for what is no answer of an authenticator."""
    from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json

    found = _checked(lambda: parse_authentication_credential_json(_as_object(credential)))
    return Answer(bytes_to_base64url(found.raw_id), found.response.user_handle, found)


def check_answer(party: RelyingParty, answer: Answer, challenge: bytes, public_key: str, uses: int) -> int:
    """Whether this challenge was signed with this key, on a page of the site, by somebody whom the authenticator has recognised. Returns how often the passkey has
    been used now, and refuses one that counts backwards: it may be a copy. Raises WrongPasskeyError."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes

    return _checked(
        lambda: verify_authentication_response(
            credential=answer.whole,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=uses,
            require_user_verification=True,
        )
    ).new_sign_count


def _as_object(credential: Credential) -> dict[str, Any]:
    found = json.loads(credential) if isinstance(credential, str) else credential
    return dict(found)


def _checked(check: Callable[[], _T]) -> _T:
    """The result of a check by the library, which raises many errors for what strangers may send."""
    try:
        return check()
    except Exception as error:
        _log.info("A passkey was not accepted: %s: %.200r", type(error).__name__, str(error))
        raise WrongPasskeyError from error
