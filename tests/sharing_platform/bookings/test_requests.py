"""Asking for hours, and what then happens between the two parties."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sharing_platform.organisations.permissions import Kind, Right, Role
from tests.sharing_platform.conftest import NOON, Platform


def ask(client: httpx2.Client, offer: str = "o1", **wanted: object) -> dict[str, object]:
    answer = client.post(f"/api/v1/offers/{offer}/booking", json=wanted)
    assert answer.status_code in (201, 202), answer.text
    return dict(answer.json())


def state(client: httpx2.Client, booking: object) -> str:
    return str(client.get(f"/api/v1/bookings/{booking}").json()["state"])


def step(client: httpx2.Client, booking: object, to: str, message: str = "") -> httpx2.Response:
    return client.post(f"/api/v1/bookings/{booking}/state", json={"state": to, "message": message})


def history(client: httpx2.Client, booking: object) -> list[tuple[str, str]]:
    events = client.get(f"/api/v1/bookings/{booking}/history").json()["events"]
    return [(one["state"], one["party"]) for one in events]


def free(platform: Platform) -> list[tuple[float, float]]:
    """(from, to) in hours after noon."""
    found = platform.anyone.get("/api/v1/offers").json()["offers"]
    day = NOON.isoformat()[:10]
    return [(_hours(one["start"], day), _hours(one["end"], day)) for one in found]


def _hours(moment: str, day: str) -> float:
    assert moment.startswith(day)
    return int(moment[11:13]) + int(moment[14:16]) / 60 - NOON.hour


@pytest.mark.parametrize(
    ("booking", "approved", "expected"),
    [
        ("instant", True, "accepted"),
        ("instant", False, "held"),
        ("on_request", True, "held"),
        ("on_request", False, "held"),
    ],
)
def test_who_has_the_hours_at_once(platform: Platform, booking: str, approved: bool, expected: str) -> None:
    platform.offer(booking=booking)
    seeker = platform.somebody("an@startup.be", "startup", approved=approved)
    made = ask(seeker, message="40 pieces")
    assert made["state"] == expected
    assert history(seeker, made["id"]) == [("requested", "seeker"), (expected, "platform")]
    assert free(platform) == []
    (theirs,) = platform.hal_2.get("/api/v1/bookings").json()["bookings"]
    assert (theirs["state"], theirs["organisation"]) == (expected, "startup")
    assert theirs["email"] == ("an@startup.be" if expected == "accepted" else ""), (
        "the address is told once it is agreed"
    )


def test_a_planner_accepts_and_the_hours_are_used(platform: Platform) -> None:
    platform.machine(process="milling")
    details = {"address": "Dijk 4, 3800 Sint-Truiden", "place": "Sint-Truiden"}
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=details).status_code == 200
    platform.offer(booking="on_request", price_per_hour="50", price_minimum="250")
    planner, seeker = (
        platform.somebody("p@hal.be", "hal-2", Role.PLANNER),
        platform.somebody("an@startup.be", "startup"),
    )
    made = ask(seeker)
    assert (made["price"], made["address"], made["steps"]) == ("250.00", "", ["cancelled"])
    platform.mail("p@hal.be", "startup")
    assert step(seeker, made["id"], "accepted").status_code == 409, "nobody accepts their own request"
    assert step(planner, made["id"], "accepted", "Tot donderdag").status_code == 200
    assert step(planner, made["id"], "accepted").status_code == 200, "the same step again changes nothing"
    assert "is bevestigd" in str(platform.mail("an@startup.be", "is bevestigd")["Subject"])
    theirs = seeker.get(f"/api/v1/bookings/{made['id']}").json()
    assert theirs["address"] == "Dijk 4, 3800 Sint-Truiden"
    assert "Dijk" not in platform.anyone.get("/api/v1/machines/hal-2/mill-1").text
    assert step(planner, made["id"], "declined").status_code == 409
    platform.later(3)
    assert state(seeker, made["id"]) == "in_use"
    platform.later(4)
    assert state(seeker, made["id"]) == "completed"
    steps = ["requested", "held", "accepted", "in_use", "completed"]
    assert [one for one, _ in history(planner, made["id"])] == steps
    assert platform.hal_2.get("/api/v1/machines/hal-2/mill-1").json()["kept"] == 1


def test_a_platform_that_was_away_makes_up_for_every_step(platform: Platform) -> None:
    platform.offer()
    made = ask(platform.startup)
    platform.later(30)
    assert [one for one, _ in history(platform.startup, made["id"])] == ["requested", "accepted", "in_use", "completed"]


def test_a_request_that_nobody_answers_runs_out(platform: Platform) -> None:
    platform.offer("o1", 100, 4, booking="on_request")
    platform.offer("o2", 120, 4)
    seeker = platform.somebody("an@startup.be", "startup")
    made = ask(seeker)
    platform.later(47)
    assert state(seeker, made["id"]) == "held"
    platform.later(2)
    assert state(seeker, made["id"]) == "expired"
    assert "/offers/o1" in platform.mail("an@startup.be", "Verlopen").get_content()
    assert platform.anyone.get("/api/v1/offers/o1").json()["status"] == "open"


def test_a_hold_that_has_run_out_is_in_nobodys_way(platform: Platform) -> None:
    """Also before the platform's clockwork has come by."""
    platform.offer("o1", 100, 4, booking="on_request")
    first = ask(platform.startup)
    platform.present[0] += timedelta(hours=49)
    second = ask(platform.hal_3)
    assert (state(platform.startup, first["id"]), second["state"]) == ("expired", "held")


