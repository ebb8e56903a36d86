"""Pages that the region edits: what is shipped, versions, what is announced and accepted, and that nothing but text gets through."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.i18n import LANGUAGES, Translator
from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.region import site_service
from sharing_platform.site_pages import versions
from sharing_platform.site_pages.models import TermsAcceptance
from sharing_platform.site_pages.rendering import gaps, rendered
from sharing_platform.site_pages.versions import PAGES, differences
from telemetry import UserError
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform, client
from vrijloop.platform_server import read_security_contact

TEXTS = {"nl": "## Wie\n\nWij.", "fr": "## Qui\n\nNous.", "en": "## Who\n\nWe."}


def administrator(platform: Platform) -> httpx2.Client:
    return platform.somebody("rina@limburg.be", "limburg", Role.PLANNER, Kind.REGION)


def publish(region: httpx2.Client, name: str = "terms", **more: object) -> httpx2.Response:
    answer = region.post(f"/api/v1/region/pages/{name}", json=TEXTS | {"announce": False} | more)
    assert answer.status_code == 201, answer.text
    return answer


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;"), ("<b onclick=x>vet</b>", "&lt;b onclick=x&gt;"), ("![x](https://evil.example/x.png)", '!<a href="https://evil.example/x.png"'),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"), ("[x](https://x.be)", '<a href="https://x.be" rel="noopener noreferrer nofollow">x</a>'), ("# Kop", "<h2>Kop</h2>"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<td>1</td>"), ("{region} {onbekend}", "Limburg {onbekend}"), ("[x](/terms)", '<a href="/terms"'),
    ],
)  # fmt: skip
def test_what_markdown_becomes(text: str, shown: str) -> None:
    html = str(rendered(text, {"region": "Limburg"}, "nl"))
    assert shown in html
    assert "<script" not in html


@given(st.text(max_size=200))
def test_nothing_but_text_gets_through(text: str) -> None:
    html = str(rendered(f"{text}\n\n<img src=x onerror=alert(1)>\n\n{text}", {}, "nl"))
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", html)}
    assert tags <= {
        "h2",
        "h3",
        "h4",
        "p",
        "ul",
        "ol",
        "li",
        "strong",
        "em",
        "a",
        "blockquote",
        "hr",
        "br",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert not re.search(r"<[^>]*\son\w+\s*=", html)
    assert not re.search(r'href="\s*(javascript|data|vbscript):', html, re.IGNORECASE)


@given(st.text(max_size=80), st.text(max_size=80))
def test_differences_tell_both_texts(old: str, new: str) -> None:
    told = differences(old, new)
    assert [line for sign, line in told if sign != "+"] == old.splitlines()
    assert [line for sign, line in told if sign != "-"] == new.splitlines()


def test_what_is_shipped_is_whole_in_three_languages(platform: Platform) -> None:
    """The same headings and the same facts in each, each fact known, and how long things are kept as the code does it."""
    with platform.context.sessions() as session:
        known = site_service.facts(session, platform.context, Translator("nl", platform.context.zone))
        for name in PAGES:
            shown = versions.present(session, name, NOON)
            told = [shown.text(language) for language in LANGUAGES]
            assert len({len(re.findall(r"^#+ ", text, re.M)) for text in told}) == 1, name
            assert len({text.count("\n- ") for text in told}) == 1, name
            assert len({tuple(sorted(re.findall(r"\{(\w+)\}", text))) for text in told}) == 1, name
            assert set(re.findall(r"\{(\w+)\}", "".join(told))) <= known.keys(), name
            assert len({len(gaps(text)) for text in told}) == 1, name
    privacy = unescape(platform.anyone.get("/privacy").text)
    for said in (
        "Gegevensbeschermingsautoriteit",
        "De regio",
        "14 dagen",
        "365 dagen",
        "90 dagen",
        "24 uur",
        "artikel 6.1.b AVG",
        "in te vullen",
    ):
        assert said in privacy, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_leads_to_them(platform: Platform, language: str) -> None:
    page = platform.anyone.get(f"/listings?lang={language}").text
    for name in PAGES:
        assert f'href="/{name}"' in page
        assert platform.anyone.get(f"/{name}?lang={language}").status_code == 200


def test_the_region_edits_a_page(platform: Platform) -> None:
    region = administrator(platform)
    form = TEXTS | {"nl": "## Wie\n\n**{region}** <script>", "do": "preview"}
    preview = region.post("/region/pages/about", data=form)
    assert "<strong>limburg</strong> &lt;script&gt;" in preview.text
    assert "{region}" in preview.text, "the form keeps what was typed"
    assert "Fabrieken hebben machines" in platform.anyone.get("/about").text, "a preview changes nothing"
    wrong = region.post("/region/pages/about", data={"nl": "x", "do": "publish"})
    assert wrong.status_code == 422
    published = region.post("/region/pages/about", data=form | {"do": "publish"})
    assert published.headers["location"] == "/region/pages/about/2?done=saved"
    assert "<strong>limburg</strong>" in platform.anyone.get("/about").text
    shown = unescape(region.get("/region/pages/about/2").text)
    assert "<del>Fabrieken hebben machines" in shown
    assert "<ins>**{region}** <script></ins>" in shown
    assert "rina, ma 02/03/2026 12:00" in shown
    again = region.get("/region/pages/about?from=1").text
    assert "Fabrieken hebben machines" in again, "restored by publishing it again"
    assert "Rina (limburg) heeft een nieuwe versie gepubliceerd van: Over dit platform." in unescape(
        region.get("/region/administration").text
    )
    assert region.get("/region/pages/nothing").status_code == 404
    assert region.get("/region/pages/about/9").status_code == 404


def test_a_version_applies_from_its_day(platform: Platform) -> None:
    region = administrator(platform)
    assert publish(region, effective="2026-03-20").json()["version"] == 2
    page = unescape(platform.anyone.get("/terms").text)
    assert "Deze tekst verandert op vr 20/03/2026." in page
    assert "Waarvoor dit platform dient" in page
    coming = unescape(platform.anyone.get("/terms?version=2").text)
    assert "Deze versie geldt vanaf vr 20/03/2026." in coming
    assert "<h2>Wie</h2>" in coming
    assert platform.anyone.get("/api/v1/pages/terms").json()["version"] == 1
    platform.later(18 * 24)
    assert platform.anyone.get("/api/v1/pages/terms").json()["version"] == 2
    assert "<h2>Wie</h2>" in platform.anyone.get("/terms").text
    old = unescape(platform.anyone.get("/terms?version=1").text)
    assert "Dit is een oudere versie" in old
    assert platform.anyone.get("/terms?version=99").status_code == 404
    assert platform.anyone.get("/terms?version=x").status_code == 404


def test_new_terms_are_announced_and_accepted_again(platform: Platform) -> None:
    an = platform.somebody("an@startup.be", "start-up")
    region = administrator(platform)
    assert "Ik aanvaard de gebruiksvoorwaarden (versie 1)" in an.get("/desk").text, "who was there before is asked, too"
    assert an.post("/terms/accepted", data={"version": "1"}).headers["location"] == "/desk?done=saved"
    assert "Ik aanvaard" not in an.get("/desk").text
    publish(region)
    assert "Ik aanvaard" not in an.get("/desk").text, "a misprint is not worth asking again"
    publish(region, announce=True, effective="2026-03-20")
    wait_for(lambda: bool(platform.mails_to("an@startup.be")), "an e-mail")
    told = platform.mails_to("an@startup.be")[0]
    assert str(told["Subject"]) == "Gebruiksvoorwaarden: nieuwe tekst vanaf vr 20/03/2026"
    assert "/terms?version=3" in told.get_content()
    assert told["List-Unsubscribe"] is None
    assert "Ik aanvaard" not in an.get("/desk").text, "they do not apply yet"
    platform.present[0] += timedelta(days=19)
    an = platform.somebody("an@startup.be", "start-up")
    assert "Ik aanvaard de gebruiksvoorwaarden (versie 3)" in an.get("/desk").text
    assert an.put("/api/v1/account/terms", json={"version": 3}).status_code == 204
    assert "Ik aanvaard" not in an.get("/desk").text
    assert [one["number"] for one in an.get("/api/v1/account/data").json()["terms"]] == [1, 3]
    for nonsense in ("x", "99", "-1", ""):
        assert an.post("/terms/accepted", data={"version": nonsense}).status_code == 404


def test_registering_says_which_terms_one_accepts(platform: Platform) -> None:
    region = administrator(platform)
    form = {
        "name": "An Peeters",
        "email": "an@new.be",
        "organisation": "Nieuw",
        "country": "BE",
        "enterprise_number": "0123.456.749",
    }
    without = platform.anyone.post("/register", data=form)
    assert without.status_code == 422
    assert "Zonder uw akkoord" in without.text
    publish(region)
    late = platform.anyone.post("/api/v1/accounts", json=form | {"terms": 1})
    assert late.json()["errors"] == [{"field": "terms", "problem": "terms_changed"}]
    assert 'name="terms" value="2"' in platform.anyone.get("/register").text
    assert platform.anyone.post("/api/v1/accounts", json=form | {"terms": 2}).status_code == 202
    with client(platform.url, headers={"Origin": platform.url}) as an:
        body = {"link": platform.secret_in_mail("an@new.be"), "password": "een zin die lang genoeg is"}
        assert an.post("/api/v1/accounts/welcome", json=body).status_code == 204
        assert "Ik aanvaard" not in an.get("/desk").text
    with platform.context.sessions() as session:
        assert [one.number for one in session.query(TermsAcceptance)] == [2]


def test_what_is_to_be_filled_in_is_said(platform: Platform) -> None:
    region = administrator(platform)
    assert "Nog in te vullen: 9" in region.get("/region/pages/contact").text
    publish(region, "contact")
    assert "Nog in te vullen" not in region.get("/region/pages/contact").text


@pytest.mark.parametrize(
    ("given", "first"),
    [("", "Contact: https://vrijloop.example/contact"), ("cert@limburg.example", "Contact: mailto:cert@limburg.example"), ("https://limburg.example/security", "Contact: https://limburg.example/security")],
)  # fmt: skip
def test_whoever_finds_a_vulnerability_is_told_where_to_report_it(given: str, first: str) -> None:
    """As RFC 9116 wants it: contact and expiry, which is less than a year away, and the address of the file itself."""
    settings = PlatformSettings(
        "sqlite://", {}, url="https://vrijloop.example", security_contact=read_security_contact(given)
    )
    answer = TestClient(create_app(settings, lambda: NOON), base_url="https://vrijloop.example").get(
        "/.well-known/security.txt"
    )
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == first
    assert "Contact: https://vrijloop.example/contact" in lines
    assert f"Expires: {NOON + timedelta(days=90):%Y-%m-%d}T00:00:00Z" in lines
    assert lines[-1] == "Canonical: https://vrijloop.example/.well-known/security.txt"


@pytest.mark.parametrize("given", ["cert", "http://limburg.example", "https:///x", "https://x y", "mailto:"])
def test_a_contact_that_cannot_be_used_is_refused_at_the_start(given: str) -> None:
    with pytest.raises(UserError, match="--security-contact"):
        read_security_contact(given)
