"""The API is what its description says: every operation with made-up requests, every example, the tables and their migrations."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.bookings import models as booking_tables
from sharing_platform.database import Base, open_database
from sharing_platform.machines import models as finding_tables
from sharing_platform.notifications import models as notice_tables
from sharing_platform.organisations.permissions import Kind, Role
from tests.postgres import fresh_database
from tests.servers import free_port, serving
from tests.sharing_platform.conftest import NOON, ONE_DATABASE, TOKENS, Platform

WRITTEN = Path(__file__).resolve().parents[2] / "docs" / "schema" / "platform.openapi.json"
DESCRIPTION: dict[str, Any] = json.loads(WRITTEN.read_text())
ENDS_THE_SESSION = r"^/api/v1/(session|account)$"
EXAMPLES = int(os.environ.get("VRIJLOOP_API_EXAMPLES", "3"))
SEQUENCES = int(os.environ.get("VRIJLOOP_API_SEQUENCES", "0"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EVERY_EDGE = bool(os.environ.get("VRIJLOOP_API_EDGES"))
"""Some four thousand requests more: each bound of each field, alone. In `make campaign`."""
PHASES = {"coverage": {"enabled": EVERY_EDGE}, "examples": {"enabled": False}}
"""The written examples have a test of their own."""
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION, config=SchemathesisConfig.from_dict({"phases": PHASES})).exclude(
    method="DELETE", path_regex=ENDS_THE_SESSION
)


@pytest.fixture(scope="module", params=ONE_DATABASE)
def described(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    """(address, headers of somebody who may do everything)."""
    port = free_port()
    url = f"sqlite:///{tmp_path_factory.mktemp('described')}/platform.sqlite"
    if request.param == "postgresql":
        url = fresh_database(request.getfixturevalue("postgres"))
    app = create_app(
        PlatformSettings(url, TOKENS, url=f"http://127.0.0.1:{port}", scheduler_interval_s=3600), lambda: NOON
    )
    with serving(app, port) as address:
        platform = Platform(address, [NOON], app)
        platform.machine()
        platform.offer()
        person = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION, password="not an example's")
        yield address, {"Cookie": f"session={person.cookies['session']}", "Origin": address}
        platform.close()


@pytest.fixture(scope="module")
def connection() -> Iterator[requests.Session]:
    """Kept open from request to request; no cookie that was set is sent again."""
    with requests.Session() as session:
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield session


@pytest.mark.long
@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_operation_keeps_to_the_description(
    case: Any, described: tuple[str, dict[str, str]], connection: requests.Session
) -> None:
    """No request that can be made up is answered with an error of ours, or with something that is not described."""
    address, headers = described
    case.headers.pop("Authorization", None)
    answer = case.call(base_url=address, headers=headers, session=connection)
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.long
@pytest.mark.skipif(not SEQUENCES, reason="in `make campaign`")
def test_any_sequence_of_requests_keeps_to_the_description(described: tuple[str, dict[str, str]]) -> None:
    """What one request answers is asked for in the next."""
    address, headers = described
    machine = SCHEMA.as_state_machine()

    class Sequence(machine):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            case.headers.pop("Authorization", None)
            return {"base_url": address, "headers": headers}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    Sequence.run(
        settings=settings(
            max_examples=SEQUENCES, deadline=None, stateful_step_count=15, suppress_health_check=list(HealthCheck)
        )
    )


@pytest.mark.long
def test_the_written_description_is_what_the_platform_serves() -> None:
    app = create_app(PlatformSettings("sqlite://", {}), lambda: NOON)
    served = app.openapi()
    assert served == DESCRIPTION, "run `vrijloop schema` and commit the result"
    assert app.openapi() is served, "it is made once, as it takes a second"


def test_the_description_is_complete() -> None:
    assert DESCRIPTION["openapi"].startswith("3.1")
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            name = f"{method} {path}"
            assert operation.get("description"), f"{name}: what does it do?"
            assert operation.get("tags"), name
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None:
                assert body.get("examples") or body.get("example"), f"{name}: no example of a request"


def _examples() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            found += [(method.upper(), path, one["value"]) for one in body.get("examples", {}).values()]
    return found


@pytest.mark.parametrize(("method", "path", "body"), _examples(), ids=lambda one: one if isinstance(one, str) else "")
def test_every_example_is_taken(
    described: tuple[str, dict[str, str]], method: str, path: str, body: dict[str, Any]
) -> None:
    """As somebody who copies it would send it: it may find nothing there, but it is understood."""
    address, headers = described
    for field, value in (
        ("name", "about"),
        ("factory", "hal-2"),
        ("machine", "mill-1"),
        ("offer_id", "o1"),
        ("organisation_id", "hal-3"),
    ):
        path = path.replace("{" + field + "}", value)
    unknown = "00000000-0000-4000-8000-000000000000"
    path = "/".join(unknown if part.startswith("{") else part for part in path.split("/"))
    answer = httpx2.request(method, f"{address}{path}", json=body, headers=headers, timeout=30)
    sign_in_example = answer.status_code == 422 and answer.json().get("code") in (
        "sign_in_wrong",
        "webhook_url",
        "terms_changed",
        "name_taken",
        "password_wrong",
        "passkey_wrong",
        "passkey_not_added",
    )
    unsigned = answer.status_code == 401 and path.startswith("/api/v1/federation/")  # the key is another region's
    assert answer.status_code in (200, 201, 202, 204, 404, 409, 429) or sign_in_example or unsigned, answer.text


def test_unchanged_answers_are_not_sent_again(platform: Platform) -> None:
    platform.machine()
    platform.offer()
    for path in ("/api/v1/offers", "/api/v1/offers/o1", "/api/v1/machines/hal-2/mill-1", "/openapi.json"):
        first = platform.anyone.get(path)
        if path == "/openapi.json":
            assert "etag" not in first.headers
            continue
        again = platform.anyone.get(path, headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    tag = platform.anyone.get("/api/v1/offers/o1").headers["etag"]
    body = platform.anyone.get("/api/v1/offers/o1").json()
    wanted = {name: value for name, value in body.items() if name not in ("id", "status", "changed")}
    changed = platform.hal_2.put("/api/v1/offers/o1", json=wanted | {"probability": 0.5}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert platform.anyone.get("/api/v1/offers/o1", headers={"If-None-Match": tag}).status_code == 200
    stale = platform.hal_2.put("/api/v1/offers/o1", json=wanted, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert platform.hal_2.delete("/api/v1/offers/o1", headers={"If-Match": tag}).status_code == 412
    assert platform.hal_2.delete("/api/v1/offers/o1", headers={"If-Match": changed.headers["etag"]}).status_code == 204


def test_what_is_too_long_is_refused(platform: Platform) -> None:
    answer = platform.startup.post("/api/v1/offers/o1/booking", content=b"x" * 1_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_long")

    def endless() -> Iterator[bytes]:
        for _ in range(2000):
            yield b"x" * 1000

    for path, kind in (
        ("/api/v1/offers/o1/booking", "application/json"),
        ("/sign-in", "application/x-www-form-urlencoded"),
    ):
        with contextlib.suppress(httpx2.HTTPError):  # to be cut off is an answer too
            answer = platform.startup.post(path, content=endless(), headers={"Content-Type": kind})
            assert answer.status_code in (400, 413), "and no defect"
    assert platform.anyone.get("/api/v1/offers").status_code == 200


def test_the_tables_are_what_the_code_believes(database_url: str) -> None:
    assert all((booking_tables, finding_tables, notice_tables)), "their tables are known"
    sessions = open_database(database_url)
    with sessions() as session:
        found = compare_metadata(MigrationContext.configure(session.connection()), Base.metadata)
    assert found == []


@pytest.mark.parametrize(
    "path", ["/offers/a%00b", "/listings/a%00b", "/api/v1/wanted?cursor=a%00b", "/api/v1/offers?q=a%00b", "/wanted/%00"]
)
def test_a_character_that_databases_choke_on(platform: Platform, path: str) -> None:
    assert platform.anyone.get(path).status_code == 400
    body = {"message": "a\u0000b"}
    assert platform.startup.post("/api/v1/offers/o1/booking", json=body).status_code == 422
