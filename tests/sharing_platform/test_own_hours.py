"""Hours that a factory's people keep for themselves, and hours that they offer by hand, beside what its server offers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from analytics.publishing.platform_client import Booking, HttpSharingPlatform
from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import NOON, Platform


def kept(start_h: float, end_h: float, machine: str = "mill-1") -> dict[str, str]:
    start, end = (NOON + timedelta(hours=hours) for hours in (start_h, end_h))
    return {"machine": machine, "start": start.isoformat(), "end": end.isoformat()}


def free(platform: Platform) -> list[tuple[float, float]]:
    """What anybody can have, in hours from noon."""
    found = platform.anyone.get("/api/v1/offers").json()["offers"]
    return [(_hours(one["start"]), _hours(one["end"])) for one in found]


def _hours(moment: str) -> float:
    return (datetime.fromisoformat(moment) - NOON) / timedelta(hours=1)


def test_kept_hours_stay_kept_whatever_the_server_offers(platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 9, minimum_hours=1)
    answer = platform.hal_2.post("/api/v1/kept-hours", json=kept(5, 7))
    assert answer.status_code == 201, answer.text
    assert free(platform) == [(3, 5), (7, 12)]
    platform.offer("o1", 3, 9, minimum_hours=1, probability=0.99)
    platform.offer("o2", 4, 5, minimum_hours=1)
    assert sorted(free(platform)) == [(3, 5), (4, 5), (7, 9), (7, 12)], "the server offers them again, in vain"
    refused = platform.startup.post(
        "/api/v1/offers/o1/booking", json={key: kept(5, 6)[key] for key in ("start", "end")}
    )
    assert refused.status_code in (404, 409, 422)
    assert platform.hal_3.delete(f"/api/v1/kept-hours/{answer.json()['id']}").status_code == 404
    assert platform.hal_3.get("/api/v1/kept-hours").json() == {"kept": []}
    assert platform.hal_2.delete(f"/api/v1/kept-hours/{answer.json()['id']}").status_code == 204
    assert sorted(free(platform)) == [(3, 12), (4, 9)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (kept(5, 5), 422),
        (kept(7, 5), 422),
        (kept(0, 24 * 40), 422),
        (kept(5, 7, "none"), 404),
        (kept(5, 7) | {"x": 1}, 422),
    ],
)
def test_what_makes_no_sense_is_not_kept(platform: Platform, body: dict[str, Any], status: int) -> None:
    platform.machine()
    assert platform.hal_2.post("/api/v1/kept-hours", json=body).status_code == status


def test_what_is_offered_by_hand_says_so_and_promises_no_probability(platform: Platform) -> None:
    platform.machine()
    platform.offer("forecast", 3, 4)
    by_hand = {"by_hand": True, "probability": 0, "checked": 0, "broken": 0}
    platform.offer("hand", 20, 4, price_per_hour="50", **by_hand)
    for wrong in ({"probability": 0.9}, {"checked": 4}, {"windows": [kept(20, 22) | {"probability": 0}]}):
        answer = platform.hal_2.put("/api/v1/offers/x", json={"factory": "hal-2", **kept(20, 24), **by_hand, **wrong})
        assert answer.status_code == 422, wrong
    found = platform.anyone.get("/api/v1/offers", params={"sort": "certainty"}).json()["offers"]
    assert [(one["id"], one["by_hand"]) for one in found] == [("forecast", False), ("hand", True)], "it comes last"
    for path in ("/", "/machines/hal-2/mill-1", "/?view=week"):
        assert "zelf toegezegd" in platform.anyone.get(path).text, path
    page = unescape(platform.anyone.get("/offers/hand").text)
    assert "De fabriek zegt deze uren zelf toe" in page
    assert not re.search(r"\b0\s%|Kans dat", page)
    part = platform.anyone.get("/parts/calendar", params={"machine": "hal-2/mill-1"}).json()["items"]
    assert [one["title"] for one in part] == ["Vrij, 93,7\N{NO-BREAK SPACE}% zeker", "Vrij, zelf toegezegd"]


def test_a_factorys_server_knows_what_is_kept_and_leaves_what_is_by_hand(platform: Platform) -> None:
    platform.machine()
    platform.offer("forecast", 3, 4)
    platform.offer("hand", 20, 4, by_hand=True, probability=0, checked=0, broken=0)
    made = platform.hal_2.post("/api/v1/kept-hours", json=kept(30, 34)).json()
    server = HttpSharingPlatform(platform.url, "token-of-hal-2")
    assert [one.id for one in server.offers("hal-2")] == ["forecast"]
    hours = (NOON + timedelta(hours=30), NOON + timedelta(hours=34))
    assert server.bookings("hal-2") == [Booking(made["id"], "mill-1", *hours, kept=True)]
    server.close()


def test_people_keep_release_offer_and_withdraw_on_one_page(platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 9, minimum_hours=1)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    path = "/machines/hal-2/mill-1/hours"

    def post(what: str, **fields: str) -> int:
        return planner.post(f"{path}/{what}", data=fields).status_code

    assert post("keep", start="2026-03-02T17:00", end="2026-03-02T19:00") == 303
    assert free(platform) == [(3, 5), (7, 12)], "local times"
    offered = {"start": "2026-03-03T08:00", "end": "2026-03-03T12:00", "price_per_hour": "45,50", "minimum_hours": "2"}
    terms = {"operator": "included", "booking": "on_request", "visibility": "public"}
    assert post("offer", **offered, **terms) == 303
    assert (21, 25) not in free(platform)
    assert (20, 24) in free(platform)
    for what, fields in (
        ("keep", {"start": "x", "end": "y"}),
        ("offer", offered | terms | {"end": "2026-03-03T07:00"}),
    ):
        answer = planner.post(f"{path}/{what}", data=fields)
        assert answer.status_code == 422
        assert "Kies een begin en een einde" in answer.text
    page = planner.get(path).text
    (kept_id,) = re.findall(r'hours/release"><input type="hidden" name="id" value="([^"]*)"', page)
    (offer_id,) = re.findall(r'hours/withdraw"><input type="hidden" name="id" value="([^"]*)"', page)
    assert post("release", id=kept_id) == 303
    assert post("withdraw", id=offer_id) == 303
    assert free(platform) == [(3, 12)]
    log = planner.get("/organisation").text + platform.somebody("o@hal.be", "hal-2").get("/organisation").text
    for said in ("houdt uren van de machine", "weer vrijgegeven", "met de hand uren"):
        assert said in log
    other = platform.somebody("x@hal.be", "hal-3")
    assert other.post(f"{path}/keep", data={"start": "2026-03-02T17:00", "end": "2026-03-02T19:00"}).status_code == 404
    assert other.get(path).status_code == 404
