"""Whether what is stored is what the machines did, second by second. Pure.

Where a machine's agent, its server or the way between them had a fault, nobody could know what it did: there it may be Unknown, and nowhere else. A wrong state is
excused only while the clock that it was dated by was wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from telemetry import MachineState

UNKNOWN = MachineState.UNKNOWN


@dataclass(frozen=True, slots=True)
class Spell:
    """A machine's state in [start, end)."""

    state: MachineState
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Excuse:
    """In [start, end) a machine may be Unknown; with `wrong` it may also be in another state than it was."""

    start: datetime
    end: datetime
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """In [start, end) the machine was in the state `was`, and `stored` is stored."""

    machine: str
    start: datetime
    end: datetime
    was: MachineState
    stored: MachineState

    def __str__(self) -> str:
        span = f"{self.start:%H:%M:%S.%f}"[:-3] + f" to {self.end:%H:%M:%S.%f}"[:-3]
        return f"{self.machine} from {span}: was {self.was.value}, stored is {self.stored.value}"


def differences(
    machine: str, truth: Sequence[Spell], stored: Sequence[Spell], excuses: Iterable[Excuse], tolerance: timedelta
) -> list[Difference]:
    """Where the two differ for longer than `tolerance`, without an excuse. Of what is not stored, nothing is known."""
    start, end = truth[0].start, truth[-1].end
    excused = list(excuses)
    edges = {moment for spells in (truth, stored, excused) for spell in spells for moment in (spell.start, spell.end)}
    moments = sorted({moment for moment in edges if start < moment < end} | {start, end})
    found: list[Difference] = []
    for first, last in itertools.pairwise(moments):
        was, told = _state_at(truth, first), _state_at(stored, first)
        if was is told or _is_excused(excused, first, told):
            continue
        if found and found[-1].end == first and found[-1].stored is told:
            found[-1] = Difference(machine, found[-1].start, last, found[-1].was, told)
        else:
            found.append(Difference(machine, first, last, was, told))
    return [one for one in found if one.end - one.start > tolerance]


def _state_at(spells: Sequence[Spell], moment: datetime) -> MachineState:
    return next((one.state for one in spells if one.start <= moment < one.end), UNKNOWN)


def _is_excused(excuses: Iterable[Excuse], moment: datetime, told: MachineState) -> bool:
    return any(one.start <= moment < one.end and (one.wrong or told is UNKNOWN) for one in excuses)
