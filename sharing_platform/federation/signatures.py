"""Requests and answers between platforms are signed (HTTP Message Signatures, RFC 9421, Ed25519), their bodies by Content-Digest (RFC 9530).

A signature covers method, address and body of a request; of an answer its status and body and, with the request's signature, which request it answers. Whoever has
recorded an exchange can therefore repeat neither half: the request's nonce is known, and the answer fits no other request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.algorithms import ED25519

from sharing_platform.federation.keys import OwnKey, public_key_of
from sharing_platform.federation.transport import HttpAnswer, HttpRequest

VALID_FOR = timedelta(minutes=1)
LEEWAY = timedelta(minutes=1)
"""By so much two platforms' clocks may differ."""
_TAG, _LABEL = "vrijloop-federation", "vrijloop"
_OF_REQUEST = ("@method", "@target-uri", "content-digest")
_OF_ANSWER = ("@status", "content-digest", '"@method";req', '"@target-uri";req', f'"signature";req;key="{_LABEL}"')
_LONGEST_NONCE = 64


class UntrustedError(Exception):
    """What came is not signed by whom it should be, not for this, or not now."""


@dataclass(frozen=True)
class SignedRequest:
    """A request whose signature holds. `nonce`: it must not have been used before, until `expires`."""

    nonce: str
    expires: datetime


@dataclass
class _Request:
    """As the library reads and writes requests."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class _Answer:
    """As the library reads and writes answers."""

    status_code: int
    headers: dict[str, str]
    request: _Request


@dataclass(frozen=True)
class _Keys(HTTPSignatureKeyResolver):
    """One key: whose name is its public part."""

    name: str
    own: Ed25519PrivateKey | None = None

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return public_key_of(self.name) if key_id == self.name else None

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        if self.own is None:
            raise KeyError(key_id)
        return self.own


class _Verifier(HTTPMessageVerifier):
    """With the platform's clock instead of the computer's."""

    def __init__(self, key: str, now: datetime) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=_Keys(key))
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        created, expires = (sig_input.params.get(name) for name in ("created", "expires"))
        if not isinstance(created, int) or not isinstance(expires, int):
            raise InvalidSignature("it does not say when it was made and until when it holds")
        now = self._now.timestamp()
        if created > now + LEEWAY.total_seconds() or expires < now - LEEWAY.total_seconds():
            raise InvalidSignature("it does not hold now")
        if expires - created > VALID_FOR.total_seconds():
            raise InvalidSignature("it holds for too long")


def sign_request(request: HttpRequest, key: OwnKey, nonce: str, now: datetime) -> HttpRequest:
    """With the headers that show whose it is."""
    message = _Request(request.method, request.url, dict(request.headers))
    _signer(key).sign(
        message, key_id=key.public_text, created=now, expires=now + VALID_FOR, nonce=nonce, label=_LABEL, tag=_TAG,
        covered_component_ids=_OF_REQUEST[:2], body=request.body,
    )  # fmt: skip
    return HttpRequest(request.method, request.url, _in_lower_case(message.headers), request.body)


def key_named(request: HttpRequest) -> str | None:
    """The public key that a request says it is signed with; nothing is verified yet."""
    _, _, named = request.headers.get("signature-input", "").partition(';keyid="')
    return named.partition('"')[0] or None


def verify_request(request: HttpRequest, public_key: str, now: datetime) -> SignedRequest:
    """`request.url`: as it was to be sent to us. Raises UntrustedError."""
    message = _Request(request.method, request.url, dict(request.headers))
    parameters = _verify(message, public_key, now, _OF_REQUEST, request.body)
    nonce, expires = parameters.get("nonce"), parameters["expires"]
    if not isinstance(nonce, str) or not 16 <= len(nonce) <= _LONGEST_NONCE:
        raise UntrustedError("the request has no nonce")
    return SignedRequest(nonce, datetime.fromtimestamp(expires, UTC) + LEEWAY)


def sign_answer(answer: HttpAnswer, request: HttpRequest, key: OwnKey, now: datetime) -> HttpAnswer:
    """`request`: the one that it answers, as it came."""
    message = _Answer(answer.status, dict(answer.headers), _Request(request.method, request.url, dict(request.headers)))
    _signer(key).sign(
        message, key_id=key.public_text, created=now, expires=now + VALID_FOR, label=_LABEL, tag=_TAG,
        covered_component_ids=(_OF_ANSWER[0], *_OF_ANSWER[2:]), body=answer.body,
    )  # fmt: skip
    return HttpAnswer(answer.status, _in_lower_case(message.headers), answer.body)


def verify_answer(answer: HttpAnswer, request: HttpRequest, public_key: str, now: datetime) -> None:
    """`request`: as it was sent. Raises UntrustedError."""
    sent = _Request(request.method, request.url, dict(request.headers))
    _verify(_Answer(answer.status, dict(answer.headers), sent), public_key, now, _OF_ANSWER, answer.body)


def _verify(
    message: _Request | _Answer, public_key: str, now: datetime, required: tuple[str, ...], body: bytes
) -> dict[str, Any]:
    try:
        (found,) = _Verifier(public_key, now).verify(
            message, max_age=None, expect_tag=_TAG, require_components=required, body=body
        )
    except (HTTPMessageSignaturesException, ValueError, TypeError) as error:
        raise UntrustedError(str(error) or type(error).__name__) from error
    return found.parameters


def _signer(key: OwnKey) -> HTTPMessageSigner:
    return HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_Keys(key.public_text, key.private))


def _in_lower_case(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
