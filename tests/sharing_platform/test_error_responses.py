"""What people and programs are told when the platform itself is in trouble: no database, a full disk, a defect of ours."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from sharing_platform.organisations.permissions import Right
from tests.disks import disk_of, fill
from tests.postgres import administering, fresh_database
from tests.sharing_platform.conftest import Platform, platform_over

A_PERSON = {"Accept": "text/html", "Accept-Language": "nl"}


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
