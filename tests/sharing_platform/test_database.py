"""Databases that the version before has filled: dumps of SQLite and PostgreSQL with something of everything, at revision 0005."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, select, text

from sharing_platform.database import migrate, newest_revision, open_database, read_session, revision_in, revision_of
from sharing_platform.machines.models import Offer
from sharing_platform.organisations.credentials import hash_secret
from tests.platform_databases import reset_postgresql
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


@pytest.mark.long
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
        assert UUID(messages[0]["id"])

        (training,) = platform.anyone.get("/api/v1/listings").json()["listings"]
        assert training["title"] == "Draaien voor beginners"
        (notice,) = platform.anyone.get("/api/v1/wanted").json()["searches"]
        assert notice["wish"]["near"] == "Genk"

        # What it kept true still holds: the booked hours stay booked, the others can be had.
        taken = {"start": (NOON + timedelta(hours=6)).isoformat(), "end": (NOON + timedelta(hours=8)).isoformat()}
        assert platform.startup.post("/api/v1/offers/o1/booking", json=taken).status_code in (409, 422)
        assert platform.startup.post("/api/v1/offers/o2/booking").status_code == 201


def test_what_nobody_has_agreed_to_is_asked_again(filled_url: str) -> None:
    """Older links do not say what they were sent for: they choose a password, and confirm no request that somebody made with the address."""
    secret = "a link of the version before"
    engine = create_engine(filled_url)
    with engine.begin() as connection:
        account = connection.scalar(text("SELECT id FROM account WHERE email = 'an@startup.example'"))
        booking = connection.scalar(text("SELECT id FROM booking"))
        values = {
            "hash": hash_secret(secret),
            "account": account,
            "expires": NOON.replace(tzinfo=None) + timedelta(hours=1),
        }
        connection.execute(
            text("INSERT INTO mailed_link (hash, account_id, expires) VALUES (:hash, :account, :expires)"), values
        )
        connection.execute(text("UPDATE booking SET state = 'requested' WHERE id = :id"), {"id": booking})
        # Somebody whom an owner added, and who has never agreed.
        added = {"id": "0" * 36, "email": "piet@hal.example", "now": NOON.replace(tzinfo=None)}
        connection.execute(
            text("INSERT INTO account (id, email, name, language, created) VALUES (:id, :email, 'Piet', 'nl', :now)"),
            added,
        )
        connection.execute(
            text(
                "INSERT INTO membership (account_id, organisation_id, role, created) VALUES (:id, 'hal-2', 'planner', :now)"
            ),
            added,
        )
    engine.dispose()
    with platform_over(filled_url) as platform:
        owner = platform.somebody("o@hal.example")
        members = owner.get("/api/v1/organisation/members").json()
        assert [one["email"] for one in members["members"]] == ["o@hal.example"]
        assert [(one["email"], one["role"]) for one in members["invited"]] == [("piet@hal.example", "planner")]
        for path in ("/api/v1/requests/link", "/api/v1/requests/confirmation"):
            assert platform.anyone.post(path, json={"link": secret}).status_code == 404
        body = {"link": secret, "password": "another sentence that is long enough"}
        assert platform.anyone.post("/api/v1/accounts/welcome", json=body).status_code == 204
        (waiting,) = platform.anyone.get("/api/v1/requests").json()["requests"]
        assert (waiting["id"], waiting["state"]) == (booking, "requested")


def test_the_newest_revision_can_be_undone(filled_url: str) -> None:
    with platform_over(filled_url) as platform:
        platform.anyone.post("/api/v1/accounts/forgotten", json={"email": "an@startup.example"})
    engine = create_engine(filled_url)
    with engine.begin() as connection:
        downgrade(connection, "0007")
        assert connection.scalar(text("SELECT count(*) FROM mailed_link JOIN account ON account.id = account_id")) == 1
    with engine.begin() as connection:
        migrate(connection)
        assert revision_in(connection) == newest_revision()
    engine.dispose()


def test_pictures_of_machines_are_kept_with_those_of_listings(filled_url: str) -> None:
    engine = create_engine(filled_url)
    with engine.begin() as connection:
        migrate(connection)
        factory, machine = connection.execute(text("SELECT factory, machine FROM machine")).first() or ("", "")
        kept = {"id": "p1", "position": 0, "alt": "De tafel", "added": NOON.replace(tzinfo=None), "sizes": b"picture"}
        connection.execute(
            text(
                "INSERT INTO picture (id, subject, position, alt, added, small, medium, large, preview)"
                " VALUES (:id, :subject, :position, :alt, :added, :sizes, :sizes, :sizes, :sizes)"
            ),
            kept | {"subject": f"{factory}/{machine}"},
        )
        downgrade(connection, "0030")
        before = connection.execute(text("SELECT factory, machine, alt FROM machine_picture")).all()
        assert [tuple(one) for one in before] == [(factory, machine, "De tafel")]
        migrate(connection)
        after = connection.execute(text("SELECT subject, alt FROM picture")).all()
        assert [tuple(one) for one in after] == [(f"{factory}/{machine}", "De tafel")]
    engine.dispose()


def test_reports_of_messages_name_them_by_their_new_ids(filled_url: str) -> None:
    """And by the older ones, where the change is undone."""
    engine = create_engine(filled_url)
    with engine.begin() as connection:
        migrate(connection, "0035")
        message, booking = connection.execute(text("SELECT id, booking_id FROM booking_message")).one()
        reported = {"subject": str(message), "page": f"/bookings/{booking}/messages/{message}"}
        columns = {"id": "r1", "kind": "message", "title": "", "owner": "hal-2", "category": "spam", "text": "", "name": "", "email": "", "language": "nl", "created": NOON.replace(tzinfo=None)}  # fmt: skip
        given = columns | reported
        names, values = ", ".join(given), ", ".join(f":{name}" for name in given)
        connection.execute(text(f"INSERT INTO report ({names}) VALUES ({values})"), given)
        migrate(connection)
        public = connection.scalar(text("SELECT public_id FROM booking_message"))
        found = connection.execute(text("SELECT subject, page FROM report")).one()
        assert tuple(found) == (public, f"/bookings/{booking}/messages/{public}")
        downgrade(connection, "0035")
        assert connection.execute(text("SELECT subject, page FROM report")).one()._mapping == reported
    engine.dispose()


def downgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("sharing_platform") / "migrations"))
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def test_what_was_committed_outlives_a_power_failure(tmp_path: Path) -> None:
    """Also with a build of SQLite whose own setting for this is another: it has flushed to the disk before a commit returns (FULL, 2)."""
    sessions = open_database(f"sqlite:///{tmp_path}/platform.sqlite")
    with sessions() as session:
        assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == 2
    sessions.kw["bind"].dispose()


def test_statements_are_planned_for_what_is_asked(postgres: str) -> None:
    """Also those that the driver has prepared, as it does with what is asked often: a plan for any values would read the hours of all machines to find those of one."""
    sessions = open_database(reset_postgresql(postgres))
    with read_session(sessions) as session:
        for number in range(20):
            session.execute(select(Offer.id).where(Offer.factory == f"hal-{number}")).all()
        plans = "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements WHERE statement LIKE '%offer.factory%'"
        custom, generic = session.execute(text(plans)).one()
    assert custom > 10
    assert generic == 0
