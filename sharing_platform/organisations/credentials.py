"""Passwords (argon2id) and random secrets. Only hashes are stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from sharing_platform.errors import InvalidError

MIN_PASSWORD, MAX_PASSWORD = 12, 200
_LOOKED_AT = 100
"""Characters of a password that are looked at; estimating takes time that grows with their square."""
_SCORE = 4
"""Of zxcvbn, 0 to 4: more than 10^10 guesses."""
_OURS = ("vrijloop", "deelplatform")
_HASHER = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$VG+IU0KLcIjdF81gviXDOg$0R65ehGXMk0ruuS2BCWAEtr3SOd/5gyebBwGoY6X3KA"
"""A hash as `_HASHER` makes it, of no password: making one takes a third of a second, which each program that starts would wait for."""


def check_password(password: str, own: Iterable[str]) -> None:
    """`own`: the person's name, address and organisations. Raises InvalidError for a password that is too short, or can be guessed: it consists of common
    passwords and words, patterns of keys or dates, or the person's own words (NIST SP 800-63B, 3.1.1.2)."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidError("password_length", "password")
    words = _words([*own, *_OURS])
    left = password.casefold()[:_LOOKED_AT]
    for word in words:
        left = left.replace(word, "")
    # What is left is as good as the whole: whoever guesses knows these words. zxcvbn finds those that are written as `p33t3rs`.
    if not left or zxcvbn(left, words, max_length=_LOOKED_AT)["score"] < _SCORE:
        raise InvalidError("password_easy", "password")


def _words(texts: Iterable[str]) -> list[str]:
    """`An Peeters` as `an peeters`, `anpeeters`, `peeters`, `an`: whole, without what is between, and its parts. The longest first."""
    found: set[str] = set()
    for text in texts:
        parts = re.findall(r"\w+", text.casefold())
        found |= {text.casefold(), "".join(parts), *parts}
    return sorted((word for word in found if len(word) > 1), key=lambda word: (-len(word), word))


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


@contextmanager
def hash_passwords_fast() -> Iterator[None]:
    """In the block, for passwords that are as long and random as secrets, of which a fast hash is sufficient. A hash says how it was made, so they are good afterwards, too."""
    global _HASHER  # noqa: PLW0603 - the process has one
    usual, _HASHER = _HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    try:
        yield
    finally:
        _HASHER = usual


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
