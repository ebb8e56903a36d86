"""A factory's self-assessment: over several sittings, for nobody else's eyes, with goals that people are reminded of; and what others see only if it wants them to."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from sharing_platform.notifications.models import Mail
from sharing_platform.organisations.permissions import Kind, Right, Role
from sharing_platform.self_assessment.questionnaire import newest
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser

API = "/api/v1/self-assessment"
DIGITAL = newest().questions["digital_factory"]
NL = {"Accept-Language": "nl"}


def answer(client: httpx2.Client, **levels: int | None) -> None:
    body = {"answers": [{"question": one, "level": level} for one, level in levels.items()]}
    answered = client.put(f"{API}/answers", json=body)
    assert answered.status_code == 204, answered.text


def know_how(client: httpx2.Client, title: str = "Papierloos werken") -> str:
    body = {"kind": "know_how", "title": title, "start": "2026-03-01T00:00:00Z", "end": "2026-12-31T00:00:00Z"}
    return str(client.post("/api/v1/listings", json=body).json()["id"])


def show(client: httpx2.Client, listing: str, *questions: str, **more: Any) -> httpx2.Response:
    body = {"questions": questions, "listing": listing, "name_shown": True}
    return client.put(f"{API}/strengths/digital_factory", json=body | more)


def seen(client: httpx2.Client) -> list[tuple[str, str, list[str]]]:
    """Who is good at what, as the API and the page say it."""
    found = client.get(f"{API}/network").json()["strengths"]
    page = client.get("/self-assessment/network").text
    assert set(re.findall(r'data-strength="([^"]+)"', page)) == {one["organisation"] for one in found}
    return [(one["organisation"], one["transformation"], one["questions"]) for one in found]


def test_people_answer_in_several_sittings(platform: Platform) -> None:
    eva, piet = (platform.somebody(f"{name}@hal.be", "hal-2", Role.MEMBER) for name in ("eva", "piet"))
    page = "/self-assessment/digital_factory"
    assert "Begin met de eerste vragen" in eva.get("/self-assessment").text
    first = {"machine_data": "2", "work_orders": "none", "was_machine_data": "", "then": "overview"}
    assert eva.post(page, data=first).headers["location"] == "/self-assessment?done=saved"
    overview = unescape(piet.get("/self-assessment").text)
    assert "2 van de 35 vragen beantwoord." in overview
    assert 'href="/self-assessment/advanced_manufacturing">Ga verder<' in overview
    rest = dict.fromkeys(DIGITAL[2:], "3") | {"machine_data": "2", "was_machine_data": "2", "then": "next"}
    assert piet.post(page, data=rest).headers["location"] == "/self-assessment/end_to_end_engineering?done=saved"
    standing = next(one for one in eva.get(API).json()["standings"] if one["transformation"] == "digital_factory")
    assert (standing["level"], standing["answered"], standing["asked"]) == (2.75, 5, 5), "one does not apply"
    wrong = eva.post(page, data={"machine_data": "7"}, headers={"Accept": "text/html"})
    assert wrong.status_code == 422
    assert eva.put(f"{API}/answers", json={"answers": [{"question": "nonsense", "level": 1}]}).status_code == 422


def test_a_form_that_was_open_for_long_undoes_nothing(platform: Platform) -> None:
    eva = platform.somebody("eva@hal.be", "hal-2")
    answer(eva, machine_data=1, work_orders=1)
    stale = {"machine_data": "1", "was_machine_data": "1", "work_orders": "4", "was_work_orders": "1"}
    answer(eva, machine_data=3)
    eva.post("/self-assessment/digital_factory", data=stale)
    levels = {one["question"]: one["level"] for one in eva.get(API).json()["answers"]}
    assert levels == {"machine_data": 3, "work_orders": 4}


def test_what_was_is_kept_and_compared(platform: Platform) -> None:
    eva = platform.somebody("eva@hal.be", "hal-2")
    answer(eva, **dict.fromkeys(DIGITAL, 1))
    platform.later(24 * 365)
    eva = platform.somebody("eva@hal.be", "hal-2")  # the session has ended
    answer(eva, **dict.fromkeys(DIGITAL, 1))
    assert len(eva.get(API).json()["answers"]) == 5, "what is as it was leaves no trace"
    answer(eva, machine_data=2)
    answer(eva, machine_data=4)
    answers = [one for one in eva.get(API).json()["answers"] if one["question"] == "machine_data"]
    assert [(one["day"], one["level"], one["edition"]) for one in answers] == [("2026-03-02", 1, 1), ("2027-03-02", 4, 1)]  # fmt: skip
    answer(eva, machine_data=1)
    assert len(eva.get(API).json()["answers"]) == 5, "taken back on the same day"
    answer(eva, machine_data=4)
    page = eva.get("/self-assessment").text
    row = page.partition('href="/self-assessment/digital_factory"')[2].partition("</tr>")[0]
    assert re.findall(r'class="number">([^<]*)', row) == ["1,6", "1,0"], "now, and a year ago"
    assert page.count('class="outline of-then"') == 3, "both pictures and the legend"
    earlier = eva.get("/self-assessment?compared=2027-03-01").text
    assert "01/03/2027" in earlier.partition("<thead>")[2]
    for nonsense in ("gisteren", "0000-00-00", "9999-12-31"):
        assert eva.get("/self-assessment", params={"compared": nonsense}).status_code == 200


def test_one_takes_away_what_is_ones_own(platform: Platform) -> None:
    eva = platform.somebody("eva@hal.be", "hal-2")
    answer(eva, machine_data=2, circular_products=None)
    for language, name, meaning in (("nl", "Digitale fabriek", "op een scherm"), ("fr", "Usine numérique", "un écran"), ("en", "Digital factory", "a screen")):  # fmt: skip
        file = eva.get("/self-assessment/answers.csv", params={"lang": language})
        rows = list(csv.reader(io.StringIO(file.text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")), delimiter=";"))
        found = next(row for row in rows if row[2] == name)
        assert (found[0], found[4], meaning in found[5]) == ("2026-03-02", "2", True)
        assert (len(rows), "attachment" in file.headers["content-disposition"]) == (3, True)
    assert [one["level"] for one in eva.get(API).json()["answers"]] == [None, 2]


def test_nobody_else_sees_answers_goals_or_that_there_are_any(platform: Platform) -> None:
    """Neither pages, API, audit log nor the region's downloads tell; only the factory's own."""
    eva = platform.somebody("eva@hal.be", "hal-2")
    nothing = platform.somebody("els@other.be", "other", kind=Kind.FACTORY).get(API).json()
    answer(eva, **dict.fromkeys(DIGITAL, 3))
    eva.put(f"{API}/goals/digital_factory", json={"level": 4, "day": "2027-01-31"})
    eva.post("/self-assessment/digital_factory/goal", data={"level": "4", "day": "2027-02-27"})
    others = {
        "a seeker": platform.somebody("an@startup.be", "startup"),
        "another factory": platform.somebody("o@hal-3.be", "hal-3", kind=Kind.FACTORY),
        "an administrator": platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION),
        "its program": platform.token("startup", *(set(Right) - {Right.GOVERN, Right.REGION})),
    }
    for who, client in others.items():
        assert client.get(API).json() == nothing, who
        assert client.get(f"{API}/network").json() == {"strengths": []}, who
        if who != "its program":
            for path in ("/self-assessment", "/self-assessment/digital_factory", "/self-assessment/network", "/self-assessment/answers.csv", "/factories/hal-2"):  # fmt: skip
                assert not re.search("hal-2|2027", client.get(path).text.partition("<main")[2]), (who, path)
    for path in ("/region/log", "/region/organisations/hal-2", "/region/exports/log.csv"):
        shown = others["an administrator"].get(path).text
        assert not re.search("assessment|machine_data|zelfevaluatie", shown, re.IGNORECASE), path
    for path in (API, f"{API}/network", f"{API}/questions"):
        assert platform.anyone.get(path).status_code == 401
    for path in ("/self-assessment", "/self-assessment/digital_factory", "/self-assessment/network"):
        answered = platform.anyone.get(path, headers={"Accept": "text/html"})
        assert answered.headers["location"].startswith("/sign-in?"), path
    assert [one["day"] for one in eva.get(API).json()["goals"]] == ["2027-02-27"]


def test_others_see_what_a_factory_is_good_at_if_it_wants_them_to(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    member = platform.somebody("m@hal.be", "hal-2", Role.MEMBER)
    seeker = platform.somebody("an@startup.be", "startup")
    newcomer = platform.somebody("x@new.be", "newcomer", approved=False)
    answer(member, machine_data=3, work_orders=4, cyber_security=2)
    listing = know_how(planner)
    assert seen(seeker) == []
    others = know_how(seeker)
    machine = planner.post("/api/v1/listings", json={"kind": "equipment", "title": "Rolbank", "start": "2026-03-01T00:00:00Z", "end": "2026-12-31T00:00:00Z", "details": {"use": "loan"}}).json()["id"]  # fmt: skip
    for refused in (
        show(planner, listing, "cyber_security"),  # its own level is 2
        show(planner, listing, "data_entered_once"),  # not answered
        show(planner, listing, "energy"),  # of another transformation
        show(planner, others, "machine_data"),
        show(planner, machine, "machine_data"),
        show(planner, listing, "machine_data", name_shown=False),
        show(planner, listing),
    ):
        assert refused.status_code == 422, refused.text
    assert show(member, listing, "machine_data").status_code == 403
    assert seen(seeker) == []
    assert show(planner, listing, "work_orders", "machine_data").status_code == 204
    for client in (seeker, planner, platform.token("startup", Right.READ)):
        found = client.get(f"{API}/network").json()["strengths"]
        assert [(one["organisation"], one["questions"], one["listing"]) for one in found] == [("hal-2", ["machine_data", "work_orders"], listing)]  # fmt: skip
    assert "level" not in str(seeker.get(f"{API}/network").json())
    assert seen(newcomer) == [], "it is no member yet"
    answer(seeker, machine_data=1)
    page = unescape(seeker.get("/self-assessment/network").text)
    assert f'href="/listings/{listing}"' in page
    assert 'class="to-learn">Gegevens van machines' in page, "there the seeker is not good yet"
    assert "Orders volgen</li>" in page
    asked = seeker.post(f"/api/v1/listings/{listing}/booking", json={"message": "Mogen we eens komen kijken?"})
    assert asked.status_code == 201, "written to as to anybody else who shares know-how"


def refuse(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    refusal = {"approved": False, "reason": "Onbekend bedrijf."}
    assert region.put("/api/v1/region/organisations/hal-2/approval", json=refusal).is_success


END: dict[str, Callable[[Platform, httpx2.Client, str], object]] = {
    "withdrawn": lambda _, planner, __: planner.delete(f"{API}/strengths/digital_factory"),
    "withdrawn on the page": lambda _, planner, __: planner.post("/self-assessment/digital_factory/strength", data={"what": "remove"}),
    "no longer good": lambda _, planner, __: answer(planner, machine_data=2),
    "no longer applies": lambda _, planner, __: answer(planner, machine_data=None),
    "its listing is closed": lambda _, planner, listing: planner.delete(f"/api/v1/listings/{listing}"),
    "its listing has ended": lambda platform, _, __: platform.later(24 * 310),
    "the region refuses it": lambda platform, _, __: refuse(platform),
}  # fmt: skip
"""What ends it, at once."""


@pytest.mark.parametrize("how", END)
def test_what_is_shown_ends_at_once(platform: Platform, how: str) -> None:
    planner, seeker = (
        platform.somebody("p@hal.be", "hal-2", Role.PLANNER),
        platform.somebody("an@startup.be", "startup"),
    )
    answer(planner, machine_data=3)
    listing = know_how(planner)
    assert show(planner, listing, "machine_data").status_code == 204
    assert seen(seeker) == [("hal-2", "digital_factory", ["machine_data"])]
    END[how](platform, planner, listing)
    # Sessions may have ended; what the region decided stays.
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, approved=False)
    seeker = platform.somebody("an@startup.be", "startup", approved=False)
    assert seen(seeker) == []
    own = planner.get(API).json()["strengths"]
    assert own == [] if how.startswith("withdrawn") else own[0]["shown"] == []
    if not how.startswith("withdrawn"):
        assert "nu ziet niemand het" in planner.get("/self-assessment/digital_factory").text


def test_it_is_said_before_that_the_name_is_shown(platform: Platform) -> None:
    """And to whom machines are anonymous elsewhere, what that may tell."""
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    page = "/self-assessment/digital_factory"
    assert "zodra u een vraag met niveau 3 of 4 beantwoord hebt" in planner.get(page).text
    answer(planner, machine_data=3)
    assert 'href="/listings/new?kind=know_how"' in planner.get(page).text
    listing = know_how(planner)
    form = planner.get(page).text
    assert "zien dan de naam hal-2" in form
    assert "U biedt machines anoniem aan" not in form
    platform.machine("saw-9", "Zaag", anonymous=True)
    assert "U biedt machines anoniem aan" in planner.get(page).text
    refused = planner.post(f"{page}/strength", data={"questions": "machine_data", "listing": listing})
    assert (refused.status_code, "Zonder akkoord" in refused.text) == (422, True)
    agreed = {"questions": "machine_data", "listing": listing, "name_shown": "yes"}
    assert planner.post(f"{page}/strength", data=agreed).status_code == 303
    assert "Anderen zien nu dat hal-2 hierin goed is" in planner.get(page).text
    log = planner.get("/organisation")
    assert log.status_code == 200
    owner = platform.somebody("o@hal.be", "hal-2", Role.OWNER)
    assert "toont anderen waarin uw organisatie goed is: Digitale fabriek." in owner.get("/organisation").text


def test_people_are_reminded_of_a_goal_twice_and_not_once_it_is_reached(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    platform.somebody("m@hal.be", "hal-2", Role.MEMBER)
    answer(planner, **dict.fromkeys(DIGITAL, 2))
    for name in ("digital_factory", "eco_production"):
        assert planner.put(f"{API}/goals/{name}", json={"level": 3, "day": "2026-05-01"}).status_code == 204
    for wrong in ({"level": 3, "day": "2026-03-02"}, {"level": 0, "day": "2026-05-01"}, {"level": 3, "day": "2046-05-01"}):  # fmt: skip
        assert planner.put(f"{API}/goals/digital_factory", json=wrong).status_code == 422
    assert planner.delete(f"{API}/goals/eco_production").status_code == 204

    def at(month: int, day: int, hour: int) -> None:
        platform.present[0] = datetime(2026, month, day, hour, tzinfo=UTC)
        platform.tick()
        platform.tick()

    with_goal = {"digital_factory": "2026-05-01"}
    assert {one["transformation"]: one["day"] for one in planner.get(API).json()["goals"]} == with_goal
    at(4, 3, 4)
    assert told(platform) == {}
    at(4, 3, 5)  # seven o'clock in Brussels
    assert told(platform) == {"p@hal.be": ["Over vier weken: uw doel voor Digitale fabriek"]}
    mail = platform.mail("p@hal.be", "Over vier weken")
    assert "/self-assessment/digital_factory" in mail.get_content()
    assert mail["List-Unsubscribe"]
    at(4, 30, 5)
    assert len(told(platform)["p@hal.be"]) == 1
    at(5, 1, 5)
    assert told(platform)["p@hal.be"][1:] == ["Vandaag: uw doel voor Digitale fabriek"]
    at(5, 2, 5)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)  # the session has ended
    assert planner.put(f"{API}/goals/digital_factory", json={"level": 3, "day": "2026-07-01"}).status_code == 204
    answer(planner, **dict.fromkeys(DIGITAL, 3))
    at(7, 1, 5)
    assert len(told(platform)["p@hal.be"]) == 2, "it is reached"


def told(platform: Platform) -> dict[str, list[str]]:
    """The subjects of e-mails about goals, by address, once none waits any more."""

    def waits() -> bool:
        with platform.context.sessions() as session:
            return session.scalar(select(Mail.id).where(Mail.next_attempt.is_not(None)).limit(1)) is not None

    wait_for(lambda: not waits(), "e-mails that are on their way")
    found: dict[str, list[str]] = {}
    for mail in platform.mails:
        if "doel voor" in mail["Subject"]:
            found.setdefault(mail["To"], []).append(str(mail["Subject"]))
    return found


@pytest.mark.long
def test_it_works_with_a_script_and_without(platform: Platform, browser: Browser) -> None:
    eva = platform.somebody("eva@hal.be", "hal-2")

    def levels() -> dict[str, int | None]:
        return {one["question"]: one["level"] for one in eva.get(API).json()["answers"]}

    for scripts in (True, False):
        context = browser.new_context(base_url=platform.url, locale="nl-BE", java_script_enabled=scripts)
        context.add_cookies([{"name": "session", "value": eva.cookies["session"], "url": platform.url}])
        page = context.new_page()
        page.goto("/self-assessment/digital_factory")
        if scripts:
            page.locator("#machine_data").get_by_label("De belangrijkste machines melden zelf").check()
            expect(page.locator("#saved-machine_data")).to_contain_text("1 van de 5 vragen beantwoord")
            page.locator("#machine_data").get_by_label("Door ernaartoe te lopen").check()
            expect(page.locator("#machine_data").get_by_label("Door ernaartoe te lopen")).to_be_checked()
            page.wait_for_load_state("networkidle")
            assert levels() == {"machine_data": 0}, "kept without a click on the button"
        else:
            expect(page.locator("#machine_data").get_by_label("Door ernaartoe te lopen")).to_be_checked()
            page.locator("#work_orders").get_by_label("Niet van toepassing").check()
            page.get_by_role("button", name="Bewaar en ga naar de volgende").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("End-to-end engineering")
            assert levels() == {"machine_data": 0, "work_orders": None}
        context.close()
