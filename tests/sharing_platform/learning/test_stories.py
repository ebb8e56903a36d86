"""Success stories: written by planners under their organisation's name, found by everybody, with pictures and files, moderated as listings are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from sharing_platform.i18n import Translator
from sharing_platform.learning import posts
from sharing_platform.learning.details import Figure
from sharing_platform.organisations.permissions import Kind, Right, Role
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.learning.samples import API, STORY, code, page_of, post
from tests.sharing_platform.test_pictures import drawn

PDF = b"%PDF-1.4\n%%EOF"


def test_a_story_is_written_found_changed_and_withdrawn(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    path = post(planner, STORY)
    shown = platform.anyone.get(path).json()
    assert (shown["organisation_name"], shown["details"]["figures"][0]["after"]) == ("hal-2", 18)
    page = unescape(platform.anyone.get(page_of(path)).text)
    for said in ("Het probleem", "Nulpuntspansysteem", "van 45 naar 18\N{NO-BREAK SPACE}min", "\N{MINUS SIGN}60\N{NO-BREAK SPACE}%", "frezen", "hal-2"):  # fmt: skip
        assert said in page, said
    found = {
        query: platform.anyone.get(f"{API}?{query}").json()["posts"]
        for query in ("q=nulpuntspansysteem", "process=milling", "q=titaan", "process=turning", "transformation=eco_production", "transformation=advanced_manufacturing")
    }  # fmt: skip
    assert [len(one) for one in found.values()] == [1, 1, 0, 0, 0, 1]
    tag = platform.anyone.get(path).headers["etag"]
    assert planner.put(path, json=STORY | {"title": "Omstellen, sneller"}, headers={"If-Match": tag}).status_code == 200
    assert code(planner.put(path, json=STORY, headers={"If-Match": tag})) == "changed_meanwhile"
    assert "Omstellen, sneller" in platform.anyone.get("/learning?kind=story").text
    assert "Omstellen, sneller" in platform.anyone.get("/search?q=voorinstellen").text
    assert planner.delete(path).status_code == 204
    assert platform.anyone.get(path).status_code == 404
    assert "sneller" not in platform.anyone.get("/learning").text
    assert "niet meer zichtbaar" in planner.get(page_of(path)).text
    assert planner.put(path, json=STORY).status_code == 200, "and may be posted again"
    assert platform.anyone.get(path).status_code == 200


def test_posting_has_bounds_also_for_what_is_opened_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "_MOST_POSTS", 2)
    closed = post(platform.hal_2, STORY)
    assert platform.hal_2.delete(closed).status_code == 204
    left = [post(platform.hal_2, STORY) for _ in range(2)]
    assert code(platform.hal_2.post(API, json=STORY)) == "too_many_posts"
    assert code(platform.hal_2.put(closed, json=STORY)) == "too_many_posts"
    assert platform.hal_2.put(left[0], json=STORY).status_code == 200, "what is open may be changed"


def test_so_many_posts_and_changes_an_hour(platform: Platform) -> None:
    bounds = platform.context.bounds.model_copy(update={"messages_per_hour_of_organisation": 2})
    assert platform.app is not None
    platform.app.state.context = replace(platform.context, bounds=bounds)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    path = post(planner, STORY)
    assert planner.put(path, json=STORY).status_code == 200
    for refused in (planner.put(path, json=STORY), planner.post(API, json=STORY)):
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
    page = planner.post(
        f"{page_of(path)}/edit", data={"kind": "story", "title": "Een", "problem": "x", "approach": "y"}
    )
    assert page.status_code == 429
    assert "Een" in page.text, "what was typed is kept"
    platform.later(1)
    assert planner.put(path, json=STORY).status_code == 200


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"problem": ""}, "problem"), ({"figures": [{"label": "x", "before": 1}]}, "after"), ({"transformation": "magic"}, "transformation"),
        ({"figures": [{"label": "x", "before": 1, "after": 2}] * 11}, "figures"), ({"seats": 3}, "seats"),
    ],
)  # fmt: skip
def test_what_makes_no_story_is_refused(platform: Platform, details: dict[str, Any], field: str) -> None:
    answer = platform.hal_2.post(API, json=STORY | {"details": STORY["details"] | details})
    assert answer.status_code == 422
    assert field in answer.text


def test_who_may_write(platform: Platform) -> None:
    member = platform.somebody("m@hal.be", "hal-2", Role.MEMBER, Kind.FACTORY)
    reader = platform.token("hal-2", Right.READ)
    lister = platform.token("hal-2", Right.READ, Right.LIST)
    assert [one.post(API, json=STORY).status_code for one in (platform.anyone, member, reader, lister)] == [401, 403, 403, 201]  # fmt: skip
    path = post(platform.hal_2, STORY)
    assert platform.hal_3.put(path, json=STORY).status_code == 404
    assert platform.hal_3.delete(path).status_code == 404
    assert member.delete(path).status_code == 403
    assert member.get(f"{page_of(path)}/edit").status_code == 403
    assert platform.somebody("x@hal3.be", "hal-3").get(f"{page_of(path)}/edit").status_code == 404
    new = platform.somebody("n@new.be", "newcomer", Role.OWNER, Kind.FACTORY, approved=False)
    assert code(new.post(API, json=STORY)) == "not_approved"


def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    form = {
        "kind": "story", "title": "Minder energie", "problem": "Persen stonden warm.", "approach": "Ze gaan uit.", "process": "milling",
        "figure_label": ["Verbruik", ""], "figure_before": ["1.200", ""], "figure_after": ["", ""], "figure_unit": ["kWh", ""],
    }  # fmt: skip
    wrong = planner.post("/learning/new", data=form)
    assert wrong.status_code == 422
    assert 'value="Verbruik"' in wrong.text
    form |= {"figure_before": ["1200,5", ""], "figure_after": ["840", ""]}
    made = planner.post("/learning/new", data=form)
    assert made.status_code == 303, made.text
    page = unescape(planner.get(made.headers["location"]).text)
    assert "van 1.200,5 naar 840\N{NO-BREAK SPACE}kWh" in page
    assert "\N{MINUS SIGN}30\N{NO-BREAK SPACE}%" in page
    path = made.headers["location"].partition("?")[0]
    edit = planner.get(f"{path}/edit").text
    assert 'value="1200.5"' in edit
    assert planner.post(f"{path}/close").status_code == 303


def test_figures_as_each_language_writes_them() -> None:
    figure = Figure(label="x", before=1234.5, after=0, unit="€")
    assert figure.change == -1
    assert Figure(label="x", before=0, after=5).change is None
    written = [Translator(one, "Europe/Brussels").amount(-1234.5) for one in ("nl", "fr", "en")]
    assert written == ["−1.234,5", "−1\N{NARROW NO-BREAK SPACE}234,5", "−1,234.5"]
    assert [Translator("en", "Europe/Brussels").change(one) for one in (-0.6, 0, 0.051)] == ["−60%", "0%", "+5%"]


def test_pictures_and_files(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    path = post(planner, STORY)
    page = page_of(path)
    small = drawn(size=(300, 240))
    assert planner.post(f"{page}/pictures", data={"alt": "De tafel"}, files={"files": ("a.jpg", small, "image/jpeg")}).status_code == 303  # fmt: skip
    (picture,) = platform.anyone.get(path).json()["pictures"]
    assert picture["path"].startswith(f"{page}/pictures/")
    assert platform.anyone.get(f"{picture['path']}/medium").headers["content-type"] == "image/webp"
    upload = {"files": ("plan van aanpak.pdf", PDF, "application/pdf")}
    assert planner.post(f"{path}/files", files=upload).status_code == 201
    assert planner.post(f"{page}/files", files=upload).status_code == 303
    assert planner.post(f"{page}/files", files={"files": ("a.exe", b"MZ", "application/pdf")}).status_code == 422
    first, second = platform.anyone.get(path).json()["files"]
    answer = platform.anyone.get(first["path"])
    assert (answer.content, answer.headers["content-type"]) == (PDF, "application/pdf")
    assert answer.headers["content-disposition"].startswith("attachment"), "saved, not shown"
    assert platform.anyone.get(f"{path}/files/{first['id']}").content == PDF
    platform.later(24 * 365)
    assert platform.anyone.get(first["path"]).status_code == 200, "it is kept as long as its story"
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    assert planner.post(second["path"]).status_code == 303
    assert planner.delete(f"{path}/files/{first['id']}").status_code == 204
    assert platform.anyone.get(path).json()["files"] == []
    five = [("files", (f"{number}.pdf", PDF, "application/pdf")) for number in range(5)]
    assert planner.post(f"{path}/files", files=five).status_code == 201
    assert code(planner.post(f"{path}/files", files=upload)) == "files_of_story"
    other = platform.somebody("x@hal3.be", "hal-3")
    for strange in (
        other.post(f"{path}/files", files=upload),
        other.get(f"{page}/files"),
        other.get(f"{page}/pictures"),
    ):
        assert strange.status_code == 404
    planner.delete(path)
    assert platform.anyone.get(f"{picture['path']}/medium").status_code == 404
    assert platform.anyone.get(first["path"]).status_code == 404


def test_a_story_and_one_picture_of_it_are_reported_and_taken_down(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    path = post(planner, STORY)
    page = page_of(path)
    planner.post(f"{page}/pictures", files={"files": ("a.jpg", drawn(size=(300, 240)), "image/jpeg")})
    (picture,) = platform.anyone.get(path).json()["pictures"]
    assert f"/report?page={page}" in platform.anyone.get(page).text
    asked = platform.anyone.get(f"/report?page={page}").text
    assert "De hele bijdrage" in asked
    assert picture["path"] in asked

    def take_down(about: str) -> str:
        reported = {"page": about, "category": "misleading", "text": "Klopt niet.", "email": "jef@x.be"}
        assert platform.anyone.post("/api/v1/reports", json=reported).status_code == 202
        (waiting,) = [one for one in region.get("/api/v1/region/reports").json()["reports"] if not one["decision"]]
        assert "Omstellen" in region.get(f"/region/reports/{waiting['id']}").text
        decision = {"outcome": "taken_down", "ground": "misleading", "text": "Geen bewijs."}
        answer = region.post(f"/api/v1/region/reports/{waiting['id']}/decision", json=decision)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    take_down(f"{picture['path']}/large")
    assert platform.anyone.get(path).json()["pictures"] == []
    assert platform.anyone.get(path).status_code == 200
    decision = take_down(page)
    for where in (path, page, "/learning", "/search?q=omstellen", f"{API}?q=omstellen"):
        assert "Omstellen in 18" not in platform.hal_3.get(where, headers={"Accept": "text/html"}).text, where
    assert "Omstellen in 18" in planner.get(page).text, "its owner still sees it"
    assert "Omstellen in 18" in platform.mail("p@hal.be", "Offline gehaald").get_content()
    planner.post(f"/api/v1/decisions/{decision}/appeal", json={"text": "Wel."})
    region.post(f"/api/v1/region/decisions/{decision}/answer", json={"outcome": "reversed", "text": "Gezien."})
    assert platform.anyone.get(path).status_code == 200
    assert "“Omstellen in 18 minuten”" in region.get("/region/log?kind=learning").text


def test_an_anonymous_factory_is_told_before_it_posts(platform: Platform) -> None:
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    said = Translator("nl", "Europe/Brussels")("learning_named_anonymous")
    assert said not in planner.get("/learning/new").text
    platform.machine("mill-1", "Freesbank", anonymous=True)
    assert said in planner.get("/learning/new").text
    assert said in planner.get("/learning/new?kind=meeting").text


def test_posts_come_in_pages_the_newest_first(platform: Platform) -> None:
    for number in range(3):
        platform.present[0] = NOON + timedelta(minutes=number)
        post(platform.hal_2, STORY | {"title": f"Verhaal {number}"})
    first = platform.anyone.get(f"{API}?limit=2").json()
    rest = platform.anyone.get(f"{API}?limit=2&cursor={first['next']}").json()
    assert [one["title"] for one in first["posts"] + rest["posts"]] == ["Verhaal 2", "Verhaal 1", "Verhaal 0"]
    assert rest["next"] is None