def test_no_answer_comes_after_the_hours_themselves(platform: Platform) -> None:
    platform.offer("o1", 3, 4, booking="on_request")
    made = ask(platform.startup)
    platform.later(8)
    assert state(platform.startup, made["id"]) == "expired"
    assert step(platform.hal_2, made["id"], "accepted").status_code == 409


@pytest.mark.parametrize(
    ("hours_before", "who", "allowed"),
    [
        (25, "startup", True),
        (23, "startup", False),
        (23, "hal_2", True),
        (-1, "startup", False),
        (-1, "hal_2", True),
        (-5, "hal_2", False),
    ],
)
def test_cancelling_by_the_rules_shown_before(platform: Platform, hours_before: float, who: str, allowed: bool) -> None:
    platform.offer("o1", 30, 4, cancellation_hours=24)
    made = ask(platform.startup)
    platform.later(30 - hours_before)
    client = getattr(platform, who)
    shown = client.get(f"/api/v1/bookings/{made['id']}").json()["steps"]
    assert ("cancelled" in shown) == allowed
    assert step(client, made["id"], "cancelled").status_code == (200 if allowed else 409)
    reopened = platform.anyone.get("/api/v1/offers/o1").json()["status"] == "open"
    assert reopened == allowed
    record = platform.hal_2.get("/api/v1/bookings", params={"state": "cancelled"}).json()["bookings"]
    assert bool(record) == allowed


def test_parts_of_an_offer_and_the_buffer_between(platform: Platform) -> None:
    platform.offer("o1", 2, 9, minimum_hours=2, buffer_minutes=30)
    at = {hour: (NOON + timedelta(hours=hour)).isoformat() for hour in range(14)}
    ask(platform.startup, start=at[5], end=at[7])
    assert free(platform) == [(2, 4.5), (7.5, 11)]
    parts = [one["id"] for one in platform.anyone.get("/api/v1/offers").json()["offers"]]
    second = ask(platform.hal_3, parts[1], start=at[8], end=at[10])
    assert free(platform) == [(2, 4.5)], "what is shorter than two hours is not offered"
    assert step(platform.hal_3, second["id"], "cancelled").status_code == 409, "too late for the seeker"
    assert step(platform.hal_2, second["id"], "cancelled").status_code == 200
    assert free(platform) == [(2, 4.5), (7.5, 11)]


@pytest.mark.parametrize(
    ("minimum", "part", "code"),
    [
        (None, (3, 5), "whole_only"), (2, (3, 4), "part_too_short"), (2, (2, 5), "part_outside"), (2, (6, 8), "part_outside"),
        (None, (3, 7), None), (2, (3, 5), None),
    ],
)  # fmt: skip
def test_which_parts_can_be_had(
    platform: Platform, minimum: float | None, part: tuple[int, int], code: str | None
) -> None:
    platform.offer("o1", 3, 4, minimum_hours=minimum)
    start, end = ((NOON + timedelta(hours=hour)).isoformat() for hour in part)
    answer = platform.startup.post("/api/v1/offers/o1/booking", json={"start": start, "end": end})
    assert answer.status_code == (422 if code else 201), answer.text
    assert answer.json().get("code") == code


def test_a_slot_that_is_withdrawn_while_somebody_asks(platform: Platform) -> None:
    platform.offer("o1", 10, 4, booking="on_request")
    platform.offer("o2", 20, 4)
    planner, seeker = platform.somebody("p@hal.be", "hal-2"), platform.somebody("an@startup.be", "startup")
    made = ask(seeker)
    assert platform.hal_2.delete("/api/v1/offers/o1").status_code == 204
    assert state(seeker, made["id"]) == "withdrawn"
    assert "/offers/o2" in platform.mail("an@startup.be", "Ingetrokken").get_content()
    platform.mail("p@hal.be", "Ingetrokken")
    assert history(planner, made["id"])[-1] == ("withdrawn", "provider")
    assert step(platform.hal_2, made["id"], "accepted").status_code == 409


