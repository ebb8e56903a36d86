"""Passkeys: added, named, removed, and signed in with; and whatever somebody may try instead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
from sqlalchemy import text

from sharing_platform.organisations.passkeys import MAX_PASSKEYS
from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.organisations.rate_limits import (
    CHALLENGE_BY_SENDER,
    SIGN_IN_BY_ACCOUNT_AND_ADDRESS,
    Bound,
    count_in_transaction,
)
from tests.sharing_platform.conftest import Platform, client
from tests.sign_in.authenticator import Authenticator

PASSWORD = "een zin die lang genoeg is"
SIGN_IN, OWN = "/api/v1/session/passkey", "/api/v1/account/passkeys"


def browser_of(platform: Platform) -> httpx2.Client:
    return client(platform.url, headers={"Origin": platform.url})


def authenticator(platform: Platform, **wrong: Any) -> Authenticator:
    return Authenticator(origin=platform.url.replace("127.0.0.1", "localhost"), **wrong)


def add(
    person: httpx2.Client, key: Authenticator, name: str = "Laptop", password: str | None = None
) -> httpx2.Response:
    asked = person.post(f"{OWN}/options", json={"password": password})
    if asked.status_code != 200:
        return asked
    return person.post(OWN, json={"name": name, "credential": key.create(asked.json())})


def sign_in(browser: httpx2.Client, key: Authenticator) -> httpx2.Response:
    asked = browser.post(f"{SIGN_IN}/options")
    if asked.status_code != 200:
        return asked
    return browser.post(SIGN_IN, json={"credential": key.get(asked.json())})


def code_of(answer: httpx2.Response) -> str | None:
    return str(answer.json()["code"]) if answer.status_code >= 400 else None


def use_up(platform: Platform, bound: Bound, whose: str, left: int) -> None:
    with platform.context.sessions.begin() as session:
        for _ in range(bound.count - left):
            count_in_transaction(session, bound, whose, platform.present[0])


def test_from_adding_to_removing(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform)
    made = add(own, key, "  Laptop  ")
    assert (made.status_code, made.json()["name"], made.json()["last_used"]) == (201, "Laptop", None)
    mail = platform.mail("an@startup.be", "passkey").get_content()
    assert f"{platform.url}/account" in mail
    new = browser_of(platform)
    assert sign_in(new, key).status_code == 204
    assert new.get("/api/v1/account").json()["email"] == "an@startup.be"
    assert new.get("/api/v1/organisation").json()["id"] == "startup"
    passkey = made.json()["id"]
    assert own.put(f"{OWN}/{passkey}", json={"name": "Telefoon"}).status_code == 204
    (shown,) = own.get(OWN).json()["passkeys"]
    assert (shown["name"], shown["last_used"] is not None) == ("Telefoon", True)
    assert own.delete(f"{OWN}/{passkey}").status_code == 204
    assert f"{platform.url}/account" in platform.mail("an@startup.be", "verwijderd").get_content()
    assert own.get(OWN).json()["passkeys"] == []
    assert code_of(sign_in(browser_of(platform), key)) == "passkey_wrong"
    assert new.get("/api/v1/account").status_code == 200, "sessions go on; a new password ends them"
    actions = [one["action"] for one in own.get("/api/v1/organisation/audit").json()["entries"]]
    assert actions[:2] == ["passkey.removed", "passkey.added"]


WRONG: tuple[dict[str, Any], ...] = (
    {"origin": "https://evil.example"}, {"origin": "http://localhost"}, {"rp_id": "evil.example"}, {"verified": False},
    {"user": "AAAAAAAAAAAAAAAAAAAAAA"}, {"uses": 1}, {"credential": b"another's, or nobody's"}, {"key": "another"},
)  # fmt: skip


def test_what_is_not_the_passkey_does_not_sign_in(platform: Platform) -> None:
    """The same answer whatever is wrong, and nobody else is kept out."""
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform)
    assert add(own, key).status_code == 201
    assert sign_in(browser_of(platform), key).status_code == 204
    new = browser_of(platform)
    for wrong in WRONG:
        false = replace(key, **{name: value for name, value in wrong.items() if name != "key"})
        false.key = false.key if "key" in wrong else key.key
        answer = sign_in(new, false)
        assert (answer.status_code, code_of(answer)) == (422, "passkey_wrong"), wrong
        assert new.get("/api/v1/account").status_code == 401
    assert sign_in(new, key).status_code == 204


NONSENSE: tuple[dict[str, Any], ...] = (
    {}, {"id": "x"}, {"id": "A", "rawId": "A", "type": "public-key", "response": {}}, {"id": None, "response": []},
    {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "\u00e9", "authenticatorData": "A", "signature": "A"}},
    {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "e30", "attestationObject": "oWNmbXRkbm9uZQ"}},
)  # fmt: skip


def test_nonsense_is_no_passkey(platform: Platform) -> None:
    browser, own = browser_of(platform), platform.somebody("an@startup.be", "startup")
    for credential in NONSENSE:
        browser.post(f"{SIGN_IN}/options")
        assert code_of(browser.post(SIGN_IN, json={"credential": credential})) == "passkey_wrong", credential
        own.post(f"{OWN}/options", json={})
        answer = own.post(OWN, json={"name": "x", "credential": credential})
        assert code_of(answer) == "passkey_not_added", credential
    page = browser.post("/sign-in/passkey", data={"credential": "{" * 5000}, headers={"Accept": "text/html"})
    assert (page.status_code, "passkey is niet gelukt" in page.text) == (422, True)


def test_an_answer_is_good_once_soon_and_in_the_browser_that_asked(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform, counts=False)
    assert add(own, key).status_code == 201
    new, other = browser_of(platform), browser_of(platform)
    answer = {"credential": key.get(new.post(f"{SIGN_IN}/options").json())}
    holder = dict(new.cookies)
    other.post(f"{SIGN_IN}/options")
    assert code_of(other.post(SIGN_IN, json=answer)) == "passkey_wrong", "asked for in another browser"
    assert new.post(SIGN_IN, json=answer).status_code == 204
    again = client(platform.url, headers={"Origin": platform.url}, cookies=holder)
    assert code_of(again.post(SIGN_IN, json=answer)) == "passkey_wrong", "used"
    answer = {"credential": key.get(new.post(f"{SIGN_IN}/options").json())}
    platform.present[0] += timedelta(minutes=6)
    assert code_of(new.post(SIGN_IN, json=answer)) == "passkey_wrong", "too old"
    answer = {"credential": key.get(new.post(f"{SIGN_IN}/options").json())}
    assert code_of(new.post(SIGN_IN, json={"credential": {}})) == "passkey_wrong"
    assert new.post(SIGN_IN, json=answer).status_code == 204, "what is no answer at all does not use it up"
    platform.later(2)
    with platform.context.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM passkey_challenge")).scalar() == 0, "forgotten"


def test_a_wrong_answer_uses_the_question_up(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform)
    assert add(own, key).status_code == 201
    new = browser_of(platform)
    options = new.post(f"{SIGN_IN}/options").json()
    key.verified = False
    assert code_of(new.post(SIGN_IN, json={"credential": key.get(options)})) == "passkey_wrong"
    key.verified = True
    assert code_of(new.post(SIGN_IN, json={"credential": key.get(options)})) == "passkey_wrong"


def test_what_was_asked_for_signing_in_adds_nothing(platform: Platform) -> None:
    """Nor in another's session: what is to be signed belongs to the session that asked."""
    own, other = platform.somebody("an@startup.be", "startup"), platform.somebody("b@b.be", "startup")
    options = own.post(f"{OWN}/options", json={}).json()
    key = authenticator(platform)
    stolen = {"name": "x", "credential": key.create(options)}
    assert code_of(other.post(OWN, json=stolen)) == "passkey_not_added"
    other.post(f"{OWN}/options", json={})
    assert code_of(other.post(OWN, json=stolen)) == "passkey_not_added"
    assert own.post(OWN, json=stolen).status_code == 201
    assert code_of(own.post(OWN, json=stolen)) == "passkey_not_added", "once"
    taken = authenticator(platform, credential=key.credential)
    assert code_of(add(other, taken)) == "passkey_not_added", "it is another account's already"
    asked = own.post(f"{SIGN_IN}/options").json()
    answer = own.post(OWN, json={"name": "x", "credential": key.create({**options, "challenge": asked["challenge"]})})
    assert code_of(answer) == "passkey_not_added"
    assert len(own.get(OWN).json()["passkeys"]) == 1
    asked = own.post(f"{OWN}/options", json={}).json()
    cookies = {"challenge": own.cookies["session"]}
    mixed = client(platform.url, headers={"Origin": platform.url}, cookies=cookies)
    assert code_of(mixed.post(SIGN_IN, json={"credential": key.get(asked)})) == "passkey_wrong"


