"""Who causes too much is slowed down, and nobody else."""

from __future__ import annotations

import contextlib
from email.message import EmailMessage
from types import SimpleNamespace
from typing import cast

import httpx2
import pytest
from fastapi import Request
from sqlalchemy import func, select

from sharing_platform.dependencies import client_address
from sharing_platform.errors import TooManyError
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.models import KnownDevice
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform, client

PASSWORD = "een zin die lang genoeg is"
AN = {"email": "an@startup.be"}


def secrets_of(mails: list[EmailMessage]) -> list[str]:
    lines = [line for mail in mails for line in mail.get_content().splitlines()]
    return [line.rpartition("/")[2] for line in lines if "/welcome/" in line]


def test_a_stranger_does_not_use_up_somebodys_links(platform: Platform) -> None:
    platform.somebody("an@startup.be", "startup")
    stranger = platform.elsewhere()
    codes = [stranger.post("/api/v1/accounts/forgotten", json=AN).status_code for _ in range(8)]
    assert codes == [202] * 5 + [429] * 3
    wait_for(lambda: len(platform.mails_to("an@startup.be")) == 5, "the stranger's five")
    assert platform.anyone.post("/api/v1/accounts/forgotten", json=AN).status_code == 202
    wait_for(lambda: len(platform.mails_to("an@startup.be")) == 6, "the owner's own")
    *older, newest = secrets_of(platform.mails_to("an@startup.be"))
    for secret, code in ((older[0], 404), (older[-1], 404), (newest, 204)):
        body = {"link": secret, "password": PASSWORD}
        assert platform.anyone.post("/api/v1/accounts/welcome", json=body).status_code == code


def test_a_mailbox_is_not_flooded_and_its_newest_link_works(platform: Platform) -> None:
    """From however many places: the answer stays the same, and the owner is not locked out."""
    platform.somebody("an@startup.be", "startup")
    for number in range(2, 6):
        answers = [platform.elsewhere(number).post("/api/v1/accounts/forgotten", json=AN) for _ in range(5)]
        assert {(one.status_code, one.text) for one in answers} == {(202, "null")}
    assert platform.anyone.post("/api/v1/accounts/forgotten", json=AN).status_code == 202
    platform.anyone.post(
        "/api/v1/accounts",
        json={"name": "An", "organisation": "Start-up", "country": "NL", "terms": 1, **AN},
    )
    platform.mail("an@startup.be", "/sign-in")
    links = secrets_of(platform.mails_to("an@startup.be"))
    assert len(links) == 10
    body = {"link": links[-1], "password": PASSWORD}
    assert platform.anyone.post("/api/v1/accounts/welcome", json=body).status_code == 204


@pytest.mark.parametrize("known", [True, False])
def test_other_kinds_of_mail_have_bounds_of_their_own(platform: Platform, known: bool) -> None:
    """The same for an address that has an account."""
    platform.offer()
    if known:
        platform.somebody("an@startup.be", "startup")
    guest = {"guest": {"organisation": "Start-up", "name": "An", **AN}}
    stranger = platform.elsewhere()
    codes = [stranger.post("/api/v1/offers/o1/booking", json=guest).status_code for _ in range(6)]
    assert codes == [202] * 5 + [429]
    page = stranger.post("/offers/o1", data=guest["guest"], headers={"Accept": "text/html"})
    assert page.status_code == 429
    new = {"name": "An", "organisation": "Start-up", "country": "NL", "terms": 1, **AN}
    assert stranger.post("/api/v1/accounts", json=new).status_code == 202
    assert platform.anyone.post("/api/v1/offers/o1/booking", json=guest).status_code == 202


def test_one_place_causes_twenty_mails_an_hour(platform: Platform) -> None:
    stranger = platform.elsewhere()
    codes = [
        stranger.post("/api/v1/accounts/forgotten", json={"email": f"a{number}@x.be"}).status_code
        for number in range(21)
    ]
    assert codes == [202] * 20 + [429]


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"), ("testclient", "testclient"), (None, "unknown"),
    ],
)  # fmt: skip
def test_what_counts_as_one_place(host: str | None, counted: str) -> None:
    request = SimpleNamespace(client=SimpleNamespace(host=host) if host is not None else None)
    assert client_address(cast("Request", request)) == counted


def sign_in(client_: httpx2.Client, password: str = PASSWORD, email: str = "an@startup.be") -> int:
    return client_.post("/api/v1/session", json={"email": email, "password": password}).status_code


