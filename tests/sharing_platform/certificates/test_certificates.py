"""Certificates of attendance: issued once a training is over, no more than there were places, and checked by anybody who has the number."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx2
import pytest

from sharing_platform.certificates.service import plain_number
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform


@pytest.mark.parametrize("written", ["VC-7KQ2-M9XD-4T0R", "vc 7kq2 m9xd 4tor", "7KQ2M9XD4T0R", " vc-7kq2-m9xd-4t0r "])
def test_a_number_is_read_as_people_type_it(written: str) -> None:
    assert plain_number(written) == "VC-7KQ2-M9XD-4T0R"


def attended(platform: Platform, **details: object) -> tuple[httpx2.Client, str, str]:
    """The planner, and the ids of a training of an afternoon and of a booking of two places of it that was accepted."""
    start, end = NOON + timedelta(hours=2), NOON + timedelta(hours=6)
    body = {
        "kind": "training", "title": "Draaien", "places": 5, "start": start.isoformat(), "end": end.isoformat(),
        "details": {"attendance_certificate": True, "sessions": [{"start": start.isoformat(), "end": end.isoformat()}], **details},
    }  # fmt: skip
    planner = platform.somebody("els@hal.be", "hal-2", Role.PLANNER)
    made = planner.post("/api/v1/listings", json=body)
    assert made.status_code == 201, made.text
    seeker = platform.somebody("an@startup.be", "startup")
    booking = seeker.post(f"/api/v1/listings/{made.json()['id']}/booking", json={"places": 2}).json()["id"]
    assert planner.post(f"/api/v1/bookings/{booking}/state", json={"state": "accepted"}).status_code == 200
    return planner, made.json()["id"], booking


def test_who_attended_gets_a_certificate_that_anybody_can_check(platform: Platform) -> None:
    planner, listing, booking = attended(platform)
    path, wanted = f"/api/v1/listings/{listing}/certificates", {"booking_id": booking, "names": ["Łucja Müller"]}
    assert planner.post(path, json=wanted).json()["code"] == "training_not_over"
    platform.later(7)
    assert platform.hal_3.post(path, json=wanted).status_code == 404
    assert planner.post(path, json=wanted | {"names": ["Aa", "Bb", "Cc"]}).json()["code"] == "more_than_places"
    (made,) = planner.post(path, json=wanted).json()["bookings"][0]["certificates"]
    number = made["number"]
    assert re.fullmatch(r"VC(-[0-9A-Z]{4}){3}", number)
    assert f"/certificates/{number}" in platform.mail("an@startup.be", "Attesten").get_content()
    shown = platform.anyone.get(f"/api/v1/certificates/{number}").json()
    assert (shown["name"], shown["title"], shown["hours"], shown["given_by"]) == (
        "Łucja Müller",
        "Draaien",
        4.0,
        ["hal-2"],
    )
    assert (
        platform.anyone.get("/certificates", params={"number": number.lower()}).headers["location"]
        == f"/certificates/{number}"
    )
    page = platform.anyone.get(f"/certificates/{number}?lang=nl")
    assert "Dit attest is echt en geldig" in page.text
    assert page.headers["x-robots-tag"] == "noindex"
    document = platform.anyone.get(f"/certificates/{number}/document")
    assert document.content.startswith(b"%PDF-")
    assert document.headers["content-disposition"].startswith("attachment")

    issuing = planner.get(f"/listings/{listing}/certificates").text
    assert "Łucja Müller" in issuing
    again = planner.post(
        f"/listings/{listing}/certificates", data={"booking_id": booking, "names": "An Peeters\nBo Maes"}
    )
    assert "Dat zijn meer namen dan er plaatsen geboekt zijn" in again.text
    assert "An Peeters" in again.text
    assert planner.post(f"/listings/{listing}/certificates/{number}/withdraw").status_code == 303
    gone = platform.anyone.get(f"/certificates/{number}?lang=nl").text
    assert "ingetrokken" in gone
    assert "Müller" not in gone, "the name is forgotten"
    assert platform.anyone.get(f"/certificates/{number}/document").status_code == 404
    assert planner.post(path, json=wanted).status_code == 201, "its place can be given to somebody else"


def test_a_number_that_was_not_given_is_none(platform: Platform) -> None:
    page = platform.anyone.get("/certificates/VC-0000-0000-0000?lang=nl")
    assert (page.status_code, "Er bestaat geen attest met dit nummer" in page.text) == (404, True)
    assert platform.anyone.get("/api/v1/certificates/VC-0000-0000-0000").status_code == 404
    planner, listing, _ = attended(platform, attendance_certificate=False)
    assert planner.get(f"/api/v1/listings/{listing}/certificates").json()["code"] == "no_certificates"