def test_anothers_passkeys_are_not_there(platform: Platform) -> None:
    own, other = platform.somebody("an@startup.be", "startup"), platform.somebody("b@b.be", "startup")
    passkey = add(own, authenticator(platform)).json()["id"]
    assert other.get(OWN).json()["passkeys"] == []
    assert other.put(f"{OWN}/{passkey}", json={"name": "x"}).status_code == 404
    assert other.delete(f"{OWN}/{passkey}").status_code == 404
    assert other.post(f"/account/passkeys/{passkey}", data={"name": "x"}).status_code == 404
    assert other.post(f"/account/passkeys/{passkey}/remove").status_code == 404
    assert own.get(OWN).json()["passkeys"][0]["name"] == "Laptop"


def test_whoever_sits_down_at_an_open_browser_adds_none(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup", password=PASSWORD)
    platform.present[0] += timedelta(minutes=11)
    assert code_of(add(own, authenticator(platform))) == "password_needed"
    assert code_of(add(own, authenticator(platform), password="x")) == "password_wrong"
    key = authenticator(platform)
    assert add(own, key, password=PASSWORD).status_code == 201
    codes = [add(own, key, password="x").status_code for _ in range(10)]
    assert codes[-1] == 429, "guessing is bounded as elsewhere"


def test_whoever_has_no_password_signs_in_again(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform)
    assert add(own, key).status_code == 201
    platform.present[0] += timedelta(minutes=11)
    assert code_of(add(own, authenticator(platform))) == "sign_in_again"
    chosen = {"new": PASSWORD}
    assert code_of(own.put("/api/v1/account/password", json=chosen)) == "sign_in_again", (
        "nor is a first password chosen"
    )
    assert "Meld u af en opnieuw aan" in own.get("/account", headers={"Accept": "text/html"}).text
    again = browser_of(platform)
    assert sign_in(again, key).status_code == 204
    assert again.put("/api/v1/account/password", json=chosen).status_code == 204
    assert sign_in(browser_of(platform), key).status_code == 204, "passkeys stay"


def test_a_mailbox_alone_is_not_enough_for_who_has_a_passkey(platform: Platform) -> None:
    platform.offer()
    own = platform.somebody("an@startup.be", "startup")
    assert add(own, authenticator(platform)).status_code == 201
    guest = {"guest": {"organisation": "Start-up", "name": "An", "email": "an@startup.be"}}
    assert platform.anyone.post("/api/v1/offers/o1/booking", json=guest).status_code == 202
    assert "/requests/" in platform.mail("an@startup.be", "aangevraagd").get_content()


def test_an_account_has_at_most_twenty(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup")
    late = own.post(f"{OWN}/options", json={}).json()
    assert {add(own, authenticator(platform)).status_code for _ in range(MAX_PASSKEYS)} == {201}
    assert code_of(add(own, authenticator(platform))) == "too_many_passkeys"
    assert late["user"]["name"] == "an@startup.be"


def test_bounds_are_those_of_passwords(platform: Platform) -> None:
    """A stranger in another place is slowed down, by what is asked and by what is answered; the owner gets in."""
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform)
    assert add(own, key).status_code == 201
    known = browser_of(platform)
    assert sign_in(known, key).status_code == 204
    stranger, false = platform.elsewhere(), replace(key)  # with a key of its own
    assert [sign_in(stranger, false).status_code for _ in range(12)] == [422] * 10 + [429] * 2
    use_up(platform, CHALLENGE_BY_SENDER, "127.0.0.1", left=1)
    assert [platform.anyone.post(f"{SIGN_IN}/options").status_code for _ in range(2)] == [200, 429]
    assert sign_in(known, key).status_code == 204, "known browsers have a bound of their own"


def test_who_signs_in_often_is_not_slowed_down(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup")
    key = authenticator(platform)
    assert add(own, key).status_code == 201
    use_up(platform, CHALLENGE_BY_SENDER, "127.0.0.1", left=1)
    use_up(platform, SIGN_IN_BY_ACCOUNT_AND_ADDRESS, "an@startup.be/127.0.0.1", left=1)
    assert [sign_in(browser_of(platform), key).status_code for _ in range(3)] == [204] * 3


def test_a_refused_organisation_stays_refused(platform: Platform) -> None:
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    own = platform.somebody("o@hal.be", "hal-2")
    key = authenticator(platform)
    assert add(own, key).status_code == 201
    region.put("/api/v1/region/organisations/hal-2/approval", json={"approved": False, "reason": "Onbekend."})
    new = browser_of(platform)
    assert sign_in(new, key).status_code == 204
    assert code_of(new.post("/api/v1/webhooks", json={"url": "http://127.0.0.1/x"})) == "refused"


def test_passkeys_are_exported_and_erased(platform: Platform) -> None:
    own = platform.somebody("an@startup.be", "startup", Role.OWNER)
    key = authenticator(platform)
    assert add(own, key, "Laptop van An").status_code == 201
    own.post(f"{OWN}/options", json={})
    (shown,) = own.get("/api/v1/account/data").json()["passkeys"]
    assert shown["name"] == "Laptop van An"
    assert own.delete("/api/v1/account").status_code == 204
    with platform.context.sessions() as session:
        for table in ("passkey", "passkey_challenge"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0, table
    assert code_of(sign_in(browser_of(platform), key)) == "passkey_wrong"
