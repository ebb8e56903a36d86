"""Current state of the machines in the platform's terms, as far as the factory shares it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from analytics.policy.policy import Policy
from analytics.publishing.platform_client import MachineCard
from stores import LatestState
from telemetry import MachineState, OperationMode

_UNKNOWN = "unknown"
_PLATFORM_STATES = {
    MachineState.EXECUTING: "in_use",
    MachineState.NOT_EXECUTING: "standing_still",
    MachineState.NOT_AVAILABLE: "standing_still",
    MachineState.OUT_OF_SERVICE: "out_of_service",
    MachineState.UNKNOWN: _UNKNOWN,
}


def machine_cards(latest: Sequence[LatestState], policy: Policy, now: datetime) -> list[MachineCard]:
    """One card per machine that may be offered. A machine not heard for `max_silence` is unknown."""
    cards = []
    for newest in latest:
        rules = policy.for_machine(newest.machine)
        if not rules.is_offered:
            continue
        state, since = "not_shown", None
        if rules.share_live_state:
            _, since, silent = current_state(newest, now, policy)
            state = _UNKNOWN if silent else _platform_state(newest)
        title, process = rules.title or newest.machine, rules.process or ""
        cards.append(MachineCard(newest.machine, title, process, state, since, rules.anonymous))
    return cards


def says_something_new(card: MachineCard, told: MachineCard | None) -> bool:
    """Compared with what the platform was told last. Of a machine of which nothing is known, the moment since when moves with each report of a backlog that is read; that is not told."""
    if told is not None and card.now == _UNKNOWN:
        return card != replace(told, since=card.since)
    return card != told


def current_state(newest: LatestState, now: datetime, policy: Policy) -> tuple[MachineState, datetime, bool]:
    """(state, since when, whether the machine is silent). A machine not heard for `max_silence` is Unknown, not
    idle."""
    if now - newest.interval.until > policy.max_silence:
        return MachineState.UNKNOWN, newest.interval.until, True
    return newest.interval.state, newest.interval.since, False


def _platform_state(latest: LatestState) -> str:
    if latest.interval.mode is OperationMode.SETUP and latest.interval.state is MachineState.NOT_EXECUTING:
        return "in_use"
    return _PLATFORM_STATES[latest.interval.state]