def test_a_held_request_is_taken_back_by_analytics(platform: Platform) -> None:
    platform.offer("o1", 10, 8, booking="on_request", minimum_hours=2)
    start = (NOON + timedelta(hours=12)).isoformat()
    made = ask(platform.startup, start=start)
    assert platform.hal_2.put("/api/v1/offers/o9", json=_overlapping(made)).status_code == 409, (
        "held hours are not offered twice"
    )
    assert step(platform.hal_2, made["id"], "withdrawn").status_code == 200
    assert state(platform.startup, made["id"]) == "withdrawn"


def _overlapping(booking: dict[str, object]) -> dict[str, object]:
    terms = {"probability": 0.9, "checked": 40, "broken": 2, "factory": "hal-2", "machine": "mill-1"}
    return {**terms, "start": booking["start"], "end": booking["end"]}


def test_messages_are_for_the_two_parties_alone(platform: Platform) -> None:
    platform.offer()
    planner, seeker = (
        platform.somebody("p@hal.be", "hal-2", Role.PLANNER),
        platform.somebody("an@startup.be", "startup"),
    )
    stranger, region = (
        platform.somebody("x@x.be", "other"),
        platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION),
    )
    made = ask(seeker, message="Hebt u een spanplaat?")
    path = f"/api/v1/bookings/{made['id']}/messages"
    assert planner.post(path, json={"text": "Ja, 400 × 300."}).status_code == 201
    said = [(one["organisation"], one["text"]) for one in seeker.get(path).json()["messages"]]
    assert said == [("startup", "Hebt u een spanplaat?"), ("hal-2", "Ja, 400 × 300.")]
    mail = platform.mail("an@startup.be", "bericht")
    assert "400 × 300" not in f"{mail['Subject']}\n{mail.get_content()}", "what is said stays on the platform"
    for client, code in ((stranger, 404), (region, 404), (platform.anyone, 401)):
        for part in ("", "/messages", "/history", "/thread"):
            assert client.get(f"/api/v1/bookings/{made['id']}{part}").status_code == code
        assert client.post(path, json={"text": "x"}).status_code == code
        assert step(client, made["id"], "cancelled").status_code == code


def test_a_member_may_ask_but_not_answer(platform: Platform) -> None:
    platform.offer(booking="on_request")
    member = platform.somebody("m@hal.be", "hal-2", Role.MEMBER)
    made = ask(platform.startup)
    assert step(member, made["id"], "accepted").status_code == 403
    reader = platform.token("hal-2", Right.READ)
    assert step(reader, made["id"], "accepted").status_code == 403
    assert step(platform.token("hal-2", Right.READ, Right.ANSWER), made["id"], "accepted").status_code == 200


def test_nobody_asks_their_own_factory(platform: Platform) -> None:
    platform.offer()
    assert platform.hal_2.post("/api/v1/offers/o1/booking", json={}).json()["code"] == "own"


@pytest.mark.parametrize("table", ["booking_event", "audit_entry"])
def test_history_cannot_be_rewritten(platform: Platform, table: str) -> None:
    """The database refuses, whatever the code above it does."""
    platform.offer()
    ask(platform.startup)
    for statement in (f"UPDATE {table} SET at = at", f"DELETE FROM {table}"):
        with pytest.raises(DBAPIError, match="append-only"), platform.context.sessions.begin() as session:
            session.execute(text(statement))


def test_bookings_come_in_pages(platform: Platform) -> None:
    for number in range(5):
        platform.offer(f"o{number}", 3 + number * 5, 4)
        ask(platform.startup, f"o{number}")
    found: list[str] = []
    cursor = None
    while True:
        query: dict[str, Any] = {"limit": 2, "side": "seeker", **({"cursor": cursor} if cursor else {})}
        page = platform.startup.get("/api/v1/bookings", params=query).json()
        found += [one["offer_id"] for one in page["bookings"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [f"o{number}" for number in range(5)]


def test_one_bad_booking_keeps_no_other_from_its_step(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(2):
        platform.offer(f"o{number}", 3, 4, machine=f"mill-{number}")
    first, second = (ask(platform.startup, f"o{number}")["id"] for number in range(2))
    with platform.context.sessions.begin() as session:
        session.execute(text("UPDATE booking SET state = 'nonsense' WHERE id = :id"), {"id": first})
    platform.later(4)
    assert state(platform.startup, second) == "in_use"
    assert f"{first} could not be brought forward" in caplog.text
