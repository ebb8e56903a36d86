"""Nobody passes for another organisation: numbers exist and are had by one, and the region sees whom somebody has confirmed."""

from __future__ import annotations

from html import unescape
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from sharing_platform.database import migrate
from sharing_platform.errors import InvalidError
from sharing_platform.i18n import LANGUAGES, texts
from sharing_platform.organisations.identifiers import identifier_of, shown_enterprise_number
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Kind
from tests.sharing_platform.conftest import Platform

NUMBER, OTHER = "0123.456.749", "0876.543.270"
PASSWORD = "een zin die lang genoeg is"


def register(platform: Platform, email: str, **changes: Any) -> httpx2.Response:
    body = {
        "name": "An Peeters",
        "email": email,
        "organisation": "Hal 2 BV",
        "enterprise_number": NUMBER,
        "terms": 1,
    }
    given = {name: value for name, value in (body | changes).items() if value is not None}
    return platform.anyone.post("/api/v1/accounts", json=given)


def confirm(platform: Platform, email: str) -> str:
    """The short name of the organisation of whoever confirms."""
    link = platform.link_in_mail(email).rpartition("/")[2]
    answer = httpx2.post(f"{platform.url}/api/v1/accounts/welcome", json={"link": link, "password": PASSWORD})
    assert answer.status_code == 204, answer.text
    return str(platform.somebody(email).get("/api/v1/organisation").json()["id"])


def listed(platform: Platform) -> list[str]:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    found = region.get("/api/v1/region/organisations", params={"status": "asked"}).json()["organisations"]
    page = region.get("/region/administration").text
    assert all(f'data-organisation="{one["id"]}"' in page for one in found)
    return [one["id"] for one in found]


@given(st.integers(1, 19_999_999))
def test_the_last_two_digits_are_97_less_the_rest(first: int) -> None:
    digits = f"{first:08d}{97 - first % 97:02d}"
    identifier = identifier_of("BE", f"{digits[:4]}.{digits[4:7]}.{digits[7:]}", "")
    assert identifier == f"BE{digits}"
    assert shown_enterprise_number(identifier).replace(".", "") == digits
    for wrong in range(1, 97):
        other = f"{digits[:8]}{(int(digits[8:]) + wrong - 1) % 97 + 1:02d}"
        if other != digits:
            with pytest.raises(InvalidError, match="enterprise_number_wrong"):
                identifier_of("BE", other, "")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"enterprise_number": None}, "enterprise_number_missing", "enterprise_number"),
        ({"enterprise_number": "0123.456.748"}, "enterprise_number_wrong", "enterprise_number"),
        ({"enterprise_number": "2123.456.749"}, "enterprise_number_wrong", "enterprise_number"),
        ({"enterprise_number": "hal"}, "enterprise_number_wrong", "enterprise_number"),
        ({"country": "NL"}, "field", "enterprise_number"),
        ({"country": "NL", "enterprise_number": None, "vat": "NL123456789"}, "vat_wrong", "vat"),
    ],
)
def test_a_number_that_does_not_exist_is_refused_with_a_sentence(
    platform: Platform, fields: dict[str, Any], code: str, field: str
) -> None:
    answer = register(platform, "an@hal.be", **fields)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    form = {
        "name": "An",
        "email": "an@hal.be",
        "organisation": "Hal 2",
        "kind": "seeker",
        "country": "BE",
        "enterprise_number": NUMBER,
        "terms": "1",
    }
    sent = {name: value for name, value in (form | fields).items() if value is not None}
    for language in LANGUAGES:
        page = platform.anyone.post(f"/register?lang={language}", data=sent)
        assert page.status_code == 422
        assert texts(language)[f"error_{code}"].split("'")[0] in page.text
    assert platform.mails == []


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"enterprise_number": "BE0123456749"}, {"country": "NL", "enterprise_number": None, "vat": "004495445B01"},
        {"country": "NL", "enterprise_number": None}, {"country": "ZZ", "enterprise_number": None, "vat": "X 123"},
    ],
)  # fmt: skip
def test_numbers_that_are_taken(platform: Platform, fields: dict[str, Any]) -> None:
    assert register(platform, "an@hal.be", **fields).status_code == 202
    own = confirm(platform, "an@hal.be")
    assert listed(platform) == [own]


def test_two_organisations_never_have_the_same_number(platform: Platform) -> None:
    assert register(platform, "an@hal.be").status_code == 202
    hal = confirm(platform, "an@hal.be")
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    approval = "/api/v1/region/organisations/{}/approval"
    region.put(approval.format(hal), json={"approved": True})
    assert register(platform, "eve@evil.be", organisation="Evil", enterprise_number=OTHER).status_code == 202
    region.put(approval.format(confirm(platform, "eve@evil.be")), json={"approved": True})
    eve = platform.somebody("eve@evil.be")
    body = {"name": "Evil", "country": "BE", "enterprise_number": NUMBER}
    assert eve.put("/api/v1/organisation", json=body).json()["code"] == "number_known", "a member knows members"
    page = eve.post("/organisation", data=body)
    assert (page.status_code, 'aria-invalid="true"' in page.text) == (422, True)
    assert eve.put("/api/v1/organisation", json={"name": "Evil"}).json()["code"] == "enterprise_number_missing"


