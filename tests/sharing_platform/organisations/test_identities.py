"""Signing in with an organisation's own identity provider, against a real one on 127.0.0.1; and whatever it, or somebody, may answer instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.errors import InvalidError
from sharing_platform.identity_providers import IdentityProvider, ProviderSettings
from sharing_platform.organisations import openid
from sharing_platform.organisations.permissions import Kind
from sharing_platform.organisations.rate_limits import IDENTITY_BY_SENDER, count_in_transaction
from tests.platform_databases import reset_postgresql, reset_sqlite, sqlite_copy
from tests.servers import free_port
from tests.sharing_platform.conftest import NOON, ONE_DATABASE, TOKENS, Platform, client, platform_over
from tests.sign_in.openid_provider import CLIENT, SECRET, Provider

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "een zin die lang genoeg is"


def settings_of(issuer: str) -> ProviderSettings:
    return ProviderSettings(
        name="hal-2", label="Hal 2", issuer=issuer, client_id=CLIENT, client_secret_file=Path("x"), organisation="hal-2",
        email_domains=("hal2.be",),
    )  # fmt: skip


@pytest.fixture(params=ONE_DATABASE)
def both(request: pytest.FixtureRequest, provider: Provider) -> Iterator[tuple[Platform, Provider]]:
    """A platform, and the provider."""
    database = reset_sqlite() if request.param == "sqlite" else reset_postgresql(request.getfixturevalue("postgres"))
    known = IdentityProvider(settings_of(provider.issuer), SECRET)
    with platform_over(database, identity_providers=(known,)) as platform:
        provider.now = platform.context.now
        yield platform, provider


def browser_of(platform: Platform, **cookies: str) -> httpx2.Client:
    return client(platform.url, headers={"Origin": platform.url, "Accept": "text/html"}, cookies=cookies)


def go(browser: httpx2.Client, path: str = "/sign-in/with/hal-2") -> httpx2.Response:
    """To the provider and back, as a browser does; the answer of our page."""
    there = browser.get(path)
    if "/authorize?" not in there.headers.get("location", ""):
        return there
    back = httpx2.get(there.headers["location"], verify=False)
    return browser.get(back.headers["location"])


def problem_of(answer: httpx2.Response) -> str | None:
    return parse_qs(urlsplit(answer.headers.get("location", "")).query).get("problem", [None])[0]


def who(browser: httpx2.Client) -> str | None:
    answer = browser.get("/api/v1/account")
    return str(answer.json()["email"]) if answer.status_code == 200 else None


def test_somebody_comes_for_the_first_time_and_again(both: tuple[Platform, Provider]) -> None:
    platform, provider = both
    browser = browser_of(platform)
    assert "Aanmelden met Hal 2" in browser.get("/sign-in").text
    answer = go(browser, "/sign-in/with/hal-2?next=/wanted")
    assert (answer.status_code, answer.headers["location"]) == (303, "/wanted")
    asked = provider.asked[0]
    assert asked["redirect_uri"] == f"{platform.url}/sign-in/with/hal-2/back"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert set(asked["scope"].split()) == {"openid", "email", "profile"}
    account = browser.get("/api/v1/account").json()
    assert (account["email"], account["name"]) == ("an@hal2.be", "An Peeters")
    assert account["memberships"] == [{"organisation": "hal-2", "name": "hal-2", "role": "member"}]
    provider.claims = {"name": "Anders", "email": "an.peeters@hal2.be"}
    again = browser_of(platform)
    assert go(again).headers["location"] == "/desk"
    assert again.get("/api/v1/account").json()["id"] == account["id"], "the subject is who it is, whatever the address"
    for place in ("https://evil.example", "//evil.example", "/\\evil.example"):
        answer = go(browser_of(platform), f"/sign-in/with/hal-2?next={place}")
        assert answer.headers["location"] == "/desk", "to no other site"
    (linked,) = again.get("/api/v1/account/identities").json()["identities"]
    assert (linked["issuer"], linked["subject"]) == (provider.issuer, "248289761001")


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({}, "an@hal2.be An Peeters"), ({"email": "An@HAL2.be"}, "an@hal2.be An Peeters"), ({"email_verified": "true"}, "an@hal2.be An Peeters"),
        ({"name": "x\ny"}, "an@hal2.be an"), ({"name": 5}, "an@hal2.be an"), ({"name": None}, "an@hal2.be an"),
        ({"email_verified": False}, None), ({"email_verified": None}, None), ({"email_verified": "false"}, None), ({"email": None}, None),
        ({"email": "an@gmail.example"}, None), ({"email": "an@evil.hal2.be"}, None), ({"email": "an@hal2.be@evil.example"}, None),
        ({"email": ["an@hal2.be"]}, None), ({"email": "an@evilhal2.be"}, None),
    ],
    ids=lambda one: str(one)[:50],
)  # fmt: skip
def test_whom_a_provider_vouches_for(claims: dict[str, Any], found: str | None) -> None:
    right = {"sub": "1", "name": "An Peeters", "email": "an@hal2.be", "email_verified": True}
    try:
        somebody = openid._somebody(settings_of("https://login.hal2.be"), {**right, **claims})
    except InvalidError as problem:
        assert (found, problem.code) == (None, "identity_mail")
    else:
        assert f"{somebody.email} {somebody.name}" == found


@pytest.mark.parametrize("claims", [{"nonce": "of another attempt"}, {"email_verified": False}], ids=str)
def test_a_wrong_token_makes_no_account(both: tuple[Platform, Provider], claims: dict[str, Any]) -> None:
    platform, provider = both
    provider.claims = claims
    browser = browser_of(platform)
    answer = go(browser)
    assert problem_of(answer) in ("identity_wrong", "identity_mail")
    assert 'role="alert"' in browser.get(answer.headers["location"]).text
    assert who(browser) is None
    with platform.context.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM account")).scalar() == 0


def test_an_answer_is_good_once_soon_and_in_the_browser_that_asked(both: tuple[Platform, Provider]) -> None:
    """Also where the provider takes a code again."""
    platform, provider = both
    own, other = browser_of(platform), browser_of(platform)
    back = httpx2.get(own.get("/sign-in/with/hal-2").headers["location"], verify=False).headers["location"]
    other.get("/sign-in/with/hal-2")
    assert problem_of(other.get(back)) == "identity_wrong", "the state of another browser"
    assert problem_of(browser_of(platform).get(back)) == "identity_wrong"
    cookies, codes = dict(own.cookies), dict(provider.codes)
    assert problem_of(own.get(back)) is None
    assert who(own) == "an@hal2.be"
    provider.codes.update(codes)
    assert problem_of(browser_of(platform, **cookies).get(back)) == "identity_wrong", "used"
    late = browser_of(platform)
    back = httpx2.get(late.get("/sign-in/with/hal-2").headers["location"], verify=False).headers["location"]
    platform.present[0] += timedelta(minutes=11)
    assert problem_of(late.get(back)) == "identity_wrong"
    late.get("/sign-in/with/hal-2")
    refused = late.get("/sign-in/with/hal-2/back?error=access_denied&state=x")
    assert problem_of(refused) == "identity_cancelled"
    assert browser_of(platform).get("/sign-in/with/nobody").status_code == 404
    assert browser_of(platform).get("/sign-in/with/nobody/back").status_code == 404
    platform.later(2)
    with platform.context.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM identity_attempt")).scalar() == 0, "forgotten"


def test_no_account_is_taken_over(both: tuple[Platform, Provider]) -> None:
    """Whoever runs the provider says whose address it is; the account's owner has to agree."""
    platform, provider = both
    own = platform.somebody("an@hal2.be", "elsewhere", password=PASSWORD)
    browser = browser_of(platform)
    answer = go(browser)
    assert (problem_of(answer), who(browser)) == ("identity_known", None)
    assert "Meld u eerst aan zoals u gewoon bent" in browser.get(answer.headers["location"]).text
    own.headers["Accept"] = "text/html"
    assert "Hal 2 koppelen" in own.get("/account").text
    provider.claims = {"email": "piet@hal2.be"}
    assert problem_of(go(own, "/account/identities/hal-2")) == "identity_other"
    provider.claims = {}
    answer = go(own, "/account/identities/hal-2")
    assert answer.headers["location"] == "/account?done=identity_linked"
    assert f"{platform.url}/account" in platform.mail("an@hal2.be", "gekoppeld").get_content()
    assert problem_of(go(browser)) is None
    assert who(browser) == "an@hal2.be"
    assert browser.get("/api/v1/account").json()["memberships"][0]["organisation"] == "elsewhere", "nothing was joined"
    page = own.get("/account").text
    assert "Ontkoppelen" in page
    assert "Hal 2 koppelen" not in page
    (linked,) = own.get("/api/v1/account/identities").json()["identities"]
    stranger = platform.somebody("x@x.be", "startup")
    assert stranger.delete(f"/api/v1/account/identities/{linked['id']}").status_code == 404
    assert stranger.post(f"/account/identities/{linked['id']}/remove").status_code == 404
    assert own.post(f"/account/identities/{linked['id']}/remove").status_code == 303
    assert f"{platform.url}/account" in platform.mail("an@hal2.be", "niet meer gekoppeld").get_content()
    assert problem_of(go(browser_of(platform))) == "identity_known"


