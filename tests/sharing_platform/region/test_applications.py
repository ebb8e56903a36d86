"""What an administrator of the region does with an application, and what the applicant learns."""

from __future__ import annotations

from html import unescape

import httpx2
import pytest

from sharing_platform.i18n import texts
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.region.pages import LOG_KINDS
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.test_audit_sentences import log_of, logged_actions

RINA = "rina@limburg.be"


def apply(platform: Platform, name: str, **more: object) -> httpx2.Client:
    """Somebody has registered the organisation and confirmed the address."""
    made = platform.somebody(f"owner@{name}.be", name, kind=Kind.FACTORY, approved=False)
    with platform.context.sessions.begin() as session:
        for field, value in more.items():
            setattr(session.get_one(Organisation, name), field, value)
    return made


def administrator(platform: Platform, email: str = RINA, language: str = "nl") -> httpx2.Client:
    made = platform.somebody(email, "limburg", Role.PLANNER, Kind.REGION)
    with platform.context.sessions.begin() as session:
        session.query(Account).filter_by(email=email).one().language = language
    return made


def announced(platform: Platform, email: str, count: int) -> list[str]:
    """The texts of the e-mails about applications."""

    def found() -> list[str]:
        return [one.get_content() for one in platform.mails_to(email) if "/region/organisations/" in one.get_content()]

    wait_for(lambda: len(found()) >= count, f"{count} e-mails")
    return found()


def test_administrators_are_told_at_most_once_in_a_quarter_of_an_hour(platform: Platform) -> None:
    apply(platform, "maes")
    platform.tick()
    administrator(platform)
    administrator(platform, "luc@limburg.be", "fr")
    platform.somebody("member@limburg.be", "limburg", Role.MEMBER)
    platform.tick()
    assert "maes (Fabriek)" in announced(platform, RINA, 1)[0], "who comes later is told of what waits"
    assert "maes (Usine)" in announced(platform, "luc@limburg.be", 1)[0]
    apply(platform, "claes", place="Genk")
    apply(platform, "thys")
    platform.later(0.2)
    platform.later(0.03)
    assert len(announced(platform, RINA, 1)) == 1
    platform.later(0.03)
    second = announced(platform, RINA, 2)[1]
    assert "claes (Fabriek, Genk): " in second
    assert "thys" in second
    assert "maes" not in second
    platform.later(1)
    assert len(announced(platform, RINA, 2)) == 2
    assert platform.mails_to("member@limburg.be") == []


def test_a_refusal_says_why(platform: Platform) -> None:
    new, region = apply(platform, "maes"), administrator(platform)
    page = "/region/organisations/maes"
    without = region.post(page, data={"approved": "no"})
    assert without.status_code == 422
    assert "Schrijf waarom" in without.text
    path = "/api/v1/region/organisations/maes/approval"
    refused = region.put(path, json={"approved": False})
    assert refused.json()["errors"] == [{"field": "reason", "problem": "reason_needed"}]
    assert new.get("/api/v1/organisation").json()["status"] == "asked"
    why = "Het nummer is van <een ander>."
    assert region.post(page, data={"approved": "no", "reason": why}).headers["location"] == f"{page}?done=saved"
    assert why in platform.mail("owner@maes.be").get_content()
    assert why in unescape(new.get("/desk").text)
    assert new.get("/api/v1/organisation").json()["refusal"] == why
    shown = unescape(region.get(page).text)
    assert why in shown
    assert log_of(region.get(page).text) == ["Rina (limburg) heeft maes geweigerd."]
    region.put(path, json={"approved": True})
    assert why not in unescape(new.get("/desk").text)
    assert new.get("/api/v1/organisation").json()["refusal"] == ""


AGAIN = {"name": "Maes Metaal", "country": "BE", "enterprise_number": "0876.543.270", "place": "Genk", "text": "Nu met ons eigen <nummer>."}  # fmt: skip


def refuse(region: httpx2.Client, name: str, reason: str) -> None:
    answer = region.put(f"/api/v1/region/organisations/{name}/approval", json={"approved": False, "reason": reason})
    assert answer.status_code == 200, answer.text


def test_who_was_refused_applies_again(platform: Platform) -> None:
    """With what it had filled in; the administrator sees that it is the second time, and why it was refused the first."""
    new, region = apply(platform, "maes", place="Bree"), administrator(platform)
    member = platform.somebody("lid@maes.be", "maes", Role.PLANNER, approved=False)
    path, why = "/api/v1/organisation/application", "Het nummer is van een ander."
    assert new.post(path, json=AGAIN).json()["code"] == "not_refused"
    assert new.get("/organisation/application").status_code == 404
    platform.tick()
    announced(platform, RINA, 1)
    refuse(region, "maes", why)
    assert member.post(path, json=AGAIN).json()["code"] == "role"
    assert 'href="/organisation/application"' not in member.get("/desk").text
    assert 'href="/organisation/application"' in new.get("/desk").text
    form = unescape(new.get("/organisation/application").text)
    assert why in form
    assert 'value="Bree"' in form
    empty = new.post("/organisation/application", data=AGAIN | {"text": ""})
    assert (empty.status_code, 'value="Genk"' in empty.text) == (422, True)
    sent = new.post("/organisation/application", data=AGAIN)
    assert sent.headers["location"] == "/desk?done=applied_again"
    assert "ligt bij de regio" in unescape(new.get("/desk").text)
    own = new.get("/api/v1/organisation").json()
    assert (own["status"], own["applications"], own["refusal"], own["place"]) == ("asked", 2, why, "Genk")
    platform.later(1)
    assert "Maes Metaal" in announced(platform, RINA, 2)[1], "they are told as of the first"
    assert "Aanvraag nummer 2" in region.get("/region/administration").text
    page = unescape(region.get("/region/organisations/maes").text)
    assert all(one in page for one in ("Aanvraag nummer 2", why, AGAIN["text"], "vorige keer niet goedkeurde"))
    assert (
        log_of(region.get("/region/organisations/maes").text)[0]
        == "Owner (Maes Metaal) heeft de organisatie opnieuw aangemeld."
    )
    region.put("/api/v1/region/organisations/maes/approval", json={"approved": True})
    assert new.get("/api/v1/organisation").json()["refusal"] == ""
    for _ in range(3):
        refuse(region, "maes", "Toch niet.")
        assert new.post(path, json=AGAIN).status_code == 200
    refuse(region, "maes", "Nog altijd niet.")
    assert new.post(path, json=AGAIN).json()["code"] == "too_many_applications"


