"""Finds the nodes with the machines' states by type definition and namespace URI, again at each connection.

All machines of a server are searched together, level by level, so that the number of requests hardly depends on how many they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua

from edge_agent import opcua_profiles as profiles
from edge_agent.configuration import OpcUaMachine
from edge_agent.node_names import UA_URI, parse_node_name
from edge_agent.opcua_profiles import MACHINERY_URI, MACHINETOOL_URI, PACKML_URI, NodeName
from edge_agent.sources.opcua_requests import Requests

MACHINES_FOLDER = NodeName(MACHINERY_URI, 1001)

_OBJECTS = ua.NodeId(ua.ObjectIds.ObjectsFolder)
_OBJECT, _VARIABLE = ua.NodeClass.Object, ua.NodeClass.Variable
_SEARCH_DEPTH = 6
_SEARCH_NODES = 3_000
"""Limit of nodes visited for a machine: some servers have every drive parameter below it."""

_MACHINERY_TYPES = {
    NodeName(MACHINERY_URI, 1002): profiles.ITEM_STATE,
    NodeName(MACHINERY_URI, 1008): profiles.OPERATION_MODE,
}
_PACKML_TYPES = {
    NodeName(PACKML_URI, 3): profiles.PACKML_BASE,
    NodeName(PACKML_URI, 2): profiles.PACKML_MACHINE,
    NodeName(PACKML_URI, 1): profiles.PACKML_EXECUTE,
}
# ProductionStateMachineType and the types derived from it.
_PROGRAM_TYPES = {NodeName(MACHINETOOL_URI, number): profiles.PROGRAM for number in (15, 24, 28, 40)}
_NAMED_VARIABLES = {
    NodeName(MACHINETOOL_URI, "ChannelState"): profiles.CHANNEL,
    NodeName(MACHINETOOL_URI, "OperationMode"): profiles.TOOL_MODE,
    NodeName(PACKML_URI, "UnitModeCurrent"): profiles.PACKML_MODE,
}
_NEEDED = {
    "machinery": ("MachineryItemState (OPC 40001-1)", (profiles.ITEM_STATE,)),
    "packml": ("PackML state machine (OPC 30050)", (profiles.PACKML_BASE, profiles.PACKML_MACHINE)),
    "machinetool": (
        "MachineryItemState, ChannelState or ActiveProgram state (OPC 40501-1)",
        (profiles.ITEM_STATE, profiles.CHANNEL, profiles.PROGRAM),
    ),
}


class NotFoundError(Exception):
    """The machine, or a node with its state, is not on this server. The message says what was searched and what is there."""


Roles = list[tuple[ua.NodeId, str]]
"""The nodes of one machine and what each stands for."""


@dataclass
class _Search:
    """The search below one node, level by level. Browse names may be in any namespace, as in the official example; types are not."""

    finder: Finder
    profile: str
    level: list[ua.NodeId]
    state_machines: Roles = field(default_factory=list)
    variables: Roles = field(default_factory=list)
    seen: set[ua.NodeId] = field(default_factory=set)
    missing: bool = False

    def __post_init__(self) -> None:
        self.seen.update(self.level)

    @property
    def types(self) -> Mapping[NodeName, str]:
        if self.profile == "packml":
            return _PACKML_TYPES
        return _MACHINERY_TYPES | _PROGRAM_TYPES if self.profile == "machinetool" else _MACHINERY_TYPES

    @property
    def complete(self) -> bool:
        return self.profile == "machinery" and len(self.state_machines) == len(_MACHINERY_TYPES)

    def take(self, children: Sequence[ua.ReferenceDescription] | None) -> list[ua.NodeId]:
        """Note what is found, and return the nodes to search below. Of state machines only PackML's are searched, because they are nested."""
        below = []
        self.missing = children is None and len(self.seen) == 1
        for reference in children or ():
            if reference.NodeId in self.seen or len(self.seen) > _SEARCH_NODES:
                continue
            self.seen.add(reference.NodeId)
            role = self.types.get(self.finder.name_of(reference.TypeDefinition))
            if role is not None and role not in (known for _, known in self.state_machines):
                self.state_machines.append((reference.NodeId, role))
            elif reference.NodeClass == _VARIABLE:
                self._take_variable(reference)
            if reference.NodeClass == _OBJECT and (role is None or role in _PACKML_TYPES.values()):
                below.append(reference.NodeId)
        return below

    def _take_variable(self, reference: ua.ReferenceDescription) -> None:
        role = _NAMED_VARIABLES.get(self.finder.name_of_browse(reference.BrowseName))
        if role == profiles.CHANNEL:
            channels = sum(known.startswith(profiles.CHANNEL) for _, known in self.variables)
            self.variables.append((reference.NodeId, f"{profiles.CHANNEL}:{channels}"))
        elif role is not None and role not in (known for _, known in self.variables):
            # The machine's own node comes before those of its components.
            self.variables.append((reference.NodeId, role))


