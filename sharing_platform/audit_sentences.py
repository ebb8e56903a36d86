"""The audit log as people read it: each entry a sentence with names instead of ids. The log itself keeps ids alone, so that what is erased is erased there, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.models import Booking
from sharing_platform.i18n import Translator, texts
from sharing_platform.learning.models import Post
from sharing_platform.listings.models import Listing
from sharing_platform.machines.models import Machine
from sharing_platform.moderation.kinds import KINDS, TITLED, read
from sharing_platform.moderation.models import Report
from sharing_platform.notifications.models import Webhook
from sharing_platform.organisations.directory import names_of
from sharing_platform.organisations.models import Account, ApiToken, AuditEntry
from sharing_platform.self_assessment.questionnaire import texts_of
from sharing_platform.wanted.models import Search

_BY_THE_OPERATOR = frozenset({"member.invited", "region.administrator"})
"""Of those that nobody who is signed in did, the ones that a command did."""
_OF_CONTENT = ("machine.", "content.", "appeal.")
"""Of actions that may be about a machine."""


def write_sentences(
    session: Session, entries: Sequence[AuditEntry], t: Translator, own: str | None = None
) -> list[tuple[str, str]]:
    """Of each entry the moment and the sentence. `own`: the organisation whose own people read it, and need not be told which it is."""
    names = _names_in(session, entries, own)
    return [(t.moment(one.at), _sentence(one, names, t, own)) for one in entries]


@dataclass(frozen=True)
class _Names:
    """By id, of everything that the entries mention. Erased people have an empty name."""

    people: dict[str, str]
    tokens: dict[str, str]
    organisations: dict[str, str]
    bookings: dict[str, Booking]
    things: dict[str, str]
    contents: dict[tuple[str, str], str]


def _names_in(session: Session, entries: Iterable[AuditEntry], own: str | None) -> _Names:
    entries = list(entries)
    subjects = {one.subject for one in entries}
    bookings = _by_id(session, Booking, {one.subject for one in entries if one.action.startswith("booking.")})
    seekers = {booking.seeker for booking in bookings.values() if booking.seeker is not None}
    people = _by_id(session, Account, subjects | {one.account_id for one in entries if one.account_id})
    tokens = _by_id(session, ApiToken, subjects | {one.token_id for one in entries if one.token_id})
    things = {
        key: found.title for table in (Listing, Search, Post) for key, found in _by_id(session, table, subjects).items()
    }
    things |= {key: urlsplit(found.url).hostname or "" for key, found in _by_id(session, Webhook, subjects).items()}
    things |= {key: token.name for key, token in tokens.items()}
    machines = [
        tuple(one.subject.split("/", 1)) for one in entries if one.action.startswith(_OF_CONTENT) and "/" in one.subject
    ]
    described = select(Machine).where(tuple_(Machine.factory, Machine.machine).in_(machines))
    things |= {one.subject: one.title for one in (session.scalars(described) if machines else ())}
    # Who reported something knows the page alone: whose an anonymous machine is, the title could tell.
    things |= {
        key: found.title if own is None else found.page for key, found in _by_id(session, Report, subjects).items()
    }
    return _Names(
        {key: "" if found.erased is not None else found.name for key, found in people.items()},
        {key: found.name for key, found in tokens.items()},
        names_of(session, subjects | seekers | {one.organisation_id for one in entries if one.organisation_id}),
        bookings,
        things,
        _contents(session, entries),
    )


def _contents(session: Session, entries: Iterable[AuditEntry]) -> dict[tuple[str, str], str]:
    """Titles of what was reported that is no page of its own; of what belongs to a booking, as both of its parties know it."""
    found = {}
    for kind, subject in {(str(one.details.get("kind")), one.subject) for one in entries}:
        content = read(session, kind, subject) if kind in KINDS and kind not in TITLED else None
        if content is not None:
            booking = session.get(Booking, content.path.rpartition("/")[2])
            found[kind, subject] = booking.title_for(Party.SEEKER) if booking is not None else content.title
    return found


def _by_id(session: Session, table: Any, ids: Iterable[str]) -> dict[str, Any]:
    return {found.id: found for found in session.scalars(select(table).where(table.id.in_(ids)))}


def _sentence(entry: AuditEntry, names: _Names, t: Translator, own: str | None) -> str:
    organisation = names.organisations.get(entry.organisation_id or "", entry.organisation_id or "")
    booking = names.bookings.get(entry.subject)
    role = entry.details.get("role")
    values = {
        "who": _who(entry, names, organisation, t, own),
        "whom": _person(entry.subject, names, t),
        "organisation": organisation or t("audit_somebody"),
        "what": _what(entry, names, booking, t),
        "seeker": _seeker(booking, names) if booking else "",
        "role": t(f"role_{role}") if role else t("role_member"),
    }
    key = f"audit_{_key(entry)}"
    known = key if key in texts(t.language) else "audit_other"
    sentence = t(known, **values, action=entry.action)
    return sentence[:1].upper() + sentence[1:]


def _what(entry: AuditEntry, names: _Names, booking: Booking | None, t: Translator) -> str:
    if entry.action.startswith("neighbour."):
        return str(entry.details.get("what") or entry.details.get("region"))
    if entry.action.startswith("page."):
        return t(f"page_{entry.subject}")
    if entry.action.startswith("strength."):
        return texts_of(t.language)[entry.subject].name
    if entry.action == "region.exported":
        return f"{t(f'export_{entry.subject}')} ({entry.details.get('period') or entry.details.get('format')})"
    kind = str(entry.details.get("kind"))
    if entry.action.startswith(_OF_CONTENT) and kind in KINDS and kind not in TITLED:
        title = names.contents.get((kind, entry.subject))
        return f"{t(f'content_{kind}')}{t.colon}{title}" if title else t(f"content_{kind}")
    return booking.title_for(Party.SEEKER) if booking else _thing(entry.subject, names)


def _key(entry: AuditEntry) -> str:
    """Actions of one name that are told differently."""
    if entry.action == "booking.accepted" and entry.account_id is None and entry.token_id is None:
        return "booking_booked"  # at once, when a guest confirmed the request
    if entry.action == "listing.giving":
        return "listing_giving_yes" if entry.details.get("agreed") else "listing_giving_no"
    return entry.action.replace(".", "_")


def _who(entry: AuditEntry, names: _Names, organisation: str, t: Translator, own: str | None) -> str:
    """The person, or the program; where neither is known, the organisation itself."""
    elsewhere = organisation if entry.organisation_id != own else ""
    if entry.account_id is not None:
        person = _person(entry.account_id, names, t)
        return f"{person} ({elsewhere})" if elsewhere else person
    if entry.token_id is not None:
        program = (
            t("audit_program", name=names.tokens[entry.token_id])
            if entry.token_id in names.tokens
            else t("audit_server")
        )
        return f"{program} ({elsewhere})" if elsewhere else program
    if entry.action in _BY_THE_OPERATOR:
        return t("audit_operator")
    if entry.action.startswith("account."):
        return _person(entry.subject, names, t)
    return organisation or t("audit_somebody")


def _person(account: str, names: _Names, t: Translator) -> str:
    return names.people.get(account) or t("audit_erased" if account in names.people else "audit_somebody")


def _seeker(booking: Booking, names: _Names) -> str:
    return names.organisations.get(booking.seeker or "", booking.organisation)


def _thing(subject: str, names: _Names) -> str:
    return names.things.get(subject) or names.organisations.get(subject) or subject.rpartition("/")[2]
