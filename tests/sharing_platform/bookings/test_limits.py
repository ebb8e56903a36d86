"""Nobody holds a region's hours: what is refused may do nothing, and everybody's open requests are bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx2
import pytest

from sharing_platform.bounds import Bounds
from sharing_platform.i18n import LANGUAGES, texts
from sharing_platform.organisations.permissions import Kind, Right, Role
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform, client, database_of, platform_over
from tests.sharing_platform.organisations.test_permissions import ask, routes

BOUNDS = Bounds(
    pending_of_organisation=8,
    pending_of_account=6,
    pending_at_machine_of_organisation=4,
    requests_per_hour_of_account=10,
)
"""Few, as every request takes time; in the order of size that they have by themselves."""


@pytest.fixture
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    with platform_over(database_of(request), bounds=BOUNDS) as built:
        yield built


def offers(platform: Platform, count: int, machines: int = 1, start: int = 0) -> list[str]:
    names = [f"o{number}" for number in range(start, start + count)]
    for number, name in enumerate(names, start):
        platform.offer(name, 3 + 5 * number, 4, machine=f"mill-{number % machines}", booking="on_request")
    return names


def book(seeker: httpx2.Client, name: str, **body: Any) -> httpx2.Response:
    return seeker.post(f"/api/v1/offers/{name}/booking", json=body)


def refuse(platform: Platform, organisation: str, approved: bool = False) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    path = f"/api/v1/region/organisations/{organisation}/approval"
    reason = {} if approved else {"reason": "Onbekend."}
    assert region.put(path, json={"approved": approved, **reason}).status_code == 200


def test_what_is_refused_may_do_nothing(platform: Platform) -> None:
    """Every route that changes something but applying again, by its owner, its own program, and the program that the operator gave a token."""
    owner = platform.somebody("o@hal.be", "hal-2", Role.OWNER)
    everything = platform.token("hal-2", *(set(Right) - {Right.GOVERN, Right.REGION}))
    offers(platform, 1)
    listing = {"kind": "operator", "title": "Lasser", "start": "2026-03-03T00:00:00Z", "end": "2026-04-03T00:00:00Z"}
    assert everything.post("/api/v1/listings", json=listing).status_code == 201
    refuse(platform, "hal-2")
    for name, needed in sorted(routes().items()):
        if (
            name.startswith("GET")
            or needed in ("person", "anyone", "neighbour")
            or name.endswith("/organisation/application")
        ):
            continue
        for who, caller in (("the owner", owner), ("its program", everything), ("the configured one", platform.hal_2)):
            if who != "the owner" and not name.partition(" ")[2].startswith("/api/"):
                continue  # pages are for people
            answer = ask(caller, name)
            assert answer.status_code == 403, (name, who, answer.status_code, answer.text[:300])
            expected = texts("nl" if "/api/" not in name else "en")["error_refused"]
            assert expected.split("'")[0] in answer.text, (name, who)
    assert owner.get("/desk").status_code == 200, "but it can read why"
    refuse(platform, "hal-2", approved=True)
    assert platform.hal_2.delete("/api/v1/offers/o0").status_code == 204


def test_what_a_refused_organisation_waits_for_ends(platform: Platform) -> None:
    offers(platform, 3)
    seeker = platform.somebody("an@startup.be", "startup")
    made = [book(seeker, name).json()["id"] for name in ("o0", "o1")]
    assert platform.hal_2.post(f"/api/v1/bookings/{made[0]}/state", json={"state": "accepted"}).status_code == 200
    refuse(platform, "startup")
    states = [platform.hal_2.get(f"/api/v1/bookings/{one}").json()["state"] for one in made]
    assert states == ["accepted", "expired"], "what is agreed stays agreed"
    assert book(seeker, "o2").json()["code"] == "refused"
    assert [one["id"] for one in platform.anyone.get("/api/v1/offers").json()["offers"]] == ["o1", "o2"]


@pytest.mark.parametrize(
    ("approved", "machines", "most", "code"),
    [
        (False, 10, BOUNDS.pending_of_newcomer, "too_many_pending_newcomer"),
        (True, 10, BOUNDS.pending_of_account, "too_many_pending_account"),
        (True, 1, BOUNDS.pending_at_machine_of_organisation, "too_many_pending_here"),
    ],
)
def test_so_many_requests_wait_at_a_time(
    platform: Platform, approved: bool, machines: int, most: int, code: str
) -> None:
    names = offers(platform, most + 2, machines)
    seeker = platform.somebody("an@startup.be", "startup", approved=approved)
    made = [book(seeker, name) for name in names[:most]]
    assert {one.status_code for one in made} == {201}
    refused = book(seeker, names[most])
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    for language in LANGUAGES:
        page = seeker.post(f"/offers/{names[most]}?lang={language}", data={"x": "y"})
        assert page.status_code == 409
        assert texts(language)[f"error_{code}"].split("'")[0] in page.text
    assert seeker.post(f"/api/v1/bookings/{made[0].json()['id']}/state", json={"state": "cancelled"}).status_code == 200
    assert book(seeker, names[most]).status_code == 201, "one less waits"


def test_an_organisation_is_bounded_whoever_of_it_asks(platform: Platform) -> None:
    names = offers(platform, BOUNDS.pending_of_organisation + 1, 10)
    people = [platform.somebody(f"{number}@startup.be", "startup") for number in range(3)]
    made = [book(people[number % 3], name) for number, name in enumerate(names)]
    assert [one.status_code for one in made] == [201] * BOUNDS.pending_of_organisation + [409]
    assert made[-1].json()["code"] == "too_many_pending"


def test_parts_count_and_newcomers_do_not_fill_a_machine(platform: Platform) -> None:
    names = offers(platform, 12)
    found = {one["id"]: one for one in platform.anyone.get("/api/v1/offers").json()["offers"]}
    more = [{"offer_id": name, "start": found[name]["start"], "end": found[name]["end"]} for name in names[1:4]]
    first = platform.somebody("a@a.be", "a-bv", approved=False)
    assert book(first, "o0", more=more).json()["code"] == "too_many_pending_newcomer"
    assert book(first, "o0", more=more[:2]).status_code == 201
    second = platform.somebody("b@b.be", "b-bv", approved=False)
    assert [book(second, name).status_code for name in names[4:6]] == [201, 201]
    assert book(second, names[6]).json()["code"] == "too_many_newcomers_here"
    assert book(platform.startup, names[6]).status_code == 201, "who is approved still can"


def test_a_guests_way_is_no_way_around(platform: Platform) -> None:
    """Nothing is held before the address is confirmed, and then no more than of others; who types another's address uses up nothing of theirs."""
    names = offers(platform, 8, 8)
    victim = platform.somebody("an@startup.be", "startup", approved=False)
    guest = {"organisation": "Evil BV", "name": "Eve", "email": "an@startup.be"}
    assert [book(platform.anyone, name, guest=guest).status_code for name in names[:4]] == [202] * 4
    assert book(victim, names[7]).status_code == 201
    eve = guest | {"email": "eve@evil.be"}
    for name in names[:5]:
        assert book(platform.anyone, name, guest=eve).status_code == 202
    wait_for(lambda: len(platform.mails_to("eve@evil.be")) == 5, "five mails")
    answers = []
    for mail in platform.mails_to("eve@evil.be"):
        found = re.search(r"/confirm/(\S+)", mail.get_content())
        assert found is not None
        wanted = {"link": found.group(1), "mine": True}
        answers.append(httpx2.post(f"{platform.url}/api/v1/requests/confirmation", json=wanted))
    assert [answer.status_code for answer in answers] == [200] * BOUNDS.pending_of_newcomer + [409] * 2
    assert answers[-1].json()["code"] == "too_many_pending_newcomer"
    held = platform.hal_2.get("/api/v1/bookings", params={"state": "held"}).json()["bookings"]
    assert len([one for one in held if one["organisation"] == "Evil BV"]) == BOUNDS.pending_of_newcomer


