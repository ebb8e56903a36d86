"""Coming in, being approved, roles, tokens, and what is kept of a person."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from sharing_platform.organisations import accounts
from sharing_platform.organisations.administrator import make_administrator
from sharing_platform.organisations.permissions import Kind, Right, Role
from sharing_platform.pages import safe_next_path
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform, client

PASSWORD = "een zin die lang genoeg is"
NEW = {"name": "An Peeters", "email": "An@Startup.be", "organisation": "Start & Co BV", "kind": "factory", "enterprise_number": "0123.456.749", "terms": 1}  # fmt: skip


def browser(platform: Platform) -> httpx2.Client:
    return client(platform.url, headers={"Origin": platform.url}, timeout=30)


def test_from_registering_to_approval(platform: Platform) -> None:
    secret = make_administrator(platform.context.sessions, "r@limburg.be", "Regio", "Limburg", NOON)
    region = browser(platform)
    assert region.post("/api/v1/accounts/welcome", json={"link": secret, "password": PASSWORD}).status_code == 204
    new = browser(platform)
    assert new.post("/api/v1/accounts", json=NEW).status_code == 202
    early = new.post("/api/v1/session", json={"email": "an@startup.be", "password": PASSWORD})
    assert early.json()["code"] == "sign_in_wrong", "nobody signs in before the address is confirmed"
    link = platform.link_in_mail("an@startup.be").rpartition("/")[2]
    assert new.post("/api/v1/accounts/welcome", json={"link": link, "password": PASSWORD}).status_code == 204
    own = new.get("/api/v1/organisation").json()
    assert (own["status"], own["kind"]) == ("asked", "factory")
    assert new.post("/api/v1/webhooks", json={"url": "http://127.0.0.1/x"}).json()["code"] == "not_approved"
    asked = region.get("/api/v1/region/organisations", params={"status": "asked"}).json()["organisations"]
    assert [one["id"] for one in asked] == [own["id"]]
    approval = f"/api/v1/region/organisations/{own['id']}/approval"
    assert region.put(approval, json={"approved": True}).json()["status"] == "approved"
    platform.mail("an@startup.be", "goedgekeurd")
    assert new.post("/api/v1/webhooks", json={"url": "http://127.0.0.1/x"}).status_code == 201, "at once"
    assert region.put(approval, json={"approved": False, "reason": "Onbekend."}).json()["status"] == "refused"
    assert new.post("/api/v1/webhooks", json={"url": "http://127.0.0.1/x"}).status_code == 403, "at once"
    actions = [one["action"] for one in region.get("/api/v1/region/audit").json()["entries"]]
    assert {"organisation.founded", "organisation.approved", "organisation.refused", "account.confirmed"} <= set(
        actions
    )
    platform.offer("o1", 3, 4, booking="on_request")
    platform.offer("o2", 20, 4)
    asked = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    region.put("/api/v1/region/organisations/hal-2/approval", json={"approved": False, "reason": "Onbekend."})
    assert platform.anyone.get("/api/v1/offers").json()["offers"] == [], "what a refused factory offers is withdrawn"
    assert platform.startup.get(f"/api/v1/bookings/{asked}").json()["state"] == "withdrawn"
    own_region = region.get("/api/v1/organisation").json()["id"]
    answer = region.put(
        f"/api/v1/region/organisations/{own_region}/approval", json={"approved": False, "reason": "Onbekend."}
    )
    assert answer.json()["code"] == "region_stays"


def test_nobody_learns_who_has_an_account(platform: Platform) -> None:
    platform.somebody("an@startup.be", "startup")
    known = browser(platform).post("/api/v1/accounts", json=NEW)
    unknown = browser(platform).post("/api/v1/accounts", json=NEW | {"email": "b@b.be"})
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert "/sign-in" in platform.mail("an@startup.be").get_content()
    forgotten = [
        browser(platform).post("/api/v1/accounts/forgotten", json={"email": one}) for one in ("an@startup.be", "c@c.be")
    ]
    assert {(one.status_code, one.text) for one in forgotten} == {(202, "null")}
    wrong = [
        browser(platform).post("/api/v1/session", json={"email": one, "password": "x"}).text
        for one in ("an@startup.be", "c@c.be")
    ]
    assert wrong[0] == wrong[1]


def test_a_forgotten_password(platform: Platform) -> None:
    old = platform.somebody("an@startup.be", "startup")
    browser(platform).post("/api/v1/accounts/forgotten", json={"email": "an@startup.be"})
    link = platform.link_in_mail("an@startup.be").rpartition("/")[2]
    platform.present[0] += timedelta(hours=25)
    late = browser(platform).post("/api/v1/accounts/welcome", json={"link": link, "password": PASSWORD})
    assert late.json()["code"] == "link"
    browser(platform).post("/api/v1/accounts/forgotten", json={"email": "an@startup.be"})
    new = browser(platform)
    platform_link = _newest_link(platform, "an@startup.be", not_this=link)
    assert new.post("/api/v1/accounts/welcome", json={"link": platform_link, "password": PASSWORD}).status_code == 204
    assert old.get("/api/v1/account").status_code == 401, "all other sessions have ended"
    assert (
        browser(platform).post("/api/v1/session", json={"email": "an@startup.be", "password": PASSWORD}).status_code
        == 204
    )


def _newest_link(platform: Platform, address: str, not_this: str) -> str:
    def links() -> list[str]:
        found = [one.get_content() for one in platform.mails_to(address)]
        return [line.rpartition("/")[2] for text_ in found for line in text_.splitlines() if "/welcome/" in line]

    wait_for(lambda: links()[-1:] not in ([], [not_this]), "another link")
    return links()[-1]


def test_guessing_passwords_is_slowed_down(platform: Platform) -> None:
    client = browser(platform)
    codes = [client.post("/api/v1/session", json={"email": "an@startup.be", "password": "x"}) for _ in range(11)]
    assert [one.status_code for one in codes] == [422] * 10 + [429]
    assert 0 < int(codes[-1].headers["retry-after"]) <= 900
    platform.present[0] += timedelta(minutes=16)
    assert client.post("/api/v1/session", json={"email": "an@startup.be", "password": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_length"), ("x" * 201, "request"), ("aaaaaaaaaaaaaaaa", "password_easy"), ("an@startup.be", "password_easy"),
        ("Welkom123456!", "password_easy"), ("password12345!", "password_easy"), ("azertyuiop123", "password_easy"), ("qwertyuiopasdfgh", "password_easy"),
        ("AnPeeters2026", "password_easy"), ("p33t3rs-an-2026", "password_easy"), ("Start&CoBV2026", "password_easy"), ("start-co-bv 1234", "password_easy"),
        ("vrijloop2026!!", "password_easy"), ("Start & Co BV in 2026", "password_easy"),
        ("groene fiets zwemt donderdag", None), ("Peeters eet groene fietsen", None), ("kT9#vQ2m!xLp", None), ("ß" * 150, "password_easy"), (PASSWORD, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("platform", ["sqlite"], indirect=True)
def test_passwords_that_can_be_guessed_are_refused(platform: Platform, password: str, code: str | None) -> None:
    """Common ones, patterns, and the person's own words."""
    browser(platform).post("/api/v1/accounts", json=NEW)
    link = platform.secret_in_mail("an@startup.be")
    answer = browser(platform).post("/api/v1/accounts/welcome", json={"link": link, "password": password})
    assert answer.status_code == (422 if code else 204)
    if code:
        assert answer.json()["code"] == code
        assert password not in answer.text or password == "short"
        page = client(platform.url, headers={"Origin": platform.url, "Accept": "text/html"}, follow_redirects=True)
        page.get(platform.link_in_mail("an@startup.be"))
        shown = page.post("/welcome", data={"password": password})
        assert shown.status_code == 422
        if code == "password_easy":
            assert "een zin van vier of meer woorden" in shown.text


