"""The pages as people meet them: a story from finding to lending, every page for screen readers, phones and three languages."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import httpx2
import pytest
from icalendar import Calendar
from playwright.sync_api import expect
from sqlalchemy import update

from sharing_platform.app import ROUTERS
from sharing_platform.i18n import LANGUAGES, texts
from sharing_platform.openapi import routes_of
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Kind, Role
from tests import axe
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.every_page import CUT_OFF, NO_PAGES, PEOPLE, links, pages, told

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["told"]

SIZES = {"phone": (360, 800), "twice the size": (640, 450), "desk": (1100, 800)}
"""Of a window. At 200 % half of one of 1,280 by 900 is left."""
EVERY_WIDTH = bool(os.environ.get("VRIJLOOP_EVERY_WIDTH"))
"""In `make campaign` axe looks at each page on a phone and on a desk; here in turn, as looking takes it longer than everything else that is done with a page."""
PICTURES = os.environ.get("VRIJLOOP_PICTURES")
"""A folder into which each page is drawn, to be looked at."""


@pytest.fixture
def opened(browser: Browser, platform: Platform) -> Iterator[dict[str, Page]]:
    """A page for each person, signed in; the console must stay silent."""
    made: dict[str, Page] = {}
    for email in PEOPLE:
        made[email] = _page(browser, platform, email)
        axe.bring_to(made[email])
    yield made
    for page in made.values():
        page.context.close()


def _page(browser: Browser, platform: Platform, email: str = "", **more: Any) -> Page:
    context = browser.new_context(base_url=platform.url, locale="nl-BE", timezone_id="Europe/Brussels", **more)
    if email:
        secret = platform.somebody(email).cookies["session"]
        context.add_cookies([{"name": "session", "value": secret, "url": platform.url}])
    page = context.new_page()
    page.on("console", lambda message: _heard(page, message))
    page.on("pageerror", lambda error: _problems(page).append(str(error)))
    return page


def _problems(page: Page) -> list[str]:
    kept: list[str] = page.__dict__.setdefault("heard", [])
    return kept


def _heard(page: Page, message: Any) -> None:
    # A page that answers 404 or 422 is noted by the browser itself; that is what was asked for.
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        _problems(page).append(f"{page.url}: {message.text}")


@pytest.mark.long
def test_every_page_is_fit_for_everybody(told: dict[str, str], opened: dict[str, Page]) -> None:
    """On a phone, at twice the size and when the same page gets wider: nothing cut off or wider than the screen, nothing on the console, and WCAG 2.2 AA as far
    as axe can tell. At twice the size in the system's colours alone, where the layout is that of any others."""
    wrong = []
    for email, link in links(told):
        opened[email].goto(link)
    for place, (email, path) in enumerate(pages(told)):
        page = opened[email]
        page.set_viewport_size({"width": 360, "height": 800})
        page.goto(path)
        for name, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            if name != "phone" and page.evaluate("document.querySelector('script[src*=calendar]') !== null"):
                page.reload()  # what a calendar shows goes by the width at which it was opened
            if name == "twice the size":
                page.emulate_media(forced_colors="active")
                wrong += [f"{email} {path}: cut off: {one}" for one in page.evaluate(CUT_OFF)]
                page.emulate_media(forced_colors="none")
            elif EVERY_WIDTH or name == ("phone", "desk")[place % 2]:
                wrong += [f"{email} {path} ({width}): {one}" for one in axe.violations(page)]
            if PICTURES:
                file = f"{width}-{(email or 'anyone').partition('@')[0]}-{path.strip('/').replace('/', '-')[:40] or 'start'}.png"
                page.screenshot(path=f"{PICTURES}/{file}", full_page=True)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append(f"{email} {path}: wider than {width}")
    wrong += [problem for page in opened.values() for problem in _problems(page)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("platform", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_header_is_one_line_and_its_menu_works_without_a_mouse(
    browser: Browser, platform: Platform, width: int
) -> None:
    platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    with platform.context.sessions.begin() as session:
        session.execute(update(Account).values(name="Marie-Christine Vandenbroeck-Peeters"))
    for email in ("", "r@limburg.be"):
        page = _page(browser, platform, email, viewport={"width": width, "height": 700})
        for language in LANGUAGES:
            page.goto(f"/wanted?lang={language}")
            bounds = page.locator("header").bounding_box()
            assert bounds is not None
            assert bounds["height"] < 90, (language, email, "more than one line")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (language, email)
            assert not page.evaluate(
                "[...document.querySelectorAll('header a, header summary')].filter(one => one.checkVisibility()"
                " && (one.getBoundingClientRect().right > innerWidth || one.getBoundingClientRect().height < 24)).length"
            ), (language, email)
            if not email:
                expect(page.get_by_role("link", name=texts(language)["sign_in"])).to_be_in_viewport()
            menus = page.locator("header summary").filter(visible=True)
            assert menus.count() == (0 if width == 1280 and not email else 1)
            if menus.count():
                menus.press("Enter")
                last = "sign_out" if email else "nav_wanted"
                kind: Literal["button", "link"] = "button" if email else "link"
                expect(page.get_by_role(kind, name=texts(language)[last], exact=True)).to_be_in_viewport()
                assert axe.violations(page, "header") == []
                page.keyboard.press("Tab")
                assert page.evaluate("document.activeElement.closest('details[open]') !== null")
        assert _problems(page) == []
        page.context.close()


@pytest.mark.long
def test_every_page_in_every_language(told: dict[str, str], platform: Platform) -> None:
    """Rendered whole; a text that is missing, or a value that it needs, would be an error. No page is forgotten: those that are looked at are those that the routes have."""
    clients = {email: platform.somebody(email) if email else platform.anyone for email in PEOPLE}
    for email, link in links(told):
        assert clients[email].get(link).status_code == 303
    for (email, path), language in product(pages(told), LANGUAGES):
        answer = clients[email].get(
            f"{path}{'&' if '?' in path else '?'}lang={language}", headers={"Accept": "text/html"}
        )
        assert answer.status_code in (200, 404), (path, answer.status_code)
        assert f'<html lang="{language}">' in answer.text
        if path.startswith("/region/pages/"):
            continue  # which show texts as they are written
        assert "{" not in answer.text.partition("<main")[2].replace("{}", ""), (path, language)
    paths = [path.partition("?")[0] for _, path in [*pages(told), *links(told)]]
    forgotten = [
        route.path
        for route in routes_of(ROUTERS)
        if "GET" in (route.methods or ())
        and not route.path.startswith(("/api/", *NO_PAGES))
        and not any(route.path_regex.fullmatch(path) for path in paths)
    ]
    assert forgotten == [], "look at it in every_page.py, or say there why it is no page"


def test_the_keyboard_is_enough(told: dict[str, str], opened: dict[str, Page]) -> None:
    page = opened[""]
    page.goto("/offers/o2")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.type || ''"))
    assert [one for one in reached if one in ("organisation", "name", "email", "message")] == [
        "organisation",
        "name",
        "email",
        "message",
    ]
    assert reached[reached.index("message") + 1] == "submit"


def test_five_hours_on_thursday_from_half_past_three(browser: Browser, platform: Platform) -> None:
    """Free from noon to midnight, with two windows that overlap: what is chosen follows, and what is not booked stays bookable."""
    platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    day = timedelta(days=3)
    spans = [
        (NOON + day, NOON + day + timedelta(hours=8), 0.96),
        (NOON + day + timedelta(hours=3), NOON + day + timedelta(hours=12), 0.955),
    ]
    windows = [{"start": a.isoformat(), "end": b.isoformat(), "probability": sure} for a, b, sure in spans]
    platform.offer("o1", 72, 12, minimum_hours=2, windows=windows, price_per_hour="50")
    platform.somebody("an@startup.be", "startup", Role.OWNER)
    seeker = _page(browser, platform, "an@startup.be")
    seeker.goto("/")
    seeker.get_by_label("Dag").first.fill("2026-03-05")
    seeker.get_by_label("Minstens (uren)").fill("5")
    seeker.get_by_role("button", name="Zoeken").click()
    expect(seeker.locator("li.offer a.button")).to_have_attribute("href", "/offers/o1?day=2026-03-05&hours=5")
    seeker.locator("li.offer a.button").click()
    expect(seeker.get_by_text("do 05/03/2026, 12:00 – 17:00")).to_be_visible()
    seeker.get_by_label("Begin").select_option("do 05/03/2026 15:30")
    expect(seeker.get_by_text("do 05/03/2026, 15:30 – 20:30")).to_be_visible()
    said = seeker.locator("#choice .said")
    expect(said).to_contain_text("95,5 %")
    expect(said).to_contain_text("€ 250,00")
    seeker.get_by_label("Duur").select_option("4 u 30, tot 20:00")
    expect(said).to_contain_text("96 %")
    seeker.get_by_label("Duur").select_option("5 uur, tot 20:30")
    expect(said).to_contain_text("€ 250,00")
    seeker.get_by_role("button", name="Boek deze uren").click()
    expect(seeker.locator("[data-state=accepted]")).to_be_visible()
    seeker.goto("/")
    shown = [" ".join(one.inner_text().split()) for one in seeker.locator("li.offer .when").all()]
    assert [text.split("2026 ")[1][: len("12:00 – 15:30 3 u 30")] for text in shown] == [
        "12:00 – 15:30 3 u 30",
        "20:30 – 00:00 3 u 30",
    ]
    assert _problems(seeker) == []
    seeker.context.close()


def test_a_startup_asks_and_a_planner_lends(browser: Browser, platform: Platform) -> None:
    """Found, asked for, accepted, in the calendar; the factory's hours shrink."""
    platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    platform.offer("o1", 2, 9, minimum_hours=2, booking="on_request", price_per_hour="60")
    platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    platform.somebody("an@startup.be", "startup", Role.OWNER)
    seeker, planner = _page(browser, platform, "an@startup.be"), _page(browser, platform, "p@hal.be")
    planner.goto("/desk")
    expect(planner.get_by_text("Er zijn geen aanvragen te beantwoorden.")).to_be_visible()
    seeker.goto("/")
    seeker.get_by_label("Zoekwoorden").fill("fraiseuse")
    seeker.get_by_role("button", name="Zoeken").click()
    expect(seeker.locator("li.offer")).to_have_count(1)
    seeker.locator("li.offer a.button").click()
    seeker.get_by_label("Begin").select_option("ma 02/03/2026 16:00")
    expect(seeker.get_by_label("Duur").locator("option").last).to_have_text("7 uur, tot 23:00")
    seeker.get_by_label("Duur").select_option("4 uur, tot 20:00")
    expect(seeker.get_by_text("Prijs van deze uren: € 240,00")).to_be_visible()
    seeker.get_by_label("Bericht").fill("Hebt u een spanplaat?")
    seeker.get_by_role("button", name="Vraag deze uren aan").click()
    expect(seeker.locator("[data-state=held]")).to_be_visible()
    expect(seeker.get_by_text("€ 240,00")).to_be_visible()
    planner.goto("/desk")
    planner.locator("ul.urgent a").first.click()
    expect(planner.get_by_text("Hebt u een spanplaat?")).to_be_visible()
    planner.locator("textarea[name=message]").fill("Ja, tot maandag.")
    planner.get_by_role("button", name="Aanvaarden").click()
    expect(planner.locator("[data-state=accepted]")).to_be_visible()
    seeker.reload()
    expect(seeker.get_by_text("Ja, tot maandag.")).to_be_visible()
    planner.goto("/organisation")
    planner.get_by_role("button", name="Agenda maken").click()
    address = planner.locator("code.secret").inner_text()
    (event,) = Calendar.from_ical(httpx2.get(address).text).walk("VEVENT")
    assert (str(event["SUMMARY"]), str(event["STATUS"])) == ("Freesbank DMU 50: startup", "CONFIRMED")
    seeker.goto("/")
    shown = [" ".join(one.inner_text().split()) for one in seeker.locator("li.offer .when").all()]
    assert [text.split("2026 ")[1].split(" uur")[0] for text in shown] == ["14:00 – 16:00 2", "20:00 – 23:00 3"]
    assert _problems(seeker) + _problems(planner) == []
    platform.present[0] = NOON + timedelta(hours=1)
    seeker.context.close()
    planner.context.close()


def test_an_administrator_approves_and_a_factory_shares(browser: Browser, platform: Platform) -> None:
    platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    region, factory = _page(browser, platform, "r@limburg.be"), _page(browser, platform)
    factory.goto("/register")
    factory.get_by_label("Uw naam").fill("Piet Maes")
    factory.get_by_label("E-mail").fill("piet@maes.be")
    factory.locator("input[name=organisation]").fill("Maes Metaal")
    factory.get_by_label("Soort").select_option("factory")
    factory.get_by_label("Ondernemingsnummer").fill("0123.456.748")
    factory.get_by_label("Ik aanvaard de gebruiksvoorwaarden").check()
    factory.get_by_role("button", name="Registreren").click()
    expect(factory.get_by_text("Dit ondernemingsnummer bestaat niet")).to_be_visible()
    expect(factory.locator("input[name=organisation]")).to_have_value("Maes Metaal")
    factory.get_by_label("Ondernemingsnummer").fill("0123.456.749")
    factory.get_by_role("button", name="Registreren").click()
    expect(factory.get_by_text("Kijk in uw mailbox")).to_be_visible()
    factory.goto(platform.link_in_mail("piet@maes.be"))
    factory.get_by_label("Nieuw wachtwoord").fill("kort")
    factory.get_by_label("Nieuw wachtwoord").evaluate("field => field.removeAttribute('minlength')")
    factory.get_by_role("button", name="Account aanmaken").click()
    expect(factory.get_by_text("Kies een wachtwoord van 12 tot 200 tekens.")).to_be_visible()
    factory.get_by_label("Nieuw wachtwoord").fill("een zin die lang genoeg is")
    factory.get_by_role("button", name="Account aanmaken").click()
    expect(factory.get_by_text("De regio moet uw organisatie nog goedkeuren.")).to_be_visible()
    region.goto("/region/administration")
    region.get_by_role("link", name="Bekijken: Maes Metaal").click()
    expect(region.get_by_text("0123.456.749")).to_be_visible()
    region.get_by_role("button", name="Goedkeuren").click()
    expect(region.get_by_text("Bewaard.")).to_be_visible()
    factory.goto("/listings/new?kind=equipment")
    factory.get_by_label("Titel").fill("Rolbank")
    factory.get_by_label("Eerste dag").fill("2026-03-10")
    factory.get_by_label("Laatste dag").fill("2026-06-10")
    factory.get_by_label("Prijs").fill("abc")
    factory.get_by_role("button", name="Bewaren").click()
    expect(factory.get_by_label("Titel")).to_have_value("Rolbank")
    expect(factory.get_by_text("Sommige velden zijn niet juist ingevuld")).to_be_visible()
    factory.get_by_label("Prijs").fill("45,50")
    factory.get_by_role("button", name="Bewaren").click()
    expect(factory.get_by_text("€ 45,50 per dag excl. btw")).to_be_visible()
    factory.goto("/sign-in")
    factory.get_by_text("Piet Maes").filter(visible=True).click()
    factory.get_by_role("button", name="Afmelden").click()
    expect(factory.get_by_role("link", name="Aanmelden")).to_be_visible()
    factory.goto("/desk")
    assert factory.url.endswith("/sign-in?next=%2Fdesk")
    factory.get_by_label("E-mail").fill("piet@maes.be")
    factory.get_by_label("Wachtwoord").fill("een zin die lang genoeg is")
    factory.get_by_role("button", name="Aanmelden").click()
    expect(factory.get_by_text("Rolbank")).to_be_visible()
    for page in (region, factory):
        assert _problems(page) == []
        page.context.close()


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example/x", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(platform: Platform, wanted: str) -> None:
    answer = platform.anyone.get("/sign-in", params={"next": wanted})
    assert 'name="next" value="/desk"' in answer.text


def test_offers_say_what_they_are_to_machines(platform: Platform) -> None:
    """schema.org/Offer on what is public, and nothing that could end the script."""
    platform.machine("mill-1", "Freesbank </script><b>")
    platform.offer("o1", price_per_hour="60")
    platform.offer("o2", 20, visibility="members")
    page = platform.anyone.get("/offers/o1").text
    markup = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert '"priceCurrency": "EUR"' in markup
    assert "Freesbank \\u003c/script>" in markup
    of_machine = json.loads(
        platform.anyone.get("/machines/hal-2/mill-1").text.partition('ld+json">')[2].partition("</script>")[0]
    )
    assert (of_machine["name"], of_machine["provider"]["name"]) == ("Freesbank </script><b>", "hal-2")
    assert [one["url"] for one in of_machine["offers"]] == [f"{platform.url}/offers/o1"], (
        "and none of those for members"
    )
    member = platform.somebody("an@startup.be", "startup")
    assert "ld+json" not in member.get("/offers/o2").text
