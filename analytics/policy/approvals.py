"""Slots that an operations manager has to approve before they are offered. Pure."""

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
    """A request to offer hours of a machine, and its answer."""

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
    """The slots that may be offered now, and the updated requests.

    A slot of a machine whose `approval` is `ask` may be offered if it lies within approved hours. Hours that were
    refused, or not answered in time, are not asked about again. Requests for past hours are deleted.
    """
    by_machine: dict[str, list[Approval]] = defaultdict(list)
    for approval in approvals:
        if approval.end > now:
            by_machine[approval.machine].append(_expired(approval, now))
    offered = []
    wanted: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        rules = policy.for_machine(slot.machine)
        wanted[slot.machine].append(slot)
        if rules.approval == "auto" or _may_be_offered(slot, by_machine[slot.machine], now + rules.answer_within):
            offered.append(slot)
    # A request for hours that are no longer free needs no answer.
    left = [
        request
        for machine, requests in by_machine.items()
        for request in requests
        if request.status != "asked" or any(request.overlaps(slot) for slot in wanted[machine])
    ]
    return tuple(offered), left


def _may_be_offered(slot: Slot, requests: list[Approval], answer_by: datetime) -> bool:
    """Whether the slot is approved. If it is not, add or update a request for it in `requests`, unless it was
    answered before."""
    near = [request for request in requests if request.overlaps(slot)]
    if any(
        request.status == "approved" and request.start <= slot.start and slot.end <= request.end for request in near
    ):
        return True
    waiting = next((request for request in near if request.status == "asked"), None)
    if waiting is not None:
        # The forecast shifts by a quarter now and then: that is still the same request.
        moved = replace(waiting, start=slot.start, end=slot.end, probability=slot.probability)
        requests[requests.index(waiting)] = moved
    elif not any(request.status in ("refused", "expired") for request in near):
        number = uuid.uuid5(_NAMESPACE, f"{slot.machine}/{rfc3339(slot.start)}/{rfc3339(answer_by)}")
        by = min(answer_by, slot.end)
        requests.append(Approval(str(number), slot.machine, slot.start, slot.end, slot.probability, "asked", by))
    return False


def _expired(approval: Approval, now: datetime) -> Approval:
    return replace(approval, status="expired") if approval.status == "asked" and approval.answer_by <= now else approval