def test_only_who_has_just_signed_in_links_and_only_in_their_own_session(both: tuple[Platform, Provider]) -> None:
    platform, _ = both
    own, other = platform.somebody("an@hal2.be", "elsewhere"), platform.somebody("b@b.be", "startup")
    for one in (own, other):
        one.headers["Accept"] = "text/html"
    back = httpx2.get(own.get("/account/identities/hal-2").headers["location"], verify=False).headers["location"]
    mixed = browser_of(platform, session=other.cookies["session"], identity=own.cookies["identity"])
    assert problem_of(mixed.get(back)) == "identity_wrong"
    platform.present[0] += timedelta(minutes=11)
    assert problem_of(go(own, "/account/identities/hal-2")) == "sign_in_again"


def test_an_account_that_nobody_has_confirmed_is_not_taken_over_either(both: tuple[Platform, Provider]) -> None:
    platform, _ = both
    platform.somebody("an@hal2.be", "limburg", kind=Kind.REGION)
    with platform.context.sessions.begin() as session:
        session.execute(text("UPDATE account SET confirmed = NULL"))
    assert problem_of(go(browser_of(platform))) == "identity_known"


def test_a_refused_organisation_gets_no_members(both: tuple[Platform, Provider]) -> None:
    platform, provider = both
    assert problem_of(go(browser_of(platform))) is None
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    region.put("/api/v1/region/organisations/hal-2/approval", json={"approved": False, "reason": "Onbekend."})
    known = browser_of(platform)
    assert problem_of(go(known)) is None, "who is a member reads why"
    provider.claims = {"sub": "another", "email": "piet@hal2.be"}
    assert problem_of(go(browser_of(platform))) == "refused"