def test_who_registers_does_not_learn_who_is_there(platform: Platform) -> None:
    """Neither by name nor by number, at any step; the region does, and cannot approve two of one number."""
    assert register(platform, "an@hal.be").status_code == 202
    hal = confirm(platform, "an@hal.be")
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    approval = "/api/v1/region/organisations/{}/approval"
    region.put(approval.format(hal), json={"approved": True})
    heard = []
    for email, organisation, number in (("eve@evil.be", "Hal 2", NUMBER), ("piet@new.be", "New 4", OTHER)):
        answers = [register(platform, email, organisation=organisation, enterprise_number=number)]
        mail = platform.mail(email, "Bevestig").get_content()
        confirm(platform, email)
        own = platform.somebody(email)
        body = {"name": organisation, "country": "BE", "enterprise_number": number}
        answers += [own.put("/api/v1/organisation", json=body), own.post("/organisation", data=body)]
        answers += [own.get("/api/v1/organisation"), own.get("/organisation"), own.get("/desk")]
        assert own.get("/api/v1/organisation").json()["enterprise_number"] == number
        heard.append([(one.status_code, len(one.text.split())) for one in answers] + [(0, len(mail.split()))])
    assert heard[0] == heard[1]
    eve = platform.somebody("eve@evil.be").get("/api/v1/organisation").json()["id"]
    shown = unescape(region.get(f"/region/organisations/{eve}").text)
    assert "Dit ondernemingsnummer is al van Hal 2 BV." in shown
    assert "nummer van een ander" in region.get("/region/administration").text
    both = region.put(approval.format(eve), json={"approved": True})
    assert (both.status_code, both.json()["code"]) == (409, "number_of_another")
    region.put(approval.format(hal), json={"approved": False, "reason": "Gestopt."})
    assert region.put(approval.format(eve), json={"approved": True}).status_code == 200
    with platform.context.sessions() as session:
        first, second = (session.get_one(Organisation, one) for one in (hal, eve))
        assert (first.identifier, second.identifier, second.claimed) == (None, "BE0123456749", None)


def test_who_has_not_confirmed_keeps_nobody_out(platform: Platform) -> None:
    """Nor does whom the region has refused. Whoever confirms too late is not told so."""
    assert register(platform, "eve@evil.be").status_code == 202
    assert listed(platform) == [], "nobody has confirmed it"
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    approval = "/api/v1/region/organisations/{}/approval"
    assert register(platform, "an@hal.be").status_code == 202
    own = confirm(platform, "an@hal.be")
    late = {"link": platform.link_in_mail("eve@evil.be").rpartition("/")[2], "password": PASSWORD}
    answer = httpx2.post(f"{platform.url}/api/v1/accounts/welcome", json=late)
    assert answer.status_code == 204
    late_one = platform.somebody("eve@evil.be").get("/api/v1/organisation").json()["id"]
    with platform.context.sessions() as session:
        assert session.get_one(Organisation, own).identifier == f"BE{NUMBER.replace('.', '')}"
    assert set(listed(platform)) == {own, late_one}
    refusal = {"approved": False, "reason": "Onbekend."}
    assert region.put(approval.format(own), json=refusal).status_code == 200
    assert register(platform, "piet@hal.be").status_code == 202
    third = confirm(platform, "piet@hal.be")
    with platform.context.sessions() as session:
        numbers = [session.get_one(Organisation, one).enterprise_number for one in (own, third)]
    assert numbers == ["", NUMBER]
    assert "ondernemingsnummer van uw organisatie" in platform.somebody("an@hal.be").get("/desk?lang=nl").text
    assert "nog geen ondernemingsnummer" in region.get("/region/organisations?lang=nl").text


def test_an_organisation_without_a_number_goes_on_and_is_asked_for_it(platform: Platform) -> None:
    owner = platform.somebody("eva@x.be", "hal-2")
    platform.offer()
    assert owner.put("/api/v1/organisation", json={"name": "Hal 2"}).status_code == 200
    for page in ("/desk", "/organisation"):
        assert "Vul het ondernemingsnummer" in owner.get(f"{page}?lang=nl").text
    given = {"name": "Hal 2", "country": "BE", "enterprise_number": NUMBER}
    assert owner.post("/organisation", data=given).status_code == 303
    assert owner.get("/api/v1/organisation").json()["enterprise_number"] == NUMBER
    assert "Vul het ondernemingsnummer" not in owner.get("/desk").text


def test_numbers_of_older_databases_are_read_where_they_are_had_by_one(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        migrate(connection, "0007")
        for name, vat in (
            ("a", "BE 0123.456.749"),
            ("b", "BE 0123.456.789"),
            ("c", "BE0876543270"),
            ("d", "BE 0876.543.270"),
            ("e", ""),
        ):
            connection.execute(
                text(
                    "INSERT INTO organisation (id, name, kind, status, vat, place, address, created) VALUES "
                    f"('{name}', '{name}', 'factory', 'approved', '{vat}', '', '', '2026-03-02 11:00:00')"
                )
            )
        migrate(connection)
        rows = connection.execute(text("SELECT id, country, identifier FROM organisation ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in rows if row.id != "limburg"] == [
        ("a", "BE", "BE0123456749"), ("b", "", None), ("c", "", None), ("d", "", None), ("e", "", None),
    ]  # fmt: skip
