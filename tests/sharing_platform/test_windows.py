"""Offers with windows: what is left of them is inside what was there, and nothing that can be booked is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from sharing_platform.machines.choices import choice_of
from sharing_platform.machines.models import Offer
from sharing_platform.machines.windows import Window, surest, windows_within
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return NOON + hour * HOUR


windows = st.lists(
    st.builds(
        lambda start, length, percent: Window(at(start), at(start + length), percent / 100),
        st.integers(0, 20), st.integers(1, 12), st.integers(80, 99),
    ),
    max_size=6,
)  # fmt: skip


@given(windows, st.tuples(st.integers(0, 24), st.integers(1, 12)), st.integers(1, 4))
def test_what_is_left_is_inside_what_was_there_and_nothing_is_lost(
    there: list[Window], part: tuple[int, int], shortest: int
) -> None:
    span = (at(part[0]), at(sum(part)))
    left = windows_within(there, span, shortest * HOUR)
    for window in left:
        before = surest(there, window.start, window.end)
        assert before is not None
        assert before.probability == window.probability
        assert span[0] <= window.start < window.end <= span[1]
        assert window.length >= shortest * HOUR
        assert not any(
            other.start <= window.start and window.end <= other.end and other.probability >= window.probability
            for other in left
            if other != window
        )
    for start in range(part[0], sum(part) - shortest + 1):
        hours = (at(start), at(start + shortest))
        was, now = surest(there, *hours), surest(left, *hours)
        assert (was and was.probability) == (now and now.probability)


def test_only_whole_windows() -> None:
    there = [Window(at(0), at(4), 0.9), Window(at(2), at(8), 0.8)]
    assert windows_within(there, (at(0), at(8)), None) == there
    assert windows_within(there, (at(1), at(8)), None) == [there[1]]


def stretch(platform: Platform, **more: Any) -> dict[str, Any]:
    """Free from 3 to 13 hours after noon: until 9 with 96 %, from 5 on with 95.5 %."""
    spans = ((3, 9, 0.96), (5, 13, 0.955))
    rows = [{"start": at(a).isoformat(), "end": at(b).isoformat(), "probability": p} for a, b, p in spans]
    return platform.offer("o1", 3, 10, minimum_hours=2, windows=rows, price_per_hour="40", **more)


def shown(windows: list[dict[str, Any]]) -> list[tuple[float, float, float]]:
    hours = [
        tuple((datetime.fromisoformat(window[name]) - NOON) / HOUR for name in ("start", "end")) for window in windows
    ]
    return [(start, end, window["probability"]) for (start, end), window in zip(hours, windows, strict=True)]


def test_an_offer_keeps_its_windows(platform: Platform) -> None:
    assert shown(stretch(platform)["windows"]) == [(3, 9, 0.96), (5, 13, 0.955)]
    whole = platform.offer("o2", 3, 4, machine="mill-2")
    assert shown(whole["windows"]) == [(3, 7, 0.937)], "an offer without windows is one"


@pytest.mark.parametrize(
    ("hours", "code"),
    [
        ((3, 9), None), ((5, 13), None), ((6, 12.5), None), ((4, 12), "part_not_sure"), ((3, 13), "part_not_sure"),
        ((8, 9), "part_too_short"), ((2, 6), "part_outside"), ((9, 14), "part_outside"),
    ],
)  # fmt: skip
def test_any_part_of_a_window_can_be_booked(platform: Platform, hours: tuple[float, float], code: str | None) -> None:
    stretch(platform)
    body = {"start": at(hours[0]).isoformat(), "end": at(hours[1]).isoformat()}
    answer = platform.startup.post("/api/v1/offers/o1/booking", json=body)
    assert answer.json().get("code") == code
    if code is None:
        assert answer.json()["price"] == f"{40 * (hours[1] - hours[0]):.2f}"


def prices(*rows: tuple[float, float, str]) -> list[dict[str, str]]:
    return [
        {"start": at(start).isoformat(), "end": at(end).isoformat(), "price_per_hour": price}
        for start, end, price in rows
    ]


DEARER = prices((6, 10, "60.00"), (10, 12, "30.00"))


@pytest.mark.parametrize(
    ("hours", "price"),
    [((3, 6), "120.00"), ((3, 9), "300.00"), ((5, 13), "380.00"), ((6.25, 8.5), "135.00"), ((10, 12), "60.00")],
)
def test_hours_that_cost_another_price(platform: Platform, hours: tuple[float, float], price: str) -> None:
    stretch(platform, prices=DEARER)
    body = {"start": at(hours[0]).isoformat(), "end": at(hours[1]).isoformat()}
    answer = platform.startup.post("/api/v1/offers/o1/booking", json=body)
    assert answer.json()["price"] == price
    left = platform.anyone.get("/api/v1/offers").json()["offers"]
    for offer in left:
        for one in offer["prices"]:
            assert one["start"] < offer["end"], "what is left says nothing of hours that it does not have"
            assert offer["start"] < one["end"]
    if hours[0] == 10:
        found = platform.anyone.get("/api/v1/offers", params={"max_price": "35"}).json()["offers"]
        assert found == [], "the cheap hours are gone"


def test_a_search_for_a_price_finds_an_offer_of_which_some_hours_cost_no_more(platform: Platform) -> None:
    stretch(platform, prices=DEARER)
    found = [
        len(platform.anyone.get("/api/v1/offers", params={"max_price": bound}).json()["offers"])
        for bound in ("29", "30", "45")
    ]
    assert found == [0, 1, 1]


def test_the_page_says_what_costs_another_price(platform: Platform) -> None:
    platform.machine()
    stretch(platform, prices=DEARER)
    assert "vanaf € 30,00 per uur" in platform.anyone.get("/").text.replace("\xa0", " ")
    page = platform.anyone.get("/offers/o1").text.replace("\xa0", " ")
    assert "€ 40,00 per uur" in page
    assert "18:00 – 22:00: € 60,00 per uur" in page
    assert '"minPrice": "30.00", "maxPrice": "60.00"' in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"prices": prices((2, 5, "60"))},
        {"prices": prices((5, 7, "60"), (6, 8, "70"))},
        {"prices": prices((7, 8, "60"), (5, 6, "70"))},
        {"prices": prices((5, 5, "60"))},
        {"prices": prices((5, 6, "60")), "price_per_hour": None},
        {"prices": prices((5, 6, "-1"))},
    ],
)
def test_prices_that_cannot_be(platform: Platform, wrong: dict[str, Any]) -> None:
    body = {
        "factory": "hal-2", "machine": "mill-1", "start": at(3).isoformat(), "end": at(13).isoformat(), "probability": 0.9,
        "checked": 40, "broken": 2, "price_per_hour": "40",
    }  # fmt: skip
    assert platform.hal_2.put("/api/v1/offers/o1", json=body | wrong).status_code == 422


def test_what_a_booking_leaves_keeps_its_windows(platform: Platform) -> None:
    """Booked from 6 to 8: what is left is from 3 to 6 and from 8 to 13, which is bookable though neither was said of it before."""
    stretch(platform)
    body = {"start": at(6).isoformat(), "end": at(8).isoformat()}
    assert platform.startup.post("/api/v1/offers/o1/booking", json=body).status_code == 201
    offers = platform.anyone.get("/api/v1/offers").json()["offers"]
    assert [shown(offer["windows"]) for offer in offers] == [[(3, 6, 0.96)], [(8, 13, 0.955)]]


def test_without_hours_the_longest_window_is_asked_for(platform: Platform) -> None:
    stretch(platform)
    made = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()
    assert [datetime.fromisoformat(made[name]) for name in ("start", "end")] == [at(5), at(13)]


def test_nobody_books_longer_than_the_factory_wants(platform: Platform) -> None:
    stretch(platform, maximum_hours=3)
    body = {"start": at(3).isoformat(), "end": at(7).isoformat()}
    assert platform.startup.post("/api/v1/offers/o1/booking", json=body).json()["code"] == "part_too_long"
    made = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()
    assert [datetime.fromisoformat(made[name]) for name in ("start", "end")] == [at(5), at(8)]
    assert platform.anyone.get("/api/v1/offers", params={"hours": 3}).json()["offers"]
    assert not platform.anyone.get("/api/v1/offers", params={"hours": 3.5}).json()["offers"]


def test_a_search_finds_what_has_a_window_that_long(platform: Platform) -> None:
    stretch(platform)

    def found(hours: float) -> bool:
        return bool(platform.anyone.get("/api/v1/offers", params={"hours": hours}).json()["offers"])

    assert found(8)
    assert not found(9), "ten hours are on offer, but not in one window"


def test_a_search_for_a_day_finds_a_stretch_that_began_days_before(platform: Platform) -> None:
    rows = [
        {"start": at(24 * day).isoformat(), "end": at(24 * day + 12).isoformat(), "probability": 0.9}
        for day in range(6)
    ]
    platform.offer("o1", 0, 24 * 6, minimum_hours=2, windows=rows)
    day = at(24 * 4).date().isoformat()
    assert platform.anyone.get("/api/v1/offers", params={"first_day": day, "last_day": day}).json()["offers"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": [{"start": at(2).isoformat(), "end": at(5).isoformat(), "probability": 0.9}]},
        {"windows": [{"start": at(5).isoformat(), "end": at(5).isoformat(), "probability": 0.9}]},
        {"windows": [{"start": at(5).isoformat(), "end": at(14).isoformat(), "probability": 0.9}]},
        {"windows": [{"start": at(5).isoformat(), "end": at(6).isoformat(), "probability": 1.1}]},
        {"minimum_hours": 4, "maximum_hours": 3},
    ],
)
def test_windows_that_cannot_be(platform: Platform, wrong: dict[str, Any]) -> None:
    body = {
        "factory": "hal-2", "machine": "mill-1", "start": at(3).isoformat(), "end": at(13).isoformat(), "probability": 0.9,
        "checked": 40, "broken": 2,
    }  # fmt: skip
    assert platform.hal_2.put("/api/v1/offers/o1", json=body | wrong).status_code == 422


def offered(spans: Sequence[tuple[float, float, float]], **more: Any) -> Offer:
    """Hours after noon and probabilities; parts from two hours on, at 40 euros an hour."""
    rows = [Window(at(start), at(end), sure).as_row() for start, end, sure in spans]
    edges = min(start for start, _, _ in spans), max(end for _, end, _ in spans)
    terms: dict[str, Any] = {
        "minimum_hours": 2.0,
        "maximum_hours": None,
        "price_per_hour": Decimal(40),
        "price_minimum": None,
        "prices": [],
        "probability": 0.9,
    }
    return Offer(
        windows=rows, offered_start=at(edges[0]), offered_end=at(edges[1]), start=at(edges[0]), end=at(edges[1]),
        **(terms | more),
    )  # fmt: skip


TWO = [(3, 9, 0.96), (5, 13, 0.955)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (5, 8, 0.955)),  # the longest window
        ({"length": 5 * HOUR}, (3, 5, 0.96)),  # the first that is long enough
        ({"length": 7 * HOUR}, (5, 7, 0.955)),
        ({"length": 5 * HOUR, "earliest": at(6.2)}, (6.5, 5, 0.955)),
        ({"length": 5 * HOUR, "earliest": at(12)}, (3, 5, 0.96)),  # none that late
        ({"start": at(4), "length": 8 * HOUR}, (4, 5, 0.96)),  # as much as there is from that start
        ({"start": at(6.6), "length": 2 * HOUR}, (6.5, 2, 0.96)),
        ({"start": at(-50)}, (3, 6, 0.96)),
    ],
)
def test_the_choice_nearest_to_what_is_asked_for(asked: dict[str, Any], expected: tuple[float, float, float]) -> None:
    choice = choice_of(offered(TWO), NOON, **asked)
    assert choice is not None
    assert ((choice.start - NOON) / HOUR, (choice.end - choice.start) / HOUR, choice.probability) == expected
    assert choice.price == 40 * Decimal(expected[1])


def test_what_can_be_chosen_can_be_booked() -> None:
    for offer in (
        offered(TWO),
        offered(TWO, minimum_hours=None),
        offered(TWO, maximum_hours=4.0),
        offered([(0, 1, 0.9)]),
    ):
        for start in getattr(choice_of(offer, NOON), "starts", ()):
            choice = choice_of(offer, NOON, start)
            assert choice is not None
            assert choice.start == start
            for length in choice.lengths:
                assert surest(offer.free_windows(NOON), start, start + length) is not None
                assert length <= (offer.maximum_hours or 99) * HOUR
    assert choice_of(offered(TWO), at(12.5)) is None, "too late for two hours"


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("", (5, 13, 0.955)),
        ("hours=4", (3, 9, 0.96)),
        ("hours=7", (5, 13, 0.955)),
        ("hours=9", None),
        ("hours=4&day=2026-03-02", (3, 9, 0.96)),
        ("hours=1&first_day=2026-03-03", None),
        ("first_day=2026-03-03", (5, 13, 0.955)),
        ("hours=4&last_day=2026-03-02&sort=fit", (3, 9, 0.96)),
    ],
)
def test_a_search_finds_the_window_that_fits(
    platform: Platform, query: str, best: tuple[float, float, float] | None
) -> None:
    """From 3 to 13 hours after noon is from three in the afternoon to one at night of the next day, which has but an hour of it; two must be booked."""
    stretch(platform)
    found = platform.anyone.get(f"/api/v1/offers?{query}").json()["offers"]
    assert [shown([offer["window"]]) for offer in found] == ([[best]] if best else [])
    for offer in found:
        sure = [reason["values"]["probability"] for reason in offer["reasons"] if reason["code"] == "sure"]
        assert sure == [offer["window"]["probability"]]


def test_every_machine_of_a_process_that_fits_is_found_and_pages_follow_each_other(platform: Platform) -> None:
    for number in range(12):
        platform.machine(f"mill-{number}", process="milling")
        rows = [(3, 9, 0.9), (5, 13 if number % 3 else 8, 0.95)]
        windows = [{"start": at(a).isoformat(), "end": at(b).isoformat(), "probability": p} for a, b, p in rows]
        platform.offer(f"o{number:02}", 3, 10, machine=f"mill-{number}", minimum_hours=2, windows=windows)
    found: list[str] = []
    cursor = ""
    while True:
        page = platform.anyone.get(f"/api/v1/offers?process=milling&hours=8&day=2026-03-02&limit=3{cursor}").json()
        found += [offer["id"] for offer in page["offers"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == [f"o{number:02}" for number in range(12) if number % 3]


def test_the_list_shows_the_window_that_fits(platform: Platform, browser: Browser) -> None:
    stretch(platform)
    page = browser.new_page(base_url=platform.url, locale="nl-BE")
    page.goto("/?hours=4")
    expect(page.locator("li.offer .window")).to_have_text("Te boeken, bijvoorbeeld: ma 02/03/2026, 15:00 – 21:00")
    expect(page.locator("li.offer .sure")).to_have_text("96 % zeker")
    page.close()


def book(platform: Platform, offer: str, start: float, end: float) -> None:
    body = {"start": at(start).isoformat(), "end": at(end).isoformat()}
    assert platform.startup.post(f"/api/v1/offers/{offer}/booking", json=body).status_code == 201


def spans(platform: Platform) -> dict[str, tuple[float, float]]:
    offers = platform.anyone.get("/api/v1/offers").json()["offers"]
    times = datetime.fromisoformat
    return {
        offer["id"]: ((times(offer["start"]) - NOON) / HOUR, (times(offer["end"]) - NOON) / HOUR) for offer in offers
    }


@pytest.mark.parametrize("said", ["put", "withdrawn"])
def test_what_a_booking_leaves_is_an_offer_of_its_own_once_the_factory_speaks_of_it(
    platform: Platform, said: str
) -> None:
    """Two bookings leave three parts. The factory says something else of the middle one; the first is then booked."""
    platform.offer("o1", 3, 21, minimum_hours=2)
    book(platform, "o1", 6, 8)
    (second,) = [name for name, span in spans(platform).items() if span == (8, 24)]
    book(platform, second, 14, 16)
    assert sorted(spans(platform).values()) == [(3, 6), (8, 14), (16, 24)]
    (middle,) = [name for name, span in spans(platform).items() if span == (8, 14)]
    if said == "put":
        platform.offer(middle, 9, 4, minimum_hours=2)
    else:
        assert platform.hal_2.delete(f"/api/v1/offers/{middle}").status_code == 204
    left = [(9, 13)] if said == "put" else []
    assert sorted(spans(platform).values()) == [(3, 6), *left, (16, 24)]
    book(platform, "o1", 3, 6)
    assert sorted(spans(platform).values()) == [*left, (16, 24)]