def test_who_was_removed_stays_removed_and_who_is_erased_comes_anew(both: tuple[Platform, Provider]) -> None:
    platform, _ = both
    own = browser_of(platform)
    go(own)
    account = own.get("/api/v1/account").json()["id"]
    owner = platform.somebody("o@hal2.be", "hal-2")
    assert owner.delete(f"/api/v1/organisation/members/{account}").status_code == 204
    go(own)
    assert own.get("/api/v1/account").json()["memberships"] == []
    (shown,) = own.get("/api/v1/account/data").json()["identities"]
    assert shown["subject"] == "248289761001"
    assert own.delete("/api/v1/account").status_code == 204
    with platform.context.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM identity")).scalar() == 0
    go(own)
    assert own.get("/api/v1/account").json()["id"] != account


def test_a_provider_that_is_away_is_a_sentence(both: tuple[Platform, Provider]) -> None:
    platform, provider = both
    settings = platform.context.identity_providers[0].settings.model_copy(
        update={"issuer": f"http://127.0.0.1:{free_port()}"}
    )
    object.__setattr__(platform.context, "identity_providers", (IdentityProvider(settings, SECRET),))
    browser = browser_of(platform)
    answer = go(browser, "/sign-in/with/hal-2?next=/wanted")
    assert problem_of(answer) == "identity_unavailable"
    page = browser.get(answer.headers["location"]).text
    assert "antwoordt nu niet" in page
    assert 'name="next" value="/wanted"' in page, "with a password, on to where they wanted to go"
    assert provider.asked == []


@pytest.mark.parametrize(("organisation", "warned"), [("hal-2", False), ("hal-22", True)])
def test_the_operator_is_told_of_an_organisation_that_there_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, organisation: str, warned: bool
) -> None:
    settings = settings_of("https://login.hal2.example").model_copy(update={"organisation": organisation})
    known = (IdentityProvider(settings, SECRET),)
    create_app(PlatformSettings(sqlite_copy(tmp_path / "x.sqlite"), TOKENS, identity_providers=known), lambda: NOON)
    assert ("there is no organisation 'hal-22'" in caplog.text) == warned


def test_visits_are_bounded(both: tuple[Platform, Provider]) -> None:
    platform, _ = both
    own = browser_of(platform)
    go(own)
    with platform.context.sessions.begin() as session:
        for _ in range(IDENTITY_BY_SENDER.count - 2):
            count_in_transaction(session, IDENTITY_BY_SENDER, "127.0.0.1", NOON)
    for _ in range(3):
        assert problem_of(go(browser_of(platform))) is None, "what succeeds does not count"
    problems = [problem_of(platform.anyone.get("/sign-in/with/hal-2")) for _ in range(3)]
    assert problems == [None, None, "too_many"]
    assert problem_of(go(own)) is None, "a known browser has a bound of its own"


def test_in_a_browser(both: tuple[Platform, Provider], browser: Browser) -> None:
    """Through the strict content security policy, there and back."""
    platform, _ = both
    context = browser.new_context(base_url=platform.url, locale="nl-BE")
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto("/sign-in?next=/wanted")
    page.get_by_role("link", name="Aanmelden met Hal 2").click()
    expect(page.locator("header summary").first).to_have_text("An Peeters")
    assert page.url == f"{platform.url}/wanted"
    page.goto("/account")
    page.get_by_role("button", name="Ontkoppelen: Hal 2").click()
    expect(page.get_by_role("link", name="Hal 2 koppelen")).to_be_visible()
    page.get_by_role("link", name="Hal 2 koppelen").click()
    expect(page.get_by_text("De aanmelding via uw organisatie is gekoppeld")).to_be_visible()
    assert errors == []
    context.close()