def test_the_server_of_a_factory_that_applies_again_waits_like_its_people(platform: Platform) -> None:
    """Its operator's token counts as approved, but not past a refusal."""
    owner, region = platform.somebody("o@hal.be", "hal-2"), administrator(platform)
    refuse(region, "hal-2", "Onbekend.")
    assert owner.post("/api/v1/organisation/application", json=AGAIN).status_code == 200
    body = {"title": "Freesbank"}
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1", json=body).json()["code"] == "not_approved"
    region.put("/api/v1/region/organisations/hal-2/approval", json={"approved": True})
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1", json=body).status_code == 204


def test_what_is_seen_of_an_application(platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 4, booking="on_request")
    new = apply(
        platform, "maes", identifier="BE0123456749", country="BE", place="Genk", address="Dijk 4", latitude=50.9656, longitude=5.5022
    )  # fmt: skip
    new.post("/api/v1/offers/o1/booking", json={})
    new.post("/api/v1/wanted", json={"title": "Assen draaien", "wish": {"process": "turning"}})
    page = administrator(platform).get("/region/organisations/maes").text
    for said in (
        "owner@maes.be",
        "0123.456.749",
        "nummer=0123456749",
        "Dijk 4",
        "Genk",
        "Kaart van Limburg",
        "Freesbank DMU 50",
        "Assen draaien",
    ):
        assert said in page, said
    assert page.count('class="here"') == 1


def test_the_particulars_given_at_registration(platform: Platform) -> None:
    form = {"name": "Piet Maes", "email": "p@maes.be", "organisation": "Maes", "kind": "factory", "country": "BE", "enterprise_number": "0123.456.749", "place": "Genk", "address": "Dijk 4", "terms": "1"}  # fmt: skip
    with httpx2.Client(base_url=platform.url, headers={"Origin": platform.url}) as browser:
        assert browser.post("/register", data=form).status_code == 200
        link = {"link": platform.secret_in_mail("p@maes.be"), "password": "een zin die lang genoeg is"}
        assert browser.post("/api/v1/accounts/welcome", json=link).status_code == 204
        own = browser.get("/api/v1/organisation").json()
    assert (own["place"], own["address"], round(own["latitude"])) == ("Genk", "Dijk 4", 51)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("maes", ["maes"]), ("MAES genk", ["maes"]), ("maes hasselt", []), ("0123.456.749", ["maes"]), ("BE0123456749", ["maes"]),
        ("owner@thys", ["thys"]), ("100%", []), ("_", []), ("", ["limburg", "maes", "thys"]),
    ],
)  # fmt: skip
def test_organisations_are_found(platform: Platform, words: str, found: list[str]) -> None:
    apply(platform, "maes", identifier="BE0123456749", place="Genk")
    apply(platform, "thys")
    region = administrator(platform)
    answer = region.get("/api/v1/region/organisations", params={"q": words}).json()
    ids = {"hal-2", "hal-3", "start-up"}
    assert [one["id"] for one in answer["organisations"] if one["id"] not in ids] == found
    page = region.get("/region/organisations", params={"q": words}).text
    assert all(f'data-organisation="{one}"' in page for one in found)


def test_the_log_is_searched(platform: Platform) -> None:
    region = administrator(platform)
    apply(platform, "maes")
    platform.somebody("eva@thys.be", "thys").post(
        "/api/v1/wanted", json={"title": "Assen", "wish": {"process": "turning"}}
    )
    platform.present[0] = platform.present[0].replace(day=10)
    region.put("/api/v1/region/organisations/maes/approval", json={"approved": True})

    def log(**asked: str) -> list[str]:
        return log_of(region.get("/region/log", params=asked).text)

    wanted, approved = "Eva (thys) heeft het zoekertje “Assen” geplaatst.", "Rina (limburg) heeft maes goedgekeurd."
    assert log() == [approved, wanted]
    for asked, found in (
        ({"q": "maes"}, [approved]), ({"q": "rina"}, [approved]), ({"q": "eva@thys.be"}, [wanted]), ({"kind": "search"}, [wanted]),
        ({"first_day": "2026-03-03"}, [approved]), ({"last_day": "2026-03-02"}, [wanted]), ({"q": "nobody"}, []), ({"kind": "x", "first_day": "x", "before": "x"}, [approved, wanted]),
    ):  # fmt: skip
        assert log(**asked) == found, asked


def test_kinds_of_actions_that_can_be_chosen() -> None:
    assert set(LOG_KINDS) <= {action.partition(".")[0] for action in logged_actions()}
    assert {f"log_{kind}" for kind in LOG_KINDS} <= texts("nl").keys()
