"""A machine plan that a test writes down spell by spell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from simulators.factory_plan import MachineCharacter, Spell
from telemetry import MachineState, OperationMode

FAR = datetime(2100, 1, 1, tzinfo=UTC)
_LOOK_AGAIN = timedelta(seconds=0.2)


class ScriptedPlan:
    """`machines`: name to (since when, state) in order; the last state lasts for ever, or until `change` where a plan is `changeable`."""

    def __init__(
        self, machines: Mapping[str, Sequence[tuple[datetime, MachineState]]], changeable: bool = False
    ) -> None:
        self._changeable = changeable
        self._spells = {
            machine: [
                Spell(state, _mode(state), since, script[place + 1][0] if place + 1 < len(script) else FAR)
                for place, (since, state) in enumerate(script)
            ]
            for machine, script in machines.items()
        }

    def change(self, machine: str, at: datetime, state: MachineState) -> None:
        """It changes then, which is at least half a second from now: a server looks at what it shows every 0.2 s."""
        before = [spell for spell in self._spells[machine] if spell.start < at]
        self._spells[machine] = [*before[:-1], replace(before[-1], end=at), Spell(state, _mode(state), at, FAR)]

    def spell_at(self, machine: str, moment: datetime) -> Spell:
        spells = self._spells[machine]
        found = next(spell for spell in reversed(spells) if spell.start <= moment or spell is spells[0])
        return replace(found, end=moment + _LOOK_AGAIN) if self._changeable and found.end == FAR else found

    def spells(self, machine: str, start: datetime, end: datetime) -> Iterator[Spell]:
        yield from (one for one in self._spells[machine] if one.end > start and one.start < end)


def _mode(state: MachineState) -> OperationMode:
    return OperationMode.PROCESSING if state is MachineState.EXECUTING else OperationMode.NONE


def character(machine: str) -> MachineCharacter:
    """A machine whose habits do not matter: the script says what it does."""
    return MachineCharacter(machine, machine.title().replace("-", ""), "Maker", "Model", machine, "frezen", ())


def alternating(start: datetime, period: timedelta, count: int) -> list[tuple[datetime, MachineState]]:
    """Executing and waiting in turn."""
    states = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)
    return [(start + period * place, states[place % 2]) for place in range(count)]
