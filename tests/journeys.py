"""Eight people's ways through the platform, from the demo's page `/demo` on. Tests walk them at two widths; `make docs-pictures` takes the gallery of the
documentation on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.servers import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

Look = Callable[["Page", str], None]
"""Takes a picture of what stands there, under a name; in tests, checks that the page fits."""
Journey = Callable[["Page", Look], None]


def wait_for_charts(page: Page, *charts: str) -> None:
    """Waits until the charts of these ids have figures.

    Not Playwright's own waiting for a function: once it has to wait it evaluates its expression from a timer, which the page's
    Content Security Policy refuses.
    """

    def has_figures(chart: str) -> bool:
        figures = "id => !!window.Chart?.getChart(id)?.data.datasets.some(one => one.data.length)"
        return bool(page.evaluate(figures, chart))

    for chart in charts:
        wait_for(partial(has_figures, chart), f"the chart {chart} to be drawn")


def sign_in(page: Page, person: str) -> None:
    page.goto("/demo?lang=nl")
    page.locator(f"form:has(input[value='{person}']) button").click()
    page.wait_for_url(lambda url: "/demo" not in url)  # a click does not wait for the page that it leads to


def founder(page: Page, look: Look) -> None:
    """Looks for a 5-axis mill, compares, chooses hours, asks for them with a message."""
    sign_in(page, "An Claes")
    page.goto("/")
    look(page, "first-page")
    page.goto("/?q=5-assig+frezen")
    machine = page.locator(".result h3 a").first
    expect(machine).to_be_visible()
    look(page, "found")
    machine.click()
    expect(page.locator("#free")).to_be_visible()
    look(page, "machine")
    page.locator("ul.offers a.button").first.click()
    expect(page.locator("form.book").first).to_be_visible()
    page.locator("form.book textarea[name=message]").fill("Twaalf koppelstukken in aluminium, tekening volgt.")
    look(page, "hours")
    page.locator(".ask-bar button[type=submit]").click()
    expect(page.locator("section[data-booking]")).to_have_attribute("data-state", re.compile("held|accepted"))
    expect(page.get_by_text("Twaalf koppelstukken in aluminium")).to_be_visible()
    look(page, "asked")


def planner(page: Page, look: Look) -> None:
    """Sees what waits, answers from the list, opens a booking; looks where the factory stands, by its own answers and among others."""
    sign_in(page, "Eva Peeters")
    waiting = page.locator("ul.urgent .row")
    expect(waiting.first).to_be_visible()
    before = waiting.count()
    look(page, "overview")
    page.locator("ul.urgent .answer button[value=accepted]").first.click()
    expect(waiting).to_have_count(before - 1)
    page.locator("section[aria-labelledby=given] .row a").first.click()
    expect(page.locator("section[data-booking]")).to_be_visible()
    look(page, "booking")
    page.goto("/desk")
    page.locator("section[aria-labelledby=machines] .row a").first.click()
    expect(page.locator("#facts")).to_be_visible()
    look(page, "own-machine")
    page.goto("/self-assessment")
    expect(page.locator("svg.radar").locator("visible=true")).to_be_visible()
    look(page, "self-assessment")
    page.goto("/comparison")
    expect(page.locator("svg.quartiles").first).to_be_visible()
    look(page, "comparison")


def operations_manager(page: Page, look: Look) -> None:
    """Goes from the demo's page into the control room: sees machines, what is on offer, and why."""
    page.goto("/demo?lang=nl")
    look(page, "roles")
    page.locator("a[href='/demo/control-room']").click()
    expect(page.locator("#machines li").first).to_be_visible()
    expect(page.locator("#slots li").first).to_be_visible()
    look(page, "control-room")
    page.locator("#why button[type=submit]").click()
    expect(page.locator("#why-said")).not_to_be_empty()
    look(page, "why")


def administrator(page: Page, look: Look) -> None:
    """Looks at an application, refuses another with a reason, finds both in the log."""
    sign_in(page, "Lies Jans")
    applications = page.locator("section[aria-labelledby=waiting] .row")
    expect(applications.first).to_be_visible()
    before = applications.count()
    look(page, "region")
    application = applications.first.get_by_role("link").first
    applicant = application.inner_text()
    application.click()
    expect(page.locator("#facts")).to_be_visible()
    look(page, "application")
    page.locator("textarea[name=reason]").fill(
        "Het ondernemingsnummer is van een ander bedrijf. Geef het juiste nummer door, dan kijken we opnieuw."
    )
    page.locator("button[name=approved][value=no]").click()
    page.goto("/region/administration")
    expect(applications).to_have_count(before - 1)
    page.goto("/region/log")
    expect(page.get_by_text(re.compile(f"Lies Jans .*heeft {re.escape(applicant)} geweigerd"))).to_be_visible()
    look(page, "log")


