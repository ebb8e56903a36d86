"""Persons with tokens of their own: what they may do, what the log says, and that who is removed is out at once."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from analytics.api.people import MAX_NAME, SERVER_TOKEN, People
from analytics.policy.approvals import Approval
from analytics.policy.vetoes import Veto
from telemetry import SystemClock, UserError
from tests.analytics.api.test_api import OTHER, OWN, T0, ServedApi
from tests.servers import serving

SOON = SystemClock().now() + timedelta(hours=1)
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    people = People(tmp_path / "people.sqlite")
    yield people
    people.close()


@pytest.fixture
def served(tmp_path: Path, people: People) -> Iterator[tuple[ServedApi, str]]:
    served = ServedApi(tmp_path)
    context = served.context
    context.people = people
    service: Any = context.service

    async def set_kill_switch(on: bool, person: str | None) -> None:
        context.publishing.set_kill_switch(on, person, T0)

    async def veto(veto: Veto) -> None:
        context.publishing.add_veto(veto)

    service.set_kill_switch, service.veto, service.request_round = set_kill_switch, veto, lambda: None
    with serving(served.app) as url:
        yield served, url
    served.store.close()


def client(url: str, token: str) -> httpx2.Client:
    return httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def test_a_token_is_known_by_its_hash_alone(people: People, tmp_path: Path) -> None:
    token = people.add("Eva", T0)
    found = people.of_token(token)
    assert found is not None
    assert (found.name, found.added) == ("Eva", T0)
    assert people.of_token(found.id) is None, "the hash is no token"
    files = [path for path in tmp_path.iterdir() if path.name.startswith("people.sqlite")]
    assert len(files) > 1, "with the log of what was written last"
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert token.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "name",
    ["", "  ", "x" * (MAX_NAME + 1), "Eva\x00", "Eva\u202eavE", "EVA", " eva ", SERVER_TOKEN, SERVER_TOKEN.upper()],
)
def test_names_that_could_be_mistaken_are_refused(people: People, name: str) -> None:
    people.add("Eva", T0)
    with pytest.raises(UserError):
        people.add(name, T0)
    assert [one.name for one in people.all()] == ["Eva"]


def test_who_is_removed_and_added_again_gets_another_token(people: People, tmp_path: Path) -> None:
    first = people.add("Jan  Peeters", T0)
    elsewhere = People(tmp_path / "people.sqlite")  # as the command line does
    assert elsewhere.remove("jan peeters")
    assert people.of_token(first) is None
    assert not elsewhere.remove("Jan Peeters")
    assert elsewhere.add("Jan Peeters", T0) != first
    assert people.of_token(first) is None
    elsewhere.close()


def test_each_decision_is_logged_with_the_name(
    served: tuple[ServedApi, str], people: People, caplog: pytest.LogCaptureFixture
) -> None:
    whole, url = served
    caplog.set_level("INFO")
    hours = {"machine": "mill-1", "start": SOON.isoformat(), "end": (SOON + timedelta(hours=2)).isoformat()}
    for token, name, person in ((people.add("Eva", T0), "Eva", "Eva"), (OWN, SERVER_TOKEN, None)):
        caplog.clear()
        whole.context.publishing.set_approvals(
            Approval(key, "mill-1", SOON, SOON + timedelta(hours=1), 0.9, "asked", SOON)
            for key in (f"{name}-1", f"{name}-2")
        )
        with client(url, token) as http:
            assert http.put("/api/v1/kill-switch", json={"on": True}).json()["person"] == person
            assert http.get("/api/v1/kill-switch").json() == {
                "on": True,
                "person": person,
                "at": "2026-03-02T06:00:00Z",
                "pending": None,
            }
            veto = http.post("/api/v1/vetoes", json=hours).json()
            assert [one["person"] for one in http.get("/api/v1/vetoes").json()["vetoes"]] == [person]
            assert http.delete(f"/api/v1/vetoes/{veto['id']}").status_code == 204
            assert http.post(f"/api/v1/approvals/{name}-1", json={"approve": True}).json()["person"] == person
            assert http.post(f"/api/v1/approvals/{name}-2", json={"approve": False}).status_code == 200
            whole.context.publishing.set_approvals(whole.context.publishing.approvals())  # what a round does
            answers = {one["id"]: one for one in http.get("/api/v1/approvals").json()["approvals"]}
            assert {key: (one["status"], one["person"]) for key, one in answers.items()} == {
                f"{name}-1": ("approved", person), f"{name}-2": ("refused", person),
            }  # fmt: skip
        said = [record.getMessage() for record in caplog.records if record.name == "analytics.api.publishing"]
        assert said[0] == f"The kill switch was turned on by {name}."
        assert [one.rpartition(": ")[2] for one in said[1:]] == [
            f"withdrawn by {name}.", f"released by {name}.", f"approved by {name}.", f"refused by {name}.",
        ]  # fmt: skip
        assert token not in caplog.text


def test_a_person_decides_and_does_not_run_the_server(served: tuple[ServedApi, str], people: People) -> None:
    whole, url = served
    whole.context.backup = lambda: {"file": "x", "states": 1}
    with client(url, people.add("Eva", T0)) as http:
        assert http.get("/api/v1/machines").json()["machines"]
        assert http.post("/api/v1/backup").status_code == 403
    with client(url, OWN) as http:
        assert http.post("/api/v1/backup").status_code == 200


def test_a_person_belongs_to_the_servers_own_factory(served: tuple[ServedApi, str], people: People) -> None:
    with client(served[1], people.add("Eva", T0)) as http:
        assert {one["machine"] for one in http.get("/api/v1/machines").json()["machines"]} == {
            "mill-0",
            "mill-1",
            "mill-2",
        }
    with client(served[1], OTHER) as http:
        assert http.put("/api/v1/kill-switch", json={"on": True}).status_code == 404


def test_who_is_removed_is_out_at_once(served: tuple[ServedApi, str], people: People) -> None:
    """With the token, in an open session, and on an open stream of live states."""
    _, url = served
    token = people.add("Eva", T0)
    with client(url, token) as by_token, httpx2.Client(base_url=url, headers=SAME_SITE, timeout=20) as browser:
        assert browser.post("/control/sign-in", data={"token": token}).status_code == 303
        assert "<span>Eva</span>" in browser.get("/control").text
        assert browser.put("/api/v1/kill-switch", json={"on": True}).json()["person"] == "Eva"
        with by_token.stream("GET", "/api/v1/stream") as one, browser.stream("GET", "/api/v1/stream") as other:
            streams = [one.iter_lines(), other.iter_lines()]
            assert all(next(lines).startswith("event: ") for lines in streams)
            assert people.remove("Eva")
            for lines in streams:
                assert sum(line.startswith("data: ") for line in lines) <= 3, "it ends"
        assert by_token.get("/api/v1/machines").status_code == 401
        assert browser.get("/api/v1/machines").status_code == 401
        assert browser.put("/api/v1/kill-switch", json={"on": False}).status_code == 401
        assert 'name="token"' in browser.get("/control").text
        assert browser.post("/control/sign-in", data={"token": token}).status_code == 401
        people.add("Eva", T0)
        assert browser.get("/api/v1/machines").status_code == 401, "the session was another Eva's"
    with client(url, OWN) as http:
        assert http.get("/api/v1/machines").status_code == 200


def test_who_set_the_kill_switch_is_known_after_a_restart(served: tuple[ServedApi, str], people: People) -> None:
    whole, _ = served
    state = whole.context.publishing
    assert json.dumps([state.kill_switch_setting().on, state.kill_switch_setting().at]) == "[false, null]"
    state.set_kill_switch(True, "Eva", T0)
    setting = state.kill_switch_setting()
    assert (setting.on, setting.person, setting.at, state.kill_switch) == (True, "Eva", T0, True)
