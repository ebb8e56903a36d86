"""What people and programs are told when the platform itself is in trouble: no database, a full disk, a defect of ours."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from sharing_platform.errors import (
    ChangedError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    TooManyError,
)
from sharing_platform.organisations.permissions import Kind, Right
from tests.disks import disk_of, fill
from tests.postgres import administering, fresh_database
from tests.sharing_platform.conftest import Platform, client, platform_over

A_PERSON = {"Accept": "text/html", "Accept-Language": "nl"}


ERRORS: dict[int, Exception] = {
    403: NotAllowedError(), 404: NotFoundError(), 409: ConflictError("step"), 412: ChangedError(), 422: InvalidError("field", "name"),
    429: TooManyError(9), 500: ZeroDivisionError("a defect"),
}  # fmt: skip
VISITORS = {"": "Se connecter", "an@startup.be": ">an<", "r@limburg.be": 'href="/region/administration"'}
"""By e-mail address, what the header shows them alone."""


@pytest.mark.parametrize("email", VISITORS)
def test_errors_keep_who_is_signed_in_and_the_language(platform: Platform, email: str) -> None:
    assert isinstance(platform.app, FastAPI)

    def raised(status: int) -> None:
        raise ERRORS[status]

    platform.app.add_api_route("/wrong/{status}", raised, methods=["GET", "POST"])
    platform.somebody("an@startup.be", "start-up")
    platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    visitor = platform.somebody(email) if email else client(platform.url, headers={"Origin": platform.url})
    asked = {"Accept": "text/html", "Cookie": f"lang=fr; session={visitor.cookies.get('session', '')}"}
    with client(platform.url, headers=asked) as browser:
        own = {"Origin": platform.url, "Referer": f"{platform.url}/organisation?x=1"}
        answers: dict[object, httpx2.Response] = {
            **{status: browser.get(f"/wrong/{status}") for status in ERRORS},
            "post": browser.post("/wrong/409", headers=own),
            "no page": browser.get("/nowhere"), "no method": browser.get("/sign-out"), "other site": browser.post("/sign-out", headers={"Origin": "https://evil.example"}),
            "too long": browser.post("/register", content=b"x" * 2_000_000, headers=own), "unreadable": browser.get("/offers/%00"),
        }  # fmt: skip
    visitor.close()
    statuses = {"post": 409, "no page": 404, "no method": 405, "other site": 403, "too long": 413, "unreadable": 400}
    for what, answer in answers.items():
        assert answer.status_code == statuses.get(str(what), what)
        assert '<html lang="fr">' in answer.text, what
        shown = {one for one, mark in VISITORS.items() if mark in answer.text.partition("<main")[0]}
        assert shown == {email}, what
    assert 'href="/organisation?lang=nl"' in answers["post"].text, (
        "the page of the form, which the form's own address is not"
    )


def told_to_wait(answer: httpx2.Response) -> None:
    """A program."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "database"
    assert int(answer.headers["retry-after"]) > 0


def test_a_database_that_is_away_is_said_and_found_again(postgres: str, caplog: pytest.LogCaptureFixture) -> None:
    url = fresh_database(postgres)
    name = url.rpartition("/")[2]
    with (
        platform_over(url) as platform,
        administering(postgres) as region,
    ):
        platform.offer()
        region.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        region.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        told_to_wait(platform.anyone.get("/api/v1/offers"))
        told_to_wait(platform.startup.post("/api/v1/offers/o1/booking", json={}))
        page = platform.anyone.get("/", headers=A_PERSON)
        assert page.status_code == 503
        assert "De databank werkt nu niet" in page.text
        assert page.headers["content-security-policy"]
        assert "not currently accepting connections" in caplog.text
        assert "Traceback" not in caplog.text
        region.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert platform.startup.post("/api/v1/offers/o1/booking", json={}).status_code == 201


@pytest.mark.servers
def test_a_full_disk_is_said_and_over_when_there_is_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with disk_of("4m", tmp_path) as disk, platform_over(f"sqlite:///{disk}/platform.sqlite") as platform:
        platform.offer()
        person, program = platform.somebody("p@hal.be", "hal-2"), platform.token("hal-2", Right.READ)
        ballast = fill(disk)
        told_to_wait(platform.startup.post("/api/v1/offers/o1/booking", json={}))
        for reader in (platform.anyone, platform.hal_2, person, program):
            assert reader.get("/api/v1/offers/o1").status_code == 200, "reading goes on"
        assert "database or disk is full" in caplog.text
        ballast.unlink()
        assert platform.startup.post("/api/v1/offers/o1/booking", json={}).status_code == 201


def test_a_defect_of_ours_leads_to_its_place_in_the_log(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    def defect() -> None:
        raise ZeroDivisionError("a defect")

    assert isinstance(platform.app, FastAPI)
    for path in ("/api/v1/defect", "/defect"):
        platform.app.add_api_route(path, defect)
    with caplog.at_level(logging.ERROR):
        answer = platform.anyone.get("/api/v1/defect")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    number = answer.headers["x-request-id"]
    assert (answer.json()["code"], answer.json()["request"]) == ("defect", number)
    assert "a defect" not in answer.text, "what is wrong inside is no affair of the outside"
    assert f"(request {number})" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    page = platform.anyone.get("/defect", headers=A_PERSON)
    assert page.status_code == 500
    assert "Er ging bij ons iets mis" in page.text
    assert page.headers["x-request-id"] in page.text
    assert page.headers["content-security-policy"]
