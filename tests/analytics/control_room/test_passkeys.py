"""Passkeys of persons in the control room: added, named, removed, and signed in with; and whatever somebody may try instead."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from analytics.api.people import MAX_PASSKEYS
from sign_in.passkeys import relying_party
from tests.analytics.control_room.signing_in import (
    NOON,
    PASSKEYS,
    SERVER_TOKEN,
    SIGN_IN,
    Door,
    add,
    answer_of,
    use,
    who,
)


@pytest.fixture
def door(opened: Door) -> Door:
    opened.anew()
    return opened


def test_from_adding_to_removing(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    token = door.people.add("Eva", NOON)
    own, key = door.signed_in(token), door.authenticator()
    assert "U hebt nog geen passkey" in own.get(PASSKEYS).text
    assert add(own, key, "  Laptop  ").status_code == 303
    assert "Eva has added a passkey: Laptop." in caplog.text
    page = own.get(PASSKEYS).text
    assert 'value="Laptop"' in page
    assert "Toegevoegd op ma 2 mrt, 12:00." in page
    door.later(timedelta(hours=1))
    new = door.browser()
    assert (use(new, key).status_code, who(new)) == (303, "Eva")
    assert "Eva (passkey)" in caplog.text
    assert new.put("/api/v1/kill-switch", json={"on": True}).json()["person"] == "Eva"
    page = new.get(PASSKEYS).text
    assert "Laatst gebruikt op ma 2 mrt, 13:00." in page
    (passkey,) = re.findall(r"passkeys/([0-9a-f]{32})/remove", page)
    assert own.post(f"{PASSKEYS}/{passkey}", data={"name": "Telefoon"}).status_code == 303
    assert own.post(f"{PASSKEYS}/{passkey}", data={"name": "x" * 61}).status_code == 422
    assert 'value="Telefoon"' in own.get(PASSKEYS).text
    assert own.post(f"{PASSKEYS}/{passkey}/remove").status_code == 303
    assert "U hebt nog geen passkey" in own.get(PASSKEYS).text
    assert (use(door.browser(), key).status_code, who(new)) == (401, "Eva")
    assert token not in caplog.text


WRONG: tuple[dict[str, Any], ...] = (
    {"origin": "https://evil.example"}, {"origin": "http://localhost"}, {"rp_id": "evil.example"}, {"verified": False},
    {"user": "AAAAAAAAAAAAAAAAAAAAAA"}, {"uses": 1}, {"credential": b"another's, or nobody's"}, {"key": "another"},
)  # fmt: skip
NONSENSE = (
    "",
    "{",
    "[]",
    "null",
    '{"id": "x"}',
    '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}',
    "{" * 5000,
)


def test_what_is_not_the_passkey_does_not_sign_in(door: Door) -> None:
    """The same answer whatever is wrong, and the right one gets in, however many wrong ones came from wherever."""
    own, key = door.signed_in(door.people.add("Eva", NOON)), door.authenticator()
    assert add(own, key).status_code == 303
    assert use(door.browser(), key).status_code == 303
    new, said = door.browser(), set()
    for wrong in WRONG:
        false = replace(key, **{name: value for name, value in wrong.items() if name != "key"})
        false.key = false.key if "key" in wrong else key.key
        answer = use(new, false)
        assert (answer.status_code, who(new)) == (401, None), wrong
        said.add(answer.text)
    for nonsense in NONSENSE:
        new.post(f"{SIGN_IN}/passkey/options")
        answer = new.post(f"{SIGN_IN}/passkey", data={"credential": nonsense})
        assert (answer.status_code, who(new)) == (401, None), nonsense
        said.add(answer.text)
    assert len(said) == 1, "nobody learns what is wrong, or who is there"
    codes = [new.post(f"{SIGN_IN}/passkey", data={"credential": "{}"}).status_code for _ in range(31)]
    assert (codes[0], codes[-1]) == (401, 429)
    assert (use(new, key).status_code, who(new)) == (303, "Eva")


def test_an_answer_is_good_once_soon_and_in_the_browser_that_asked(door: Door) -> None:
    own, key = door.signed_in(door.people.add("Eva", NOON)), door.authenticator(counts=False)
    assert add(own, key).status_code == 303

    def asked(browser: httpx2.Client) -> dict[str, str]:
        return {"credential": answer_of(key.get(browser.post(f"{SIGN_IN}/passkey/options").json()))}

    def answered(browser: httpx2.Client, answer: dict[str, str]) -> int:
        return browser.post(f"{SIGN_IN}/passkey", data=answer).status_code

    new, other = door.browser(), door.browser()
    answer = asked(new)
    cookies = dict(new.cookies)
    asked(other)
    assert answered(other, answer) == 401, "asked for in another browser"
    assert answered(door.browser(), answer) == 401
    assert answered(new, answer) == 303
    assert answered(door.browser(**cookies), answer) == 401, "used"
    late = asked(new)
    door.later(timedelta(minutes=5))
    assert answered(new, late) == 401, "too old"
    adding = own.post(f"{PASSKEYS}/options").json()
    assert answered(own, {"credential": answer_of(key.get(adding))}) == 401, "what was asked for another purpose"


def test_who_is_removed_is_out_with_their_passkeys(door: Door) -> None:
    eva, jan = (door.signed_in(door.people.add(name, NOON)) for name in ("Eva", "Jan"))
    key, other = door.authenticator(), door.authenticator()
    assert add(eva, key).status_code == add(jan, other).status_code == 303
    assert (use(eva, key).status_code, who(eva)) == (303, "Eva")
    assert door.people.remove("Eva")
    assert who(eva) is None
    assert use(door.browser(), key).status_code == 401
    door.people.add("Eva", NOON)
    assert use(door.browser(), key).status_code == 401, "it was another Eva's"
    assert use(door.browser(), other).status_code == 303
    assert len(door.people._select("SELECT * FROM passkey")) == 1


def test_only_a_person_who_has_just_signed_in_adds_one_of_their_own(door: Door) -> None:
    eva, jan, server = door.signed_in(door.people.add("Eva", NOON)), door.signed_in(door.people.add("Jan", NOON)), door.signed_in(SERVER_TOKEN)  # fmt: skip
    key = door.authenticator()
    assert add(server, key).status_code == add(door.browser(), key).status_code == 403
    assert "een passkey is van een persoon" in server.get(PASSKEYS).text
    assert "Meld u aan om uw passkeys te zien" in door.browser().get(PASSKEYS).text
    begun = answer_of(key.create(eva.post(f"{PASSKEYS}/options").json()))
    jan.post(f"{PASSKEYS}/options")
    assert jan.post(PASSKEYS, data={"name": "x", "credential": begun}).status_code == 422
    stolen = door.browser(vrijloop_control=jan.cookies["vrijloop_control"], vrijloop_passkey=eva.cookies["vrijloop_passkey"])  # fmt: skip
    assert stolen.post(PASSKEYS, data={"name": "x", "credential": begun}).status_code == 422
    assert eva.post(PASSKEYS, data={"name": " ", "credential": begun}).status_code == 422
    assert eva.post(PASSKEYS, data={"name": "x", "credential": begun}).status_code == 303
    (passkey,) = door.people.passkeys_of(door.people.all()[0].id)
    for stranger in (jan, server, door.browser()):
        stranger.post(f"{PASSKEYS}/{passkey.id}/remove")
        stranger.post(f"{PASSKEYS}/{passkey.id}", data={"name": "Mine"})
    eva.post(f"{PASSKEYS}/{passkey.id}/remove", headers={"Origin": "https://evil.example"})
    eva.post(f"{PASSKEYS}/{passkey.id}/remove", headers={"Sec-Fetch-Site": "cross-site"})
    assert door.people.passkeys_of(passkey.person) == [passkey]
    door.later(timedelta(minutes=10))
    assert "langer dan tien minuten" in eva.get(PASSKEYS).text
    assert add(eva, door.authenticator()).status_code == 403
    again = eva.post("/control/sign-out", data={"then": "passkeys"})
    assert again.headers["location"] == PASSKEYS
    assert 'name="then" value="passkeys"' in eva.get(PASSKEYS).text


def test_another_site_begins_nothing(door: Door) -> None:
    token = door.people.add("Eva", NOON)
    own, key = door.signed_in(token), door.authenticator()
    assert add(own, key).status_code == 303
    own.headers["Sec-Fetch-Site"] = "cross-site"
    assert own.post(f"{PASSKEYS}/options").status_code == 403
    assert own.post(f"{SIGN_IN}/passkey/options").status_code == 403
    assert own.post(f"{SIGN_IN}/passkey", data={"credential": "{}"}).status_code == 403
    assert own.post(SIGN_IN, data={"token": token}).status_code == 403


def test_signing_in_leads_to_the_room_or_the_passkeys_and_nowhere_else(door: Door) -> None:
    token = door.people.add("Eva", NOON)
    for then, where in (("", "/control"), ("passkeys", PASSKEYS), ("//evil.example", "/control"), ("https://x", "/control")):  # fmt: skip
        answer = door.browser().post(SIGN_IN, data={"token": token, "then": then})
        assert answer.headers["location"] == where
    page = door.browser().get("/control?problem=<b>&then=https://evil.example").text
    assert "evil" not in page
    assert "<b>" not in page


def test_a_session_of_the_browser_does_not_outlive_the_next(door: Door) -> None:
    token = door.people.add("Eva", NOON)
    browser = door.signed_in(SERVER_TOKEN)
    former = browser.cookies["vrijloop_control"]
    assert browser.post(SIGN_IN, data={"token": token}).status_code == 303
    assert browser.cookies["vrijloop_control"] != former
    assert (who(browser), who(door.browser(vrijloop_control=former))) == ("Eva", None)
    assert who(door.browser(vrijloop_control="of somebody's choice")) is None


def test_a_person_has_so_many_and_none_twice(door: Door) -> None:
    own, key = door.signed_in(door.people.add("Eva", NOON)), door.authenticator()
    assert {add(own, door.authenticator()).status_code for _ in range(MAX_PASSKEYS - 1)} == {303}
    late = own.post(f"{PASSKEYS}/options").json()
    cookie = own.cookies["vrijloop_passkey"]
    assert add(own, key).status_code == 303
    own.cookies.set("vrijloop_passkey", cookie, domain="localhost.local", path="/control")
    assert own.post(PASSKEYS, data={"name": "x", "credential": answer_of(door.authenticator().create(late))}).status_code == 422  # fmt: skip
    assert add(own, door.authenticator()).status_code == 409
    assert "twintig passkeys" in own.get(PASSKEYS).text
    jan, user = door.signed_in(door.people.add("Jan", NOON)), key.user
    assert add(jan, key).status_code == 422, "it is Eva's"
    key.user = user
    assert use(jan, key).status_code == 303
    assert who(jan) == "Eva"


@pytest.mark.parametrize(
    ("configured", "host", "said", "leads"),
    [
        ("http://127.0.0.1:{port}", "localhost:{port}", "Naam van de passkey", None), ("http://127.0.0.1:{port}", "127.0.0.1:{port}", "werken op dit adres", "http://localhost:{port}"),
        ("http://127.0.0.1:{port}", "control.hal2.be", "schrijft het in server.toml bij url", None), ("http://control.hal2.be", "control.hal2.be", "schrijft het in server.toml bij url", None),
        ("https://192.0.2.7", "192.0.2.7", "schrijft het in server.toml bij url", None), ("https://control.hal2.be", "control.hal2.be", "Naam van de passkey", None),
        ("http://127.0.0.1:{port}", "[::1]:{port}", "werken op dit adres", "http://localhost:{port}"), ("http://127.0.0.1:{port}", "[", "schrijft het in server.toml bij url", None),
        ("https://control.hal2.be", "192.0.2.7", "werken op dit adres", "https://control.hal2.be"),
    ],
)  # fmt: skip
def test_the_page_says_where_passkeys_work(
    door: Door, configured: str, host: str, said: str, leads: str | None
) -> None:
    port = door.url.rpartition(":")[2]
    door.api.context.party = relying_party(configured.format(port=port))
    own = door.signed_in(door.people.add("Eva", NOON))
    page = own.get(PASSKEYS, headers={"Host": host.format(port=port)}).text
    assert said in page
    shown = re.search(r'<a href="(http[^"]*)/control/passkeys">', page)
    assert (shown.group(1) if shown else None) == (leads.format(port=port) if leads else None)
    entry = door.browser().get("/control", headers={"Host": host.format(port=port)}).text
    assert ("data-passkey" in entry) == ("Naam" in said)
    assert "control.hal2.be" not in entry or host == "control.hal2.be", "strangers are told of no other address"
