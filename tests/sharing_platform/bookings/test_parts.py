"""Requests with several parts of one machine: all of them or none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect

from sharing_platform.bookings.models import Booking
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.bookings.test_guests import GUEST
from tests.sharing_platform.bookings.test_requests import state, step
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOUR = timedelta(hours=1)
EVENINGS = {"o1": 6, "o2": 30, "o3": 54}
"""Three evenings, from six o'clock on: hours after noon of the first day."""


def evenings(platform: Platform, **more: Any) -> None:
    for name, begin in EVENINGS.items():
        platform.offer(name, begin, 6, **({"booking": "on_request", "minimum_hours": 2, "price_per_hour": "50"} | more))


def part(offer: str, start: float, end: float) -> dict[str, str]:
    return {"offer_id": offer, "start": (NOON + start * HOUR).isoformat(), "end": (NOON + end * HOUR).isoformat()}


def ask(client: httpx2.Client, first: dict[str, str], *more: dict[str, str], **others: Any) -> httpx2.Response:
    body = {name: value for name, value in first.items() if name != "offer_id"} | {"more": list(more)} | others
    return client.post(f"/api/v1/offers/{first['offer_id']}/booking", json=body)


def three_evenings(platform: Platform, client: httpx2.Client, **others: Any) -> dict[str, Any]:
    """Twenty hours: from six to midnight, to midnight again, and on the third evening from six to two."""
    answer = ask(client, part("o1", 6, 12), part("o2", 30, 36), part("o3", 54, 60), **others)
    assert answer.status_code in (201, 202), answer.text
    return dict(answer.json())


def free(platform: Platform) -> dict[str, tuple[float, float]]:
    times = datetime.fromisoformat
    return {
        offer["id"]: ((times(offer["start"]) - NOON) / HOUR, (times(offer["end"]) - NOON) / HOUR)
        for offer in platform.anyone.get("/api/v1/offers").json()["offers"]
    }


def states(client: httpx2.Client, made: dict[str, Any]) -> set[str]:
    return {state(client, one["id"]) for one in made["parts"]}


def test_an_answer_is_for_all_parts(platform: Platform) -> None:
    evenings(platform)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    seeker = platform.somebody("an@startup.be", "startup")
    made = three_evenings(platform, seeker)
    assert (made["state"], made["price"], len(made["parts"])) == ("held", "300.00", 3)
    assert free(platform) == {}
    mail = platform.mail("p@hal.be", "Aanvraag")
    assert all(day in mail.get_content() for day in ("02/03/2026", "03/03/2026", "04/03/2026"))
    assert step(planner, made["parts"][2]["id"], "accepted").status_code == 200
    assert states(planner, made) == {"accepted"}
    platform.mail("an@startup.be", "is bevestigd")
    platform.mail("p@hal.be", "Aanvaard:")
    assert [len(platform.mails_to(who)) for who in ("p@hal.be", "an@startup.be")] == [2, 2], "one mail for all parts"
    # Once agreed, each is a booking of its own: the machine may break down on one evening.
    assert step(planner, made["parts"][1]["id"], "cancelled").status_code == 200
    assert [state(planner, one["id"]) for one in made["parts"]] == ["accepted", "cancelled", "accepted"]
    assert free(platform) == {"o2": (30, 36)}


@pytest.mark.parametrize(("who", "to"), [("planner", "declined"), ("seeker", "cancelled"), ("planner", "withdrawn")])
def test_what_is_not_agreed_ends_as_a_whole(platform: Platform, who: str, to: str) -> None:
    evenings(platform)
    people = {
        "planner": platform.somebody("p@hal.be", "hal-2", Role.PLANNER),
        "seeker": platform.somebody("an@startup.be", "startup"),
    }
    made = three_evenings(platform, people["seeker"])
    assert step(people[who], made["parts"][1]["id"], to).status_code == 200
    assert states(people["seeker"], made) == {to}
    released = {name: (begin, begin + 6) for name, begin in EVENINGS.items()}
    assert free(platform) == ({} if to == "declined" else released)
    ended = {"declined": "Geweigerd", "cancelled": "Geannuleerd", "withdrawn": "Ingetrokken"}[to]
    other = "p@hal.be" if who == "seeker" else "an@startup.be"
    platform.mail(other, ended)
    assert sum(ended in str(mail["Subject"]) for mail in platform.mails_to(other)) == 1, "one mail for all parts"


def test_a_request_runs_out_as_a_whole(platform: Platform) -> None:
    """Its first evening begins before the two days that the factory has to answer are over."""
    evenings(platform)
    made = three_evenings(platform, platform.startup)
    platform.later(5)
    assert states(platform.startup, made) == {"held"}
    platform.later(1)
    assert states(platform.startup, made) == {"expired"}
    assert set(free(platform)) == {"o1", "o2", "o3"}


