"""What an edge node of Sparkplug B has stored while it was away, and tells afterwards (`is_historical`): it fills the time of which nothing is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise

from edge_agent.dwell import DwellFilter
from edge_agent.opcua_profiles import Meaning
from edge_agent.sources.sparkplug_follower import Sample
from edge_agent.sources.sparkplug_values import MachineValues
from edge_agent.sparkplug_settings import SparkplugMachine
from telemetry import MachineState, StateInterval, to_milliseconds
from telemetry.sparkplug import Value


@dataclass(slots=True)
class History:
    """Of one machine, over all connections. Between `known_until` and `present.since` nothing is known of it."""

    settings: SparkplugMachine
    known_until: datetime | None = None
    present: StateInterval | None = None
    """The state in which it came back; None while it is away."""
    _values: dict[str, Value | None] = field(default_factory=dict)
    _machine: MachineValues = field(init=False)

    def __post_init__(self) -> None:
        self._machine = MachineValues(self.settings, DwellFilter({}))

    def lose(self, last: StateInterval | None, values: dict[str, Value | None]) -> None:
        """Nothing is known any more since the end of `last`, when the machine had these values."""
        self.present = None
        if last is not None and last.state is not MachineState.UNKNOWN:
            self.known_until, self._values = last.until, dict(values)
            self._machine.state = last.state

    def find(self, present: StateInterval | None) -> None:
        """The machine is there again."""
        if self.present is None and present is not None and present.state is not MachineState.UNKNOWN:
            self.present = present

    def fill(self, told: Sequence[tuple[datetime, Sample]]) -> tuple[list[StateInterval], int]:
        """Intervals of the time of which nothing is known, by values with their times; and how many values lie outside of it.

        The time before the first and after the last of them stays unknown, unless the machine came back in the state of the last: a node may
        have stored less than there was.
        """
        begin, present = self.known_until, self.present
        if begin is None or present is None:
            return [], len(told)
        inside = sorted((one for one in told if begin <= one[0] < present.since), key=lambda one: one[0])
        points: list[tuple[datetime, Meaning]] = []
        for at, group in groupby(inside, key=lambda one: one[0]):
            self._values |= {sample.metric: sample.value for _, sample in group}
            meaning = self._machine.meaning(self._values)
            self._machine.state = meaning.state
            if not points or (points[-1][1].state, points[-1][1].mode) != (meaning.state, meaning.mode):
                points.append((at, meaning))
        if not inside:
            return [], len(told)
        self.known_until = inside[-1][0]
        last = points[-1][1]
        goes_on = (last.state, last.mode) == (present.state, present.mode)
        ends = present.since if goes_on else self.known_until
        intervals = [
            StateInterval(meaning.state, to_milliseconds(at), to_milliseconds(end), meaning.mode)
            for (at, meaning), (end, _) in pairwise([*points, (ends, last)])
            if meaning.state is not MachineState.UNKNOWN and end > at
        ]
        return intervals, len(told) - len(inside)
