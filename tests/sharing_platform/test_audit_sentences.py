"""The audit log is read by people: each entry a sentence with names and local time, in their language."""

from __future__ import annotations

import ast
from html import unescape
from pathlib import Path
from typing import get_args

import sharing_platform
from sharing_platform.bookings.schemas import Step
from sharing_platform.i18n import texts
from sharing_platform.organisations.permissions import Kind, Right, Role
from tests.sharing_platform.conftest import Platform

VARIABLE = {
    "booking.proposal_": {"accepted", "declined", "withdrawn"},
    "search.": {"wanted", "saved"},
    "booking.": {"held", *get_args(Step)},
    "content.": {"taken_down", "left"},
    "appeal.": {"upheld", "reversed"},
}
"""What stands for the variable part of an action's name."""


def logged_actions() -> set[str]:
    """Every action that the code writes into the log."""
    found = {"booking.proposed", "booking.quoted", "region.administrator"}  # passed on as an argument
    for path in Path(sharing_platform.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "log" or len(call.args) < 4:
                continue
            for part in ast.walk(call.args[3]):
                if isinstance(part, ast.Constant):
                    said = str(part.value)
                    found |= {f"{said}{end}" for end in VARIABLE[said]} if said in VARIABLE else {said}
    return found


def test_every_action_has_a_sentence() -> None:
    actions = logged_actions() | {"organisation.approved", "organisation.refused", "booking.booked"}
    assert len(actions) > 30
    keys = {f"audit_{action.replace('.', '_')}" for action in actions}
    keys |= {"audit_listing_giving_yes", "audit_listing_giving_no"}
    assert keys - {"audit_listing_giving"} <= texts("nl").keys()


def log_of(page: str) -> list[str]:
    """The newest first, without their moments."""
    _, found, history = unescape(page).rpartition('<ol class="history">')
    rows = history.partition("</ol>")[0].split("<li>")[1:] if found else []
    return [row.partition("</span> ")[2].partition("</li>")[0] for row in rows]


def test_the_log_in_sentences(platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 4, booking="on_request")
    eva = platform.somebody("eva@hal.be", "hal-2", Role.OWNER, Kind.FACTORY)
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    erp = platform.token("hal-2", Right.READ, Right.LIST)
    booking = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    eva.post(f"/api/v1/bookings/{booking}/state", json={"state": "accepted"})
    eva.post("/api/v1/organisation/members", json={"name": "An", "email": "an@hal.be", "role": "planner"})
    eva.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9/secret"})
    listing = {"kind": "equipment", "title": "Rolbank", "start": "2026-03-01T00:00:00Z", "end": "2026-12-31T00:00:00Z", "details": {"use": "loan"}}  # fmt: skip
    assert erp.post("/api/v1/listings", json=listing).status_code == 201
    region.put("/api/v1/region/organisations/hal-3/approval", json={"approved": False, "reason": "Onbekend."})
    page = region.get("/region/administration").text
    assert log_of(page)[:6] == [
        "R (limburg) heeft hal-3 geweigerd.",
        "Het programma “test” (hal-2) heeft “Rolbank” aangeboden of gewijzigd.",
        "Eva (hal-2) heeft een webhook naar 127.0.0.1 toegevoegd.",
        "Eva (hal-2) heeft iemand uitgenodigd bij hal-2 (rol: planner).",
        "Eva (hal-2) heeft de aanvraag van start-up voor “Freesbank DMU 50” aanvaard.",
        "De server van de fabriek (start-up) heeft “Freesbank DMU 50” aangevraagd.",
    ]
    assert "ma 02/03/2026 12:00" in page, "noon in Brussels, not in Greenwich"
    assert "/secret" not in page
    assert "Eva heeft een webhook naar 127.0.0.1 toegevoegd." in log_of(eva.get("/organisation").text)
    french, english = (
        log_of(region.get(f"/region/administration?lang={language}").text)[0] for language in ("fr", "en")
    )
    assert (french, english) == ("R (limburg) a refusé hal-3.", "R (limburg) refused hal-3.")


def test_who_is_erased_has_no_name_in_the_log(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    an = platform.somebody("an@startup.be", "start-up", Role.OWNER)
    an.post("/api/v1/wanted", json={"title": "Draaiwerk", "wish": {"process": "turning"}})
    assert "An (start-up) heeft het zoekertje “Draaiwerk” geplaatst." in log_of(
        region.get("/region/administration").text
    )
    assert an.request("DELETE", "/api/v1/account").status_code == 204
    told = log_of(region.get("/region/administration").text)
    assert "Iemand met een gewist account (start-up) heeft het zoekertje “–” geplaatst." in told
    assert not [one for one in told if one.startswith("An ")]
