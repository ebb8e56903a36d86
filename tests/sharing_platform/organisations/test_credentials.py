"""How passwords are hashed."""

from __future__ import annotations

import pytest
from argon2 import Type, extract_parameters
from argon2.exceptions import VerifyMismatchError

from sharing_platform.organisations import credentials
from tests.sharing_platform.conftest import REAL_HASHER, REAL_NOBODY


def test_a_password_is_dear_to_guess() -> None:
    """At least the lowest cost that OWASP's cheat sheet on storing passwords allows: argon2id with 19 MiB and two passes."""
    kept = REAL_HASHER.hash("een zin die lang genoeg is")
    found = extract_parameters(kept)
    assert found.type is Type.ID
    assert found.memory_cost >= 19 * 1024
    assert found.time_cost >= 2
    assert REAL_HASHER.verify(kept, "een zin die lang genoeg is")


def test_without_an_account_it_takes_as_long() -> None:
    """What is compared then is a hash of the same cost, and a valid one."""
    assert not REAL_HASHER.check_needs_rehash(REAL_NOBODY)
    with pytest.raises(VerifyMismatchError):
        REAL_HASHER.verify(REAL_NOBODY, "een zin die lang genoeg is")


def test_random_passwords_are_hashed_fast_and_good_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_HASHER", REAL_HASHER)
    with credentials.hash_passwords_fast():
        kept = credentials.hash_password("Zc3nYw0rq1kLx8vD")
    assert extract_parameters(kept).memory_cost < 1024
    assert credentials.verify_password(kept, "Zc3nYw0rq1kLx8vD")
    assert not REAL_HASHER.check_needs_rehash(credentials.hash_password("een zin die lang genoeg is"))
