"""Turns the values that an OPC UA server sends into observations of its machines; reads no clock and no socket.

    nodes of the machines ─▶ values ─▶ profile ─▶ state ─┐
    Server/ServerStatus/CurrentTime ── confirms up to ───┴▶ observation

What the server has sent is complete up to its CurrentTime, which therefore confirms the states of all its machines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from asyncua import ua

from edge_agent import opcua_profiles as profiles
from edge_agent.configuration import OpcUaMachine
from edge_agent.interval_tracker import Observation
from edge_agent.opcua_profiles import Meaning, NodeName, Value
from edge_agent.sources.source_time import SourceClock
from telemetry import MachineState

Change = tuple[ua.NodeId, ua.DataValue]
Observed = list[tuple[str, Observation]]

_NOTHING = Meaning(MachineState.UNKNOWN)
_PROFILES = {"machinery": profiles.machinery, "packml": profiles.packml, "machinetool": profiles.machinetool}


@dataclass(slots=True)
class _Machine:
    """The values of one machine in this connection."""

    settings: OpcUaMachine
    values: dict[str, Value] = field(default_factory=dict)
    since: datetime | None = None
    meaning: Meaning = _NOTHING

    def change(self, values: Mapping[str, Value], at: datetime) -> None:
        self.values |= values
        self.since = at if self.since is None else max(at, self.since)
        tags, profile = self.settings.tag, self.settings.profile
        self.meaning = profiles.tags(self.values, tags) if profile == "tags" else _PROFILES[profile](self.values)

    def observation(self, at: datetime) -> Observation:
        """Confirmed up to `at`, or up to its latest change, if that is later."""
        at = at if self.since is None else max(at, self.since)
        return Observation(self.meaning.state, at, self.meaning.mode, since=self.since, reason=self.meaning.reason)


class OpcUaValues:
    """The values of one connection."""

    def __init__(
        self,
        machines: Sequence[OpcUaMachine],
        clock: SourceClock,
        name_of: Callable[[ua.NodeId], NodeName],
        confirmed: datetime | None = None,
    ) -> None:
        """`name_of`: a node by namespace URI, in this connection. `confirmed`: values that come are from after this moment."""
        self._machines = {machine.id: _Machine(machine) for machine in machines}
        self._clock = clock
        self._name_of = name_of
        self._roles: dict[ua.NodeId, list[tuple[_Machine, str]]] = {}
        self.confirmed = confirmed
        """Everything up to this moment has been observed."""

    @property
    def nodes(self) -> Sequence[ua.NodeId]:
        """The nodes of all machines."""
        return list(self._roles)

    def follow(self, machine: str, nodes: Sequence[tuple[ua.NodeId, str]]) -> None:
        """`nodes`: each with its role. A node may be of several machines, and of several roles."""
        for node, role in nodes:
            self._roles.setdefault(node, []).append((self._machines[machine], role))

    def machines_of(self, node: ua.NodeId) -> Sequence[str]:
        """The machines that the node says something about."""
        return [machine.settings.id for machine, _ in self._roles[node]]

    def take(self, changes: Sequence[Change], received: datetime, confirmed: datetime | None) -> Observed:
        """Observations of the machines that changed, in order of time. `confirmed`: everything up to this moment has been sent."""
        dated: list[tuple[datetime, str, str, Value]] = []
        newest: dict[tuple[str, str], Value] = {}
        for node, value in changes:
            plain = self._plain(value)
            for machine, role in self._roles[node]:
                name = machine.settings.id
                if (name, role) not in newest and role not in machine.values:
                    dated.append((self._clock.first_time(name, value.SourceTimestamp, received), name, role, plain))
                elif newest.get((name, role), machine.values.get(role)) != plain:
                    at = self._clock.change_time(name, value.SourceTimestamp, received, self.confirmed)
                    dated.append((at, name, role, plain))
                newest[name, role] = plain
        # What has just come is newer than what was confirmed before, which the first report of a value includes.
        known = self.confirmed
        if confirmed is not None:
            self.confirmed = confirmed if known is None else max(confirmed, known)
        # Sorted by time and machine, so that a state and a mode that changed together become one observation.
        dated.sort(key=lambda change: (change[0], change[1]))
        observed: Observed = []
        last_of: dict[str, int] = {}
        for (at, name), group in groupby(dated, key=lambda change: (change[0], change[1])):
            machine = self._machines[name]
            machine.change({role: plain for _, _, role, plain in group}, at)
            last_of[name] = len(observed)
            observed.append((name, machine.observation(known or at)))
        if confirmed is not None:
            # A change that has just arrived is confirmed up to now, which its first report includes.
            for name, place in last_of.items():
                observed[place] = (name, self._machines[name].observation(confirmed))
        return observed

    def confirmations(self) -> Observed:
        """All machines that have values, up to `confirmed`."""
        at = self.confirmed
        if at is None:
            return []
        return [
            (name, machine.observation(at)) for name, machine in self._machines.items() if machine.since is not None
        ]

    def _plain(self, value: ua.DataValue) -> Value:
        """The value as a Python object; None if its status is not Good."""
        good = value.StatusCode is None or value.StatusCode.is_good()
        inner = value.Value.Value if good and value.Value is not None else None
        if isinstance(inner, ua.NodeId):
            return self._name_of(inner)
        if isinstance(inner, ua.LocalizedText):
            return str(inner.Text or "")
        return inner if isinstance(inner, bool | int | float | str) else None
