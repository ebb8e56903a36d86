"""Finds the nodes with a machine's state by type definition and namespace URI, again at each connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import Client, Node, ua

from edge_agent import opcua_profiles as profiles
from edge_agent.configuration import OpcUaMachine
from edge_agent.node_names import UA_URI, parse_node_name
from edge_agent.opcua_profiles import MACHINERY_URI, MACHINETOOL_URI, PACKML_URI, NodeName

MACHINES_FOLDER = NodeName(MACHINERY_URI, 1001)

_SEARCH_DEPTH = 6
_SEARCH_NODES = 3_000
"""Limit of nodes visited by a search: some servers have every drive parameter below a machine."""

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


@dataclass
class Found:
    """Nodes of one machine: NodeId to role."""

    nodes: dict[ua.NodeId, str] = field(default_factory=dict)

    def add(self, role: str, node: ua.NodeId) -> None:
        taken = {
            known_role for known_role in self.nodes.values() if known_role == role or known_role.startswith(f"{role}:")
        }
        if taken and role != profiles.CHANNEL:
            return  # the machine's own node was found before those of its components
        self.nodes[node] = f"{role}:{len(taken)}" if role == profiles.CHANNEL else role

    def has(self, role: str) -> bool:
        return any(known_role == role or known_role.startswith(f"{role}:") for known_role in self.nodes.values())


class Finder:
    """Searches one server; valid for one connection."""

    def __init__(self, client: Client, namespaces: Sequence[str]) -> None:
        self._client = client
        self._namespaces = list(namespaces)

    def name_of(self, node: ua.NodeId) -> NodeName:
        """The node by namespace URI; the URI is empty if the server does not list the namespace."""
        index = node.NamespaceIndex
        known = 0 <= index < len(self._namespaces)
        return NodeName(UA_URI if index == 0 else self._namespaces[index] if known else "", node.Identifier)

    def node_id(self, name: NodeName) -> ua.NodeId:
        """The node's id in this connection. Raises NotFoundError if the server does not have the namespace."""
        if name.uri == UA_URI:
            return ua.NodeId(name.identifier, 0)
        try:
            return ua.NodeId(name.identifier, self._namespaces.index(name.uri))
        except ValueError:
            raise NotFoundError(f"the server does not know the namespace {name.uri}") from None

    async def nodes_of(self, machine: OpcUaMachine) -> dict[ua.NodeId, str]:
        """NodeId to role. Raises NotFoundError."""
        if machine.profile == "tags":
            return {
                self.node_id(parse_node_name(tag.node)): profiles.tag_role(place)
                for place, tag in enumerate(machine.tag)
            }
        found = await self._search(await self._start(machine), _types_of(machine.profile))
        what, roles = _NEEDED[machine.profile]
        if not any(found.has(role) for role in roles):
            raise NotFoundError(f"machine {machine.browse_name or machine.node!r} has no {what}")
        return found.nodes

    async def machines(self) -> dict[str, ua.NodeId]:
        """The machines under Objects/Machines (OPC 40001-1), BrowseName to node; empty if there is no such folder."""
        try:
            folder = self._client.get_node(self.node_id(MACHINES_FOLDER))
            return {str(reference.BrowseName.Name): reference.NodeId for reference in await children(folder)}
        except (NotFoundError, ua.UaStatusCodeError):
            return {}

    async def _start(self, machine: OpcUaMachine) -> Node:
        if machine.node is not None:
            return self._client.get_node(self.node_id(parse_node_name(machine.node)))
        present = await self.machines()
        name = machine.browse_name or ""
        if name in present:
            return self._client.get_node(present[name])
        if machine.profile == "packml":
            elsewhere = await self._named(name)
            if elsewhere is not None:
                return elsewhere
        names = ", ".join(sorted(present)) or "none"
        raise NotFoundError(f"no machine {name!r} under Objects/Machines (there are: {names})")

    async def _named(self, name: str) -> Node | None:
        """The nearest object of this name below Objects; there is no standard place for PackML units."""
        async for reference in self._below(self._client.nodes.objects):
            if reference.BrowseName.Name == name and reference.NodeClass == ua.NodeClass.Object:
                return self._client.get_node(reference.NodeId)
        return None

    async def _search(self, start: Node, types: Mapping[NodeName, str]) -> Found:
        """Search by type definition, since the browse names may be in any namespace, as in the official example."""
        found = Found()
        async for reference in self._below(start, stop_at=types):
            type_name = self.name_of(reference.TypeDefinition)
            role = types.get(type_name)
            if role is not None:
                current = await self._client.get_node(reference.NodeId).get_child(["0:CurrentState", "0:Id"])
                found.add(role, current.nodeid)
            elif reference.NodeClass == ua.NodeClass.Variable:
                index = reference.BrowseName.NamespaceIndex
                uri = self._namespaces[index] if index < len(self._namespaces) else ""
                role = _NAMED_VARIABLES.get(NodeName(uri, reference.BrowseName.Name))
                if role is not None:
                    found.add(role, reference.NodeId)
        return found

    async def _below(
        self, start: Node, stop_at: Mapping[NodeName, str] | None = None
    ) -> AsyncIterator[ua.ReferenceDescription]:
        """All nodes below `start`, nearest first, each once. Of state machines only PackML's are searched, because they are nested."""
        level, seen = [start], {start.nodeid}
        for _ in range(_SEARCH_DEPTH):
            below: list[Node] = []
            for parent in level:
                for reference in await children(parent):
                    if reference.NodeId in seen or len(seen) > _SEARCH_NODES:
                        continue
                    seen.add(reference.NodeId)
                    yield reference
                    role = (stop_at or {}).get(self.name_of(reference.TypeDefinition))
                    if reference.NodeClass == ua.NodeClass.Object and (role is None or role in _PACKML_TYPES.values()):
                        below.append(self._client.get_node(reference.NodeId))
            level = below


def _types_of(profile: str) -> Mapping[NodeName, str]:
    if profile == "packml":
        return _PACKML_TYPES
    return _MACHINERY_TYPES | _PROGRAM_TYPES if profile == "machinetool" else _MACHINERY_TYPES


async def children(node: Node) -> list[ua.ReferenceDescription]:
    """The hierarchical children of a node, with their type definitions."""
    return list(await node.get_references(ua.ObjectIds.HierarchicalReferences, ua.BrowseDirection.Forward))
