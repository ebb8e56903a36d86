"""The HTTP API of the server: access by token on every route, paging, the live stream, the kill switch, the webhook,
and the description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from analytics.api.context import AnalyticsContext
from analytics.api.sessions import MAX_ADDRESSES, Failures
from analytics.app import build_app
from analytics.policy.policy import Policy
from analytics.publishing.alerts import Alert
from analytics.publishing.state import PublisherState
from analytics.publishing.webhooks import sign
from analytics.service import AnalyticsService
from stores import ReportBatch, StoredReport, StoreUnavailableError
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, OperationMode, StateInterval, SystemClock
from tests.analytics.tables import utc
from tests.servers import serving

T0 = utc(2, 6, month=3)
RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING
OWN, OTHER = "token-of-hal-2-0123", "token-of-genk-45678"


def report(factory: str, machine: str, seq: int, first: float, last: float, state: MachineState = RUN) -> StoredReport:
    """Hours after T0."""
    interval = StateInterval(state, T0 + timedelta(hours=first), T0 + timedelta(hours=last), OperationMode.PROCESSING)
    return StoredReport(factory, machine, f"gw-{factory}", seq, interval)


class ServedApi:
    """A store with two factories, and the API of the server of one of them."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckDBStateStore(folder / "states.duckdb")
        reports = [
            report("hal-2", f"mill-{n}", 10 * n + k, k, k + 1, (RUN, WAIT)[k % 2]) for n in range(3) for k in range(5)
        ]
        self.store.write(
            ReportBatch.of([*reports, report("genk", "secret-press", 1, 0, 1), report("genk", "secret-press", 4, 1, 2)])
        )
        service = cast("AnalyticsService", SimpleNamespace(result=None))
        self.context = AnalyticsContext(
            self.store,
            service,
            Policy(factory="hal-2", zone="UTC"),
            SystemClock(),
            {"hal-2": OWN, "genk": OTHER},
            lambda: {"quarantined": 0},
            lambda: "vrijloop_ingest_reports_total 15\n",
            PublisherState(folder / "publisher.sqlite"),
            SECRET,
        )
        self.app = build_app(self.context)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[ServedApi, str]]:
    served = ServedApi(tmp_path)
    with serving(served.app) as url:
        yield served, url
    served.store.close()


