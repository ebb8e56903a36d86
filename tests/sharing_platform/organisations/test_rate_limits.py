"""Who causes too much is slowed down, and nobody else."""

from __future__ import annotations

from email.message import EmailMessage
from types import SimpleNamespace
from typing import cast

import pytest
from fastapi import Request

from sharing_platform.dependencies import client_address
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform

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
    platform.anyone.post("/api/v1/accounts", json={"name": "An", "organisation": "Start-up", "country": "NL", **AN})
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
    new = {"name": "An", "organisation": "Start-up", "country": "NL", **AN}
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
