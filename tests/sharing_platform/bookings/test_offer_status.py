"""An offer's status is what its bookings say, and so is what its factory may do with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from sharing_platform.bookings.lifecycle import HOLDS, Hold, State
from sharing_platform.machines.offer_status import offer_status
from sharing_platform.occupancy import TakenHours
from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.bookings.test_requests import ask, state, step
from tests.sharing_platform.conftest import NOON, Platform

HELD, FIRM = TakenHours(NOON, NOON, firm=False), TakenHours(NOON, NOON, firm=True)


@pytest.mark.parametrize(
    ("left", "taken", "expected"),
    [
        (True, [], "open"),
        (True, [HELD], "open"),
        (True, [FIRM, HELD], "open"),
        (False, [HELD], "held"),
        (False, [HELD, HELD], "held"),
        (False, [FIRM], "booked"),
        (False, [HELD, FIRM], "booked"),
        (False, [], "withdrawn"),
    ],
)
def test_what_bookings_make_of_an_offer(left: bool, taken: list[TakenHours], expected: str) -> None:
    assert offer_status(left, taken) == expected


def test_what_each_state_does_to_its_hours() -> None:
    holding = {state: hold for state, hold in HOLDS.items() if hold is not Hold.NONE}
    assert set(HOLDS) == set(State)
    assert holding == {
        State.HELD: Hold.ASKED,
        State.ACCEPTED: Hold.FIRM,
        State.IN_USE: Hold.FIRM,
        State.COMPLETED: Hold.FIRM,
    }


def status(platform: Platform, offer: str = "o1") -> str:
    return str(platform.hal_2.get(f"/api/v1/offers/{offer}").json()["status"])


def test_each_step_of_a_booking_brings_the_offer_along(platform: Platform) -> None:
    platform.offer("o1", 30, 4, booking="on_request")
    seen = [status(platform)]
    made = ask(platform.startup)
    seen.append(status(platform))
    for to in ("accepted", "cancelled"):
        assert step(platform.hal_2, made["id"], to).status_code == 200
        seen.append(status(platform))
    again = ask(platform.startup)
    assert step(platform.hal_2, again["id"], "accepted").status_code == 200
    for hours in (30, 4):  # in use, completed
        platform.later(hours)
        seen.append(status(platform))
    assert seen == ["open", "held", "booked", "open", "booked", "booked"]


@pytest.mark.parametrize(
    ("parts", "answer", "statuses", "left"),
    [
        # What is asked for or booked, in hours after noon of the next day; what DELETE answers; the bookings afterwards; what is still on offer.
        ([], 204, [], []),
        ([("held", 30, 38)], 204, ["withdrawn"], []),
        ([("accepted", 30, 38)], 409, ["accepted"], []),
        ([("accepted", 30, 32)], 204, ["accepted"], []),
        ([("held", 32, 34)], 204, ["held"], []),
        ([("accepted", 30, 34), ("held", 34, 38)], 409, ["accepted", "held"], []),
        ([("held", 30, 34), ("held", 34, 38)], 204, ["withdrawn", "withdrawn"], []),
    ],
)
def test_what_a_factory_may_take_back(
    platform: Platform,
    parts: list[tuple[str, int, int]],
    answer: int,
    statuses: list[str],
    left: list[str],
) -> None:
    """What is booked is refused with a sentence; of an offer with hours left, these alone are taken back."""
    platform.offer("o1", 30, 8, booking="on_request", minimum_hours=2)
    made = []
    for to, start, end in parts:
        offer = next(
            one["id"]
            for one in platform.anyone.get("/api/v1/offers").json()["offers"]
            if one["start"] <= _at(start) < one["end"]
        )
        made.append(ask(platform.startup, offer, start=_at(start), end=_at(end))["id"])
        if to == "accepted":
            assert step(platform.hal_2, made[-1], "accepted").status_code == 200
    refused = platform.hal_2.delete("/api/v1/offers/o1")
    assert refused.status_code == answer
    if answer == 409:
        assert (refused.json()["code"], bool(refused.json()["detail"])) == ("taken", True)
    assert [state(platform.startup, one) for one in made] == statuses
    assert platform.anyone.get("/api/v1/offers").json()["offers"] == left


def _at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def test_what_an_earlier_version_called_held_is_still_booked(platform: Platform) -> None:
    platform.offer("o1", 30, 4, booking="on_request")
    made = ask(platform.startup)
    assert step(platform.hal_2, made["id"], "accepted").status_code == 200
    with platform.context.sessions.begin() as session:
        session.execute(text("UPDATE offer SET status = 'held'"))
    assert platform.hal_2.delete("/api/v1/offers/o1").status_code == 409
    assert (status(platform), state(platform.startup, made["id"])) == ("held", "accepted")


def test_whom_the_region_refuses_answers_nobody_any_more(platform: Platform) -> None:
    """Also where hours of the offer are left, or others of it are booked."""
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    platform.offer("o1", 30, 8, booking="on_request", minimum_hours=2)
    platform.offer("o2", 50, 8, booking="on_request", minimum_hours=2)
    part = ask(platform.startup, start=_at(32), end=_at(34))["id"]
    firm = ask(platform.startup, "o2", start=_at(50), end=_at(54))["id"]
    assert step(planner, firm, "accepted").status_code == 200
    rest = ask(platform.hal_3, "o2", start=_at(54), end=_at(58))["id"]
    assert region.put(
        "/api/v1/region/organisations/hal-2/approval", json={"approved": False, "reason": "Onbekend."}
    ).is_success
    assert [state(platform.startup, one) for one in (part, firm)] == ["withdrawn", "accepted"]
    assert state(platform.hal_3, rest) == "withdrawn"
