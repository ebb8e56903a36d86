"""Slots that an operations manager confirms before they are offered. Pure."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from analytics.policy.policy import Policy
from analytics.policy.slot import Slot
from telemetry import rfc3339

_NAMESPACE = uuid.UUID("3a2f9e51-1f0f-5a52-9d55-5a6f6f0d7d11")
Status = Literal["asked", "approved", "refused", "expired"]


@dataclass(frozen=True, slots=True)
class Approval:
    """A request to offer hours of a machine, and what became of it."""

    id: str
    machine: str
    start: datetime
    end: datetime
    probability: float
    status: Status
    answer_by: datetime

    def overlaps(self, slot: Slot) -> bool:
        return self.machine == slot.machine and self.start < slot.end and slot.start < self.end


def apply_approvals(
    slots: Sequence[Slot], approvals: Sequence[Approval], policy: Policy, now: datetime
) -> tuple[tuple[Slot, ...], list[Approval]]:
    """The slots that may be offered now, and the requests as they then stand.

    A slot whose machine's `approval` is `ask` may be offered where it lies inside hours that were approved. Hours that
    were refused, or not answered in time, are not asked about again; hours that have passed are forgotten.
    """
    held: dict[str, list[Approval]] = defaultdict(list)
    for one in approvals:
        if one.end > now:
            held[one.machine].append(_expired(one, now))
    offered = []
    wanted: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        own = policy.for_machine(slot.machine)
        wanted[slot.machine].append(slot)
        if own.approval == "auto" or _may_be_offered(slot, held[slot.machine], now + own.answer_within):
            offered.append(slot)
    # What is no longer free needs no answer.
    left = [
        one
        for machine, requests in held.items()
        for one in requests
        if one.status != "asked" or any(one.overlaps(slot) for slot in wanted[machine])
    ]
    return tuple(offered), left


def _may_be_offered(slot: Slot, requests: list[Approval], answer_by: datetime) -> bool:
    """Whether it was approved; else it is asked about among the machine's `requests`, unless it was before."""
    near = [one for one in requests if one.overlaps(slot)]
    if any(one.status == "approved" and one.start <= slot.start and slot.end <= one.end for one in near):
        return True
    waiting = next((one for one in near if one.status == "asked"), None)
    if waiting is not None:
        # The forecast moves by a quarter now and then: that is still the same question.
        moved = replace(waiting, start=slot.start, end=slot.end, probability=slot.probability)
        requests[requests.index(waiting)] = moved
    elif not any(one.status in ("refused", "expired") for one in near):
        number = uuid.uuid5(_NAMESPACE, f"{slot.machine}/{rfc3339(slot.start)}/{rfc3339(answer_by)}")
        by = min(answer_by, slot.end)
        requests.append(Approval(str(number), slot.machine, slot.start, slot.end, slot.probability, "asked", by))
    return False


def _expired(one: Approval, now: datetime) -> Approval:
    return replace(one, status="expired") if one.status == "asked" and one.answer_by <= now else one
