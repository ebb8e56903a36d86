"""The pages in a browser: found, filtered, booked, in three languages, without a word to anyone else."""

from __future__ import annotations

import re
import string
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sharing_platform.i18n import LANGUAGES, Translator, texts
from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


SAME_IN_EVERY_LANGUAGE = {"percentage", "learning_end_to_end_engineering", "map_one", "map_many", "log_machine", "log_webhook", "log_passkey", "status",
    "filters", "calendar_week", "machine", "from_to", "organisation", "operator", "site", "menu", "model", "reason_process", "kind_operator", "party_platform",
    "per", "level", "minutes", "passkeys", "audit_other", "role_planner", "status_open", "subject_operator", "webhooks", "axes", "reason_axes",
    "contact", "content_machine", "page_contact", "written_by", "quote_unit_flat", "quote_unit_kg", "quote_unit_metre",
}  # fmt: skip


@pytest.fixture
def page(browser: Browser, platform: Platform) -> Page:
    platform.machine("mill-1", "Freesbank DMU 50", process="Frezen", now="in_use", since=NOON.isoformat())
    platform.machine("lathe-2", "Draaibank <CTX>", process="Draaien")
    platform.offer("o1", 3, 4)
    platform.offer("o2", 27, 2.5, machine="lathe-2", probability=0.9999, checked=0, broken=0)
    opened = browser.new_page(base_url=platform.url, viewport={"width": 1280, "height": 900}, locale="nl-BE")
    opened.goto("/")
    return opened


def test_the_page_says_what_when_how_sure_and_how_often_wrong(page: Page) -> None:
    first, second = page.locator("li.result").all()
    for text in (
        "Freesbank DMU 50",
        "ma 02/03/2026",
        "15:00",
        "19:00",
        "4 u",
        "93,7\N{NO-BREAK SPACE}%",
        "bij 2 van de 40 eerdere voorspellingen toch bezet",
    ):
        assert text in first.inner_text(), text
    for text in ("Draaibank <CTX>", "di 03/03/2026", "2 u 30", "99,9\N{NO-BREAK SPACE}%"):
        assert text in second.inner_text(), text
    assert page.locator("html").get_attribute("lang") == "nl"


def test_a_machines_page_says_what_is_included_and_on_which_conditions(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    typed = {"included": "meettaster\nprogrammeren tot 2 uur", "certificates": "ISO 9001"}
    assert planner.post("/machines/hal-2/mill-1/edit", data=typed).status_code == 303
    assert typed["included"] in planner.get("/machines/hal-2/mill-1/edit").text.replace("\r", "")
    few = {"booking": "on_request", "minimum_hours": 2, "maximum_hours": 8, "cancellation_hours": 12}
    platform.offer("o1", 3, 9, **few)
    platform.offer("o2", 27, 9, **few)
    platform.offer("o3", 51, 9, booking="instant", operator="own_required")
    page = platform.anyone.get("/machines/hal-2/mill-1").text
    assert "<dt>Inbegrepen</dt><dd>meettaster, programmeren tot 2 uur</dd>" in page
    said = [unescape(one).replace("\N{NO-BREAK SPACE}", " ") for one in re.findall(r'<p class="rule">([^<]*)', page)]
    assert [one.partition(". De aanbieder")[0].partition(". Een goed")[0] for one in said] == [
        "Operator inbegrepen. Minstens 2 uur. Hoogstens 8 uur",
        "Met eigen operator",
    ], "each once"
    assert "Kosteloos annuleren kan tot 12 uur" in said[0]
    assert page.count("<dt>") == page.count("<dd>"), "facts stand in two columns, one for one"
    assert "<dt>Inbegrepen</dt>" in platform.anyone.get("/offers/o1").text
    found = platform.anyone.get("/", params={"q": "meettaster"}).text
    assert '<li class="result"' in found


def test_english_is_a_click_away_and_stays(page: Page) -> None:
    page.get_by_role("link", name="English").click()
    expect(page.locator("li.result").first).to_contain_text("not free in 2 of 40 earlier predictions")
    page.goto("/")
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_filter_narrows_the_list_without_a_reload(page: Page) -> None:
    page.evaluate("window.sameDocument = true")
    page.get_by_text("Meer filters").click()
    page.locator("select[name=machine]").select_option(label="Draaibank <CTX>")
    expect(page.locator("li.offer")).to_have_count(1)
    expect(page.locator("li.offer")).to_have_attribute("data-offer", "o2")
    page.locator("input[name=hours]").fill("3")
    page.locator("input[name=hours]").press("Enter")
    expect(page.locator("li.offer")).to_have_count(0)
    assert page.evaluate("window.sameDocument") is True
    assert {"machine=hal-2%2Flathe-2", "hours=3"} <= set(page.url.partition("?")[2].split("&")), "it can be copied"
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("input[name=hours]")).to_have_value("3")


