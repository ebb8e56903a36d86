"""Hours that a person has withheld from being offered. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics.policy.slot import Slot
from telemetry import rfc3339

_NAMESPACE = uuid.UUID("0c0f6c57-7a0e-5f3c-9a52-7a5f9e6f4d20")


@dataclass(frozen=True, slots=True)
class Veto:
    """Nothing of `machine` is offered in [start, end)."""

    id: str
    machine: str
    start: datetime
    end: datetime

    @classmethod
    def of(cls, machine: str, start: datetime, end: datetime) -> Veto:
        """Create a veto. The same hours always get the same id."""
        return cls(str(uuid.uuid5(_NAMESPACE, f"{machine}/{rfc3339(start)}/{rfc3339(end)}")), machine, start, end)

    def meets(self, machine: str, start: datetime, end: datetime) -> bool:
        return self.machine == machine and self.start < end and start < self.end


def without_vetoed(slots: Sequence[Slot], vetoes: Sequence[Veto]) -> tuple[Slot, ...]:
    """The slots that overlap no veto. The rest of an overlapping slot is offered again by the next round."""
    return tuple(slot for slot in slots if not any(veto.meets(slot.machine, slot.start, slot.end) for veto in vetoes))
