"""Machines side by side: what is said of each, what of it differs, and nothing of a machine that the reader may not know."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from sharing_platform.machines.comparison import Row, Term, free_hours
from tests.sharing_platform.conftest import Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MILL = {
    "axes": 5,
    "included": ["meettaster"],
    "materials": ["aluminium", "inox"],
    "certificates": ["ISO 9001"],
    "place": "Sint-Truiden",
}
LATHE = {"materials": ["Inox", "messing"], "certificates": ["ISO 9001"], "place": "Bree"}


def describe(platform: Platform, **lathe: Any) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.machine("lathe-2", "Draaibank", process="turning")
    platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=MILL)
    platform.hal_2.put("/api/v1/machines/hal-2/lathe-2/details", json=LATHE | lathe)
    platform.offer("o1", 3, 4, minimum_hours=2, price_per_hour="60")
    platform.offer("o2", 27, 6, machine="lathe-2", minimum_hours=2, price_per_hour="40", price_minimum="150")


def rows(page: str) -> dict[str, tuple[bool, list[list[tuple[str, bool]]]]]:
    """By its name: whether it differs, and what is said in each cell, each with whether it is marked."""
    found = {}
    for row in page.partition("<tbody")[2].split("<tr ")[1:]:
        name = re.findall(r'role="rowheader">([^<]*)', row)[0].strip()
        cells = [
            [(unescape(text).replace("\N{NO-BREAK SPACE}", " "), tag == "strong") for tag, text in re.findall(r"<(strong|span)(?: class=\"soft\")?>([^<]*)</", cell)]
            for cell in row.split('<td role="cell">')[1:]
        ]  # fmt: skip
        found[name] = ('class="differs"' in row, cells)
    return found


def test_what_differs_is_marked_and_priced_for_the_hours_asked_for(platform: Platform) -> None:
    describe(platform)
    asked = {"hours": "2", "near": "Genk", "with": ["hal-2/mill-1", "hal-2/lathe-2"]}
    page = platform.anyone.get("/compare", params=asked).text
    said = rows(page)
    assert said["Materialen"] == (True, [[("aluminium", True), ("inox", False)], [("Inox", False), ("messing", True)]])
    assert said["Certificaten"] == (False, [[("ISO 9001", False)], [("ISO 9001", False)]])
    assert said["Inbegrepen"] == (True, [[("meettaster", True)], [("niet vermeld", False)]])
    assert said["Assen"] == (True, [[("5", True)], [("niet vermeld", False)]])
    assert [cell[0][0] for cell in said["Prijs"][1]] == ["€ 120,00 voor 2 uur", "€ 150,00 voor 2 uur"]
    assert "Tolerantie" not in said, "what is said of no machine"
    assert said["Afstand"][0]
    assert page.count(">Aanvragen</a>") == 2
    assert "with=hal-2%2Flathe-2" in re.findall(r'<a class="drop-one" href="([^"]*)"', page)[0]


def test_four_at_most_and_none_that_the_reader_may_not_know(platform: Platform) -> None:
    describe(platform)
    for number in range(4):
        platform.offer(f"x{number}", 50, 4, machine=f"press-{number}")
        platform.machine(f"press-{number}", f"Pers {number}")
    platform.machine("secret-1", "Geheime bank", anonymous=True)
    platform.offer("s1", 5, 4, machine="secret-1", anonymous=True)
    platform.machine("members-1", "Alleen voor leden")
    platform.offer("s2", 5, 4, machine="members-1", visibility="members")

    def titles(*keys: str) -> list[str]:
        page = platform.anyone.get("/compare", params=[("with", key) for key in keys]).text
        return re.findall(r'<th scope="col".*?<a href="[^"]*">([^<]*)', page)

    presses = [f"hal-2/press-{number}" for number in range(4)]
    assert titles(*presses, "hal-2/mill-1") == [f"Pers {number}" for number in range(4)]
    assert titles("hal-2/secret-1", "hal-2/members-1", "hal-2/none", "", "hal-2/mill-1") == ["Freesbank"]
    first = platform.anyone.get("/").text
    (alias,) = re.findall(r'name="with" value="(machine-\w+)"', first)
    page = platform.anyone.get("/compare", params=[("with", alias), ("with", "hal-2/mill-1")]).text
    assert "Geheime bank" not in page
    assert [cell[0][0] for cell in rows(page)["Fabriek"][1]] == ["fabriek nog niet bekend", "hal-2"]


def test_what_is_ticked_stays_while_somebody_goes_on_searching(browser: Browser, platform: Platform) -> None:
    describe(platform)
    page = browser.new_context(base_url=platform.url, locale="nl-BE").new_page()
    page.goto("/")
    button = page.get_by_role("button", name="Gekozen machines vergelijken")
    expect(button).to_be_hidden()
    page.get_by_label("Vergelijken: Draaibank").check()
    expect(button).to_be_visible()
    page.get_by_label("Bewerking").select_option("milling")
    expect(page.locator("li.result")).to_have_count(1)
    page.get_by_label("Vergelijken: Freesbank").check()
    button.click()
    expect(page.locator("thead th")).to_have_count(2)
    page.get_by_label("Alleen wat verschilt").check()
    expect(page.get_by_role("rowheader", name="Certificaten")).to_be_hidden()
    expect(page.get_by_role("rowheader", name="Materialen verschilt")).to_be_visible()
    page.get_by_role("link", name="Kies andere machines").click()
    expect(page.get_by_label("Vergelijken: Freesbank")).to_be_checked()
    page.context.close()


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True), min_size=2, max_size=4),
)
def test_a_row_differs_where_not_the_same_is_said_of_all(cells: list[list[str]]) -> None:
    shared = set.intersection(*map(set, cells))
    row = Row("materials", [[Term(text, text in shared) for text in cell] for cell in cells])
    assert row.differs == (len({frozenset(cell) for cell in cells}) > 1)


@pytest.mark.parametrize(
    ("spans", "hours"),
    [([], 0), ([(0.0, 0.5)], 12), ([(0.25, 0.5), (0.0, 0.5)], 12), ([(0.0, 0.25), (0.5, 0.75), (0.6, 0.7)], 12)],
)
def test_hours_that_several_offers_have_count_once(spans: list[tuple[float, float]], hours: float) -> None:
    assert free_hours([(date(2026, 3, 2), spans)]) == timedelta(hours=hours)