def test_somebody_who_signed_up_before_chooses_by_the_same_rules(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "maes-metaal", password=PASSWORD)
    answer = own.put("/api/v1/account/password", json={"old": PASSWORD, "new": "MaesMetaal-2026"})
    assert (answer.status_code, answer.json()["code"]) == (422, "password_easy")
    assert own.get("/api/v1/account").status_code == 200, "nothing has changed"


def test_passwords_and_secrets_are_not_in_the_database(platform: Platform) -> None:
    browser(platform).post("/api/v1/accounts", json=NEW)
    link = platform.link_in_mail("an@startup.be").rpartition("/")[2]
    client = browser(platform)
    client.post("/api/v1/accounts/welcome", json={"link": link, "password": PASSWORD})
    owner = platform.somebody("o@hal.be", "hal-2")
    token = owner.post("/api/v1/organisation/tokens", json={"name": "erp", "scopes": ["read"]}).json()["token"]
    feed = (
        owner.post("/api/v1/feeds", json={"subject": "provider"}).json()["url"].rpartition("/")[2].removesuffix(".ics")
    )
    secrets = [PASSWORD, link, token, feed, client.cookies["session"]]
    with platform.context.sessions() as session:
        for table in ("account", "mailed_link", "web_session", "api_token", "calendar_feed", "audit_entry", "mail"):
            kept = str(session.execute(text(f"SELECT * FROM {table}")).all())
            assert not [one for one in secrets if one in kept], table
            if table == "account":
                assert "$argon2id$" in kept