class Finder:
    """Searches one server; valid for one connection."""

    def __init__(self, requests: Requests, namespaces: Sequence[str]) -> None:
        self._requests = requests
        self._namespaces = list(namespaces)
        self._machines: dict[str, ua.NodeId] | None = None

    def name_of(self, node: ua.NodeId) -> NodeName:
        """The node by namespace URI; the URI is empty if the server does not list the namespace."""
        return NodeName(self._uri(node.NamespaceIndex), node.Identifier)

    def name_of_browse(self, name: ua.QualifiedName) -> NodeName:
        """A browse name by namespace URI."""
        return NodeName(self._uri(name.NamespaceIndex), name.Name)

    def _uri(self, index: int) -> str:
        return UA_URI if index == 0 else self._namespaces[index] if 0 <= index < len(self._namespaces) else ""

    def node_id(self, name: NodeName) -> ua.NodeId:
        """The node's id in this connection. Raises NotFoundError if the server does not have the namespace."""
        if name.uri == UA_URI:
            return ua.NodeId(name.identifier, 0)
        try:
            return ua.NodeId(name.identifier, self._namespaces.index(name.uri))
        except ValueError:
            raise NotFoundError(f"the server does not know the namespace {name.uri}") from None

    async def nodes_of(self, machines: Sequence[OpcUaMachine]) -> dict[str, Roles | NotFoundError]:
        """The nodes of each machine by id, or why there are none."""
        found: dict[str, Roles | NotFoundError] = {}
        searches: dict[str, _Search] = {}
        starts = await self._starts(machines)
        for machine in machines:
            try:
                if machine.profile == "tags":
                    found[machine.id] = self._tags(machine)
                else:
                    searches[machine.id] = _Search(self, machine.profile, [self._start(machine, starts)])
            except NotFoundError as error:
                found[machine.id] = error
        await self._run([search for search in searches.values() if search.profile == "machinery"], _OBJECT)
        await self._run([search for search in searches.values() if search.profile != "machinery"], _OBJECT | _VARIABLE)
        values = await self._current_states([one for search in searches.values() for one in search.state_machines])
        for machine in machines:
            if machine.id in searches:
                found[machine.id] = _result(machine, searches[machine.id], values)
        return found

    async def machines(self) -> dict[str, ua.NodeId]:
        """The machines under Objects/Machines (OPC 40001-1), BrowseName to node; empty if there is no such folder."""
        if self._machines is None:
            try:
                [references] = await self._requests.browse([self.node_id(MACHINES_FOLDER)], _OBJECT)
            except NotFoundError:
                references = None
            self._machines = {str(reference.BrowseName.Name): reference.NodeId for reference in references or ()}
        return self._machines

    def _tags(self, machine: OpcUaMachine) -> Roles:
        return [
            (self.node_id(parse_node_name(tag.node)), profiles.tag_role(place)) for place, tag in enumerate(machine.tag)
        ]

    async def _starts(self, machines: Sequence[OpcUaMachine]) -> dict[str, ua.NodeId]:
        """Where to search for the machines that are known by their browse name. There is no standard place for PackML units."""
        if all(machine.browse_name is None for machine in machines):
            return {}
        starts = await self.machines()
        elsewhere = {
            machine.browse_name
            for machine in machines
            if machine.profile == "packml" and machine.browse_name is not None and machine.browse_name not in starts
        }
        return starts | await self._named(elsewhere)

    def _start(self, machine: OpcUaMachine, starts: Mapping[str, ua.NodeId]) -> ua.NodeId:
        if machine.node is not None:
            return self.node_id(parse_node_name(machine.node))
        if machine.browse_name is not None and machine.browse_name in starts:
            return starts[machine.browse_name]
        names = ", ".join(sorted(self._machines or {})) or "none"
        raise NotFoundError(f"no machine {machine.browse_name!r} under Objects/Machines (there are: {names})")

    async def _named(self, names: set[str]) -> dict[str, ua.NodeId]:
        """The nearest object of each name below Objects."""
        found: dict[str, ua.NodeId] = {}
        level, seen = [_OBJECTS], {_OBJECTS}
        for _ in range(_SEARCH_DEPTH):
            if len(found) == len(names):
                break
            children = [one for some in await self._requests.browse(level, _OBJECT) for one in some or ()]
            level = []
            for reference in children:
                if reference.NodeId in seen or len(seen) > _SEARCH_NODES:
                    continue
                seen.add(reference.NodeId)
                level.append(reference.NodeId)
                if reference.BrowseName.Name in names:
                    found.setdefault(reference.BrowseName.Name, reference.NodeId)
        return found

    async def _run(self, searches: Sequence[_Search], classes: ua.NodeClass) -> None:
        """Each level of all machines together, nearest first."""
        for _ in range(_SEARCH_DEPTH):
            searches = [search for search in searches if search.level and not search.complete]
            answers = iter(await self._requests.browse([node for one in searches for node in one.level], classes))
            for search in searches:
                search.level = [node for _ in search.level for node in search.take(next(answers))]

    async def _current_states(self, state_machines: Sequence[tuple[ua.NodeId, str]]) -> dict[ua.NodeId, ua.NodeId]:
        """State machine to the node with the id of its current state."""
        nodes = [node for node, _ in state_machines]
        ids = await self._requests.translate(nodes, ("CurrentState", "Id"))
        return {node: current for node, current in zip(nodes, ids, strict=True) if current is not None}


def _result(machine: OpcUaMachine, search: _Search, values: Mapping[ua.NodeId, ua.NodeId]) -> Roles | NotFoundError:
    found = [(values[node], role) for node, role in search.state_machines if node in values] + search.variables
    what, needed = _NEEDED[machine.profile]
    if search.missing:
        return NotFoundError(f"machine {machine.id!r}: the server has no node {machine.node or machine.browse_name!r}")
    if any(role.partition(":")[0] in needed for _, role in found):
        return found
    return NotFoundError(f"machine {machine.browse_name or machine.node!r} has no {what}")
