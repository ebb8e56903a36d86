"""Keys of platforms (Ed25519), and how two people compare one by telephone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy.orm import Session

from sharing_platform.errors import InvalidError
from sharing_platform.federation.models import FederationKey
from sharing_platform.machines.availability import lock_resource

_ONLY = 1
_GROUPS = 6
_LENGTH = 32


@dataclass(frozen=True)
class OwnKey:
    """The platform's own. `epoch` as in `FederationKey`."""

    secret: str
    epoch: str

    @cached_property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.secret))

    @cached_property
    def public_text(self) -> str:
        """As it is given to a neighbour."""
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()


def find_own_key(session: Session) -> OwnKey | None:
    """None before it is first needed."""
    known = session.get(FederationKey, _ONLY)
    return OwnKey(known.secret, known.epoch) if known is not None else None


def make_own_key(session: Session) -> OwnKey:
    """The one that there is, or a new one."""
    lock_resource(session, "federation-key")
    known = find_own_key(session)
    if known is not None:
        return known
    made = OwnKey(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode(), secrets.token_hex(8))
    session.add(FederationKey(id=_ONLY, secret=made.secret, epoch=made.epoch))
    session.flush()
    return made


def read_public_key(text: str) -> str:
    """As people copy it, in one spelling. Raises InvalidError where it is none."""
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, binascii.Error):
        raise InvalidError("public_key", "public_key") from None
    return base64.b64encode(raw).decode()


def public_key_of(text: str) -> Ed25519PublicKey:
    """`text` as `read_public_key` returns it."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text))


def fingerprint(public_key: str) -> list[str]:
    """Six groups of five digits, which people read to each other in any language: a hundred bits of the key's SHA-256."""
    number = int.from_bytes(hashlib.sha256(base64.b64decode(public_key)).digest())
    groups = []
    for _ in range(_GROUPS):
        number, group = divmod(number, 100_000)
        groups.append(f"{group:05d}")
    return groups
