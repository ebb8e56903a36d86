"""Passwords (argon2id) and random secrets. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sharing_platform.errors import InvalidError

MIN_PASSWORD, MAX_PASSWORD = 12, 200
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_urlsafe())


def hash_password(password: str, *personal: str) -> str:
    """Raises InvalidError for a password that is too short or is the person's name or address (NIST SP 800-63B, 3.1.1.2)."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidError("password_length", "password")
    folded = password.casefold()
    if len(set(folded)) < 5 or any(one and one.casefold() == folded for one in personal):
        raise InvalidError("password_easy", "password")
    return _HASHER.hash(password)


def verify_password(kept: str | None, given: str) -> bool:
    """Takes equally long without an account, so that timing does not reveal whether there is one."""
    try:
        return _HASHER.verify(kept or _NOBODY, given[:MAX_PASSWORD]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def new_secret(prefix: str = "") -> tuple[str, str]:
    """A secret to show once, and the hash to store."""
    secret = prefix + secrets.token_urlsafe(32)
    return secret, hash_secret(secret)


def hash_secret(secret: str) -> str:
    """A fast hash is sufficient, because the secret is long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()
