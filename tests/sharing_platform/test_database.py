"""Databases that the version before has filled: dumps of SQLite and PostgreSQL with something of everything, at revision 0005."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from sharing_platform.database import newest_revision, revision_of
from tests.sharing_platform.conftest import NOON, platform_over

DUMPS = Path(__file__).parent / "databases"
PASSWORD = "a sentence that is long enough"


def restore(url: str) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript((DUMPS / "0005-sqlite.sql").read_text(encoding="utf-8"))
        connection.close()
        return
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as server:
        server.execute((DUMPS / "0005-postgresql.sql").read_text(encoding="utf-8").encode())


@pytest.fixture
def filled_url(database_url: str) -> str:
    restore(database_url)
    return database_url


def test_a_database_of_the_version_before_is_opened_and_goes_on(filled_url: str) -> None:
    with platform_over(filled_url) as platform:
        assert revision_of(filled_url) == newest_revision()
        offers = {one["id"]: one for one in platform.anyone.get("/api/v1/offers").json()["offers"]}
        assert {"o1", "o2"} <= offers.keys()
        assert all(one["title"] == "Freesbank DMU 50" and one["place"] == "Sint-Truiden" for one in offers.values())

        signed_in = platform.anyone.post("/api/v1/session", json={"email": "an@startup.example", "password": PASSWORD})
        assert signed_in.status_code == 204
        assert platform.anyone.get("/api/v1/account").json()["memberships"][0]["organisation"] == "start-up-bv"

        (booking,) = platform.hal_2.get("/api/v1/bookings").json()["bookings"]
        assert (booking["state"], booking["address"], booking["organisation"]) == ("accepted", "Dijk 4", "start-up-bv")
        history = platform.hal_2.get(f"/api/v1/bookings/{booking['id']}/history").json()["events"]
        assert [one["state"] for one in history] == ["requested", "held", "accepted"]
        messages = platform.hal_2.get(f"/api/v1/bookings/{booking['id']}/messages").json()["messages"]
        assert [one["text"] for one in messages] == ["Hebt u een spanplaat?"]

        (training,) = platform.anyone.get("/api/v1/listings").json()["listings"]
        assert training["title"] == "Draaien voor beginners"
        (notice,) = platform.anyone.get("/api/v1/wanted").json()["searches"]
        assert notice["wish"]["near"] == "Genk"

        # What it kept true still holds: the booked hours stay booked, the others can be had.
        taken = {"start": (NOON + timedelta(hours=6)).isoformat(), "end": (NOON + timedelta(hours=8)).isoformat()}
        assert platform.startup.post("/api/v1/offers/o1/booking", json=taken).status_code in (409, 422)
        assert platform.startup.post("/api/v1/offers/o2/booking").status_code == 201