def test_the_filter_works_without_javascript(browser: Browser, platform: Platform, page: Page) -> None:
    plain = browser.new_context(java_script_enabled=False, base_url=platform.url, locale="nl-BE").new_page()
    plain.goto("/")
    plain.locator("input[name=day]").fill("2026-03-03")
    plain.get_by_role("button", name="Zoek").click()
    expect(plain.locator("li.offer")).to_have_count(1)
    expect(plain.locator("li.offer")).to_have_attribute("data-offer", "o2")


@pytest.mark.long
def test_somebody_new_finds_a_machine_and_asks_for_it(page: Page, platform: Platform) -> None:
    """Name, organisation, address; the link in the mail, a click: the factory has the request. The password comes later."""
    page.locator("li.offer[data-offer=o1] a.button").click()
    page.get_by_label("Organisatie").fill("Start-up BV")
    page.get_by_label("Uw naam").fill("An Peeters")
    page.get_by_label("E-mail").fill("an@startup.be")
    page.get_by_role("button", name="Vraag deze uren aan").click()
    page.wait_for_selector("[data-booking]")
    assert platform.hal_2.get("/api/v1/bookings").json()["bookings"] == [], (
        "nothing is kept before the address is confirmed"
    )
    page.goto(platform.link_in_mail("an@startup.be", "/confirm/"))
    assert page.url.endswith("/confirm"), "the secret is out of the address"
    expect(page.get_by_text("Freesbank DMU 50")).to_be_visible()
    assert platform.hal_2.get("/api/v1/bookings").json()["bookings"] == [], "nor when the link is opened"
    page.get_by_role("button", name="Ja, bevestig deze aanvraag").click()
    expect(page.locator("[data-state=held]")).to_be_visible()
    page.get_by_role("link", name="Kies er een").click()
    page.get_by_label("Nieuw wachtwoord").fill("een zin die lang genoeg is")
    page.get_by_role("button", name="Wachtwoord bewaren").click()
    expect(page.get_by_text("Bewaard.")).to_be_visible()
    (booked,) = platform.hal_2.get("/api/v1/bookings").json()["bookings"]
    assert (booked["offer_id"], booked["organisation"], booked["state"]) == ("o1", "Start-up BV", "held")
    page.goto("/")
    assert page.locator("li.offer[data-offer=o1]").count() == 0
    page.goto("/offers/o1")
    assert page.locator("[role=alert]").count() == 1


def test_the_factorys_own_open_pages_show_what_changes(page: Page, platform: Platform) -> None:
    secret = platform.somebody("eva@hal.be", "hal-2").cookies["session"]
    page.context.add_cookies([{"name": "session", "value": secret, "url": platform.url}])
    page.goto("/")
    mill = page.locator("li.machine[data-machine=mill-1]")
    expect(mill).to_have_attribute("data-now", "in_use")
    page.evaluate("window.sameDocument = true")
    platform.machine("mill-1", "Freesbank DMU 50", now="standing_still")
    expect(mill).to_have_attribute("data-now", "standing_still")
    platform.hal_2.delete("/api/v1/offers/o1")
    expect(page.locator("li.offer[data-offer=o1]")).to_contain_text("Niet meer vrij")
    assert page.evaluate("window.sameDocument") is True


def test_open_pages_of_others_show_what_changes_at_the_quarter(page: Page, platform: Platform) -> None:
    mill = page.locator("li.machine[data-machine=mill-1]")
    expect(mill).to_have_attribute("data-now", "not_free")
    page.evaluate("window.sameDocument = true")
    platform.machine("mill-1", "Freesbank DMU 50", now="standing_still")
    platform.later(0.25)
    expect(mill).to_have_attribute("data-now", "free")
    assert page.evaluate("window.sameDocument") is True


@pytest.mark.parametrize("width", [360, 1100])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/offers/o1", "/offers/none"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_asks_nobody_else(browser: Browser, platform: Platform, page: Page) -> None:
    asked: list[str] = []
    problems: list[str] = []
    fresh = browser.new_page(base_url=platform.url)
    fresh.on("request", lambda request: asked.append(request.url))
    fresh.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    fresh.goto("/")
    fresh.wait_for_selector("li.offer")
    assert {re.match(r"https?://[^/]+", url).group(0) for url in asked} == {platform.url}  # type: ignore[union-attr]
    assert problems == []


