"""What is signed by whom it should be, for this, and now, is believed; nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sharing_platform.errors import InvalidError
from sharing_platform.federation.exchange import API
from sharing_platform.federation.keys import OwnKey, fingerprint, read_public_key
from sharing_platform.federation.signatures import (
    UntrustedError,
    key_named,
    sign_answer,
    sign_request,
    verify_answer,
    verify_request,
)
from sharing_platform.federation.transport import HttpAnswer, HttpRequest, read_address
from tests.sharing_platform.conftest import NOON
from tests.sharing_platform.federation.regions import Regions
from vrijloop.neighbours import ask_neighbour


def key_of(number: int) -> OwnKey:
    raw = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return OwnKey(base64.b64encode(raw.private_bytes_raw()).decode(), "0a")


OURS, THEIRS = key_of(1), key_of(2)
ASKED = sign_request(
    HttpRequest("PUT", "https://luik.example/api/v1/federation/requests/1?x=%20", {"accept": "application/json"}, b"{}"), OURS, "n" * 24, NOON
)  # fmt: skip
ANSWER = sign_answer(HttpAnswer(200, {"content-type": "application/json"}, b'{"a":1}'), ASKED, THEIRS, NOON)


def test_a_signed_request_says_whose_it_is_and_is_believed_for_a_minute() -> None:
    assert key_named(ASKED) == OURS.public_text
    for now in (NOON, NOON - timedelta(seconds=59), NOON + timedelta(seconds=119)):
        assert verify_request(ASKED, OURS.public_text, now).nonce == "n" * 24
    verify_answer(ANSWER, ASKED, THEIRS.public_text, NOON)


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        (lambda one: replace(one, body=b"{ }"), 0),
        (lambda one: replace(one, body=b""), 0),
        (lambda one: replace(one, method="GET"), 0),
        (lambda one: replace(one, url=one.url.replace("luik", "namen")), 0),
        (lambda one: replace(one, url=one.url.replace("/1?", "/2?")), 0),
        (lambda one: replace(one, url=one.url + "&mark=1"), 0),
        (lambda one: replace(one, headers={**one.headers, "content-digest": "sha-256=:" + "A" * 43 + "=:"}), 0),
        (lambda one: replace(one, headers={**one.headers, "signature-input": one.headers["signature-input"].replace('"content-digest"', "")}), 0),
        (lambda one: replace(one, headers={**one.headers, "signature-input": one.headers["signature-input"].replace(";expires=1772449260", ";expires=1972449260")}), 0),
        (lambda one: replace(one, headers={}), 0),
        (lambda one: replace(one, headers={**one.headers, "signature": "nonsense"}), 0),
        (lambda one: sign_request(replace(one, headers={}), THEIRS, "n" * 24, NOON), 0),
        (lambda one: sign_request(replace(one, headers={}), OURS, "short", NOON), 0),
        (lambda one: one, 121),
        (lambda one: one, -61),
    ],
)  # fmt: skip
def test_a_request_that_does_not_hold(change: Callable[[HttpRequest], HttpRequest], seconds: int) -> None:
    with pytest.raises(UntrustedError):
        verify_request(change(ASKED), OURS.public_text, NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("answer", "asked", "key"),
    [
        (replace(ANSWER, body=b'{"a":2}'), ASKED, THEIRS),
        (replace(ANSWER, status=410), ASKED, THEIRS),
        (ANSWER, sign_request(replace(ASKED, headers={}), OURS, "m" * 24, NOON), THEIRS),
        (ANSWER, replace(ASKED, url="https://luik.example/api/v1/federation/feed"), THEIRS),
        (ANSWER, ASKED, OURS),
        (HttpAnswer(200, {"content-type": "application/json"}, b'{"a":1}'), ASKED, THEIRS),
        (sign_answer(HttpAnswer(200, {}, b'{"a":1}'), ASKED, THEIRS, NOON - timedelta(minutes=3)), ASKED, THEIRS),
    ],
)
def test_an_answer_that_does_not_hold(answer: HttpAnswer, asked: HttpRequest, key: OwnKey) -> None:
    with pytest.raises(UntrustedError):
        verify_answer(answer, asked, key.public_text, NOON)


def test_two_people_read_the_same_digits_to_each_other() -> None:
    groups = fingerprint(OURS.public_text)
    assert (len(groups), {len(one) for one in groups}) == (6, {5})
    assert "".join(groups).isdecimal()
    assert groups == fingerprint(read_public_key(f" {OURS.public_text[:20]}\n{OURS.public_text[20:]} "))
    assert groups != fingerprint(THEIRS.public_text)


@pytest.mark.parametrize("text", ["", "nonsense", "AAAA", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(33)).decode()])  # fmt: skip
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InvalidError):
        read_public_key(text)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://vrijloop.luik.example", "https://vrijloop.luik.example"),
        (" https://Vrijloop.Luik.example:443/ ", "https://vrijloop.luik.example"),
        ("https://luik.example:8443", "https://luik.example:8443"),
        ("http://127.0.0.1:8340", "http://127.0.0.1:8340"),
        ("http://[::1]:8340", "http://[::1]:8340"),
        ("http://localhost", "http://localhost"),
        ("http://luik.example", None),
        ("http://127.0.0.1.luik.example", None),
        ("http://10.0.0.1", None),
        ("ftp://luik.example", None),
        ("https://user@luik.example", None),
        ("https://luik.example/path", None),
        ("https://luik.example?x", None),
        ("https://luik.example:99999", None),
        ("https://", None),
        ("luik.example", None),
        ("https://luik .example", None),
        ("https://l\N{LATIN SMALL LETTER U WITH DIAERESIS}ik.example", None),
    ],
)
def test_addresses(given: str, read: str | None) -> None:
    if read is None:
        with pytest.raises(InvalidError):
            read_address(given)
    else:
        assert read_address(given) == read


def test_strangers_and_repeated_requests_are_told_nothing(friends: Regions) -> None:
    limburg, luik = friends.all
    asked = HttpRequest("GET", f"{limburg.platform.url}{API}/feed", {"accept": "application/json"})
    now = limburg.platform.present[0]
    signed = sign_request(asked, luik.own_key(), "n" * 24, now)
    first, again = ask_neighbour(signed), ask_neighbour(signed)
    assert (first.status, again.status) == (200, 401)
    verify_answer(first, signed, limburg.public_key, now)
    assert {ask_neighbour(one).body for one in (asked, sign_request(asked, key_of(7), "x" * 24, now))} == {again.body}
    other = replace(signed, url=f"{luik.platform.url}{API}/feed")
    assert ask_neighbour(other).status == 401, "what is meant for one region, no other answers"


def test_what_is_added_to_a_signed_address_is_not_believed(friends: Regions) -> None:
    """Also behind a `#`, which those who parse an address cut off, and where parameters are still read."""
    limburg, luik = friends.all
    asked = HttpRequest("GET", f"{limburg.platform.url}{API}/feed", {"accept": "application/json"})
    signed = sign_request(asked, luik.own_key(), "n" * 24, limburg.platform.present[0])
    there = HTTPConnection(limburg.platform.url.removeprefix("http://"))
    for added, status in (("?mark=x", 401), ("?#&mark=x", 401), ("", 200)):
        there.request("GET", f"{API}/feed{added}", headers=signed.headers)
        answer = there.getresponse()
        answer.read()
        assert answer.status == status, added
    there.close()


def test_what_another_answers_at_the_address_is_not_believed(friends: Regions) -> None:
    limburg, luik = friends.all
    before = [one.digest for one in luik.items()]

    def forged(request: HttpRequest) -> HttpAnswer:
        answer = ask_neighbour(request)
        plain = HttpAnswer(answer.status, {"content-type": "application/json"}, answer.body)
        return sign_answer(plain, request, key_of(9), luik.platform.present[0])

    luik.way = forged
    friends.talk()
    assert luik.neighbour(limburg).trouble == "untrusted"
    assert [one.digest for one in luik.items()] == before
    luik.way = lambda _: HttpAnswer(410, {}, b'{"ended": true}')
    friends.talk(12)
    assert luik.neighbour(limburg).state == "agreed", "that it is over has to be signed, too"