def test_wrong_passwords_close_an_account_to_nobody_else(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    """A stranger in another place is slowed down, and the log says from where; the owner gets in, also in a new browser."""
    platform.somebody("an@startup.be", "startup", password=PASSWORD)
    stranger = platform.elsewhere()
    assert [sign_in(stranger, "x") for _ in range(12)] == [422] * 10 + [429] * 2
    failed = [one.getMessage() for one in caplog.records if "sign in" in one.getMessage().replace("Signing", "sign")]
    assert [one.partition(" from ")[0] for one in failed] == ["Signing in failed"] * 10 + [
        "Too many attempts to sign in"
    ] * 2
    assert "an@startup.be" not in caplog.text
    assert sign_in(platform.anyone) == 204
    assert sign_in(stranger) == 429, "the right one does not help there: it may have been guessed"


@pytest.mark.parametrize("how", ["signed in", "link in a mail", "page"])
def test_a_browser_that_was_signed_in_before_always_gets_in(platform: Platform, how: str) -> None:
    """Whatever strangers try from the same place or from anywhere."""
    platform.somebody("an@startup.be", "startup", password=PASSWORD)
    own = client(platform.url, headers={"Origin": platform.url})
    match how:
        case "signed in":
            assert sign_in(own) == 204
        case "page":
            assert own.post("/sign-in", data={"email": "an@startup.be", "password": PASSWORD}).status_code == 303
        case _:
            own.post("/api/v1/accounts/forgotten", json=AN)
            body = {"link": platform.secret_in_mail("an@startup.be"), "password": PASSWORD}
            assert own.post("/api/v1/accounts/welcome", json=body).status_code == 204
    own.delete("/api/v1/session")
    with platform.context.sessions.begin() as session:  # a net of robots, everywhere
        for bound, whose in (
            (rate_limits.SIGN_IN_BY_ACCOUNT_AND_ADDRESS, "an@startup.be/127.0.0.1"),
            (rate_limits.SIGN_IN_BY_ADDRESS, "127.0.0.1"), (rate_limits.SIGN_IN_BY_ACCOUNT, "an@startup.be"),
        ):  # fmt: skip
            for _ in range(bound.count):
                with contextlib.suppress(TooManyError):
                    rate_limits.count_in_transaction(session, bound, whose, NOON)
    assert sign_in(client(platform.url)) == 429
    assert sign_in(own, "x") == 422
    assert sign_in(own) == 204
    cookies = {one.name: one for one in own.cookies.jar}
    assert cookies["device"].has_nonstandard_attr("HttpOnly")
    assert (cookies["device"].expires or 0) > 300 * 86400


def test_a_known_browser_is_no_way_to_guess_without_end(platform: Platform) -> None:
    platform.somebody("an@startup.be", "startup", password=PASSWORD)
    platform.somebody("b@b.be", "startup", password=PASSWORD)
    own = client(platform.url, headers={"Origin": platform.url})
    assert sign_in(own) == 204
    assert [sign_in(own, "x") for _ in range(51)] == [422] * 50 + [429]
    assert [sign_in(own, "x", "b@b.be") for _ in range(11)] == [422] * 10 + [429], "known for its own account alone"
    made_up = {"email": "an@startup.be", "password": PASSWORD}
    headers = {"Origin": platform.url, "Cookie": f"device={'x' * 43}"}
    answer = client(platform.url, headers=headers).post("/api/v1/session", json=made_up)
    assert answer.status_code == 204
    assert answer.cookies["device"] != "x" * 43, "a secret that somebody chose is not taken over"


def test_another_password_forgets_the_browsers(platform: Platform) -> None:
    """Whoever chooses one may do so because somebody else got in."""
    own = platform.somebody("an@startup.be", "startup", password=PASSWORD)
    other = client(platform.url, headers={"Origin": platform.url})
    assert sign_in(other) == 204
    changed = {"old": PASSWORD, "new": "een andere zin van genoeg woorden"}
    assert own.put("/api/v1/account/password", json=changed).status_code == 204
    with platform.context.sessions() as session:
        assert session.scalar(select(func.count()).select_from(KnownDevice)) == 1, "this one"


def test_who_signs_in_often_is_not_slowed_down(platform: Platform) -> None:
    platform.somebody("an@startup.be", "startup", password=PASSWORD)
    assert {sign_in(client(platform.url)) for _ in range(12)} == {204}


def test_strangers_do_not_keep_somebody_from_another_password(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup", password=PASSWORD)
    for _ in range(11):
        sign_in(platform.anyone, "x")
    changed = {"old": PASSWORD, "new": "een andere zin van genoeg woorden"}
    assert own.put("/api/v1/account/password", json=changed).status_code == 204
