"""Hours that an operations manager has to approve before they are offered. Pure."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from analytics.policy.policy import MachinePolicy, Policy
from analytics.policy.slot import Slot, without
from telemetry import rfc3339

_NAMESPACE = uuid.UUID("3a2f9e51-1f0f-5a52-9d55-5a6f6f0d7d11")
_STILL_GROWING = timedelta(hours=8)
"""Hours that end so near the end of the horizon may go on: it moves with the clock, and long windows end on multiples of this."""
Status = Literal["asked", "approved", "refused", "expired"]


@dataclass(frozen=True, slots=True)
class Approval:
    """A request to offer hours of a machine, and its answer. `probability`: of their least sure window; `person`: who answered, None where nobody did or it was
    with the server's token."""

    id: str
    machine: str
    start: datetime
    end: datetime
    probability: float
    status: Status
    answer_by: datetime
    person: str | None = None

    def overlaps(self, slot: Slot) -> bool:
        return self.machine == slot.machine and self.start < slot.end and slot.start < self.end


def apply_approvals(
    slots: Sequence[Slot], approvals: Sequence[Approval], policy: Policy, now: datetime
) -> tuple[tuple[Slot, ...], list[Approval]]:
    """The slots that may be offered now, and the updated requests.

    Of a machine whose `approval` is `ask`, what lies within approved hours is offered, and the rest is asked for. Hours that were refused, or
    not answered in time, are not asked for again. Requests for past hours, and for hours that are no longer free, are deleted.
    """
    answered: dict[str, list[Approval]] = defaultdict(list)
    waiting: dict[str, list[Approval]] = defaultdict(list)
    for approval in approvals:
        if approval.end > now:
            current = _expired(approval, now)
            (waiting if current.status == "asked" else answered)[approval.machine].append(current)
    offered: list[Slot] = []
    asked: list[Approval] = []
    for slot in slots:
        rules = policy.for_machine(slot.machine)
        if rules.approval == "auto":
            offered.append(slot)
            continue
        offered += _within(slot, approved_hours(answered[slot.machine]), rules.minimum_slot)
        hours = [(one.start, one.end) for one in answered[slot.machine]]
        for left in without(slot, hours, rules.minimum_slot):
            asked += _asked(left, waiting[slot.machine], rules, policy, now)
    return tuple(offered), [*(one for of_machine in answered.values() for one in of_machine), *asked]


def approved_hours(approvals: Sequence[Approval]) -> list[tuple[datetime, datetime]]:
    """The hours of one machine that were approved, ordered; what follows on each other is put together."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted((one.start, one.end) for one in approvals if one.status == "approved"):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _within(slot: Slot, hours: Sequence[tuple[datetime, datetime]], shortest: timedelta) -> list[Slot]:
    """What of the slot lies within the hours: windows of at least `shortest`. `hours`: ordered, apart."""
    edges = [slot.start, *(edge for span in hours for edge in span), slot.end]
    beside = [(before, after) for before, after in zip(edges[::2], edges[1::2], strict=True) if before < after]
    return without(slot, beside, shortest)


def _asked(slot: Slot, waiting: list[Approval], rules: MachinePolicy, policy: Policy, now: datetime) -> list[Approval]:
    """The requests for a slot that nobody has answered: those that wait already, or new ones. Each request of `waiting` is taken once."""
    found = []
    for one in _without_the_last_day(slot, rules, policy, now):
        by = min(now + rules.answer_within, one.end - rules.minimum_slot - rules.notice)
        before = next((request for request in waiting if request.overlaps(one)), None)
        if before is None:
            number = uuid.uuid5(_NAMESPACE, f"{one.machine}/{rfc3339(one.start)}/{rfc3339(by)}")
            found.append(Approval(str(number), one.machine, one.start, one.end, one.probability, "asked", by))
            continue
        waiting.remove(before)
        # The forecast moves by a quarter now and then: that is still the same request.
        moved = replace(before, start=one.start, end=one.end, probability=one.probability)
        found.append(replace(moved, answer_by=min(before.answer_by, by)))
    return found


def _without_the_last_day(slot: Slot, rules: MachinePolicy, policy: Policy, now: datetime) -> list[Slot]:
    """What of a slot is asked for now. A slot that reaches the end of the horizon grows by the hour: its last day is asked for once the whole day lies
    within the horizon, so that nobody is asked about a machine more than once a day."""
    end = now + policy.horizon
    if slot.end <= end - _STILL_GROWING or policy.horizon < timedelta(days=2):
        return [slot]
    midnight = end.astimezone(ZoneInfo(policy.zone)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    return without(slot, [(max(slot.start, midnight), slot.end)], rules.minimum_slot)


def _expired(approval: Approval, now: datetime) -> Approval:
    return replace(approval, status="expired") if approval.status == "asked" and approval.answer_by <= now else approval
