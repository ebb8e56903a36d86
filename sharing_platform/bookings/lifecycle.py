"""The states of a booking and the steps between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """`requested`: the seeker's address is not confirmed yet; holds no hours. `held`: holds the hours until the provider has answered."""

    REQUESTED = "requested"
    HELD = "held"
    ACCEPTED = "accepted"
    IN_USE = "in_use"
    COMPLETED = "completed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Party(StrEnum):
    """Who makes a step."""

    SEEKER = "seeker"
    PROVIDER = "provider"
    PLATFORM = "platform"

    @property
    def other(self) -> Party:
        """The other side of a booking."""
        return Party.PROVIDER if self is Party.SEEKER else Party.SEEKER


class ProposalState(StrEnum):
    """Of other hours or another price, proposed while a request waits or once it is agreed."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Hold(StrEnum):
    """What a booking does to its hours. A step that changes it brings the offers of these hours along."""

    NONE = "none"
    ASKED = "asked"
    FIRM = "firm"


HOLDS: Mapping[State, Hold] = {
    State.REQUESTED: Hold.NONE,
    State.HELD: Hold.ASKED,
    State.ACCEPTED: Hold.FIRM,
    State.IN_USE: Hold.FIRM,
    State.COMPLETED: Hold.FIRM,  # the hours were used
    State.DECLINED: Hold.NONE,
    State.CANCELLED: Hold.NONE,
    State.EXPIRED: Hold.NONE,
    State.WITHDRAWN: Hold.NONE,
}
LIVE = frozenset(state for state, hold in HOLDS.items() if hold is not Hold.NONE)
"""States that occupy their hours."""
AGREED = frozenset(state for state, hold in HOLDS.items() if hold is Hold.FIRM)
"""Also bookings that are over."""
PENDING = frozenset({State.REQUESTED, State.HELD})
FIRM = AGREED - {State.COMPLETED}
NEGOTIABLE = frozenset({State.HELD, State.ACCEPTED})
"""States in which other terms can be proposed. They change nothing but the terms: who accepts them leaves an accepted booking accepted."""
ENDED = frozenset(State) - PENDING - FIRM

_STEPS: dict[State, dict[State, frozenset[Party]]] = {
    State.REQUESTED: {
        State.HELD: frozenset({Party.PLATFORM}),
        State.ACCEPTED: frozenset({Party.PLATFORM}),
        State.CANCELLED: frozenset({Party.SEEKER}),
        State.EXPIRED: frozenset({Party.PLATFORM}),
        State.WITHDRAWN: frozenset({Party.PROVIDER}),
    },
    State.HELD: {
        State.ACCEPTED: frozenset({Party.PROVIDER, Party.SEEKER}),
        State.DECLINED: frozenset({Party.PROVIDER}),
        State.CANCELLED: frozenset({Party.SEEKER}),
        State.EXPIRED: frozenset({Party.PLATFORM}),
        State.WITHDRAWN: frozenset({Party.PROVIDER}),
    },
    State.ACCEPTED: {
        State.IN_USE: frozenset({Party.PLATFORM}),
        State.CANCELLED: frozenset({Party.SEEKER, Party.PROVIDER}),
    },
    State.IN_USE: {
        State.COMPLETED: frozenset({Party.PLATFORM}),
        State.CANCELLED: frozenset({Party.PROVIDER}),
    },
}


def may_step(now_in: State, to: State, party: Party) -> bool:
    """Whether this party may bring a booking from one state to the other, regardless of time limits (see `steps_open_to`)."""
    return party in _STEPS.get(now_in, {}).get(to, frozenset())


def may_accept(party: Party, proposed_by: Party) -> bool:
    """Terms are accepted by the other side than the one that proposed them. The seeker proposes those of the request."""
    return party is not proposed_by and party is not Party.PLATFORM


def steps_open_to(
    party: Party, now_in: State, cancel_until: datetime, now: datetime, proposal_open: bool = False
) -> frozenset[State]:
    """What a party may do at this moment, beside answering a proposal. A seeker may cancel an accepted booking until `cancel_until`; after that
    only the provider may. While a proposal is open, the terms of the request are not accepted: it would not be clear which of the two were meant."""
    steps = {to for to, parties in _STEPS.get(now_in, {}).items() if party in parties}
    if party is Party.SEEKER and now_in is State.ACCEPTED and now >= cancel_until:
        steps.discard(State.CANCELLED)
    if now_in is State.HELD and (proposal_open or not may_accept(party, Party.SEEKER)):
        steps.discard(State.ACCEPTED)
    return frozenset(steps)


def due_after(state: State, start: datetime, end: datetime, now: datetime, within: timedelta) -> datetime | None:
    """When time alone makes the next step, if it does. An answer is due `within` so long, and before the hours begin; of hours that have begun, before
    they end."""
    match state:
        case State.REQUESTED | State.HELD:
            return min(now + within, start if start > now else end)
        case State.ACCEPTED:
            return start
        case State.IN_USE:
            return end
        case _:
            return None


def step_of_time(state: State) -> State:
    """Where the passing of `due` brings it."""
    return {State.ACCEPTED: State.IN_USE, State.IN_USE: State.COMPLETED}.get(state, State.EXPIRED)
