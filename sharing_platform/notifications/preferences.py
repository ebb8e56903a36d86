"""Which e-mails somebody may have in a summary once a day, or not at all. All others go at once: steps of bookings, security, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from sharing_platform.notifications.models import MailSettings

HOUR = 7
"""The hour of the day at which summaries go, where nobody has chosen another."""


class How(StrEnum):
    """How somebody is told of something."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    NEVER = "never"


@dataclass(frozen=True)
class MailKind:
    """`keys`: of the texts of its e-mails. `regional`: only administrators of the region get them."""

    keys: frozenset[str]
    choices: tuple[How, ...]
    regional: bool = False


KINDS: Mapping[str, MailKind] = {
    "matches": MailKind(frozenset({"match"}), tuple(How)),
    "messages": MailKind(
        frozenset({"message", "notice_answered", "notice_answer_accepted", "notice_answer_declined"}),
        (How.AT_ONCE, How.DAILY),
    ),
    "reviews": MailKind(frozenset({"seeker_completed", "provider_completed"}), tuple(How)),
    "reminders": MailKind(
        frozenset({"reminder_provider", "reminder_seeker", "meeting_reminder", "meeting_reminder_organiser"}),
        (How.AT_ONCE, How.NEVER),
    ),
    "learning": MailKind(
        frozenset({"interest_enough", "question_answered", "answer_helpful", "answer_accepted"}), tuple(How)
    ),
    "goals": MailKind(frozenset({"goal_soon", "goal_today"}), tuple(How)),
    "applications": MailKind(frozenset({"applications"}), (How.AT_ONCE, How.DAILY), regional=True),
    "reports": MailKind(frozenset({"reports", "appeal_made"}), (How.AT_ONCE, How.DAILY), regional=True),
}
"""Those that somebody can choose about, by their names."""
_KIND_OF = {key: name for name, kind in KINDS.items() for key in kind.keys}


def kind_of(key: str) -> str | None:
    """The kind of an e-mail; None for one that is essential."""
    return _KIND_OF.get(key)


def settings_of(session: Session, account_id: str) -> MailSettings:
    """As they are, or as they are before anything was chosen; not kept by that."""
    found = session.get(MailSettings, account_id)
    return found if found is not None else MailSettings(account_id=account_id, hour=HOUR, choices={})


def how_to_tell(settings: MailSettings, kind: str) -> How:
    """At once, where nothing else was chosen, or what was chosen is no longer a choice."""
    chosen = settings.choices.get(kind, How.AT_ONCE)
    return How(chosen) if chosen in KINDS[kind].choices else How.AT_ONCE


def choose(session: Session, account_id: str, hour: int, choices: Mapping[str, How]) -> None:
    """Choices that a kind does not have are left out. What was not said stays."""
    settings = settings_of(session, account_id)
    settings.hour = hour
    known = {name: how for name, how in choices.items() if name in KINDS and how in KINDS[name].choices}
    settings.choices = {**settings.choices, **known}
    session.add(settings)


def stop(session: Session, account_id: str, kind: str) -> None:
    """Nothing of this kind any more, as far as that is a choice. `DIGEST`: of all kinds that come in the summary."""
    settings = settings_of(session, account_id)
    stopped = [
        name
        for name, one in KINDS.items()
        if How.NEVER in one.choices and (name == kind or (kind == DIGEST and how_to_tell(settings, name) is How.DAILY))
    ]
    choose(session, account_id, settings.hour, dict.fromkeys(stopped, How.NEVER))


def can_be_stopped(kind: str) -> bool:
    return kind in KINDS and How.NEVER in KINDS[kind].choices


DIGEST = "digest"
"""In place of a kind: the summary itself."""
