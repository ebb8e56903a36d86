"""The life of a request that is forwarded to another region, on the side that asks. Pure.

The home platform alone decides: only there is a booking, and the database refuses a second one of the same hours. This side says "asking" until it knows, however long that takes,
because a request of which no answer came may have been accepted. A request has one id on both sides: sent again, it is the same request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Asked(StrEnum):
    """`asking`: nobody knows yet whether it has arrived. `held`: the home platform holds the hours until the provider has answered. `cancelling`: we want it no more, and the home
    platform does not know that yet. `lost`: the home platform knew it and no longer does, as after a restored backup. `refused`: the home platform made no booking of it. `unanswered`: the hours are over, and no answer came. `ended`: the exchange between the
    regions was ended before it was answered."""

    ASKING = "asking"
    HELD = "held"
    ACCEPTED = "accepted"
    IN_USE = "in_use"
    COMPLETED = "completed"
    CANCELLING = "cancelling"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    ENDED = "ended"
    LOST = "lost"


OPEN = frozenset({Asked.ASKING, Asked.HELD, Asked.CANCELLING})
"""Nobody has been told an outcome."""
AGREED = frozenset({Asked.ACCEPTED, Asked.IN_USE, Asked.COMPLETED})
OVER = frozenset(Asked) - OPEN - AGREED | {Asked.COMPLETED}
_IN_VAIN = frozenset({Asked.DECLINED, Asked.EXPIRED, Asked.WITHDRAWN, Asked.REFUSED, Asked.UNANSWERED, Asked.ENDED})
_TAKEN_BACK = frozenset({Asked.CANCELLED, Asked.DECLINED, Asked.EXPIRED, Asked.WITHDRAWN, Asked.REFUSED})
"""What comes of something that was accepted: of a home platform that has forgotten that, anything."""
BINDING = frozenset({Asked.HELD, Asked.ACCEPTED, Asked.IN_USE, Asked.CANCELLING})
"""Home has said that it has the request."""
GIVE_UP = timedelta(days=1)
"""So long after the hours, an answer is waited for no more: nothing can be accepted after they have begun, and word of it is tried every minute."""


@dataclass(frozen=True)
class Forwarded:
    """`version`: of the latest news from home. `told`: the outcome that its seeker was told."""

    state: Asked
    version: int = 0
    told: Asked | None = None


def heard(known: Forwarded, state: Asked, version: int, cancellable: bool) -> Forwarded:
    """News from home, which may come late or twice. `cancellable`: whether a seeker could still cancel there."""
    if (known.state in OVER and known.state is not Asked.LOST) or version <= known.version:
        return known
    if known.state is Asked.CANCELLING and state in OPEN | {Asked.ACCEPTED} and cancellable:
        # It was said before home knew that we cancel: that is still under way, and will be done.
        return replace(known, version=version)
    return replace(known, state=state, version=version)


def cancel_refused(known: Forwarded, state: Asked, version: int) -> Forwarded:
    """Home knows that we cancel, and it is too late for that: it stands as it stood."""
    if known.state is not Asked.CANCELLING or version < known.version:
        return known
    return replace(known, state=state, version=version)


def contradicts(known: Forwarded, state: Asked, version: int) -> bool:
    """Whether news may be of a home platform that has forgotten what it said; it may also just be late."""
    if known.state in _IN_VAIN | {Asked.CANCELLED}:
        return state in (Asked.HELD, Asked.ACCEPTED) and version <= known.version
    return known.state in BINDING and (
        version < known.version or (version == known.version and state is not known.state)
    )


def reconcile(known: Forwarded, said: tuple[Asked, int] | None, can_ask_again: bool) -> tuple[Forwarded, Asked | None]:
    """How it stands at home, which has just been asked and alone decides, also where it knows less than it did; and the outcome to tell, where what was told no longer holds. `said`: state
    and version; None where it is not known there. `can_ask_again`: sent again, the request would still be in time."""
    if said is None:
        if known.state not in BINDING:
            return known, None
        if known.state is Asked.CANCELLING:
            return Forwarded(Asked.CANCELLED, 0, known.told), None
        if known.state is Asked.HELD and can_ask_again:
            return Forwarded(Asked.ASKING, 0, known.told), None
        return Forwarded(Asked.LOST, 0, known.told), None
    state, version = said
    if not contradicts(known, state, version):
        return known, None
    if known.state not in BINDING - {Asked.CANCELLING} and state in OPEN | AGREED:
        return replace(known, state=Asked.CANCELLING, version=version), None  # nobody here counts on it any more
    if known.told is not Asked.ACCEPTED or state in AGREED | {Asked.CANCELLED}:
        return replace(known, state=state, version=version), None
    if state is Asked.HELD:
        return Forwarded(state, version, Asked.LOST), Asked.LOST
    return Forwarded(state, version, None), None


def cancelled_here(known: Forwarded, now: datetime, cancel_until: datetime | None) -> Forwarded | None:
    """The seeker wants it no more; None where it is too late."""
    if known.state in (Asked.ASKING, Asked.HELD):
        return replace(known, state=Asked.CANCELLING)
    if known.state is Asked.ACCEPTED and (cancel_until is None or now < cancel_until):
        return replace(known, state=Asked.CANCELLING)
    return None


def overdue(known: Forwarded, end: datetime, now: datetime) -> Forwarded:
    """The hours have been over for a day, and no answer came."""
    return replace(known, state=Asked.UNANSWERED) if known.state in OPEN and now > end + GIVE_UP else known


def exchange_ended(known: Forwarded) -> Forwarded:
    """The regions no longer talk. What was agreed stays agreed between the two organisations."""
    return replace(known, state=Asked.ENDED) if known.state in OPEN else known


def to_tell(known: Forwarded) -> tuple[Forwarded, Asked | None]:
    """The outcome that the seeker is to be told now, if there is one: one for each request, after an acceptance that the provider has cancelled, and once what was told no longer
    holds."""
    if known.state is Asked.LOST:
        return (known, None) if known.told is Asked.LOST else (replace(known, told=Asked.LOST), Asked.LOST)
    untold = known.told in (None, Asked.LOST)
    if untold and known.state is Asked.CANCELLED:
        return replace(known, told=Asked.CANCELLED), None  # they did it themselves
    if known.told is not Asked.ACCEPTED and known.state in AGREED:
        return replace(known, told=Asked.ACCEPTED), Asked.ACCEPTED
    if untold and known.state in _IN_VAIN:
        return replace(known, told=known.state), known.state
    if known.told is Asked.ACCEPTED and known.state in _TAKEN_BACK:
        return replace(known, told=known.state), known.state
    return known, None