def test_a_guest_of_a_refused_organisation_gets_nothing(platform: Platform) -> None:
    offers(platform, 1)
    platform.somebody("an@startup.be", "startup")
    refuse(platform, "startup")
    guest = {"organisation": "Startup", "name": "An", "email": "an@startup.be"}
    assert book(platform.anyone, "o0", guest=guest).status_code == 202, "it is not told who is refused"
    person = platform.somebody("an@startup.be")
    (waiting,) = person.get("/api/v1/requests").json()["requests"]
    answer = person.post(f"/api/v1/requests/{waiting['id']}/confirmation", json={"mine": True})
    assert (answer.status_code, answer.json()["code"]) == (403, "refused")
    assert platform.hal_2.get("/api/v1/bookings").json()["bookings"] == []


def test_so_many_requests_an_hour(platform: Platform) -> None:
    offers(platform, 1)
    seeker = platform.somebody("an@startup.be", "startup")
    for _ in range(BOUNDS.requests_per_hour_of_account):
        made = book(seeker, "o0")
        assert made.status_code == 201
        seeker.post(f"/api/v1/bookings/{made.json()['id']}/state", json={"state": "cancelled"})
    refused = book(seeker, "o0")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert int(refused.headers["retry-after"]) > 0
    platform.present[0] += timedelta(hours=1)
    assert book(seeker, "o0").status_code == 201


def test_requests_at_the_same_moment_are_counted_one_after_the_other(platform: Platform) -> None:
    names = offers(platform, 10, 10)
    cookie = platform.somebody("an@startup.be", "startup", approved=False).cookies["session"]
    together = Barrier(10)

    def at_once(name: str) -> int:
        with client(platform.url, cookies={"session": cookie}, headers={"Origin": platform.url}) as own:
            together.wait()
            return book(own, name).status_code

    with ThreadPoolExecutor(10) as threads:
        codes = sorted(threads.map(at_once, names))
    assert codes == [201] * BOUNDS.pending_of_newcomer + [409] * (10 - BOUNDS.pending_of_newcomer)
