"""How the machines are now, in the platform's words, as far as the factory lets it be shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from analytics.policy.policy import Policy
from analytics.publishing.platform_client import MachineCard
from stores import LatestState
from telemetry import MachineState, OperationMode

_WORDS = {
    MachineState.EXECUTING: "in_use",
    MachineState.NOT_EXECUTING: "standing_still",
    MachineState.NOT_AVAILABLE: "standing_still",
    MachineState.OUT_OF_SERVICE: "out_of_service",
    MachineState.UNKNOWN: "unknown",
}


def machine_cards(latest: Sequence[LatestState], policy: Policy, now: datetime) -> list[MachineCard]:
    """One card per machine that may be offered. A machine not heard of for `max_silence` is unknown."""
    cards = []
    for one in latest:
        own = policy.for_machine(one.machine)
        if not own.is_offered:
            continue
        word, since = "not_shown", None
        if own.share_live_state:
            _, since, silent = current_state(one, now, policy)
            word = "unknown" if silent else _word(one)
        cards.append(MachineCard(one.machine, own.title or one.machine, own.process or "", word, since))
    return cards


def current_state(one: LatestState, now: datetime, policy: Policy) -> tuple[MachineState, datetime, bool]:
    """(state, since when, whether nobody hears it). Unknown is not idle: what nobody confirmed for `max_silence` is not known."""
    if now - one.interval.until > policy.max_silence:
        return MachineState.UNKNOWN, one.interval.until, True
    return one.interval.state, one.interval.since, False


def _word(latest: LatestState) -> str:
    if latest.interval.mode is OperationMode.SETUP and latest.interval.state is MachineState.NOT_EXECUTING:
        return "in_use"
    return _WORDS[latest.interval.state]
