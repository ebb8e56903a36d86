"""Hours of a request that was declined or taken back: whose they are then, and who is told of them."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from analytics.publishing.platform_client import HttpSharingPlatform
from sharing_platform.organisations.permissions import Role
from tests.servers import wait_for
from tests.sharing_platform.bookings.test_requests import ask, free, state, step
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()


def decline(client: httpx2.Client, booking: object, hours: str | None = None) -> httpx2.Response:
    asked = {"state": "declined"} | ({"hours": hours} if hours else {})
    return client.post(f"/api/v1/bookings/{booking}/state", json=asked)


@pytest.mark.parametrize(
    ("hours", "left"), [(None, [(2, 4), (6, 10)]), ("keep", [(2, 4), (6, 10)]), ("release", [(2, 10)])]
)
def test_the_factory_says_what_becomes_of_the_hours(
    platform: Platform, hours: str | None, left: list[tuple[float, float]]
) -> None:
    """Without a word they are kept: most requests are declined because the machine is not free."""
    platform.offer("o1", 2, 8, booking="on_request", minimum_hours=2)
    made = ask(platform.startup, start=at(4), end=at(6))
    answer = decline(platform.hal_2, made["id"], hours)
    assert (answer.status_code, answer.json()["hours_kept"]) == (200, hours != "release")
    assert free(platform) == left
    assert not platform.startup.get(f"/api/v1/bookings/{made['id']}").json()["hours_kept"], "not the seeker's business"
    platform.offer("o1", 2, 8, booking="on_request", minimum_hours=2, probability=0.8)
    assert free(platform) == left, "what the factory's server puts over them changes nothing"


def test_hours_that_are_kept_are_released_later(platform: Platform) -> None:
    platform.offer("o1", 2, 4, booking="on_request")
    made = ask(platform.startup)
    decline(platform.hal_2, made["id"])
    assert free(platform) == []
    assert platform.hal_2.get("/api/v1/offers/o1").json()["status"] == "held"
    assert decline(platform.startup, made["id"], "release").status_code == 200
    assert free(platform) == [], "nor can the seeker release them"
    assert decline(platform.hal_2, made["id"], "release").status_code == 200
    assert free(platform) == [(2, 6)]
    again = ask(platform.hal_3)
    assert decline(platform.hal_2, made["id"], "keep").status_code == 200
    assert state(platform.hal_3, again["id"]) == "held", "what somebody has meanwhile stays theirs"


def test_analytics_leaves_hours_alone_that_are_kept(platform: Platform) -> None:
    """They come with the bookings; else each round would offer them again."""
    platform.offer("o1", 2, 8, booking="on_request", minimum_hours=2)
    first = ask(platform.startup, start=at(4), end=at(6))
    second = ask(platform.startup, free_ids(platform)[1], start=at(8), end=at(10))
    decline(platform.hal_2, first["id"])
    client = HttpSharingPlatform(platform.url, "token-of-hal-2")
    found = {one.id: (one.held, one.kept, one.agreed) for one in client.bookings("hal-2")}
    assert found == {first["id"]: (False, True, False), second["id"]: (True, False, False)}
    decline(platform.hal_2, first["id"], "release")
    assert {one.id for one in client.bookings("hal-2")} == {second["id"]}
    client.close()


def test_refused_hours_are_not_suggested_to_whom_they_were_refused(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank")
    for name, start in (("o1", 2), ("o2", 30), ("o3", 60)):
        platform.offer(name, start, 4, booking="on_request")
    seeker = platform.somebody("an@startup.be", "startup")
    made = ask(seeker)
    decline(platform.hal_2, made["id"], "release")
    text = platform.mail("an@startup.be", "Geweigerd").get_content()
    assert ("/offers/o1" in text, "/offers/o2" in text) == (False, True)
    assert "Freesbank, di 03/03/2026, 18:00 – 22:00: http" in text, "a machine and its hours, not an id"
    page = seeker.get(f"/bookings/{made['id']}").text
    assert ("/offers/o1" in page, "/offers/o2" in page) == (False, True)
    assert "o1" in free_ids(platform)
    # Others are told of them.
    ask(platform.hal_3, "o2")
    assert [one["id"] for one in taken(platform.hal_3, "o2")] == ["o1", "o3"]
    assert [one["id"] for one in taken(seeker, "o2")] == ["o3"]


@pytest.mark.parametrize(
    ("terms", "suggested"),
    [
        ({"minimum_hours": 2}, [(2, 6), (8, 14)]),
        ({"minimum_hours": 5}, [(8, 14)]),
        ({"minimum_hours": 7}, []),
        ({"minimum_hours": None}, []),
        ({"minimum_hours": 2, "windows": [(2, 9), (9, 14)]}, [(2, 6), (9, 14)]),
        ({"minimum_hours": 2, "windows": [(2, 7)]}, [(2, 6)]),
    ],
)
@pytest.mark.parametrize("platform", ["sqlite", "postgresql"], indirect=True)
def test_what_remains_of_an_offer_beside_refused_hours_is_suggested(
    platform: Platform, terms: dict[str, Any], suggested: list[tuple[float, float]]
) -> None:
    """Hours 6 to 8 were refused, by a request for an offer that is gone by now."""
    platform.machine("mill-1", "Freesbank")
    platform.offer("first", 6, 2, booking="on_request")
    seeker = platform.somebody("an@startup.be", "startup")
    made = ask(seeker, "first")
    decline(platform.hal_2, made["id"], "release")
    platform.hal_2.delete("/api/v1/offers/first")
    windows = [{"start": at(start), "end": at(end), "probability": 0.9} for start, end in terms.get("windows", [])]
    platform.offer("whole", 2, 12, booking="on_request", price_per_hour="50.00", **terms | {"windows": windows})
    found = seeker.get(f"/api/v1/bookings/{made['id']}/alternatives").json()["alternatives"]
    assert sorted((hours_of(one["start"]), hours_of(one["end"])) for one in found) == suggested
    for one in found:
        assert one["title"] == "Freesbank"
        assert float(one["price"]) == 50 * (hours_of(one["end"]) - hours_of(one["start"]))
        assert all(one["start"] <= window["start"] < window["end"] <= one["end"] for window in one["windows"])
    page = seeker.get(f"/bookings/{made['id']}").text
    links = [html.unescape(link) for link in re.findall(r'href="(/offers/whole[^"]*)"', page)]
    assert len(links) == len(suggested)
    for link in links:
        chosen = re.search(r'<option value="([^"]+)" selected>', seeker.get(link).text)
        assert chosen is not None
        assert chosen.group(1) in [one["start"].replace("Z", "+00:00") for one in found], "its hours are chosen"
    assert platform.hal_3.get(f"/api/v1/bookings/{made['id']}/alternatives").status_code == 404
    assert platform.hal_2.get(f"/api/v1/bookings/{made['id']}/alternatives").json() == {"alternatives": []}


def hours_of(moment: str) -> float:
    return (datetime.fromisoformat(moment) - NOON) / timedelta(hours=1)


def free_ids(platform: Platform) -> list[str]:
    return [one["id"] for one in platform.anyone.get("/api/v1/offers").json()["offers"]]


def taken(client: httpx2.Client, offer: str) -> list[dict[str, str]]:
    answer = client.post(f"/api/v1/offers/{offer}/booking", json={})
    assert answer.status_code == 409
    return list(answer.json()["alternatives"])


def test_a_mail_of_withdrawal_suggests_nothing_that_was_taken_back_in_the_same_moment(platform: Platform) -> None:
    """As the kill switch does it: what is on offer, then request by request, then what that has set free."""
    for name, start in (("o1", 2), ("o2", 30), ("o3", 60)):
        platform.offer(name, start, 4, booking="on_request")
    other = {"factory": "hal-3", "machine": "mill-9", "start": at(40), "end": at(44), "probability": 0.9, "checked": 1, "broken": 0}  # fmt: skip
    for factory, machine, client in (("hal-2", "mill-1", platform.hal_2), ("hal-3", "mill-9", platform.hal_3)):
        card = {"title": machine, "process": "milling"}
        assert client.put(f"/api/v1/machines/{factory}/{machine}", json=card).status_code == 204
    assert platform.hal_3.put("/api/v1/offers/p1", json=other).status_code == 201
    seeker = platform.somebody("an@startup.be", "startup")
    made = [ask(seeker, name)["id"] for name in ("o1", "o2")]
    assert platform.hal_2.delete("/api/v1/offers/o3").status_code == 204
    for one in made:
        assert step(platform.hal_2, one, "withdrawn").status_code == 200

    def texts() -> list[str]:
        mails = platform.mails_to("an@startup.be")
        return [mail.get_content() for mail in mails if "Ingetrokken" in str(mail["Subject"])]

    wait_for(lambda: len(texts()) == len(made), "a mail of each")
    assert [[name for name in ("o1", "o2", "o3", "p1") if f"/offers/{name}" in text] for text in texts()] == [
        ["p1"]
    ] * 2
    # An hour later the factory offers them anew.
    platform.later(1)
    ask(platform.startup, "p1")
    assert [one["id"] for one in taken(seeker, "p1")] == ["o2", "o1"]


def test_the_page_asks_what_becomes_of_the_hours(platform: Platform, browser: Browser) -> None:
    platform.offer("o1", 2, 4, booking="on_request")
    made = ask(platform.startup)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    context = browser.new_context(java_script_enabled=False, base_url=platform.url, locale="nl-BE")
    context.add_cookies([{"name": "session", "value": planner.cookies["session"], "url": platform.url}])
    page = context.new_page()
    page.goto(f"/bookings/{made['id']}")
    assert page.get_by_label("Wij houden deze uren voor eigen gebruik").is_checked()
    page.get_by_role("button", name="Weigeren").click()
    assert page.get_by_text("U houdt deze uren voor eigen gebruik").is_visible()
    assert free(platform) == []
    page.get_by_role("button", name="Toch weer aanbieden").click()
    assert free(platform) == [(2, 6)]
    context.close()