def test_when_one_part_is_withdrawn_no_part_is_left(platform: Platform) -> None:
    evenings(platform)
    made = three_evenings(platform, platform.startup)
    assert platform.hal_2.delete("/api/v1/offers/o2").status_code == 204
    assert states(platform.startup, made) == {"withdrawn"}
    assert set(free(platform)) == {"o1", "o3"}


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([part("o1", 6, 10), part("taken", 78, 82)], 409, "taken"),
        ([part("o1", 6, 10), part("o1", 8, 12)], 409, "taken"),
        ([part("o1", 6, 10), part("lathe", 6, 10)], 422, "part_of_another"),
        ([part("o1", 6, 10), part("o2", 30, 31)], 422, "part_too_short"),
        ([part("o1", 6, 10), part("nowhere", 30, 34)], 404, "missing"),
        ([part("o1", 6, 10), part("hidden", 102, 106)], 404, "missing"),
        ([part("o1", 6, 10)] + 10 * [part("o2", 30, 34)], 422, "request"),
    ],
)
def test_none_is_had_where_one_cannot_be(
    platform: Platform, parts: list[dict[str, str]], status: int, code: str
) -> None:
    evenings(platform)
    platform.offer("taken", 78, 4, booking="on_request")
    assert platform.hal_3.post("/api/v1/offers/taken/booking", json={}).status_code == 201
    platform.offer("lathe", 6, 6, machine="lathe-1", minimum_hours=2)
    platform.offer("hidden", 102, 4, visibility="partners", partners=["hal-3"])
    before = free(platform)
    answer = ask(platform.startup, *parts)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert free(platform) == before
    query = "/api/v1/bookings?side=seeker&state=requested&state=held&state=accepted"
    assert platform.startup.get(query).json()["bookings"] == []


def test_several_parts_of_one_long_stretch(platform: Platform) -> None:
    platform.offer("o1", 0, 72, minimum_hours=2, maximum_hours=8)
    answer = ask(platform.startup, part("o1", 6, 12), part("o1", 30, 36), part("o1", 54, 60))
    assert answer.json()["state"] == "accepted"
    assert sorted(free(platform).values()) == [(0, 6), (12, 30), (36, 54), (60, 72)]


def test_hours_at_once_only_where_all_are(platform: Platform) -> None:
    evenings(platform, booking="instant")
    platform.offer("o2", 30, 6, minimum_hours=2, booking="on_request")
    assert three_evenings(platform, platform.startup)["state"] == "held"


def test_the_same_request_again_makes_nothing_new(platform: Platform) -> None:
    evenings(platform)
    body = {"more": [part("o2", 30, 36)]}
    first, again = (
        platform.startup.post("/api/v1/offers/o1/booking", json=body, headers={"Idempotency-Key": "k"}).json()
        for _ in range(2)
    )
    assert first == again
    assert len(first["parts"]) == 2


@pytest.mark.parametrize("taken", [False, True])
def test_a_guest_confirms_all_parts_or_none(platform: Platform, taken: bool) -> None:
    evenings(platform)
    made = three_evenings(platform, platform.anyone, guest=GUEST)
    assert set(free(platform)) == {"o1", "o2", "o3"}, "what is not confirmed holds nothing"
    if taken:
        assert ask(platform.startup, part("o3", 54, 58)).status_code == 201
    assert "04/03/2026" in platform.mail("an@startup.be", "/confirm/").get_content()
    platform.confirm_request("an@startup.be")
    with platform.context.sessions.begin() as session:
        found = {session.get_one(Booking, one["id"]).state for one in made["parts"]}
    assert found == {"expired" if taken else "held"}


@pytest.mark.parametrize("scripts", [True, False])
def test_the_button_says_what_it_does_for_all_that_is_chosen(
    platform: Platform, browser: Browser, scripts: bool
) -> None:
    """At once where scripts run; else once the choice is shown anew."""
    platform.offer("o1", 6, 6, booking="instant")
    platform.offer("o2", 30, 6, booking="on_request")
    context = browser.new_context(base_url=platform.url, locale="nl-BE", java_script_enabled=scripts)
    seeker = platform.somebody("an@startup.be", "startup")
    context.add_cookies([{"name": "session", "value": seeker.cookies["session"], "url": platform.url}])
    page = context.new_page()
    page.goto("/offers/o1")
    button = page.locator("form.book .ask-bar button[type=submit]")
    label = page.get_by_label("di 03/03/2026, 18:00 – 00:00")
    for act, said in ((None, "Boek"), (label.check, "Vraag"), (label.uncheck, "Boek")):
        if act is not None:
            act()
        if act is not None and not scripts:
            page.get_by_role("button", name="Toon kans en prijs").last.click()
        expect(button).to_have_count(1)
        expect(button).to_contain_text(said)
    context.close()


def test_three_evenings_chosen_on_the_page(platform: Platform, browser: Browser) -> None:
    evenings(platform)
    context = browser.new_context(base_url=platform.url, locale="nl-BE", viewport={"width": 390, "height": 844})
    seeker = platform.somebody("an@startup.be", "startup")
    context.add_cookies([{"name": "session", "value": seeker.cookies["session"], "url": platform.url}])
    page = context.new_page()
    page.goto("/offers/o1")
    page.get_by_label("Duur").select_option("6 uur, tot 00:00")
    expect(page.locator("#choice > .said")).to_contain_text("(6 uur)")
    page.get_by_label("di 03/03/2026, 18:00 – 00:00").check()
    page.get_by_label("wo 04/03/2026, 18:00 – 00:00").check()
    page.locator("#hours-o3").select_option("4 uur, tot 22:00")
    together = page.locator(".together")
    expect(together).to_contain_text("Samen 16 uur")
    expect(together).to_contain_text("800,00")
    page.get_by_role("button", name="Vraag deze uren aan").click()
    expect(page.locator("[data-state=held] ol.parts li")).to_have_count(3)
    expect(page.get_by_text("wo 04/03/2026, 18:00 – 22:00")).to_be_visible()
    expect(page.get_by_text("Alle delen samen: € 800,00")).to_be_visible()
    context.close()
