"""The machines of one edge node of Sparkplug B: from the values of their metrics to observations. Pure; the clock's judgement is passed in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from edge_agent.dwell import DwellFilter
from edge_agent.interval_tracker import Observation
from edge_agent.opcua_profiles import Meaning, Values, tag_role, tags
from edge_agent.power_state import NO_THRESHOLDS, state_from_power
from edge_agent.sources.source_time import SourceClock
from edge_agent.sources.sparkplug_follower import Born, Changed, Device, DeviceLost, Event, NodeLost, Sample
from edge_agent.sparkplug_settings import SparkplugMachine
from telemetry import MachineState
from telemetry.sparkplug import Value

NO_POWER = "source gives no power"

Observed = list[tuple[str, Observation]]
_WATTS = {"W": 1.0, "kW": 1000.0}


@dataclass(slots=True)
class MachineValues:
    """The values of one machine since its device was born."""

    settings: SparkplugMachine
    dwell: DwellFilter
    values: dict[str, Value | None] = field(default_factory=dict)
    since: datetime | None = None
    fresh: bool = True
    """Whether the next observation does not follow from the one before."""
    state: MachineState | None = None

    def forget(self) -> None:
        self.values, self.since, self.fresh, self.state = {}, None, True, None
        self.dwell.reset()

    def is_moved_by(self, sample: Sample) -> bool:
        """Whether the state may change with this metric."""
        if not self.settings.is_tagged:
            return sample.metric == self.settings.power
        return any(tag.metric == sample.metric for tag in self.settings.tag)

    def observe(self, at: datetime) -> Observation:
        """Confirmed up to `at`, or up to its latest change, if that is later."""
        at = at if self.since is None else max(at, self.since)
        meaning = self.meaning(self.values)
        self.state = meaning.state
        settled = self.dwell.settle(meaning.state, meaning.mode, at)
        continuous, self.fresh = not self.fresh, False
        # A state that has not lasted long enough does not count yet, and the one before goes on without a time of its own.
        as_seen = (settled.state, settled.mode, settled.since) == (meaning.state, meaning.mode, None)
        power_w = self.power_w() if self.settings.report_power else None
        since = self.since if as_seen else settled.since
        reason = meaning.reason if settled.state is meaning.state else None
        return Observation(settled.state, settled.at, settled.mode, since, continuous, power_w, reason)

    def meaning(self, values: Values) -> Meaning:
        """What these values stand for, by metric."""
        if self.settings.is_tagged:
            roles = {tag_role(place): values.get(tag.metric) for place, tag in enumerate(self.settings.tag)}
            return tags(roles, self.settings.tag)
        power_w = self.power_w(values)
        if power_w is None:
            return Meaning(MachineState.UNKNOWN, reason=NO_POWER)
        if self.settings.thresholds is None:
            return Meaning(MachineState.UNKNOWN, reason=NO_THRESHOLDS)
        return Meaning(state_from_power(power_w, self.state, self.settings.thresholds))

    def power_w(self, values: Values | None = None) -> float | None:
        """In watts; None if there is none, or what there is is no number."""
        value = (self.values if values is None else values).get(self.settings.power or "")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        power_w = value * _WATTS[self.settings.power_unit]
        return power_w if math.isfinite(power_w) else None


class NodeValues:
    """Takes what `NodeFollower` tells, and gives observations."""

    def __init__(self, machines: Sequence[SparkplugMachine], clock: SourceClock) -> None:
        self._machines = [MachineValues(machine, DwellFilter(dict(machine.dwell))) for machine in machines]
        self._clock = clock
        self.confirmed: datetime | None = None
        """Everything up to this moment has been observed."""

    @property
    def wanted(self) -> dict[Device, list[str]]:
        """Device to the metrics that its machines are read from."""
        found: dict[Device, list[str]] = {}
        for machine in self._machines:
            names = found.setdefault(machine.settings.device, [])
            names += [name for name in machine.settings.metrics if name not in names]
        return found

    @property
    def machines(self) -> list[str]:
        return [machine.settings.id for machine in self._machines]

    def shown(self, machine: SparkplugMachine) -> dict[str, Value | None]:
        """The values that the machine has by now."""
        return next((dict(one.values) for one in self._machines if one.settings == machine), {})

    def power_w(self, machine: SparkplugMachine) -> float | None:
        """The machine's power by now; None if there is none."""
        return next((one.power_w() for one in self._machines if one.settings == machine), None)

    def take(self, event: Event) -> Observed:
        """What follows for the machines, in order of time. What is lost is forgotten, and for the caller to report."""
        if isinstance(event, NodeLost):
            self._forget(self._machines)
            return []
        concerned = [machine for machine in self._machines if machine.settings.device == event.device]
        if isinstance(event, DeviceLost):
            self._forget(concerned)
            return []
        if isinstance(event, Born) and not event.again:
            self._forget(concerned)
        return [one for machine in concerned for one in self._observed(machine, event)]

    def confirm(self, at: datetime, known: Sequence[Device]) -> Observed:
        """Everything up to `at` has been observed of the devices in `known`; their machines are confirmed up to then."""
        self.confirmed = at if self.confirmed is None else max(at, self.confirmed)
        return [
            (machine.settings.id, machine.observe(self.confirmed))
            for machine in self._machines
            if machine.values and machine.settings.device in known
        ]

    def _observed(self, machine: MachineValues, event: Born | Changed) -> Observed:
        """One observation for each time at which something changed: a state and a mode that changed together are one."""
        name = machine.settings.id
        samples = [one for one in event.samples if one.metric in machine.settings.metrics and not one.is_historical]
        if not machine.values:
            # Only all metrics together say what holds; the newest of those that make the state says since when.
            machine.values = dict.fromkeys(machine.settings.metrics) | {one.metric: one.value for one in samples}
            times = [
                self._clock.first_time(name, one.at or event.sent, event.received)
                for one in samples
                if machine.is_moved_by(one)
            ]
            machine.since = max(times, default=None)
            return [(name, machine.observe(event.received))] if samples else []
        dated: list[tuple[datetime, Sample]] = []
        newest = dict(machine.values)
        for sample in samples:
            if newest[sample.metric] != sample.value:
                stamp = sample.at or event.sent
                dated.append((self._clock.change_time(name, stamp, event.received, self.confirmed), sample))
            newest[sample.metric] = sample.value
        dated.sort(key=lambda one: one[0])
        observed: Observed = []
        for at, group in groupby(dated, key=lambda one: one[0]):
            changed = [sample for _, sample in group]
            machine.values |= {sample.metric: sample.value for sample in changed}
            if any(map(machine.is_moved_by, changed)):
                machine.since = at if machine.since is None else max(at, machine.since)
            observed.append((name, machine.observe(at)))
        return observed

    @staticmethod
    def _forget(machines: Sequence[MachineValues]) -> None:
        for machine in machines:
            machine.forget()