def get(url: str, path: str, token: str | None = OWN, **query: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.get(url + path, params=query, headers=headers, timeout=20)


SPAN = {"start": "2026-03-02T06:00:00Z", "end": "2026-03-02T12:00:00Z"}
DAYS = {"first": "2026-03-02", "last": "2026-03-02"}
ROUTES: dict[str, tuple[dict[str, str], int]] = {
    "/api/v1/machines": ({}, 200),
    "/api/v1/machines/mill-1": ({}, 404),
    "/api/v1/intervals": ({"machine": "mill-1", **SPAN}, 200),
    "/api/v1/utilisation": (DAYS, 200),
    "/api/v1/kpis": ({**DAYS, "by": "factory", "per": "shift"}, 200),
    "/api/v1/hours": (SPAN, 200),
    "/api/v1/gaps": ({}, 200),
    "/api/v1/stream": ({}, 200),
    "/api/v1/status": ({}, 404),
    "/api/v1/slots": ({}, 404),
    "/api/v1/cycle": ({}, 404),
    "/api/v1/approvals": ({}, 404),
    "/api/v1/approvals/none": ({}, 404),
    "/api/v1/kill-switch": ({}, 404),
    "/api/v1/alerts": ({}, 404),
    "/api/v1/vetoes": ({}, 404),
    "/api/v1/vetoes/none": ({}, 404),
    "/api/v1/forecast": ({}, 404),
    "/api/v1/explanation": ({"machine": "mill-1", **SPAN}, 404),
    "/api/v1/promise-costs": ({}, 404),
    "/api/v1/calendars": ({}, 404),
    "/api/v1/capacity/none": ({}, 404),
    "/api/v1/comparison": ({}, 404),
    "/api/v1/comparison/2026-08/3/withhold": ({}, 404),
    "/api/v1/reports/gw/1": ({}, 404),
    "/api/v1/backup": ({}, 404),
    "/api/v1/timelines": ({"machine": "mill-1", **SPAN}, 200),
    "/metrics": ({}, 404),
}
"""The query of every route, and the answer to the token of the other factory."""
METHODS = {
    "/api/v1/cycle": "POST",
    "/api/v1/backup": "POST",
    "/api/v1/approvals/none": "POST",
    "/api/v1/comparison/2026-08/3/withhold": "POST",
    "/api/v1/vetoes/none": "DELETE",
}
SECRET = "a-secret-of-the-platform"


def test_the_table_names_every_route(tmp_path: Path) -> None:
    served = ServedApi(tmp_path)
    paths = {
        path.replace("{machine}", "mill-1")
        .replace("{approval_id}", "none")
        .replace("{veto_id}", "none")
        .replace("{gateway}/{seq}", "gw/1")
        .replace("{customer}", "none")
        .replace("{month}/{process_class}", "2026-08/3")
        for path in served.app.openapi()["paths"]
    }
    served.store.close()
    assert paths == {*ROUTES, "/api/v1/hooks/bookings"}


@pytest.mark.parametrize("path", ROUTES)
def test_requests_without_a_valid_token_are_refused(served: tuple[ServedApi, str], path: str) -> None:
    method = METHODS.get(path, "GET")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {OWN}"}):
        assert httpx2.request(method, served[1] + path, params=ROUTES[path][0], headers=headers).status_code == 401


@pytest.mark.parametrize("path", ROUTES)
def test_a_token_sees_its_own_factory_and_no_other(served: tuple[ServedApi, str], path: str) -> None:
    query, status = ROUTES[path]
    method = METHODS.get(path, "GET")
    request = httpx2.Request(method, served[1] + path, params=query, headers={"Authorization": f"Bearer {OTHER}"})
    with httpx2.Client() as client:
        answer = client.send(request, stream=True)
        assert answer.status_code == status
        body = next(answer.iter_text(), "") if path.endswith("stream") else answer.read().decode()
        answer.close()
    assert "mill" not in body.replace('"machine":"mill-1"', "")
    if path == "/api/v1/intervals":
        assert {one["state"] for one in json.loads(body)["intervals"]} <= {"unknown"}
    if method == "GET" and path not in ("/api/v1/stream", "/api/v1/slots", "/metrics"):
        assert "secret" not in get(served[1], path, **query).text


def test_machines_come_in_pages(served: tuple[ServedApi, str]) -> None:
    _, url = served
    first = get(url, "/api/v1/machines", limit=2).json()
    assert [one["machine"] for one in first["machines"]] == ["mill-0", "mill-1"]
    second = get(url, "/api/v1/machines", limit=2, cursor=first["next"]).json()
    assert ([one["machine"] for one in second["machines"]], second["next"]) == (["mill-2"], None)
    one = get(url, "/api/v1/machines/mill-1").json()
    assert (one["state"], one["since"]) == ("executing", "2026-03-02T10:00:00.000Z")
    for wrong in ("nonsense", "4oCm", "MTI="):
        assert get(url, "/api/v1/machines", cursor=wrong).status_code == 422
    assert get(url, "/api/v1/machines", limit=0).status_code == 422


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("machines", {"cursor": "nonsense"}, "cursor"),
        ("intervals", {"machine": "mill-1", "start": SPAN["end"], "end": SPAN["start"]}, "end"),
        ("timelines", {"machine": "mill-1", "start": SPAN["end"], "end": SPAN["start"]}, "end"),
        ("kpis", {"first": DAYS["last"], "last": "2001-01-01", "by": "factory", "per": "day"}, "last"),
        ("machines", {"limit": 0}, "limit"),
    ],
)
def test_what_is_not_valid_is_refused_as_the_description_says(
    served: tuple[ServedApi, str], path: str, query: dict[str, Any], name: str
) -> None:
    answer = get(served[1], f"/api/v1/{path}", **query)
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["loc"]) == (422, ["query", name])
    assert problem["msg"]


