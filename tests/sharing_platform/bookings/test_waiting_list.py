"""The waiting list of a training: who waits longest is asked first, has a day, and nobody goes before them."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform


def course(platform: Platform, **more: object) -> str:
    """Of three places, in June."""
    body = {"kind": "training", "title": "Draaien", "places": 3, "start": "2026-06-01T00:00:00Z", "end": "2026-06-03T00:00:00Z", **more}  # fmt: skip
    answer = platform.hal_2.post("/api/v1/listings", json=body)
    assert answer.status_code == 201, answer.text
    return f"/api/v1/listings/{answer.json()['id']}"


def wait(client: httpx2.Client, path: str, places: int = 1) -> httpx2.Response:
    return client.post(f"{path}/waiting", json={"places": places})


def code(answer: httpx2.Response) -> object:
    return answer.json().get("code") if answer.status_code >= 400 else answer.status_code


def test_a_place_that_comes_free_goes_to_who_waits_longest(platform: Platform) -> None:
    path = course(platform)
    an, bo, cy = (platform.somebody(f"{one}@{one}.be", one, Role.MEMBER) for one in ("an", "bo", "cy"))
    assert code(wait(an, path)) == "places_free"
    first = platform.startup.post(f"{path}/booking", json={"places": 2}).json()
    second = platform.hal_3.post(f"{path}/booking", json={"places": 1}).json()
    assert [code(wait(one, path, places)) for one, places in ((an, 2), (bo, 1), (cy, 1), (an, 1))] == [
        201,
        201,
        201,
        "waits_already",
    ]
    assert code(wait(platform.startup, path)) == "waiting_is_for_people"
    assert [one.get(f"{path}/waiting").json()["number"] for one in (an, bo, cy)] == [1, 2, 3]
    assert "Nummer 2, voor 1 plaats" in bo.get(path.removeprefix("/api/v1")).text
    assert (
        "3 organisaties staan op de wachtlijst"
        in platform.somebody("p@hal.be", "hal-2").get(path.removeprefix("/api/v1")).text
    )

    platform.hal_3.post(f"/api/v1/bookings/{second['id']}/state", json={"state": "cancelled"})
    early = platform.somebody("early@bird.be", "bird").post(f"{path}/booking", json={"places": 1})
    assert code(early) == "others_wait", "nobody goes before who waits, also before the platform has told them"
    platform.tick()
    assert an.get(f"{path}/waiting").json()["confirm_until"] is None, "two do not fit in one"
    kept = bo.get(f"{path}/waiting").json()
    assert kept["confirm_until"] == (NOON + timedelta(hours=24)).isoformat().replace("+00:00", "Z")
    assert path.removeprefix("/api/v1") in platform.mail("bo@bo.be", "Er is een plaats vrij").get_content()
    assert platform.anyone.get(path).json()["places_left"] == 0, "it is kept"
    assert code(an.post(f"{path}/waiting/confirmation")) == "no_place_kept"
    assert an.get("/desk").text.count("nummer 1 op de wachtlijst") == 1

    platform.later(25)
    assert platform.mail("bo@bo.be", "vervallen")
    assert bo.get(f"{path}/waiting").status_code == 404
    assert cy.get(f"{path}/waiting").json()["confirm_until"], "the next in line"
    made = cy.post(f"{path}/waiting/confirmation")
    assert (made.status_code, made.json()["state"], made.json()["places"]) == (201, "held", 1)
    assert platform.anyone.get(path).json()["places_left"] == 0

    platform.startup.post(f"/api/v1/bookings/{first['id']}/state", json={"state": "cancelled"})
    platform.tick()
    page = path.removeprefix("/api/v1")
    assert "Er is plaats voor u" in an.get(page).text
    confirmed = an.post(f"{page}/waiting/confirm")
    assert confirmed.headers["location"].startswith("/bookings/")
    assert an.get(f"{path}/waiting").status_code == 404


def test_who_waits_can_leave_and_a_training_without_a_list_has_none(platform: Platform) -> None:
    plain = course(platform, places=1, details={"waiting_list": False})
    path = course(platform, places=1)
    for one in (plain, path):
        assert platform.startup.post(f"{one}/booking", json={}).status_code == 201
    an = platform.somebody("an@an.be", "an")
    assert code(wait(an, plain)) == "no_waiting_list"
    page = path.removeprefix("/api/v1")
    assert "/waiting" not in platform.anyone.get(plain.removeprefix("/api/v1")).text
    assert "Aanmelden" in platform.anyone.get(page).text
    assert an.post(f"{page}/waiting", data={"places": "2"}).status_code == 422, "more than there are"
    assert an.post(f"{page}/waiting", data={"places": "1"}).status_code == 303
    assert [one["state"] for one in an.get("/api/v1/account/data").json()["waiting"]] == ["waiting"]
    assert an.post(f"{page}/waiting/leave").status_code == 303
    assert an.get(f"{path}/waiting").status_code == 404
    assert wait(an, path).status_code == 201
    platform.hal_2.delete(path)
    platform.tick()
    assert "Wachtlijsten" not in an.get("/desk").text, "what is no longer offered is waited for no longer"