def test_a_form_of_another_site_books_nothing(platform: Platform) -> None:
    platform.offer()
    who = {"organisation": "Evil BV", "name": "Eve", "email": "a@b.be"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert platform.anyone.post("/offers/o1", data=who, headers=headers).status_code == 403
    everything = {"state": ["requested", "held", "accepted"]}
    assert platform.hal_2.get("/api/v1/bookings", params=everything).json()["bookings"] == []


@pytest.mark.parametrize("path", ["/", "/offers/none", "/api/v1/offers", "/nowhere"])
def test_every_answer_carries_its_guards(platform: Platform, path: str) -> None:
    headers = platform.anyone.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_a_form_that_is_filled_in_wrong_keeps_what_was_typed(platform: Platform) -> None:
    platform.offer()
    answer = platform.anyone.post("/offers/o1", data={"organisation": "Start-up BV", "name": "An", "email": "nobody"})
    assert answer.status_code == 422
    assert 'value="Start-up BV"' in answer.text
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("query", ["day=morgen", "hours=veel", "hours=-1", "machine=x/y/z", "lang=de", "hours=nan"])
def test_a_query_that_makes_no_sense_is_no_error(platform: Platform, query: str) -> None:
    assert platform.anyone.get(f"/?{query}").status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    dutch, other = texts("nl"), texts(language)
    assert dutch.keys() == other.keys()
    for key, text in dutch.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(one) if name} for one in (text, other[key])]
        assert fields[0] == fields[1], key
    assert len(other["weekdays"].split()) == 7
    if language != "nl":
        same = {key for key, text in dutch.items() if other[key] == text}
        assert same <= SAME_IN_EVERY_LANGUAGE, same - SAME_IN_EVERY_LANGUAGE


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_speak_to_people(language: str) -> None:
    """Not of what only programs have; but for the settings of tokens and webhooks, which are about that."""
    of_programs = re.compile(r"bearer|`|\bAPI\b|cursor|HTTP\b|JSON", re.IGNORECASE)
    found = {key for key, text in texts(language).items() if of_programs.search(text)}
    assert {
        key for key in found if not key.startswith(("token", "make_token", "audit_token", "webhook", "export"))
    } == set()


def test_a_wanted_notice_has_one_name() -> None:
    """What people see of notices speaks of `recherche`, in one word."""
    assert [key for key, text in texts("fr").items() if "avis de recherche" in text] == []


def test_programs_are_told_of_tokens_and_people_to_sign_in(platform: Platform) -> None:
    english = {"Accept-Language": "en"}
    assert "bearer token" in platform.anyone.get("/api/v1/bookings", headers=english).json()["detail"]
    page = platform.anyone.get("/confirm", headers=english | {"Accept": "text/html"})
    assert "bearer" not in page.text
    cursor = platform.anyone.get("/api/v1/offers?cursor=x", headers=english).json()
    assert "`cursor`" in cursor["detail"]
    assert "`cursor`" not in platform.anyone.get("/?cursor=x", headers=english | {"Accept": "text/html"}).text


def test_no_line_begins_with_french_punctuation() -> None:
    broken = [key for key, text in texts("fr").items() if re.search(r" [:;?!»]|« ", text)]
    assert broken == []
    assert any("\N{NARROW NO-BREAK SPACE}?" in text for text in texts("fr").values())


def test_price_and_operator_are_said_in_every_language(platform: Platform) -> None:
    platform.machine()
    platform.offer(price_per_hour="45.5", price_minimum="90", operator="own_allowed")
    platform.offer("o2", 10)
    said = {
        "nl": ("€ 45,50 per uur excl. btw", "minstens € 90,00", "eigen operator toegestaan", "prijs in overleg"),
        "fr": ("45,50 € par heure hors TVA", "au moins 90,00 €", "votre propre opérateur est admis", "prix à convenir"),
        "en": (
            "€45.50 per hour excl. VAT",
            "at least €90.00",
            "own operator allowed",
            "price to be agreed",
        ),
    }
    for language, (price, minimum, operator, agree) in said.items():
        listing = platform.anyone.get(f"/?lang={language}").text.replace("\N{NO-BREAK SPACE}", " ")
        assert price in listing
        assert operator in listing
        assert agree in listing
        assert minimum in platform.anyone.get(f"/offers/o1?lang={language}").text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("language", "written"), [("nl", "€ 1.152,00"), ("fr", "1 152,00 €"), ("en", "€1,152.00")])
def test_thousands_are_written_as_in_each_language(language: str, written: str) -> None:
    said = Translator(language, "Europe/Brussels").euros(Decimal(1152))
    assert said.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") == written


def test_a_percentage_is_never_rounded_up() -> None:
    words = Translator("nl", "Europe/Brussels")
    said = [words.percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (0.9999, 0.95, 1.0, 0.8567)]
    assert said == ["99,9 %", "95 %", "100 %", "85,6 %"]
    assert Translator("en", "Europe/Brussels").percent(0.8567) == "85.6%"


def test_times_are_those_of_the_region() -> None:
    words = Translator("nl", "Europe/Brussels")
    assert words.day(NOON) == "ma 02/03/2026"
    assert words.end_hour(NOON, NOON + timedelta(hours=11)) == "23:00"
    assert words.end_hour(NOON, NOON + timedelta(hours=12)) == "00:00"
    assert words.end_hour(NOON, NOON + timedelta(hours=18)) == "06:00 (di 03/03/2026)"
