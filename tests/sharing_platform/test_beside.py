"""A wanted notice beside what one has, and the answer to it with one click."""

from __future__ import annotations

import re
from html import unescape

from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import Platform


def test_a_notice_stands_beside_what_one_has_and_is_answered_with_a_click(platform: Platform) -> None:
    platform.machine("lathe-2", "Draaibank", process="turning", anonymous=True)
    platform.machine("mill-1", "Freesbank", process="milling")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    member = platform.somebody("m@hal.be", "hal-2", Role.MEMBER)
    seeker = platform.somebody("an@startup.be", "seeker", Role.OWNER)
    wish = {"process": "turning", "materials": ["messing"]}
    notice = seeker.post("/api/v1/wanted", json={"title": "Assen", "wish": wish}).json()["id"]
    beside = planner.get(f"/wanted/{notice}").text.partition("Wat u hebt")[2]
    assert re.findall(r"<strong>([^<]*)</strong>", beside) == ["Draaibank"]
    assert "niet opgegeven: materiaal" in beside
    assert "Geen vrije uren die hierbij passen." in beside
    assert "Past niet: Freesbank." in beside
    for other in (member, seeker, platform.anyone, platform.somebody("x@hal.be", "hal-3")):
        assert "Draaibank" not in other.get(f"/wanted/{notice}").text
    platform.offer("o1", machine="lathe-2", anonymous=True)
    assert "ma 02/03/2026, 15:00" in planner.get(f"/wanted/{notice}").text
    ((address, text),) = re.findall(
        r'<form method="post" action="([^"]*answers)">.*?name="text" value="([^"]*)"', beside, re.DOTALL
    )
    assert planner.post(address, data={"notice": notice, "text": unescape(text)}).status_code == 303
    assert "Onze Draaibank past hierbij." in seeker.get(f"/wanted/{notice}").text
    assert "Antwoord met deze machine" not in planner.get(f"/wanted/{notice}").text, "once is enough"


def test_what_others_will_see_is_shown_before_it_is_saved(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.machine("secret-1", "Geheime bank", anonymous=True, process="milling")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    fields = {"make": "DMG", "axes": "5", "materials": "inox\nGeheime bank", "place": "Genk", "preview": "yes"}
    for machine, seen, hidden in (("mill-1", "DMG", "Machine "), ("secret-1", "Machine ", "DMG")):
        page = planner.post(f"/machines/hal-2/{machine}/edit", data=fields).text
        shown = page.partition('<h2 id="preview">')[2].partition("</section>")[0]
        assert "5 assen" in shown
        assert seen in shown
        assert hidden not in shown
        assert 'value="DMG"' in page, "the form is as it was"
        assert planner.get(f"/api/v1/machines/hal-2/{machine}/details").json()["make"] == "", "and nothing is saved"
    listing = {"kind": "equipment", "title": "Rolbank", "start": "2026-03-10", "end": "2026-06-10", "use": "loan", "price": "45,50", "price_unit": "day"}  # fmt: skip
    page = planner.post("/listings/new", data=listing | {"preview": "yes"}).text
    assert "€\N{NO-BREAK SPACE}45,50" in page.partition('<h2 id="preview">')[2].partition("</section>")[0]
    assert platform.anyone.get("/api/v1/listings").json()["listings"] == []
    assert planner.post("/listings/new", data=listing).status_code == 303
