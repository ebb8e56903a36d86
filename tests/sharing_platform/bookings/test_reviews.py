"""After a booking both parties say how it was; a machine that was not free on arrival counts in its factory's record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from sharing_platform.bookings.reviews import OPEN_FOR
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.bookings.test_requests import step
from tests.sharing_platform.conftest import NOON, Platform

DURING, AFTER = NOON + timedelta(hours=4), NOON + timedelta(hours=8)
NOTHING: dict[str, Any] = {"choices": [], "own": None, "other": None}


@pytest.fixture
def booked(platform: Platform) -> tuple[Platform, str]:
    platform.machine()
    platform.offer("o1", 3, 4)
    platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    return platform, platform.somebody("an@startup.be", "start-up").post("/api/v1/offers/o1/booking").json()["id"]


def at(platform: Platform, moment: Any) -> None:
    platform.present[0] = moment
    platform.tick()


def seen(client: httpx2.Client, booking: str) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/bookings/{booking}/review").json())


def say(client: httpx2.Client, booking: str, verdict: str, text: str = "") -> int:
    return client.put(f"/api/v1/bookings/{booking}/review", json={"verdict": verdict, "text": text}).status_code


def test_what_can_be_said_and_when(booked: tuple[Platform, str]) -> None:
    platform, booking = booked
    seeker, provider = platform.startup, platform.hal_2
    assert seen(seeker, booking) == NOTHING
    assert say(seeker, booking, "as_agreed") == 409, "it has not begun"
    at(platform, DURING)
    assert seen(seeker, booking)["choices"] == ["not_free"], "who stands there in vain can say so at once"
    assert seen(provider, booking)["choices"] == ["no_show"]
    assert say(seeker, booking, "as_agreed") == 409
    at(platform, AFTER)
    assert seen(seeker, booking)["choices"] == ["as_agreed", "not_free", "otherwise"]
    assert seen(provider, booking)["choices"] == ["as_agreed", "no_show", "otherwise"]
    assert say(seeker, booking, "no_show") == say(provider, booking, "not_free") == 409, "each side has its own"
    assert say(seeker, booking, "great") == 422
    assert say(platform.hal_3, booking, "as_agreed") == 404, "others know nothing of it"
    at(platform, NOON + timedelta(hours=7) + OPEN_FOR)
    assert seen(seeker, booking) == NOTHING
    assert say(seeker, booking, "as_agreed") == 409


def test_a_booking_that_did_not_take_place_is_not_asked_about(booked: tuple[Platform, str]) -> None:
    platform, booking = booked
    step(platform.hal_2, booking, "cancelled")
    at(platform, AFTER)
    assert seen(platform.startup, booking) == NOTHING
    assert not [one for one in platform.mails_to("an@startup.be") if "Hoe was het" in str(one["Subject"])]


def test_nobody_answers_in_kind(booked: tuple[Platform, str]) -> None:
    """What the other said is seen by who has said something, too, or can no longer."""
    platform, booking = booked
    at(platform, AFTER)
    assert say(platform.startup, booking, "otherwise", "De spantang ontbrak.") == 200
    assert seen(platform.hal_2, booking)["other"] is None
    assert "spantang" not in platform.hal_2.get(f"/bookings/{booking}").text
    assert say(platform.hal_2, booking, "as_agreed") == 200
    assert seen(platform.hal_2, booking)["other"] == {
        "verdict": "otherwise", "text": "De spantang ontbrak.", "taken_down": False,
    }  # fmt: skip
    assert seen(platform.startup, booking)["other"]["verdict"] == "as_agreed"


def test_both_are_asked_by_mail_and_one_click_is_enough(booked: tuple[Platform, str]) -> None:
    platform, booking = booked
    at(platform, AFTER)
    for email in ("an@startup.be", "p@hal.be"):
        assert f"/bookings/{booking}#review" in platform.mail(email, "Hoe was het").get_content()
    seeker = platform.somebody("an@startup.be", "start-up")
    assert 'value="as_agreed"' in seeker.get(f"/bookings/{booking}").text
    page = seeker.post(f"/bookings/{booking}/review", data={"verdict": "as_agreed"}, follow_redirects=True).text
    assert "Zoals afgesproken" in page
    assert "Bedankt" in page
    assert seen(seeker, booking)["own"]["verdict"] == "as_agreed"


def test_a_machine_that_was_not_free_is_a_broken_promise_in_the_record(booked: tuple[Platform, str]) -> None:
    platform, booking = booked
    at(platform, AFTER)
    platform.offer("o2", 30, 4)

    def record() -> tuple[int, int, int]:
        machine = platform.anyone.get("/api/v1/machines/hal-2/mill-1").json()
        return machine["kept"], machine["cancelled"], machine["not_free"]

    assert record() == (1, 0, 0)
    assert say(platform.startup, booking, "not_free", "Er stond een ander stuk op.") == 200
    assert record() == (0, 0, 1)
    assert "1 keer niet vrij bij aankomst" in platform.anyone.get("/machines/hal-2/mill-1").text
    assert seen(platform.hal_2, booking)["other"]["verdict"] == "not_free", "the factory sees it at once"
    (mail,) = [one for one in platform.mails_to("p@hal.be") if "Niet vrij bij aankomst" in str(one["Subject"])]
    assert f"/bookings/{booking}#review" in mail.get_content()
    assert "stond een ander stuk" not in mail.get_content()
    assert say(platform.startup, booking, "not_free", "Nog eens.") == 200
    assert len([one for one in platform.mails_to("p@hal.be") if "Niet vrij" in str(one["Subject"])]) == 1, "told once"
    assert say(platform.startup, booking, "as_agreed") == 200
    assert record() == (1, 0, 0), "a mistake can be mended"


def test_what_somebody_wrote_is_theirs_to_take_along_and_to_erase(booked: tuple[Platform, str]) -> None:
    platform, booking = booked
    at(platform, AFTER)
    an = platform.somebody("an@startup.be", "start-up")
    assert say(an, booking, "not_free", "Er stond een ander stuk op.") == 200
    assert an.get("/api/v1/account/data").json()["reviews"][0]["text"] == "Er stond een ander stuk op."
    assert an.delete("/api/v1/account").status_code in (204, 409)
