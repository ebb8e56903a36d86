"""Passkeys of persons: whose one is, and adding one."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from analytics.api.context import AnalyticsContext
from analytics.api.people import Person
from sign_in import passkeys
from sign_in.passkeys import CHALLENGE_LIFE, Credential, RelyingParty, WrongPasskeyError

_SITE = "Vrijloop"
_SIGN_IN = "sign in"


def begin_sign_in(context: AnalyticsContext, party: RelyingParty, now: datetime) -> tuple[str, dict[str, Any]]:
    """The value of the cookie, and the options for the browser."""
    cookie, challenge = context.attempts.begin(_SIGN_IN, now)
    return cookie, passkeys.sign_in_options(party, challenge)[1]


def sign_in(context: AnalyticsContext, credential: Credential, cookie: str, now: datetime) -> Person:
    """Whose passkey has signed what this browser was asked to sign. Raises WrongPasskeyError, the same for whatever is wrong."""
    answer = passkeys.parse_answer(credential)
    challenge = context.attempts.find(_SIGN_IN, cookie, CHALLENGE_LIFE, now)
    party, people = context.party, context.people
    if challenge is None or party is None or people is None:
        raise WrongPasskeyError
    passkey = people.passkey(answer.credential)
    person = people.of_id(passkey.person) if passkey is not None else None
    if passkey is None or person is None or answer.user not in (None, _handle(person)):
        raise WrongPasskeyError
    uses = passkeys.check_answer(party, answer, challenge, passkey.public_key, passkey.uses)
    if not context.attempts.finish(cookie, CHALLENGE_LIFE, now) or not people.record_use(passkey, uses, now):
        raise WrongPasskeyError
    return person


def begin_adding(
    context: AnalyticsContext, party: RelyingParty, person: Person, now: datetime
) -> tuple[str, dict[str, Any]]:
    """The value of the cookie, and the options for the browser."""
    cookie, challenge = context.attempts.begin(_purpose(person), now)
    known = [one.credential for one in context.people.passkeys_of(person.id)] if context.people is not None else []
    _, options = passkeys.new_passkey_options(
        party, f"{_SITE} {context.policy.factory}", _handle(person), person.name, person.name, known, challenge
    )
    return cookie, options


def add(
    context: AnalyticsContext,
    party: RelyingParty,
    person: Person,
    name: str,
    credential: Credential,
    cookie: str,
    now: datetime,
) -> bool:
    """Returns False for one that is there already, or for somebody who has as many as one may have. Raises WrongPasskeyError."""
    challenge = context.attempts.find(_purpose(person), cookie, CHALLENGE_LIFE, now)
    if challenge is None or context.people is None:
        raise WrongPasskeyError
    made = passkeys.check_new(party, credential, challenge)
    if not context.attempts.finish(cookie, CHALLENGE_LIFE, now):
        raise WrongPasskeyError
    return context.people.add_passkey(person.id, name, made, now)


def _purpose(person: Person) -> str:
    return f"add/{person.id}"


def _handle(person: Person) -> bytes:
    """By which authenticators know whose passkey it is. They may show it, so that it is not what the file calls the person."""
    return hashlib.sha256(f"passkeys of {person.id}".encode()).digest()
