"""What anybody sees of the region's figures: page, files, API and pictures for other sites say the same, and nothing of an organisation."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import httpx2
import pytest
from playwright.sync_api import expect

from sharing_platform.organisations.permissions import Kind
from sharing_platform.pagination import to_cursor
from sharing_platform.regional_statistics import service
from sharing_platform.regional_statistics.charts import SHADES, bands, nice_ceiling, shade_of, stacked
from sharing_platform.regional_statistics.models import PublishedFigure, PublishedWeek
from sharing_platform.regional_statistics.publication import publish_due
from sharing_platform.regional_statistics.reading import Balance, Flow, trend_of
from sharing_platform.regional_statistics.summary import Measure
from tests.axe import violations
from tests.platform_databases import reset_postgresql
from tests.sharing_platform.conftest import Platform, platform_over
from tests.sharing_platform.regional_statistics.seeded import SeededRegion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

WEEKS = 3


@pytest.fixture(scope="module")
def region(postgres: str) -> Iterator[Platform]:
    """Thirty factories whose three weeks are published."""
    with platform_over(reset_postgresql(postgres)) as platform:
        with platform.context.sessions.begin() as session:
            SeededRegion(session, date(2026, 1, 5), 30).fill(WEEKS)
        platform.present[0] = datetime(2026, 2, 5, tzinfo=UTC)
        with platform.context.sessions.begin() as session:
            service.rebuild(session, platform.present[0], "Europe/Brussels")
        for _ in range(WEEKS):
            with platform.context.sessions.begin() as session:
                assert publish_due(session, platform.present[0], "Europe/Brussels")
        yield platform


def read_csv(answer: httpx2.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")), delimiter=";"))


def read_api(client: httpx2.Client, **asked: Any) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = client.get("/api/v1/region/figures", params=asked | ({"cursor": cursor} if cursor else {})).json()
        found += page["figures"]
        cursor = page["next"]
        if cursor is None:
            return found


def test_page_file_and_api_say_the_same(region: Platform) -> None:
    rows, figures = read_csv(region.anyone.get("/region/figures.csv")), read_api(region.anyone, limit=7)
    assert [{key: str(value) for key, value in one.items()} for one in figures] == rows
    assert {one["week"] for one in figures} == {"2026-01-05", "2026-01-12", "2026-01-19"}
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", region.anyone.get("/region").text))
    hours = Counter[str]()
    for one in figures:
        if one["subject"] == "machine":
            hours[one["measure"]] += one["size"]
    offered = sum(hours[one] for one in ("free", "kept", "broken", "cancelled"))
    assert f"Aangeboden {offered:,} uur".replace(",", ".") in page
    assert f"niet gekregen {hours['declined'] + hours['expired']:,} uur".replace(",", ".") in page
    one_week = read_csv(region.anyone.get("/region/figures.csv?first_week=2026-01-12&last_week=2026-01-12"))
    assert one_week == [one for one in rows if one["week"] == "2026-01-12"]
    milling = read_api(region.anyone, process="milling", first_week="2026-01-01")
    assert milling == [one for one in figures if one["kind"] == "milling"]
    for cursor in ("x", to_cursor("2026-01-05", "machine"), to_cursor("2026-01-05", "machine", "free", "\0", "", "")):
        assert region.anyone.get("/api/v1/region/figures", params={"cursor": cursor}).status_code == 422
    again = region.anyone.get("/region/figures.csv")
    assert read_csv(again) == rows, "asking twice tells nothing more"
    kept = (again.headers["cache-control"], again.headers["vary"], "set-cookie" in again.headers)
    assert kept == ("public, max-age=86400", "Accept-Language, Cookie", False), "caches keep it, in each language"


def test_each_map_says_how_many_of_the_hours_it_shows(region: Platform) -> None:
    """Most hours are on no map where few companies stand behind them: an empty map does not mean that there is nothing."""
    measures = {"supply": ("free", "kept", "broken", "cancelled"), "lack": ("declined", "expired")}
    figures = [one for one in read_api(region.anyone) if one["subject"] == "machine"]
    said = 0
    for kind in ("", "milling", "turning"):
        page = region.anyone.get(f"/region?lang=en&process={kind}").text
        for tone, named in measures.items():
            own = [one for one in figures if one["measure"] in named and kind in ("", one["kind"])]
            total, shown = (sum(one["size"] for one in some) for some in (own, [one for one in own if one["area"]]))
            drawn = page.partition(f'<figure class="shaded {tone}">')[2].partition("</figure>")[0]
            numbers = [int(one.replace(",", "")) for one in re.findall(r">([\d,]+)<tspan", drawn)]
            assert sum(numbers) == shown
            assert len(re.findall("url\\(#few", drawn)) > 0
            sentence = f"{shown:,} of the {total:,} hours are" if shown else f"None of the {total:,} hours are"
            assert (sentence in drawn) == (shown < total), drawn
            said += shown < total
    assert said > 3


def test_searches_for_listings_stand_beside_those_for_machines(region: Platform) -> None:
    rows = read_csv(region.anyone.get("/region/figures.csv"))
    shown = {one["kind"]: one["size"] for one in rows if (one["subject"], one["measure"], one["week"]) == ("listing", "searched", "2026-01-12")}  # fmt: skip
    assert shown == {"training": "40", "operator": "15"}
    assert all(one["measure"] != "searched" or one["subject"] == "machine" or one["unit"] == "number" for one in rows)
    table = region.anyone.get("/region?lang=en").text.partition('id="others"')[2].partition("</table>")[0]
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", table)
    cells = {one[0]: re.findall(r">([\d,]+)</td>", one[1]) for one in re.findall(r"<th scope=\"row\">([^<]*)</th>(.*?)</tr>", table)}  # fmt: skip
    assert (heads[-1], cells["Training"][-1], cells["People"][-1], cells.get("Equipment", ["0"])[-1]) == ("Searches without a result", "120", "45", "0")  # fmt: skip


def test_notices_without_an_offer_stand_beside_what_was_not_had(region: Platform) -> None:
    wanted = Counter[str]()
    for one in read_api(region.anyone):
        if (one["subject"], one["measure"]) == ("machine", "unmatched"):
            wanted[one["kind"]] += one["size"]
    assert wanted.total()
    table = region.anyone.get("/region?lang=en").text.partition('id="lack"')[2].partition("</table>")[0]
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]+)</th>", table)
    column = heads.index("Wanted notices without an offer") - 1
    rows = re.findall(r"\?process=([a-z_]+)\">.*?</th>(.*?)</tr>", table)
    shown = {kind: int(re.findall(r">([\d,]+)</td>", cells)[column].replace(",", "")) for kind, cells in rows}
    assert {kind: size for kind, size in shown.items() if size} == {
        kind: wanted[kind] for kind in shown if wanted[kind]
    }
    assert any(shown.values())


def test_what_is_lacking_of_people_and_training_is_marked(platform: Platform) -> None:
    week = date(2026, 2, 16)
    published = [("operator", "kept", 20), ("operator", "declined", 10), ("training", "kept", 25), ("training", "declined", 10)]  # fmt: skip
    with platform.context.sessions.begin() as session:
        session.add(PublishedWeek(week=week, at=platform.present[0]))
        for kind, measure, size in [*published, ("operator", "free", 30)]:
            session.add(PublishedFigure(week=week, subject="listing", measure=measure, kind=kind, area="", municipality="", size=size))  # fmt: skip
    others = platform.anyone.get("/region?lang=en").text.partition('id="others"')[2].partition("</table>")[0]
    assert re.findall(r"<th scope=\"row\">(\w+) <strong class=\"badge declined\">Shortage</strong>", others) == [
        "People"
    ]


def test_nothing_tells_of_an_organisation(region: Platform) -> None:
    for path in ("/region", "/region?process=turning", "/region/figures.csv", "/api/v1/region/figures?limit=5000", "/region/embed/offered.svg"):  # fmt: skip
        text = region.anyone.get(path).text
        assert "org-" not in text
        assert "Organisation " not in text
    sizes = [one["size"] for one in read_api(region.anyone)]
    assert all(size % 5 == 0 for size in sizes)


def test_pictures_for_other_sites(region: Platform) -> None:
    for figure in ("offered", "missed", "weeks"):
        answer = region.anyone.get(f"/region/embed/{figure}.svg?lang=fr&process=turning")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert (answer.headers["access-control-allow-origin"], answer.headers["cache-control"]) == ("*", "public, max-age=86400")  # fmt: skip
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors *"
        assert "tournage" in "".join(ElementTree.fromstring(answer.text).itertext())
        assert answer.headers["vary"] == "Accept-Language, Cookie", "caches keep a picture for each language"
        assert "style" not in answer.text
        assert "set-cookie" not in answer.headers
    assert region.anyone.get("/region/embed/other.svg").status_code == 422
    assert region.anyone.get("/region/embed/weeks.svg?process=none").status_code == 404
    page = region.anyone.get("/region")
    assert "access-control-allow-origin" not in page.headers
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_the_report_of_a_year_is_for_administrators(region: Platform) -> None:
    administrator = region.somebody("rina@limburg.be", "limburg", kind=Kind.REGION)
    assert administrator.get("/region/report-2026.pdf").content.startswith(b"%PDF")
    assert [administrator.get(f"/region/report-{year}.pdf").status_code for year in (2020, 0, 9999)] == [404, 422, 422]


def test_the_page_in_a_browser(region: Platform, browser: Browser) -> None:
    """On a phone, in French: a process is chosen, the tables behind the pictures open, and axe finds nothing."""
    context = browser.new_context(base_url=region.url, locale="fr-BE", viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto("/region")
    page.get_by_label("Procédé").select_option("tournage")
    page.get_by_role("button", name="Afficher").click()
    expect(page.get_by_role("heading", name="Les treize dernières semaines : tournage")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Carte de la région, Proposées.*Hasselt et Genk"))).to_be_visible()
    for one in page.get_by_text("En tableau").all():
        one.click()
    expect(page.get_by_role("columnheader", name="Demandées, non obtenues").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert violations(page) == []
    drawn = "path => { const one = new Image(); one.src = path; return one.decode().then(() => one.naturalWidth); }"
    assert [page.evaluate(drawn, f"/region/embed/{figure}.svg") for figure in ("offered", "weeks")] == [480, 840]
    context.close()


def test_before_anything_is_published(platform: Platform) -> None:
    assert "nog geen cijfers" in platform.anyone.get("/region").text
    assert platform.anyone.get("/region/embed/offered.svg").status_code == 404
    assert platform.anyone.get("/api/v1/region/figures").json() == {"weeks": [], "figures": [], "flows": [], "next": None}  # fmt: skip
    for language, word in (("nl", "Streken"), ("fr", "Zones"), ("en", "Areas")):
        text = platform.anyone.get(f"/region/dictionary?lang={language}").text
        assert word in text
        assert all(one.value in text for one in Measure)


@pytest.mark.parametrize(
    ("sizes", "lacks"),
    [
        ({"kept": 60, "free": 100, "declined": 20}, False),
        ({"kept": 40, "free": 100, "declined": 20}, True),  # a third of what was asked for
        ({"kept": 5, "declined": 5}, False),  # too little to say
        ({"searched": 10}, True),  # nobody offers it
        ({"searched": 10, "free": 10}, False),
    ],
)
def test_what_the_region_lacks(sizes: dict[str, int], lacks: bool) -> None:
    assert Balance("milling", sizes).lacks is lacks
    asked = {measure: size for measure, size in sizes.items() if measure != "searched"}
    assert Balance("training", sizes).lacks is Balance("milling", asked).lacks, (
        "what there is of it may be part of the rest"
    )


def test_shapes_of_pictures() -> None:
    assert [shade_of(size, 100) for size in (0, 1, 20, 21, 99, 100)] == [0, 1, 1, 2, SHADES, SHADES]
    assert [nice_ceiling(value) for value in (0, 7, 11, 130, 3800)] == [4, 8, 12, 160, 4000]
    assert trend_of([3, 3, 6], over=2) == [None, 3, 4.5]
    stack = stacked([date(2026, 1, 26), date(2026, 2, 2)], {"kept": [4, 2], "free": [4, 0]}, [None, 2.0], 100, 80)
    assert [(bar.name, round(bar.y), round(bar.height)) for bar in stack.bars] == [("kept", 40, 40), ("free", 0, 40), ("kept", 60, 20)]  # fmt: skip
    drawn = bands([Flow("milling", "north", "west", 30), Flow("turning", "north", "", 10), Flow("milling", "west", "west", 40)])  # fmt: skip
    assert [(name, size) for name, _, _, size in drawn.left] == [("north", 40), ("west", 40)]
    assert [(name, size) for name, _, _, size in drawn.right] == [("west", 70), ("", 10)]
    assert bands([]).bands == []