def employer(page: Page, look: Look) -> None:
    """Lends an operator who is temporarily without work."""
    sign_in(page, "Karim Bouali")
    expect(page.locator("h1")).to_be_visible()
    look(page, "overview")
    page.goto("/listings/new?kind=operator")
    page.get_by_label("Titel").fill("Plooier, CNC-kantpers, tien jaar ervaring")
    page.locator("input[name=start]").fill("2030-03-04")
    page.locator("input[name=end]").fill("2030-05-31")
    page.locator("input[name=people]").fill("2")
    page.locator("input[name=place]").fill("Genk")
    page.locator("textarea[name=controls]").fill("Delem")
    look(page, "form")
    _save(page)
    expect(page.get_by_role("heading", name="Plooier, CNC-kantpers, tien jaar ervaring")).to_be_visible()
    look(page, "listing")


def giver(page: Page, look: Look) -> None:
    """Gives a written-off machine away, and looks at it before it is published."""
    sign_in(page, "Piet Maes")
    page.goto("/listings/new?kind=equipment")
    page.get_by_label("Titel").fill("Draaibank Colchester, afgeschreven, in orde")
    page.locator("select[name=use]").select_option("gift")
    page.locator("input[name=year]").fill("1987")
    page.locator("select[name=condition]").select_option("works")
    page.locator("input[name=start]").fill("2030-03-04")
    page.locator("input[name=end]").fill("2030-05-31")
    page.locator("input[name=place]").fill("Lommel")
    page.locator("select[name=price_unit]").select_option("free")
    page.locator("button[name=preview]").click()
    expect(page.locator("section.preview")).to_be_visible()
    look(page, "preview")
    _save(page)
    expect(page.get_by_role("heading", name="Draaibank Colchester, afgeschreven, in orde")).to_be_visible()
    page.goto("/listings?kind=equipment")
    expect(page.get_by_text("Draaibank Colchester, afgeschreven, in orde").first).to_be_visible()
    look(page, "listed")


def trainer(page: Page, look: Look) -> None:
    """Plans a course with places and a waiting list."""
    sign_in(page, "Els Vandebosch")
    look(page, "overview")
    page.goto("/listings/new?kind=training")
    page.get_by_label("Titel").fill("Meten met de 3D-meetarm")
    page.locator("input[name=session_day]").first.fill("2030-03-12")
    page.locator("input[name=session_from]").first.fill("18:00")
    page.locator("input[name=session_to]").first.fill("21:00")
    page.locator("input[name=places]").fill("6")
    page.locator("input[name=waiting_list]").check()
    page.locator("input[name=place]").fill("Genk")
    look(page, "form")
    _save(page)
    expect(page.get_by_role("heading", name="Meten met de 3D-meetarm")).to_be_visible()
    look(page, "course")


def french_reader(page: Page, look: Look) -> None:
    """Reads French alone: searches, opens a machine, sees people and means, and never meets a Dutch page."""
    page.goto("/?lang=fr")
    page.goto("/search?q=fraisage")
    expect(page.locator("h1")).to_be_visible()
    look(page, "search")
    page.goto("/?q=fraisage+5+axes")
    page.locator(".result h3 a").first.click()
    expect(page.locator("#free")).to_be_visible()
    look(page, "machine")
    for path in ("/listings", "/wanted", "/learning", "/make", "/privacy", "/sign-in"):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        said = page.locator("main h1").inner_text()
        assert not re.search(r"\b(het|een|voor|van|wat|ik|zoek)\b", said.lower()), said
    page.goto("/listings")
    look(page, "people-and-means")


def _save(page: Page) -> None:
    page.locator("main form").get_by_role("button", name="Bewaren", exact=True).click()


JOURNEYS: Mapping[str, Journey] = {
    "founder": founder,
    "planner": planner,
    "operations-manager": operations_manager,
    "administrator": administrator,
    "employer": employer,
    "giver": giver,
    "trainer": trainer,
    "french-reader": french_reader,
}
WIDTHS = (390, 1280)
