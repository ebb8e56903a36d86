"""Simulated machines behind a real OPC UA server whose address space follows OPC 40001-1.

    Objects/Machines/<machine>/Identification
    Objects/Machines/<machine>/MachineryBuildingBlocks/MachineryItemState/CurrentState/Id
    Objects/Machines/<machine>/MachineryBuildingBlocks/MachineryOperationMode/CurrentState/Id

The server's CurrentTime and all source time stamps come from the simulation's clock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asyncua import Node, Server, ua
from asyncua.server.address_space import AddressSpace, NodeManagementService
from asyncua.server.internal_server import InternalServer
from asyncua.server.standard_address_space.standard_address_space import fill_address_space

from simulators.factory_plan import MachineCharacter, MachinePlan, Spell
from telemetry import Clock, MachineState, OperationMode, UserError

MACHINERY_URI = "http://opcfoundation.org/UA/Machinery/"
DI_URI = "http://opcfoundation.org/UA/DI/"

# OPC 40001-1, Machinery NodeSet: identifiers of types and of state objects; the number is the StateNumber.
_MACHINES_FOLDER = 1001
_ITEM_STATE_TYPE = 1002
_OPERATION_MODE_TYPE = 1008
_IDENTIFICATION_TYPE = 1012
_STATES = {
    MachineState.NOT_AVAILABLE: (5005, "NotAvailable", 0),
    MachineState.OUT_OF_SERVICE: (5004, "OutOfService", 1),
    MachineState.NOT_EXECUTING: (5007, "NotExecuting", 2),
    MachineState.EXECUTING: (5006, "Executing", 3),
}
_MODES = {
    OperationMode.NONE: (5024, "None", 0),
    OperationMode.MAINTENANCE: (5025, "Maintenance", 1),
    OperationMode.SETUP: (5027, "Setup", 2),
    OperationMode.PROCESSING: (5026, "Processing", 3),
}

_CLOCK_TICK_S = 1.0

# asyncua logs a traceback when the port is in use; `start` raises a UserError instead.
logging.getLogger("asyncua").setLevel(logging.CRITICAL)


_built: list[AddressSpace] = []
"""For the next server."""


def standard_nodes() -> AddressSpace:
    """The thousands of nodes with which every OPC UA server begins; to build them takes most of a second."""
    space = AddressSpace()
    fill_address_space(NodeManagementService(space))
    return space


def build_standard_nodes() -> None:
    """Build them now, for the next server of this process or for one of each process that is forked from it."""
    _built.append(standard_nodes())


class _InternalServer(InternalServer):  # type: ignore[misc]  # asyncua is not typed for mypy
    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        if not _built:
            await super().load_standard_address_space(shelf_file)
            return
        space = _built.pop()
        for node in space.keys():  # noqa: SIM118 - it is no mapping
            self.aspace[node] = space[node]


@dataclass
class _StateMachine:
    """The nodes of one state machine whose values change."""

    current: ua.NodeId
    id: ua.NodeId
    number: ua.NodeId


@dataclass
class _MachineNodes:
    character: MachineCharacter
    state: _StateMachine
    mode: _StateMachine
    shown: Spell | None = None


class MachineryServer:
    """Serves the machines of a plan; `run` updates them by the clock."""

    def __init__(self, plan: MachinePlan, machines: Sequence[MachineCharacter], clock: Clock, port: int) -> None:
        self._plan = plan
        self._characters = machines
        self._clock = clock
        self._port = port
        self._server = Server(iserver=_InternalServer())
        self._nodes: list[_MachineNodes] = []
        self._machinery = 0

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self._port}/vrijloop/simulator"

    async def start(self) -> None:
        """Start listening, with every machine in its current state. Raises UserError if the port is in use."""
        await self._server.init()
        self._server.iserver.disabled_clock = True
        self._server.set_endpoint(self.endpoint)
        self._server.set_server_name("Vrijloop machine simulator")
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await self._build()
        await self.show_present()
        try:
            await self._server.start()
        except OSError as error:
            raise UserError(
                f"OPC UA simulator: port {self._port} on 127.0.0.1 cannot be used ({error.strerror}). "
                "Stop the program that uses it, or choose another port."
            ) from error

    async def stop(self) -> None:
        await self._server.stop()

    async def run(self) -> None:
        """Until cancelled, write every change with the time at which it happened, then the server's CurrentTime."""
        while True:
            await self.show_present()
            now = self._clock.now()
            next_change = min((nodes.shown.end for nodes in self._nodes if nodes.shown), default=now)
            until_change = (next_change - now).total_seconds()
            await self._clock.sleep(min(_CLOCK_TICK_S, max(0.001, until_change)))

    async def show_present(self) -> None:
        """Update every node to the clock's current time; changes since the last update are written in order."""
        now = self._clock.now()
        for nodes in self._nodes:
            shown_until = nodes.shown.end if nodes.shown else now
            if nodes.shown is not None and shown_until > now:
                continue
            for spell in list(self._plan.spells(nodes.character.machine, shown_until, now)) or [
                self._plan.spell_at(nodes.character.machine, now)
            ]:
                await self._show(nodes, spell)
            current = self._plan.spell_at(nodes.character.machine, now)
            if current != nodes.shown:
                await self._show(nodes, current)
        await self._write(ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime), _variant_time(now), now)

    async def _show(self, nodes: _MachineNodes, spell: Spell) -> None:
        before, nodes.shown = nodes.shown, spell
        if before is None or before.state is not spell.state:
            await self._enter(nodes.state, _STATES[spell.state], spell.start)
        if before is None or before.mode is not spell.mode:
            await self._enter(nodes.mode, _MODES[spell.mode], spell.start)

    async def _enter(self, machine: _StateMachine, state: tuple[int, str, int], at: datetime) -> None:
        identifier, name, number = state
        nodeid = ua.NodeId(identifier, self._machinery)
        await self._write(machine.current, ua.Variant(ua.LocalizedText(name, "en"), ua.VariantType.LocalizedText), at)
        await self._write(machine.number, ua.Variant(number, ua.VariantType.UInt32), at)
        await self._write(machine.id, ua.Variant(nodeid, ua.VariantType.NodeId), at)

    async def _write(self, nodeid: ua.NodeId, value: ua.Variant, at: datetime) -> None:
        await self._server.write_attribute_value(nodeid, ua.DataValue(value, SourceTimestamp=at, ServerTimestamp=at))

    async def _build(self) -> None:
        di = await self._server.register_namespace(DI_URI)
        self._machinery = await self._server.register_namespace(MACHINERY_URI)
        namespace = await self._server.register_namespace("urn:vrijloop:simulator")
        objects = self._server.nodes.objects
        machines = await objects.add_folder(
            ua.NodeId(_MACHINES_FOLDER, self._machinery), ua.QualifiedName("Machines", self._machinery)
        )
        state_type = await self._state_machine_type(
            _ITEM_STATE_TYPE, "MachineryItemState_StateMachineType", _STATES.values()
        )
        mode_type = await self._state_machine_type(
            _OPERATION_MODE_TYPE, "MachineryOperationModeStateMachineType", _MODES.values()
        )
        folder_type = self._server.nodes.base_object_type
        identification = await folder_type.add_object_type(
            ua.NodeId(_IDENTIFICATION_TYPE, self._machinery),
            ua.QualifiedName("MachineIdentificationType", self._machinery),
        )
        for character in self._characters:
            machine = await machines.add_object(
                ua.NodeId(character.machine, namespace), ua.QualifiedName(character.browse_name, namespace)
            )
            await self._identify(machine, character, identification, di, namespace)
            blocks = await machine.add_folder(
                ua.NodeId(f"{character.machine}/blocks", namespace),
                ua.QualifiedName("MachineryBuildingBlocks", self._machinery),
            )
            state = await self._state_machine(blocks, character, "MachineryItemState", state_type, namespace)
            mode = await self._state_machine(blocks, character, "MachineryOperationMode", mode_type, namespace)
            self._nodes.append(_MachineNodes(character, state, mode))

    async def _state_machine_type(self, identifier: int, name: str, states: Iterable[tuple[int, str, int]]) -> Node:
        finite = self._server.get_node(ua.ObjectIds.FiniteStateMachineType)
        node = await finite.add_object_type(
            ua.NodeId(identifier, self._machinery), ua.QualifiedName(name, self._machinery)
        )
        for state_id, state_name, number in states:
            state = await self._add_object(
                node,
                ua.NodeId(state_id, self._machinery),
                state_name,
                self._machinery,
                ua.NodeId(ua.ObjectIds.StateType),
            )
            await state.add_property(
                ua.NodeId(f"{name}/{state_name}/StateNumber", self._machinery),
                ua.QualifiedName("StateNumber", 0),
                ua.Variant(number, ua.VariantType.UInt32),
            )
        return node

    async def _add_object(self, parent: Node, nodeid: ua.NodeId, name: str, namespace: int, kind: ua.NodeId) -> Node:
        """Add an object of a type without its components: instantiating the type would copy its state objects into every machine."""
        attributes = ua.ObjectAttributes()
        attributes.DisplayName = ua.LocalizedText(name)
        item = ua.AddNodesItem()
        item.RequestedNewNodeId = nodeid
        item.BrowseName = ua.QualifiedName(name, namespace)
        item.ParentNodeId = parent.nodeid
        item.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasComponent)
        item.NodeClass = ua.NodeClass.Object
        item.NodeAttributes = attributes
        item.TypeDefinition = kind
        (await self._server.iserver.isession.add_nodes([item]))[0].StatusCode.check()
        return self._server.get_node(nodeid)

    async def _identify(self, machine: Node, character: MachineCharacter, kind: Node, di: int, own: int) -> None:
        identification = await self._add_object(
            machine, ua.NodeId(f"{character.machine}/identification", own), "Identification", di, kind.nodeid
        )
        facts = {
            "Manufacturer": ua.Variant(ua.LocalizedText(character.manufacturer), ua.VariantType.LocalizedText),
            "Model": ua.Variant(ua.LocalizedText(character.model), ua.VariantType.LocalizedText),
            "SerialNumber": ua.Variant(f"SIM-{character.machine}"),
            "ProductInstanceUri": ua.Variant(f"urn:vrijloop:simulator:{character.machine}"),
        }
        for name, value in facts.items():
            await identification.add_property(
                ua.NodeId(f"{character.machine}/identification/{name}", own), ua.QualifiedName(name, di), value
            )

    async def _state_machine(
        self, blocks: Node, character: MachineCharacter, name: str, kind: Node, own: int
    ) -> _StateMachine:
        prefix = f"{character.machine}/{name}"
        node = await self._add_object(blocks, ua.NodeId(prefix, own), name, self._machinery, kind.nodeid)
        empty = ua.Variant(ua.LocalizedText(""), ua.VariantType.LocalizedText)
        current = await node.add_variable(
            ua.NodeId(f"{prefix}/CurrentState", own), ua.QualifiedName("CurrentState", 0), empty
        )
        identifier = await current.add_property(
            ua.NodeId(f"{prefix}/CurrentState/Id", own),
            ua.QualifiedName("Id", 0),
            ua.Variant(ua.NodeId(), ua.VariantType.NodeId),
        )
        number = await current.add_property(
            ua.NodeId(f"{prefix}/CurrentState/Number", own),
            ua.QualifiedName("Number", 0),
            ua.Variant(0, ua.VariantType.UInt32),
        )
        return _StateMachine(current.nodeid, identifier.nodeid, number.nodeid)


def _variant_time(moment: datetime) -> ua.Variant:
    return ua.Variant(moment, ua.VariantType.DateTime)


async def serve(server: MachineryServer) -> None:
    """Start the server, run it until cancelled, then stop it."""
    await server.start()
    try:
        await server.run()
    finally:
        await asyncio.shield(server.stop())
