"""`vrijloop agent check` for edge nodes of Sparkplug B: listens for some seconds, and says what each machine lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from edge_agent.interval_tracker import Observation
from edge_agent.mqtt_client import MqttError
from edge_agent.opcua_profiles import value_text
from edge_agent.power_state import NO_THRESHOLDS, without_thresholds
from edge_agent.sources.source_time import STEADY_AFTER, ClockJudgement, SourceClock
from edge_agent.sources.sparkplug_connection import NodeName, SparkplugConnection
from edge_agent.sources.sparkplug_follower import NodeFollower, compare_clock
from edge_agent.sources.sparkplug_values import NodeValues
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugMachine
from telemetry import Clock, MachineState, UserError
from telemetry.broker import BrokerSettings

_LISTEN_S = 5.0
_NAMED = 20
"""So many names at most are listed in a sentence."""


@dataclass(slots=True)
class CheckedNode:
    """What was heard of one edge node."""

    follower: NodeFollower
    values: NodeValues
    clock: SourceClock
    seen: dict[str, Observation] = field(default_factory=dict)
    refused: str | None = None


async def check_input(
    table: SparkplugInput, settings: BrokerSettings, client_id: str, clock: Clock
) -> dict[NodeName, CheckedNode] | str:
    """What is heard of the nodes within some seconds; or why the broker cannot be used, as the end of a sentence about it."""
    nodes: dict[NodeName, CheckedNode] = {}
    for name, machines in table.nodes.items():
        source_clock = SourceClock(table.clock_tolerance)
        values = NodeValues(machines, source_clock)
        nodes[name] = CheckedNode(NodeFollower(values.wanted), values, source_clock)
    try:
        async with SparkplugConnection(settings, client_id, list(nodes), clock) as connection:
            for name, why in (await connection.subscribe()).items():
                nodes[name].refused = why
            if table.rebirth:
                connection.ask_for_births(nodes)
            await _listen(connection, nodes, _LISTEN_S)
            doubtful = [name for name, node in nodes.items() if node.clock.judgement is ClockJudgement.UNUSABLE]
            if table.rebirth and doubtful:
                # Only a second look says whether a clock that is wrong runs evenly.
                await asyncio.sleep(STEADY_AFTER.total_seconds())
                connection.ask_for_births(doubtful)
                await _listen(connection, nodes, 1.0, until_seen=False)
    except (MqttError, UserError) as error:
        return str(error).rstrip(".")
    return nodes


async def _listen(
    connection: SparkplugConnection, nodes: dict[NodeName, CheckedNode], seconds: float, *, until_seen: bool = True
) -> None:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        for name, message in connection.take():
            node = nodes[name]
            compare_clock(node.clock, message)
            for event in node.follower.hear(message, time.monotonic()):
                node.seen |= dict(node.values.take(event))
        if until_seen and all(len(node.seen) == len(node.values.machines) or node.refused for node in nodes.values()):
            return
        try:
            async with asyncio.timeout(left):
                await connection.arrived.wait()
        except TimeoutError:
            return


def problem_of(machine: SparkplugMachine, node: CheckedNode, *, asked: bool) -> str | None:
    """Why the machine's state is not known; None if it is. `asked`: whether the node was asked for its birth."""
    name, follower = f"{machine.group}/{machine.node}", node.follower
    if node.refused is not None:
        return node.refused
    if not follower.alive and asked:
        return (
            f"edge node {name} does not answer the request for its birth: is it there, and may this gateway write "
            f"spBv1.0/{machine.group}/NCMD/{machine.node}?"
        )
    if not follower.alive:
        return f"edge node {name} was not born while it was listened to, and is not asked (`rebirth = false`)"
    if not follower.knows(machine.device):
        devices = [device for device in follower.metrics if device is not None]
        return f"edge node {name} has no device {machine.device!r} (there are: {_some(devices)})"
    metrics = follower.metrics[machine.device]
    missing = [one for one in machine.metrics if one not in metrics]
    if missing:
        lacks = " and ".join(repr(one) for one in missing)
        return f"no metric {lacks} (there are: {_some(metrics)})"
    seen = node.seen.get(machine.id)
    if seen is not None and seen.state is not MachineState.UNKNOWN:
        return None
    if seen is not None and seen.reason == NO_THRESHOLDS:
        return without_thresholds(machine.id)
    shown = ", ".join(f"{name} = {value_text(value)}" for name, value in node.values.shown(machine).items())
    return f"gives no valid state ({shown})" if shown else "gives no valid state"


def _some(names: Collection[str]) -> str:
    listed = ", ".join(repr(name) for name in sorted(names)[:_NAMED])
    return f"{listed}, …" if len(names) > _NAMED else listed or "none"
