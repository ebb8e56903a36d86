"""Quotes, other hours and other prices: proposed by one side, answered by the other, and firm at exactly what was proposed."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.bookings.amounts import CENT, shares_of, to_cents, vat_of
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform

LINES = [
    {"text": "Frezen", "quantity": "6.5", "unit": "hour", "unit_price": "65.35"},
    {"text": "Opspannen", "unit_price": "80"},
    {"text": "Korting", "unit_price": "-10.00"},
]
"""424.775, which is 424.78; 80; -10."""


@pytest.mark.parametrize(("amount", "cents"), [("0.005", "0.01"), ("424.775", "424.78"), ("-0.005", "-0.01"), ("1.004", "1.00")])  # fmt: skip
def test_half_a_cent_is_rounded_away_from_zero(amount: str, cents: str) -> None:
    assert str(to_cents(Decimal(amount))) == cents


@given(st.decimals(0, 1_000_000, places=2), st.lists(st.integers(1, 10_000), min_size=1, max_size=10))
def test_shares_add_up_to_the_cent(total: Decimal, weights: list[int]) -> None:
    shares = shares_of(total, [Decimal(one) for one in weights])
    assert sum(shares) == total
    assert all(share == share.quantize(CENT) for share in shares)
    assert vat_of(total, Decimal(0)) == 0


class Negotiation:
    """A request of a machine that a factory has not answered, from 15:00 to 17:00 of an offer from 15:00 to 23:00."""

    def __init__(self, platform: Platform, **offer: Any) -> None:
        self.platform = platform
        platform.machine()
        self.price = offer.pop("price", None)
        platform.offer("o1", 3, 8, minimum_hours=1, booking="on_request", price_per_hour=self.price, **offer)
        self.seeker = platform.somebody("an@startup.be", "startup")
        self.planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
        hours = {"start": at(3), "end": at(5)}
        self.id = self.seeker.post("/api/v1/offers/o1/booking", json=hours).json()["id"]
        self.path = f"/api/v1/bookings/{self.id}"

    def quote(self, **more: Any) -> httpx2.Response:
        return self.planner.post(f"{self.path}/quotes", json={"lines": LINES} | more)

    def propose(self, client: httpx2.Client, start: float, end: float, **more: Any) -> httpx2.Response:
        return client.post(f"{self.path}/proposals", json={"start": at(start), "end": at(end)} | more)

    def answer(self, client: httpx2.Client, proposal: httpx2.Response, state: str) -> httpx2.Response:
        assert proposal.status_code == 201, proposal.text
        return client.post(f"{self.path}/proposals/{proposal.json()['id']}/state", json={"state": state})

    def booking(self) -> dict[str, Any]:
        return dict(self.seeker.get(self.path).json())

    def free(self) -> list[tuple[float, float]]:
        """The hours of the machine that are on offer, from noon on."""
        offers = self.platform.anyone.get("/api/v1/offers").json()["offers"]
        return [(hour(one["start"]), hour(one["end"])) for one in offers]


def at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()


def hour(moment: str) -> float:
    return (datetime.fromisoformat(moment) - NOON) / timedelta(hours=1)


def test_a_quote_becomes_a_firm_booking_with_a_click(platform: Platform) -> None:
    made = Negotiation(platform)
    assert made.booking()["price"] is None
    quote = made.quote(vat_percent="6", message="Materiaal niet inbegrepen")
    shown = quote.json()
    assert (shown["price"], shown["vat"], shown["total"]) == ("494.78", "29.69", "524.47")
    assert (shown["person"], shown["answers"]) == ("p", ["withdrawn"])
    mail = platform.mail("an@startup.be", "Offerte voor Freesbank").get_content()
    assert "€\N{NO-BREAK SPACE}494,78 excl. btw" in mail
    page = unescape(made.seeker.get(f"/bookings/{made.id}").text)
    for said in (
        "Opspannen",
        "€\N{NO-BREAK SPACE}524,47",
        "Btw 6\N{NO-BREAK SPACE}%",
        "Materiaal niet inbegrepen",
        "Aanvaarden",
    ):
        assert said in page
    refused = made.planner.post(f"{made.path}/state", json={"state": "accepted"})
    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_open"), "which terms would be meant?"
    accepted = made.seeker.post(f"/bookings/{made.id}/proposals/{shown['id']}/state", data={"state": "accepted"})
    assert accepted.status_code == 303
    booking = made.booking()
    assert (booking["state"], booking["price"], booking["vat_percent"]) == ("accepted", "494.78", "6.00")
    assert "heeft “Freesbank DMU 50” geboekt" in platform.mail("p@hal.be", "Geboekt").get_content()
    assert made.answer(made.seeker, quote, "accepted").status_code == 200, "again changes nothing"
    assert made.answer(made.seeker, quote, "declined").json()["code"] == "proposal_closed"


def test_other_hours_are_those_that_are_booked(platform: Platform) -> None:
    """They may overlap those that the request holds; the rest is on offer."""
    made = Negotiation(platform, price="10", buffer_minutes=30)
    assert made.free() == [(5.5, 11)]
    proposal = made.propose(made.planner, 4, 7)
    assert (proposal.json()["price"], made.free()) == ("30.00", [(5.5, 11)]), "what the offer says; nothing moves yet"
    assert made.answer(made.seeker, proposal, "accepted").status_code == 200
    booking = made.booking()
    assert (hour(booking["start"]), hour(booking["end"]), booking["price"], booking["state"]) == (4, 7, "30.00", "accepted")  # fmt: skip
    assert hour(booking["cancel_until"]) == 4 - 24
    assert made.free() == [(7.5, 11)]


def test_hours_that_somebody_took_meanwhile_are_gone(platform: Platform) -> None:
    made = Negotiation(platform)
    proposal = made.propose(made.seeker, 8, 10)
    other = platform.somebody("x@x.be", "other")
    assert other.post("/api/v1/offers/o1/booking", json={"start": at(9), "end": at(11)}).status_code == 201
    answer = made.answer(made.planner, proposal, "accepted")
    assert answer.status_code in (409, 422), answer.text
    booking = made.booking()
    assert (hour(booking["start"]), booking["state"]) == (3, "held"), "the request stands as it was"
    assert made.answer(made.planner, proposal, "declined").status_code == 200


@pytest.mark.parametrize(
    ("start", "end", "more", "code"),
    [
        (3, 5, {}, "proposal_same"), (2, 4, {}, "part_outside"), (10, 12, {}, "part_outside"), (3, 3.5, {}, "part_too_short"),
        (20, 22, {}, "proposal_taken"),
    ],
)  # fmt: skip
def test_what_cannot_be_booked_cannot_be_proposed(platform: Platform, start: float, end: float, more: dict[str, Any], code: str) -> None:  # fmt: skip
    made = Negotiation(platform)
    answer = made.propose(made.seeker, start, end, **more)
    assert answer.status_code in (409, 422)
    assert answer.json()["code"] == code
    assert made.free() == [(5, 11)], "trying leaves no trace"


def test_one_proposal_at_a_time_answered_by_the_other_side(platform: Platform) -> None:
    made = Negotiation(platform)
    first = made.propose(made.seeker, 6, 8, message="Later lukt beter")
    assert made.answer(made.seeker, first, "accepted").json()["code"] == "proposal_own"
    assert made.quote().json()["code"] == "proposal_open"
    second = made.propose(made.seeker, 7, 9)
    states = [one["state"] for one in made.planner.get(f"{made.path}/proposals").json()["proposals"]]
    assert states == ["withdrawn", "open"]
    assert made.answer(made.planner, first, "accepted").json()["code"] == "proposal_closed"
    assert made.answer(made.planner, second, "declined").status_code == 200
    assert "Voorstel geweigerd" in str(platform.mail("an@startup.be", "geweigerd")["Subject"])
    third = made.quote()
    assert made.answer(made.planner, third, "declined").status_code == 403
    assert made.answer(made.planner, third, "withdrawn").status_code == 200
    assert made.planner.post(f"{made.path}/state", json={"state": "accepted"}).status_code == 200, "as it was asked for"
    assert made.quote().json()["code"] == "step"


def test_who_may_propose(platform: Platform) -> None:
    made = Negotiation(platform)
    member = platform.somebody("m@hal.be", "hal-2", Role.MEMBER)
    stranger = platform.somebody("x@x.be", "other")
    assert made.propose(member, 6, 8).status_code == 403
    assert made.propose(stranger, 6, 8).status_code == 404
    assert made.seeker.post(f"{made.path}/quotes", json={"lines": LINES}).status_code == 403
    quote = made.quote()
    for client, code in ((stranger, 404), (member, 403)):
        assert made.answer(client, quote, "accepted").status_code == code
    assert stranger.get(f"{made.path}/proposals").status_code == 404


def test_a_quote_holds_the_hours_as_long_as_it_is_valid(platform: Platform) -> None:
    made = Negotiation(platform)
    platform.offer("o2", 24 * 20, 8, minimum_hours=1, booking="on_request")
    made.id = made.seeker.post("/api/v1/offers/o2/booking", json={}).json()["id"]
    made.path = f"/api/v1/bookings/{made.id}"
    quote = made.quote(valid_until=at(24 * 10))
    assert hour(made.booking()["due"]) == 24 * 10
    platform.later(24 * 9)
    seeker = platform.somebody("an@startup.be")
    assert seeker.get(made.path).json()["state"] == "held"
    platform.later(25)
    seeker = platform.somebody("an@startup.be")
    assert seeker.get(made.path).json()["state"] == "expired"
    (shown,) = seeker.get(f"{made.path}/proposals").json()["proposals"]
    assert (shown["state"], shown["id"]) == ("expired", quote.json()["id"])


def in_parts(platform: Platform, price: str | None = "60", other: str | None = "40") -> Negotiation:
    """A request of 18:00 to 20:00, and of an hour on the next day, at so many euros an hour."""
    made = Negotiation(platform, price=price)
    platform.offer("o2", 30, 4, minimum_hours=1, booking="on_request", price_per_hour=other)
    more = [{"offer_id": "o2", "start": at(30), "end": at(31)}]
    asked = made.seeker.post("/api/v1/offers/o1/booking", json={"start": at(6), "end": at(8), "more": more})
    made.id = asked.json()["id"]
    made.path = f"/api/v1/bookings/{made.id}"
    return made


def test_a_price_for_several_parts_is_shared_among_them(platform: Platform) -> None:
    made = in_parts(platform, None, None)
    moved = made.propose(made.planner, 7, 9)
    assert moved.json()["price"] is None
    assert made.answer(made.seeker, moved, "declined").status_code == 200
    quote = made.planner.post(f"{made.path}/quotes", json={"lines": [{"text": "Alles", "unit_price": "100"}]})
    assert made.answer(made.seeker, quote, "accepted").status_code == 200
    assert [(one["state"], one["price"]) for one in made.booking()["parts"]] == [
        ("accepted", "66.67"),
        ("accepted", "33.33"),
    ]


def test_the_forms_take_what_belgians_write(platform: Platform) -> None:
    made = Negotiation(platform)
    lines = {"text-0": "Frezen", "quantity-0": "2,5", "unit-0": "hour", "unit_price-0": "60,10", "text-3": "", "unit_price-3": ""}  # fmt: skip
    wrong = made.planner.post(f"/bookings/{made.id}/quotes", data=lines | {"unit_price-0": "veel"})
    assert wrong.status_code == 422
    assert 'value="Frezen"' in wrong.text, "what was typed stays"
    sent = made.planner.post(f"/bookings/{made.id}/quotes", data=lines | {"vat_percent": "21", "valid_until": "2026-03-02"})  # fmt: skip
    assert sent.status_code == 303, sent.text
    (shown,) = made.planner.get(f"{made.path}/proposals").json()["proposals"]
    assert (shown["price"], hour(shown["valid_until"])) == ("150.25", 3), "no longer than the hours are to come"
    made.planner.post(f"/bookings/{made.id}/proposals/{shown['id']}/state", data={"state": "withdrawn"})
    hours = {"proposed_start": "2026-03-02T18:00", "proposed_end": "2026-03-02T20:00", "price": "99,50"}
    sent = made.seeker.post(f"/bookings/{made.id}/proposals", data=hours)
    assert sent.status_code == 303, sent.text
    *_, shown = made.planner.get(f"{made.path}/proposals").json()["proposals"]
    assert (hour(shown["start"]), hour(shown["end"]), shown["price"]) == (6, 8, "99.50")
    assert "ma 02/03/2026, 18:00 – 20:00" in unescape(made.planner.get(f"/bookings/{made.id}").text)


def terms(made: Negotiation) -> list[tuple[float, float, str, str]]:
    return [(hour(one["start"]), hour(one["end"]), one["price"], one["state"]) for one in made.booking()["parts"]]


def test_the_hours_of_one_part_are_proposed_anew(platform: Platform) -> None:
    """The others stay as they are, and their prices too; all parts are accepted together."""
    made = in_parts(platform)
    second = made.booking()["parts"][1]["id"]
    page = unescape(made.planner.get(f"/bookings/{second}").text)
    assert "De uren zijn die van dit deel" in page
    moved = made.planner.post(f"/api/v1/bookings/{second}/proposals", json={"start": at(31), "end": at(34)})
    assert (moved.status_code, moved.json()["price"]) == (201, "240.00"), moved.text
    taken = made.planner.post(f"/api/v1/bookings/{second}/proposals", json={"start": at(6), "end": at(7)})
    assert taken.status_code in (409, 422), "the hours of another part"
    assert terms(made) == [(6, 8, "120.00", "held"), (30, 31, "40.00", "held")]
    assert made.answer(made.seeker, moved, "accepted").status_code == 200
    assert terms(made) == [(6, 8, "120.00", "accepted"), (31, 34, "120.00", "accepted")]
    assert (30, 31) in made.free()
