"""What a browser has begun counts for it, for what it began, soon and once; and nobody fills anything by beginning."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics.api.attempts import Attempts
from tests.analytics.tables import utc

NOON = utc(2, 12, month=3)
LIFE = timedelta(minutes=5)


def test_the_secret_is_found_again_and_differs_each_time() -> None:
    attempts = Attempts()
    begun = [attempts.begin("sign in", NOON) for _ in range(1000)]
    assert all(attempts.find("sign in", cookie, LIFE, NOON + LIFE / 2) == secret for cookie, secret in begun)
    assert len({secret for _, secret in begun}) == 1000
    assert attempts._used == {}, "nothing is kept of what has only been begun"


@pytest.mark.parametrize("later", [LIFE, timedelta(days=1), -timedelta(seconds=1)])
def test_it_counts_for_so_long(later: timedelta) -> None:
    attempts = Attempts()
    cookie, _ = attempts.begin("sign in", NOON)
    assert attempts.find("sign in", cookie, LIFE, NOON + later) is None


def test_it_counts_once() -> None:
    attempts = Attempts()
    cookie, _ = attempts.begin("sign in", NOON)
    assert attempts.finish(cookie, LIFE, NOON)
    assert attempts.find("sign in", cookie, LIFE, NOON) is None
    assert not attempts.finish(cookie, LIFE, NOON), "two at the same moment"
    other, _ = attempts.begin("sign in", NOON + LIFE)
    assert attempts.finish(other, LIFE, NOON + LIFE)
    assert list(attempts._used) == [other], "what has expired is forgotten"


def test_another_purpose_process_or_cookie_has_another_secret() -> None:
    attempts = Attempts()
    cookie, secret = attempts.begin("sign in", NOON)
    began = cookie.partition(".")[0]
    others = [
        attempts.find("add/eva", cookie, LIFE, NOON),
        Attempts().find("sign in", cookie, LIFE, NOON),
        attempts.find("sign in", f"{cookie}x", LIFE, NOON),
        attempts.find("sign in", f"{began}.", LIFE, NOON),
    ]
    assert secret not in others
    for nonsense in ("", ".", "x", "-1.x", "1e9.x", "\u0661.x", "9" * 400):
        assert attempts.find("sign in", nonsense, LIFE, NOON) is None, nonsense
