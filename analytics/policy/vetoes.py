"""Hours that a person has withheld from being offered. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics.policy.policy import Policy
from analytics.policy.slot import Slot, without
from telemetry import rfc3339

_NAMESPACE = uuid.UUID("0c0f6c57-7a0e-5f3c-9a52-7a5f9e6f4d20")


@dataclass(frozen=True, slots=True)
class Veto:
    """Nothing of `machine` is offered in [start, end). `person`: who decided it, None where it was with the server's token."""

    id: str
    machine: str
    start: datetime
    end: datetime
    person: str | None = None

    @classmethod
    def of(cls, machine: str, start: datetime, end: datetime, person: str | None = None) -> Veto:
        """Create a veto. The same hours always get the same id."""
        name = f"{machine}/{rfc3339(start)}/{rfc3339(end)}"
        return cls(str(uuid.uuid5(_NAMESPACE, name)), machine, start, end, person)

    def meets(self, machine: str, start: datetime, end: datetime) -> bool:
        return self.machine == machine and self.start < end and start < self.end


def without_vetoed(slots: Sequence[Slot], vetoes: Sequence[Veto], policy: Policy) -> tuple[Slot, ...]:
    """What of the slots meets no veto, nor the time for setting up beside it."""
    left: list[Slot] = []
    for slot in slots:
        rules = policy.for_machine(slot.machine)
        taken = [
            (
                _rounded(veto.start - rules.buffer_after, rules.step, policy.zone, up=False),
                _rounded(veto.end + rules.buffer_before, rules.step, policy.zone, up=True),
            )
            for veto in vetoes
            if veto.machine == slot.machine
        ]
        left += without(slot, taken, rules.minimum_slot)
    return tuple(left)


def _rounded(moment: datetime, step: timedelta, zone: str, up: bool) -> datetime:
    """To a multiple of the step since local midnight."""
    local = moment.astimezone(ZoneInfo(zone))
    over = (
        timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond) % step
    )
    # In UTC, because Python's arithmetic on aware times of one zone is local.
    return moment.astimezone(UTC) - over + (step if up and over else timedelta(0))