def test_somebody_in_two_organisations(platform: Platform) -> None:
    person = platform.somebody("o@hal.be", "hal-2", Role.PLANNER)
    platform.somebody("o@hal.be", "hal-3", Role.MEMBER)
    assert person.get("/api/v1/account").json()["speaks_for"] == "hal-2"
    assert person.put("/api/v1/session/organisation", json={"organisation": "hal-3"}).status_code == 204
    assert person.get("/api/v1/organisation").json()["id"] == "hal-3"
    assert person.get("/api/v1/webhooks").status_code == 403, "a member there"


def test_tokens_are_shown_once_and_revoked(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    made = owner.post("/api/v1/organisation/tokens", json={"name": "erp", "scopes": ["read", "offer"]}).json()
    client = httpx2.Client(base_url=platform.url, headers={"Authorization": f"Bearer {made['token']}"})
    assert client.get("/api/v1/bookings").status_code == 200
    (kept,) = owner.get("/api/v1/organisation/tokens").json()["tokens"]
    assert "token" not in kept
    assert kept["last_used"] is not None
    assert owner.delete(f"/api/v1/organisation/tokens/{made['id']}").status_code == 204
    assert client.get("/api/v1/bookings").status_code == 401, "at once"
    wrong = owner.post("/api/v1/organisation/tokens", json={"name": "root", "scopes": ["govern"]})
    assert wrong.status_code == 422, "no token may make tokens"
    actions = [one["action"] for one in owner.get("/api/v1/organisation/audit").json()["entries"]]
    assert actions[:2] == ["token.revoked", "token.made"]


def test_personal_data_is_exported_and_erased(platform: Platform) -> None:
    platform.offer("o1", 50, 4)
    owner = platform.somebody("an@startup.be", "startup")
    booking = owner.post("/api/v1/offers/o1/booking", json={"message": "Mijn nummer is 0470 00 00 00"}).json()["id"]
    data = owner.get("/api/v1/account/data").json()
    assert data["account"]["email"] == "an@startup.be"
    assert data["messages"][0]["text"] == "Mijn nummer is 0470 00 00 00"
    assert data["bookings"][0]["id"] == booking
    assert "hash" not in str(data)
    assert owner.delete("/api/v1/account").json()["code"] == "bookings_open"
    owner.post(f"/api/v1/bookings/{booking}/state", json={"state": "cancelled"})
    platform.mail("an@startup.be")
    platform.somebody("other@startup.be", "startup", Role.MEMBER)
    assert owner.delete("/api/v1/account").json()["code"] == "last_owner"
    platform.somebody("third@startup.be", "startup", Role.OWNER)
    assert owner.delete("/api/v1/account").status_code == 204
    with platform.context.sessions() as session:
        for table in ("account", "booking", "booking_message", "mail", "membership", "web_session"):
            kept = str(session.execute(text(f"SELECT * FROM {table}")).all())
            assert "an@startup.be" not in kept, table
            assert "0470 00 00 00" not in kept, table
    assert (
        platform.hal_2.get("/api/v1/bookings", params={"state": "cancelled"}).json()["bookings"][0]["organisation"]
        == "startup"
    )
    again = platform.somebody("an@startup.be", "elsewhere")
    assert again.get("/api/v1/account/data").json()["bookings"] == []


def test_an_organisation_is_found_by_its_town(platform: Platform) -> None:
    owner = platform.somebody("o@hal.be", "hal-2")
    body = {"name": "Hal 2", "place": "Saint-Trond", "vat": "BE 0123.456.789", "address": "Dijk 4"}
    own = owner.put("/api/v1/organisation", json=body).json()
    assert (round(own["latitude"], 1), round(own["longitude"], 1)) == (50.8, 5.2), "in any language"
    tag = owner.get("/api/v1/organisation").headers["etag"]
    assert (
        owner.put("/api/v1/organisation", json=body | {"name": "Hal Twee"}, headers={"If-Match": tag}).status_code
        == 200
    )
    stale = owner.put("/api/v1/organisation", json=body, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")


def test_a_short_name_does_not_tell_whether_another_has_that_name(platform: Platform) -> None:
    """The first of a name has one of the same shape as the second."""
    names = []
    for address, number in (("a@a.be", "0123.456.749"), ("b@b.be", "0876.543.270")):
        browser(platform).post("/api/v1/accounts", json=NEW | {"email": address, "enterprise_number": number})
        link = platform.link_in_mail(address).rpartition("/")[2]
        client = browser(platform)
        client.post("/api/v1/accounts/welcome", json={"link": link, "password": PASSWORD})
        names.append(client.get("/api/v1/organisation").json()["id"])
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"start-co-bv-[0-9a-f]{6}", one) for one in names), names


