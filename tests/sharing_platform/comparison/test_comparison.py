"""Factories compare themselves: who sees what, when somebody joins, and at once when somebody leaves; the page in its states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser

from analytics.comparison.noise import HIGHEST, KEPT, LOWEST, OF, epsilon_of
from sharing_platform.comparison.models import ComparisonContribution, ComparisonParticipant, ComparisonSpent
from sharing_platform.comparison.quartiles import Contribution, quartiles
from sharing_platform.organisations.events import OrganisationRefused
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Kind, Role
from tests.axe import violations
from tests.platform_databases import reset_postgresql, waits_for_another
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform, platform_over

FIGURES = {
    "availability": 61, "utilization_efficiency": 94, "setup_ratio": -12, "energy_while_idle": None, "idle": 20, "off": 5, "down": 3, "delay": 0,
    "maintenance": 2,
}  # fmt: skip
MONTH = "2026-02"
PUT = "/api/v1/comparison"


def body(month: str = MONTH, process_class: int = 3, **figures: int | None) -> dict[str, Any]:
    return {"month": month, "process_class": process_class, "figures": FIGURES | figures}


def join(client: httpx2.Client, takes_part: bool = True) -> None:
    assert client.put(f"{PUT}/participation", json={"takes_part": takes_part}).status_code == 204


def others(platform: Platform, count: int) -> list[httpx2.Client]:
    """So many other factories, each with figures."""
    made = []
    for number in range(count):
        client = platform.somebody(f"{number}@other.be", f"other-{number}", kind=Kind.FACTORY)
        join(client)
        assert client.put(PUT, json=body(availability=40 + 5 * number)).status_code == 204
        made.append(client)
    return made


def seen(client: httpx2.Client, figure: str = "availability") -> dict[str, Any] | None:
    """The quartiles of a figure in class 3."""
    classes = client.get(PUT).json()["classes"]
    return next(one["quartiles"] for one in classes[0]["figures"] if one["name"] == figure) if classes else None


def text_of(client: httpx2.Client, language: str = "en") -> str:
    answer = client.get("/comparison", params={"lang": language})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


@pytest.fixture(scope="module")
def shared(postgres: str) -> Iterator[Platform]:
    with platform_over(reset_postgresql(postgres)) as platform:
        yield platform


@pytest.fixture
def empty(shared: Platform) -> Platform:
    """Nobody takes part."""
    with shared.context.sessions.begin() as session:
        for table in (ComparisonContribution, ComparisonParticipant, ComparisonSpent):
            session.query(table).delete()
    return shared


def test_a_factory_sees_itself_and_quartiles_from_five_factories_on(empty: Platform) -> None:
    join(empty.hal_2)
    assert empty.hal_2.put(PUT, json=body()).status_code == 204
    others(empty, 3)
    assert seen(empty.hal_2) is None
    others(empty, 4)
    assert seen(empty.hal_2) == {"lower": 45, "median": 50, "upper": 55, "within": 35}
    assert seen(empty.hal_2, "energy_while_idle") is None, "nobody measures it"
    answer = empty.hal_2.get(PUT).json()
    (compared,) = answer["classes"]
    own = {one["name"]: (one["own"], one["strays"]) for one in compared["figures"]}
    assert own["availability"] == (61, 57)
    assert own["setup_ratio"] == (0, 57), "less than nothing is nothing"
    assert own["energy_while_idle"] == (None, None)
    assert (compared["process_class"], compared["months"]) == (3, [MONTH])
    assert answer["contributions"] == [body()]
    assert "other" not in empty.hal_2.get(PUT).text
    assert seen(empty.hal_3) is None, "who does not take part sees nothing"


def test_leaving_takes_effect_at_once(empty: Platform) -> None:
    join(empty.hal_2)
    empty.hal_2.put(PUT, json=body())
    (first, *_) = others(empty, 4)
    assert seen(empty.hal_2) is not None
    join(first, takes_part=False)
    assert seen(empty.hal_2) is None
    with empty.context.sessions() as session:
        assert session.query(ComparisonContribution).filter_by(organisation="other-0").count() == 0
    answer = first.get(PUT).json()
    assert (answer["takes_part"], answer["left"], answer["contributions"], answer["classes"]) == (False, True, [], [])
    refused = first.put(PUT, json=body())
    assert (refused.status_code, refused.json()["code"]) == (409, "comparison_left")
    join(first)
    assert first.put(PUT, json=body()).status_code == 204
    assert seen(empty.hal_2) is not None


def test_two_who_join_for_one_factory_at_the_same_moment_both_do(empty: Platform) -> None:
    now = empty.present[0]
    with ThreadPoolExecutor(1) as pool:
        with empty.context.sessions.begin() as other:
            other.add(ComparisonParticipant(organisation="hal-2", takes_part=True, changed=now))
            other.flush()
            answer = pool.submit(empty.hal_2.put, f"{PUT}/participation", json={"takes_part": True})
            wait_for(lambda: waits_for_another(empty.context.sessions), "the second one to wait")
        assert answer.result().status_code == 204
    assert empty.hal_2.get(PUT).json()["takes_part"]


def test_whom_the_region_refuses_is_no_longer_compared(empty: Platform) -> None:
    others(empty, 5)
    with empty.context.sessions.begin() as session:
        refused = session.get_one(Organisation, "other-0")
        empty.context.events.publish(OrganisationRefused(session, refused, empty.present[0]))
    with empty.context.sessions() as session:
        assert {one.organisation for one in session.query(ComparisonContribution)} == {
            f"other-{n}" for n in range(1, 5)
        }
        assert session.get(ComparisonParticipant, "other-0") is None


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (body(), 204, None),  # once more
        (body(availability=62), 409, "comparison_sent"),
        (body("2026-03"), 422, "comparison_month"),  # not over yet
        (body("2025-02"), 422, "comparison_month"),
        (body("2026-13"), 422, None),
        (body(process_class=7), 422, None),
        (body(availability=1101), 422, None),
        (body(availability=None), 422, None),
        ({**body(), "factory": "hal-3"}, 422, None),
        ({**body(), "figures": {**FIGURES, "turnover": 5}}, 422, None),
        ({**body(), "figures": {**FIGURES, "availability": 61.0}}, 422, None),
    ],
)  # fmt: skip
def test_what_is_taken_of_a_contribution(empty: Platform, sent: dict[str, Any], status: int, code: str | None) -> None:
    join(empty.hal_2)
    empty.hal_2.put(PUT, json=body())
    answer = empty.hal_2.put(PUT, json=sent)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
    assert empty.hal_2.get(PUT).json()["contributions"] == [body()]


def test_no_more_than_four_months_of_a_year_are_taken(empty: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empty, "present", [datetime(2026, 12, 6, tzinfo=UTC)])
    object.__setattr__(empty.context, "now", lambda: empty.present[0])
    join(empty.hal_2)
    for month in ("02", "05", "08", "11"):
        assert empty.hal_2.put(PUT, json=body(f"2026-{month}")).status_code == 204
    answer = empty.hal_2.put(PUT, json=body("2026-10"))
    assert (answer.status_code, answer.json()["code"]) == (409, "comparison_enough")
    assert empty.hal_2.put(PUT, json=body("2026-10", process_class=4)).status_code == 204
    assert [one["process_class"] for one in empty.hal_2.get(PUT).json()["classes"]] == [3, 4]
    join(empty.hal_2, takes_part=False)
    join(empty.hal_2)
    answer = empty.hal_2.put(PUT, json=body("2026-10"))
    assert (answer.status_code, answer.json()["code"]) == (409, "comparison_enough"), "what was told is told"
    assert empty.hal_2.put(PUT, json=body("2026-11")).status_code == 204, "the same month again"
    left = empty.hal_2.get(PUT).json()
    assert [one["month"] for one in left["spent"]] == [f"2026-{month}" for month in ("02", "05", "08", "10", "11")]
    assert [one["month"] for one in left["contributions"]] == ["2026-11"]


def chance_of(sent: int, points: int) -> Fraction:
    a = Fraction(KEPT, OF)
    return (1 - a) / (1 + a) * a ** abs(sent - points)


@pytest.mark.parametrize(("one", "other"), [(0, 100), (40, 65), (50, 55)])
def test_who_watches_the_page_before_and_after_somebody_joins_learns_no_more_than_epsilon(one: int, other: int) -> None:
    """The attacker knows what all others have sent, to the point, and sees every quartile before and after. Every page that there can be is hardly more probable with one true figure of the
    newcomer than with another: computed for all that the newcomer can send."""
    known = [Contribution(mean, 1) for mean in (35.0, 48.0, 52.0, 60.0, 71.0)]
    pages: dict[Any, list[Fraction]] = {}
    for sent in range(LOWEST, HIGHEST + 1):
        page = quartiles([*known, Contribution(sent, 1)])
        chances = pages.setdefault(page, [Fraction(0), Fraction(0)])
        for place, points in enumerate((one, other)):
            chances[place] += chance_of(sent, points)
    assert len(pages) > 3, "the page does change"
    most = max(max(a / b, b / a) for a, b in pages.values())
    assert float(most) <= 2.718281828459045 ** epsilon_of(other - one) * (1 + 1e-9)
    if other - one <= 5:
        assert most < Fraction(13, 10)


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
def test_the_page_says_how_things_stand(empty: Platform, language: str) -> None:
    planner = empty.somebody("planner@hal.be", "hal-2", Role.PLANNER)
    said = {
        "nl": ("doet nog niet mee", "Zodra de server", "nog geen 5 fabrieken", "Middelste helft", "heeft de vergelijking verlaten"),
        "fr": ("ne participe pas encore", "dès que le serveur", "Moins de 5 usines", "Moitié centrale", "a quitté la comparaison"),
        "en": ("does not take part yet", "once the server", "Fewer than 5 factories", "Middle half", "has left the comparison"),
    }[language]  # fmt: skip
    assert said[0] in text_of(planner, language)
    join(empty.hal_2)
    assert said[1] in text_of(planner, language)
    empty.hal_2.put(PUT, json=body())
    assert said[2] in text_of(planner, language)
    assert said[3] not in text_of(planner, language)
    others(empty, 4)
    assert said[3] in text_of(planner, language)
    assert said[2] not in text_of(planner, language)
    answer = planner.post("/comparison/participation", data={"takes_part": "no"})
    assert answer.headers["location"] == "/comparison?done=comparison_left"
    assert said[4] in text_of(planner, language)
    planner.post("/comparison/participation", data={"takes_part": "yes"})
    assert said[1] in text_of(planner, language)


def test_a_member_who_may_not_offer_does_not_see_the_factorys_figures(empty: Platform) -> None:
    member = empty.somebody("member@hal.be", "hal-2", Role.MEMBER)
    assert member.get("/comparison").status_code == 403
    assert member.get(PUT).status_code == 403


def test_the_picture_shows_what_the_table_says(empty: Platform, browser: Browser) -> None:
    join(empty.hal_2)
    empty.hal_2.put(PUT, json=body())
    others(empty, 5)
    planner = empty.somebody("planner@hal.be", "hal-2", Role.PLANNER)
    with browser.new_context(base_url=empty.url, locale="nl-BE", viewport={"width": 390, "height": 900}) as context:
        context.add_cookies([{"name": "session", "value": planner.cookies["session"], "url": empty.url}])
        page = context.new_page()
        page.goto("/comparison")
        row = page.locator(".figure-row", has_text="Beschikbaarheid")
        label = row.locator("svg").get_attribute("aria-label")
        assert (
            label
            == "Beschikbaarheid: uw fabriek 61\N{NO-BREAK SPACE}%, met een marge van 57 punten; de middelste helft van de fabrieken tussen 45\N{NO-BREAK SPACE}% en 60\N{NO-BREAK SPACE}%, mediaan 50\N{NO-BREAK SPACE}%."
        )
        assert row.locator(".half").get_attribute("x") == "198.0"
        assert row.locator(".own").get_attribute("cx") == "268.4"
        page.get_by_text("Als tabel").click()
        cells = page.locator("tr", has_text="Beschikbaarheid").locator("td").all_inner_texts()
        assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in cells] == ["61 % ± 57 punten", "45 %", "50 %", "60 %"]
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