def test_pages_of_intervals_join_without_gaps(served: tuple[ServedApi, str]) -> None:
    _, url = served
    query: dict[str, Any] = {"machine": "mill-0", **SPAN}
    whole = get(url, "/api/v1/intervals", **query).json()["intervals"]
    assert len(whole) == 6  # five reported spells, then an hour without reports
    assert whole[-1]["state"] == "unknown"
    pages: list[Any] = []
    cursor = None
    while True:
        page = get(url, "/api/v1/intervals", **query, limit=2, **({"cursor": cursor} if cursor else {})).json()
        pages += page["intervals"]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole


def test_gaps_list_missing_numbers(served: tuple[ServedApi, str]) -> None:
    assert get(served[1], "/api/v1/gaps").json()["missing"] == 10
    (gateway,) = get(served[1], "/api/v1/gaps", OTHER).json()["gateways"]
    assert (gateway["gateway"], gateway["gaps"]) == ("gw-genk", [[2, 3]])


def test_the_stream_begins_with_all_states_and_sends_each_change(served: tuple[ServedApi, str]) -> None:
    made, url = served
    headers = {"Authorization": f"Bearer {OWN}"}
    with httpx2.stream("GET", url + "/api/v1/stream", headers=headers, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
        assert sorted(next(events)["machine"] for _ in range(3)) == ["mill-0", "mill-1", "mill-2"]
        made.store.write(ReportBatch.of([report("hal-2", "mill-1", 90, 4, 6), report("genk", "secret-press", 5, 9, 9)]))
        made.store.write(ReportBatch.of([report("hal-2", "mill-1", 91, 6, 7, MachineState.OUT_OF_SERVICE)]))
        event = next(events)
        assert (event["machine"], event["state"], event["since"]) == (
            "mill-1",
            "out_of_service",
            "2026-03-02T12:00:00.000Z",
        )


def test_an_unavailable_store_is_answered_with_503(
    served: tuple[ServedApi, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("InfluxDB at http://127.0.0.1:8086 does not answer")

    for method in ("intervals", "latest", "earliest"):
        monkeypatch.setattr(DuckDBStateStore, method, away)
    for path in ("machines", "machines/mill-1", "intervals", "utilisation", "kpis", "hours", "timelines"):
        answer = get(served[1], f"/api/v1/{path}", **ROUTES[f"/api/v1/{path}"][0])
        assert (path, answer.status_code) == (path, 503)
        assert answer.json()["detail"] == "InfluxDB at http://127.0.0.1:8086 does not answer"
        assert int(answer.headers["retry-after"]) > 0


def test_the_openapi_description_is_up_to_date_and_of_version_3_1(tmp_path: Path) -> None:
    served = ServedApi(tmp_path)
    written = Path(__file__).resolve().parents[3] / "docs" / "schema" / "server.openapi.json"
    assert served.app.openapi()["openapi"].startswith("3.1")
    assert json.loads(written.read_text()) == served.app.openapi(), "run `vrijloop schema` and commit the result"
    served.store.close()


@pytest.mark.parametrize(
    ("query", "accepted", "text"),
    [
        (
            {"lang": "fr"},
            "nl",
            "La machine mill-1 est réservée du lun 2 mars, 07:00 au lun 2 mars, 09:00, mais elle n’envoie pas de données.",
        ),
        (
            {},
            "de, en;q=0.5",
            "mill-1 is booked from Mon 2 Mar, 07:00 to Mon 2 Mar, 09:00, but the machine is not sending data.",
        ),
        ({}, "", "mill-1 is geboekt van ma 2 mrt, 07:00 tot ma 2 mrt, 09:00, maar de machine stuurt geen gegevens."),
    ],
)
def test_alerts_are_written_in_the_readers_language_and_the_factorys_zone(
    served: tuple[ServedApi, str], query: dict[str, str], accepted: str, text: str
) -> None:
    whole, url = served
    whole.context.policy = Policy(factory="hal-2", zone="Europe/Brussels")
    hours = {"start": T0, "end": T0 + timedelta(hours=2)}
    whole.context.publishing.update_alerts([Alert("not_heard", "mill-1", "b1", hours)], T0)
    headers = {"Authorization": f"Bearer {OWN}", "Accept-Language": accepted}
    (alert,) = httpx2.get(url + "/api/v1/alerts", params=query, headers=headers).json()["alerts"]
    assert alert["text"] == text
    assert (
        alert["sentence"]
        == "mill-1 is booked from 2026-03-02T06:00:00.000Z to 2026-03-02T08:00:00.000Z, but the machine is not sending data."
    )
    assert alert["values"] == {"start": "2026-03-02T06:00:00.000Z", "end": "2026-03-02T08:00:00.000Z"}


def put_switch(url: str, token: str | None, on: bool) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.put(url + "/api/v1/kill-switch", json={"on": on}, headers=headers)


def test_only_the_factory_can_set_the_kill_switch(served: tuple[ServedApi, str]) -> None:
    whole, url = served
    assert put_switch(url, None, True).status_code == 401
    assert put_switch(url, OTHER, True).status_code == 404
    assert not whole.context.publishing.kill_switch


def test_the_booking_hook_requires_a_valid_signature(served: tuple[ServedApi, str]) -> None:
    whole, url = served
    asked: list[int] = []

    async def ask() -> None:
        asked.append(1)

    whole.context.service.bookings_changed = ask  # type: ignore[method-assign]
    body, now = b'{"type": "bookings.changed"}', SystemClock().now()
    good = sign("msg-1", now, body, SECRET)
    cases = [
        ({}, body, 401),
        (sign("msg-1", now, body, "another-secret-of-somebody"), body, 401),
        (good, body + b" ", 401),
        (sign("msg-1", now - timedelta(minutes=6), body, SECRET), body, 401),
        (good | {"webhook-timestamp": "soon"}, body, 401),
        (good, b"x" * 70_000, 413),
        (good | {"webhook-signature": "v1,bm9uc2Vuc2U= " + good["webhook-signature"]}, body, 204),
    ]
    for headers, content, status in cases:
        assert httpx2.post(f"{url}/api/v1/hooks/bookings", content=content, headers=headers).status_code == status
    assert asked == [1]


def test_the_signature_matches_the_example_of_the_specification() -> None:
    """The example of the specification."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), body, secret)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_wrong_tokens_close_the_control_room_to_nobody(
    served: tuple[ServedApi, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The right one signs in and pulls the kill switch, whatever comes from wherever."""
    whole, url = served
    pulled: list[bool] = []

    async def pull(on: bool, person: str | None = None) -> None:
        pulled.append(on)

    whole.context.service.set_kill_switch = pull  # type: ignore[method-assign]
    same_site = {"Sec-Fetch-Site": "same-origin"}
    with httpx2.Client(base_url=url, headers=same_site, timeout=20) as http:
        codes = [http.post("/control/sign-in", data={"token": "wrong"}).status_code for _ in range(32)]
        assert codes == [401] * 30 + [429] * 2
        assert caplog.text.count("wrong tokens and passkeys for the control room from 127.0.0.1") == 1
        assert http.post("/control/sign-in", data={"token": OWN}).status_code == 303
        assert http.put("/api/v1/kill-switch", json={"on": True}).status_code == 200
    assert pulled == [True]


def test_wrong_tokens_are_counted_by_where_they_come_from() -> None:
    failures = Failures("wrong tokens")
    for number in range(5 * MAX_ADDRESSES):
        assert not failures.record(f"2001:db8::{number:x}", T0)
    assert len(failures._counts) == MAX_ADDRESSES, "memory has a bound"
    assert [failures.record("192.0.2.1", T0) for _ in range(31)] == [False] * 30 + [True]
    assert not failures.record("192.0.2.2", T0)
    assert not failures.record("192.0.2.1", T0 + timedelta(minutes=1))
    assert not failures.are_too_many("192.0.2.2", T0)
    assert [failures.record("192.0.2.3", T0) for _ in range(30)] == [False] * 30
    assert failures.are_too_many("192.0.2.3", T0)
    assert not failures.are_too_many("192.0.2.3", T0 + timedelta(minutes=1))
