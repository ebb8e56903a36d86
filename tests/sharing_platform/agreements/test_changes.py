"""Other hours and other prices of what is agreed already: only as both want it."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest

from tests.sharing_platform.agreements.test_documents import text_of
from tests.sharing_platform.agreements.test_proposals import LINES, Negotiation, at, hour, in_parts, terms
from tests.sharing_platform.conftest import Platform


def agreed(platform: Platform, **offer: Any) -> Negotiation:
    made = Negotiation(platform, price="60", **offer)
    step = made.planner.post(f"{made.path}/state", json={"state": "accepted"})
    assert step.status_code == 200, step.text
    return made


def entry(mail: EmailMessage) -> str:
    """The calendar entry that goes with it, unfolded."""
    (found,) = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    return str(found.get_content()).replace("\r\n ", "")


@pytest.mark.parametrize("by", ["seeker", "planner"])
def test_what_is_agreed_changes_once_the_other_side_accepts(platform: Platform, by: str) -> None:
    made = agreed(platform)
    writer, reader = (made.seeker, made.planner) if by == "seeker" else (made.planner, made.seeker)
    proposed = made.propose(writer, 6, 9, price="150", message="Kan het wat later?")
    assert (proposed.status_code, proposed.json()["of_agreed"]) == (201, True), proposed.text
    before = made.booking()
    assert (before["state"], hour(before["start"]), before["price"]) == ("accepted", 3, "120.00")
    assert made.free() == [(5, 11)], "what is proposed is not held"
    page = unescape(reader.get(f"/bookings/{made.id}").text)
    assert "anders blijft de boeking zoals ze is" in page
    told = platform.mail({"seeker": "p@hal.be", "planner": "an@startup.be"}[by], "Voorstel tot wijziging")
    assert "anders blijft de boeking zoals ze is" in told.get_content()
    assert made.answer(writer, proposed, "accepted").status_code == 403
    assert made.answer(reader, proposed, "accepted").status_code == 200
    after = made.booking()
    assert (after["state"], hour(after["start"]), hour(after["end"]), after["price"], after["revision"]) == ("accepted", 6, 9, "150.00", 1)  # fmt: skip
    assert made.free() == [(3, 6), (9, 11)], "the old hours are on offer again"
    assert made.answer(reader, proposed, "accepted").status_code == 200, "again changes nothing"
    assert made.booking()["revision"] == 1
    for email in ("an@startup.be", "p@hal.be"):
        found = entry(platform.mail(email, "Boeking gewijzigd"))
        assert "METHOD:REQUEST" in found
        assert f"UID:{made.id}@vrijloop" in found
        assert "SEQUENCE:1" in found
        assert "DTSTART:20260302T170000Z" in found
    feed = made.seeker.post("/api/v1/feeds", json={"subject": "seeker"}).json()["url"]
    assert "SEQUENCE:1" in platform.anyone.get(feed.removeprefix(platform.url)).text
    log = [one["action"] for one in made.seeker.get("/api/v1/organisation/audit").json()["entries"]]
    assert "booking.proposed" in log or "booking.proposal_accepted" in log
    kinds = [
        (one["kind"], (one["proposal"] or {}).get("state"))
        for one in made.seeker.get(f"{made.path}/thread").json()["entries"]
    ]
    assert ("proposal", "accepted") in kinds
    made.planner.post(f"{made.path}/state", json={"state": "cancelled"})
    assert "SEQUENCE:2" in entry(platform.mail("an@startup.be", "eannuleerd"))


def test_what_is_agreed_stands_where_nobody_accepts(platform: Platform) -> None:
    """Declined, withdrawn, taken meanwhile, or not answered in time."""
    made = agreed(platform)
    declined = made.propose(made.seeker, 6, 9)
    assert made.propose(made.planner, 7, 9).json()["code"] == "proposal_open"
    assert made.answer(made.planner, declined, "declined").json()["state"] == "declined"
    withdrawn = made.propose(made.seeker, 6, 9)
    assert made.answer(made.seeker, withdrawn, "withdrawn").json()["state"] == "withdrawn"
    taken = made.propose(made.seeker, 6, 9)
    other = platform.somebody("x@other.be", "other")
    offer = next(one for one in platform.anyone.get("/api/v1/offers").json()["offers"] if hour(one["start"]) == 5)
    held = other.post(f"/api/v1/offers/{offer['id']}/booking", json={"start": at(6), "end": at(9)})
    assert held.status_code == 201
    gone = made.answer(made.planner, taken, "accepted")
    assert (gone.status_code, gone.json()["code"]) == (409, "proposal_taken"), gone.text
    assert (made.propose(made.seeker, 3, 5).status_code, made.propose(made.seeker, 20, 22).status_code) == (422, 409)
    assert made.planner.post(f"{made.path}/quotes", json={"lines": LINES}).json()["code"] == "step"
    platform.later(3)
    assert made.booking()["state"] == "in_use"
    proposals = made.seeker.get(f"{made.path}/proposals").json()["proposals"]
    assert sorted(one["state"] for one in proposals) == ["declined", "expired", "withdrawn"]
    assert made.propose(made.seeker, 6, 9).json()["code"] == "step", "what has begun"
    assert (hour(made.booking()["start"]), made.booking()["price"], made.booking()["revision"]) == (3, "120.00", 0)


def test_a_proposal_of_earlier_hours_ends_when_they_begin(platform: Platform) -> None:
    made = Negotiation(platform, price="60")
    made.planner.post(f"{made.path}/state", json={"state": "accepted"})
    later = made.propose(made.seeker, 8, 10)
    assert made.answer(made.planner, later, "accepted").status_code == 200
    earlier = made.propose(made.planner, 4, 6)
    assert hour(earlier.json()["valid_until"]) == 4
    platform.present[0] += timedelta(hours=4)
    assert made.answer(made.seeker, earlier, "accepted").json()["code"] == "proposal_closed"
    platform.tick()
    proposals = made.seeker.get(f"{made.path}/proposals").json()["proposals"]
    assert sorted(one["state"] for one in proposals) == ["accepted", "expired"]


def test_after_acceptance_each_part_is_negotiated_by_itself(platform: Platform) -> None:
    made = in_parts(platform)
    made.planner.post(f"{made.path}/state", json={"state": "accepted"})
    second = f"/api/v1/bookings/{made.booking()['parts'][1]['id']}"
    cheaper = made.planner.post(f"{second}/proposals", json={"price": "30"})
    dearer = made.planner.post(f"{made.path}/proposals", json={"price": "130"})
    assert (cheaper.status_code, dearer.status_code) == (201, 201), "two parts, two proposals"
    assert made.answer(made.seeker, dearer, "accepted").status_code == 200
    assert (
        made.seeker.post(f"{made.path}/proposals/{cheaper.json()['id']}/state", json={"state": "accepted"}).status_code
        == 404
    )
    assert terms(made) == [(6, 8, "130.00", "accepted"), (30, 31, "40.00", "accepted")]
    seen = made.seeker.get(f"{second}/thread").json()["entries"]
    assert [one["proposal"]["price"] for one in seen if one["kind"] == "proposal"] == ["30.00"]


def test_the_document_is_of_the_newest_version(platform: Platform) -> None:
    made = agreed(platform)
    proposed = made.propose(made.seeker, 6, 9, price="150")
    platform.present[0] += timedelta(hours=1)
    assert made.answer(made.planner, proposed, "accepted").status_code == 200
    said = text_of(made.seeker.get(f"{made.path}/agreement").content)
    assert "2, vervangt de vorige" in said
    assert "18:00" in said
    assert "150,00" in said
    assert "15:00" not in said


def test_a_reminder_comes_before_the_new_hours(platform: Platform) -> None:
    made = Negotiation(platform, price="60")
    platform.offer("late", 60, 8, minimum_hours=1, booking="on_request", price_per_hour="60")
    made.planner.post(f"{made.path}/state", json={"state": "accepted"})
    platform.tick()
    moved = made.propose(made.seeker, 62, 64)
    assert made.answer(made.planner, moved, "accepted").status_code == 200, "a proposal moves it by days"
    platform.later(40)
    assert "05/03" in platform.mail("an@startup.be", "Herinnering").get_content()