def test_the_numbers_of_the_log_count_what_is_ones_own(platform: Platform) -> None:
    """Neither they nor the cursor tell how much others do."""
    owner, other = platform.somebody("o@hal.be", "hal-2"), platform.somebody("x@x.be", "other")
    for number in range(3):
        for one in (other, owner):
            one.post("/api/v1/organisation/tokens", json={"name": f"erp {number}", "scopes": ["read"]})
    page = owner.get("/api/v1/organisation/audit", params={"limit": 2}).json()
    assert ([one["id"] for one in page["entries"]], page["next"]) == ([3, 2], 2)
    other.post("/api/v1/organisation/tokens", json={"name": "erp 4", "scopes": ["read"]})
    rest = owner.get("/api/v1/organisation/audit", params={"limit": 2, "before": page["next"]}).json()
    assert ([one["id"] for one in rest["entries"]], rest["next"]) == ([1], None)
    assert owner.get("/api/v1/organisation/audit", params={"before": 0}).json()["entries"] == []


def test_a_session_ends(platform: Platform) -> None:
    client = platform.somebody("o@hal.be", "hal-2", kind=Kind.FACTORY)
    assert client.delete("/api/v1/session").status_code == 204
    assert client.get("/api/v1/account").status_code == 401
    other = platform.somebody("o@hal.be", "hal-2")
    platform.later(24 * 15)
    assert other.get("/api/v1/account").status_code == 401
    with platform.context.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM web_session")).scalar() == 0, "forgotten"


def test_a_person_has_so_many_sessions(platform: Platform) -> None:
    """The oldest ends; of others none does."""
    own, other = platform.somebody("o@hal.be", "hal-2"), platform.somebody("p@hal.be", "hal-2")
    with platform.context.sessions.begin() as session:
        account = accounts.find_account(session, "o@hal.be")
        assert account is not None
        made = [
            accounts.open_session(session, account, NOON + timedelta(seconds=1 + number))
            for number in range(accounts.MAX_SESSIONS + 1)
        ]
    with platform.context.sessions() as session:
        valid = [accounts.user_of_session(session, secret, NOON + timedelta(hours=1)) is not None for secret in made]
    assert valid == [False] + [True] * accounts.MAX_SESSIONS
    assert [one.get("/api/v1/account").status_code for one in (own, other)] == [401, 200]


def test_a_token_cannot_do_more_than_it_says(platform: Platform) -> None:
    platform.offer()
    reader = platform.token("start-up", Right.READ)
    assert reader.post("/api/v1/offers/o1/booking", json={}).status_code == 403
    asker = platform.token("start-up", Right.ASK)
    assert asker.post("/api/v1/offers/o1/booking", json={}).status_code == 201


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ("/bookings", "/bookings"), ("/offers?q=x", "/offers?q=x"), ("https://evil.example", "/desk"), ("//evil.example", "/desk"),
        ("/\\evil.example", "/desk"), ("http://[", "/desk"), ("", "/desk"), (None, "/desk"),
    ],
)  # fmt: skip
def test_after_signing_in_one_stays_here(asked: str | None, where: str) -> None:
    assert safe_next_path(asked) == where
