"""In which order free hours are found, in pages, and what is said where nothing is found."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import document_of, prepare, rank, rank_hours
from sharing_platform.search.relaxation import FILTERS, only, used_filters, without
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.search.test_search import described

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KNOWN = document_of("Freesbank", "milling", MachineDetails(axes=5, certificates=["ISO 9001"]), at=(51.2, 4.4))
SILENT = document_of("Freesbank", "milling", MachineDetails(axes=5), at=(50.9, 5.3))
_probability, _hours, _price = st.floats(0, 1), st.floats(0.5, 700), st.decimals(0, 100, places=2)


@given(_probability, _probability, _hours, _hours, _price, _price)
def test_what_is_known_to_fit_comes_before_what_may_fit(
    p: float, q: float, a: float, b: float, x: Decimal, y: Decimal
) -> None:
    """However far away, dear, unsure and long it is."""
    wish = Wish(certificates=["ISO 9001"], hours=0.5, max_price_per_hour=Decimal(100), near="Hasselt")
    wanted = prepare(wish, (50.93, 5.33))
    said, unsaid = rank(wanted, KNOWN), rank(wanted, SILENT)
    assert said is not None
    assert unsaid is not None
    known = rank_hours(wish, said, NOON, NOON + timedelta(hours=a), p, x)
    for price, machine in ((y, unsaid), (None, said)):
        other = rank_hours(wish, machine, NOON, NOON + timedelta(hours=b), q, price)
        assert known.score >= 0.5 >= other.score
        assert any(reason.code == "not_said" for reason in other.reasons)


def offers(platform: Platform) -> None:
    """Six of as many machines: price, probability and place differ, and so does what is known."""
    table = [
        ("a", 3, "50", 0.90, "Genk"), ("b", 4, None, 0.99, "Hasselt"), ("c", 5, "30", 0.95, ""), ("d", 6, "50", 0.80, "Tongeren"),
        ("e", 7, "80", 0.95, "Sint-Truiden"), ("f", 8, None, 0.70, ""),
    ]  # fmt: skip
    for name, start, price, probability, place in table:
        platform.machine(f"mill-{name}", f"Frees {name}", process="milling")
        answer = platform.hal_2.put(f"/api/v1/machines/hal-2/mill-{name}/details", json={"place": place})
        assert answer.status_code == 200
        platform.offer(name, start, 4, machine=f"mill-{name}", price_per_hour=price, probability=probability)


ORDERS = {
    "sort=start": "abcdef", "sort=price": "cadebf", "sort=certainty": "bceadf", "sort=distance&near=Hasselt": "baedcf",
    "max_price=60": "acdbf", "max_price=60&sort=price": "cadbf", "max_price=60&sort=certainty": "cadbf",
    "max_price=60&sort=fit": "cadbf", "max_price=60&sort=distance&near=Hasselt": "adcbf",
}  # fmt: skip
"""What is not known comes last; where a highest price is asked for, so does a price to be agreed."""


@pytest.mark.parametrize("query", ORDERS)
def test_orders_in_pages_while_others_book(platform: Platform, query: str) -> None:
    offers(platform)
    whole = platform.anyone.get(f"/api/v1/offers?{query}").json()["offers"]
    assert "".join(one["id"] for one in whole) == ORDERS[query]
    found, cursor = "", ""
    while True:
        page: dict[str, Any] = platform.anyone.get(f"/api/v1/offers?{query}&limit=2{cursor}").json()
        found += "".join(one["id"] for one in page["offers"])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        # What was on a page is taken: nothing moves over its edge.
        assert platform.hal_2.delete(f"/api/v1/offers/{found[0]}").status_code == 204
    assert found == ORDERS[query]


def test_orders_that_make_no_sense(platform: Platform) -> None:
    offers(platform)
    answer = platform.anyone.get("/api/v1/offers?sort=distance")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "near_what", "near")
    cursor = platform.anyone.get("/api/v1/offers?sort=price&limit=2").json()["next"]
    for sort in ("certainty", "start"):
        answer = platform.anyone.get(f"/api/v1/offers?sort={sort}&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor")


def test_each_filter_is_left_out_alone() -> None:
    wish = Wish(words="frees", first_day=datetime(2026, 3, 2).date(), axes=5, near="Genk", within_km=20)
    assert used_filters(wish) == ["words", "day", "distance", "axes"]
    for name in used_filters(wish):
        assert used_filters(without(wish, [name])) == [other for other in used_filters(wish) if other != name]
        assert used_filters(only(wish, name)) == [name]
        assert only(wish, name).near == "Genk"
    assert {field for fields in FILTERS.values() for field in fields} | {
        "subject", "near", "latitude", "longitude",
    } == set(Wish.model_fields)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "said", "then"),
    [
        (
            "q=titanium&day=2026-03-09",
            "Zonder “titanium” en “ma 09/03/2026” zijn er 3 vrije tijdsloten",
            ["small", "big", "lathe"],
        ),
        ("q=titanium&day=2026-03-09&near=Oostende&within_km=1", "minstens drie samen", None),
        ("q=frezen&certificate=ISO+9001&axes=9", "Zonder “9 assen” zijn er 2 vrije tijdsloten", ["small", "big"]),
        ("process=turning&near=Genk&within_km=5", "Zonder “binnen 5 km van Genk” is er 1 vrij tijdslot", ["lathe"]),
        ("process=milling&max_price=10&hours=300", "Zonder “minstens 300 uur” is er 1 vrij tijdslot", ["small"]),
        ("machine=hal-2%2Flathe-1&q=frezen", "Zonder “Draaibank CTX” zijn er 2 vrije tijdsloten", ["small", "big"]),
    ],
)
def test_nothing_found_says_which_filter_is_in_the_way(
    platform: Platform, browser: Browser, query: str, said: str, then: list[str] | None
) -> None:
    described(platform)
    page = browser.new_page(base_url=platform.url, locale="nl-BE")
    page.goto(f"/?{query}")
    assert said in page.locator(".empty").inner_text()
    if then is not None:
        page.get_by_role("link", name=said).click()
        shown = page.locator("li.offer").evaluate_all("all => all.map(one => one.dataset.offer)")
        assert shown == then
    page.close()


def test_a_wanted_notice_begins_with_the_search_that_found_nothing(platform: Platform, browser: Browser) -> None:
    described(platform)
    page = browser.new_page(base_url=platform.url, locale="nl-BE")
    page.goto("/?process=milling&material=titaan&day=2026-03-09&hours=8&near=Genk&within_km=20&max_price=60&axes=5")
    page.get_by_role("link", name="Plaats een zoekertje").click()
    # Who has to sign in first comes back to the same.
    followed = parse_qs(urlsplit(page.url).query)["next"][0]
    context = browser.new_context(base_url=platform.url, locale="nl-BE")
    seeker = platform.somebody("an@startup.be", "startup")
    context.add_cookies([{"name": "session", "value": seeker.cookies["session"], "url": platform.url}])
    form = context.new_page()
    form.goto(followed)
    expected = {
        "title": "Frezen", "process": "milling", "materials": "titaan", "first_day": "2026-03-09", "last_day": "2026-03-09",
        "hours": "8", "near": "Genk", "within_km": "20", "max_price": "60", "axes": "5",
    }  # fmt: skip
    assert {name: form.locator(f"main [name={name}]").input_value() for name in expected} == expected
    form.get_by_role("button", name="Bewaren").click()
    assert "/wanted/" in form.url
    context.close()
    page.close()
