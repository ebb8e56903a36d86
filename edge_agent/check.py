"""`vrijloop agent check`: connect to every machine and the broker once and report the result."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from edge_agent.configuration import AgentSettings, ModbusDevice, OpcUaServer
from edge_agent.interval_tracker import Observation
from edge_agent.mqtt_client import MqttClient, MqttError, Will
from edge_agent.power_state import NO_THRESHOLDS, without_thresholds
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.modbus import ModbusReader
from edge_agent.sources.modbus_line import ModbusLine, ModbusLines
from edge_agent.sources.opcua_security import Pki
from edge_agent.sources.opcua_session import OpcUaSession
from edge_agent.sources.source_time import describe_clock
from edge_agent.sparkplug_settings import SparkplugInput
from telemetry import Clock, MachineState, UserError, status_topic
from telemetry.topics import stored_topic

_FIRST_VALUES_S = 5.0
_BROKER_ANSWERS_S = 5.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One machine: its address, and its observation or the reason why there is none. `clock`: what is wrong with its clock, if anything."""

    machine: str
    address: str
    seen: Observation | None
    problem: str | None
    clock: str | None = None


async def check_machines(settings: AgentSettings, clock: Clock) -> list[CheckResult]:
    """Check all machines concurrently. Does not raise: problems are in the results."""
    lines = ModbusLines()
    groups = await asyncio.gather(
        *(_check_server(server, Pki(settings.agent.data_dir / "pki"), clock) for server in settings.opcua),
        *(_check_device(device, lines.for_device(device), clock) for device in settings.modbus),
        *(_check_nodes(table, settings, clock) for table in settings.sparkplug_input),
    )
    return [result for group in groups for result in group]


async def check_broker(settings: AgentSettings) -> str | None:
    """Connect and log in to the broker as the agent does, without publishing. Returns the problems, one a line, or None."""
    factory, gateway = settings.agent.factory, settings.agent.gateway
    broker = f"MQTT broker {settings.mqtt.address}"
    will, topic = Will(status_topic(factory, gateway), b"offline"), stored_topic(factory, gateway)
    try:
        async with MqttClient(settings.mqtt, f"vrijloop-agent-{factory}-{gateway}-check", will) as client:
            problems = [f"{broker}: {text}." for text in client.limits.shortcomings()]
            answer = client.subscribe(topic, lambda *_: None)
            async with asyncio.timeout(_BROKER_ANSWERS_S):
                reason = await answer
    except MqttError as error:
        return f"{broker}: {_with_advice(error)}"
    except TimeoutError:
        return f"{broker} does not answer the subscription to {topic}."
    if reason is not None and reason.is_failure:
        problems.append(f"{broker}: this gateway may not read {topic} ({reason}), and does not learn what is stored.")
    return "\n".join(problems) or None


async def check_sparkplug(settings: AgentSettings) -> str | None:
    """The same for the connection of `[sparkplug]`; None also where that is not configured."""
    table = settings.sparkplug
    if table is None:
        return None
    # Imported here: protobuf takes some megabytes, which no other agent needs.
    from telemetry.sparkplug import state_topic, topic

    factory, gateway, broker = settings.agent.factory, settings.agent.gateway, table.mqtt or settings.mqtt
    topics = [topic(table.group or factory, "NCMD", table.node or gateway)]
    topics += [state_topic(table.host)] if table.host is not None else []
    name = f"Sparkplug, broker {broker.address}"
    try:
        async with MqttClient(broker, f"vrijloop-sparkplug-{factory}-{gateway}-check") as client:
            async with asyncio.timeout(_BROKER_ANSWERS_S):
                reasons = [await client.subscribe(one, lambda *_: None) for one in topics]
    except MqttError as error:
        return f"{name}: {_with_advice(error)}"
    except TimeoutError:
        return f"{name} does not answer a subscription."
    refused = [one for one, reason in zip(topics, reasons, strict=True) if reason is not None and reason.is_failure]
    return f"{name}: this gateway may not read {', '.join(refused)}." if refused else None


def _with_advice(error: MqttError) -> str:
    """As sentences. What a broker answers says already what to do."""
    return f"{error}." + (" Is it running, and is `url` right?" if isinstance(error.__cause__, OSError) else "")


async def _check_server(server: OpcUaServer, pki: Pki, clock: Clock) -> list[CheckResult]:
    session = OpcUaSession(server, pki, clock)
    seen: dict[str, Observation] = {}
    problems: dict[str, str] = {}
    otherwise = "gives no valid state"
    try:
        problems = await session.open()
        async with asyncio.timeout(_FIRST_VALUES_S):
            while any(machine.id not in seen and machine.id not in problems for machine in server.machine):
                seen.update(await session.changes())
    except (SourceLostError, UserError, OSError) as error:
        otherwise = str(error) or "no answer in time"
    finally:
        await session.close()
    wrong_clock = describe_clock(session.source_clock)
    results = []
    for machine in server.machine:
        state = seen.get(machine.id)
        problem = problems.get(machine.id, None if _known(state) else otherwise)
        results.append(CheckResult(machine.id, server.endpoint, state, problem, wrong_clock))
    return results


async def _check_device(device: ModbusDevice, line: ModbusLine, clock: Clock) -> list[CheckResult]:
    line.join()
    try:
        reader = ModbusReader(device, line)
        seen = await reader.read(clock.now(), continuous=False)
        problem = _problem_of(device, seen, reader)
    except (SourceLostError, OSError) as error:
        return [CheckResult(device.id, device.address, None, str(error))]
    finally:
        await line.leave()
    return [CheckResult(device.id, device.address, seen, problem)]


async def _check_nodes(table: SparkplugInput, settings: AgentSettings, clock: Clock) -> list[CheckResult]:
    # Imported here: protobuf takes some megabytes, which no other agent needs.
    from edge_agent.sparkplug_check import check_input, problem_of
    from telemetry.sparkplug import Address

    broker = settings.broker_of(table)
    found = await check_input(table, broker, settings.host_client_id("check"), clock)
    results = []
    for machine in table.machine:
        address = f"{broker.address} {Address(machine.group, machine.node, machine.device)}"
        if isinstance(found, str):
            results.append(CheckResult(machine.id, address, None, f"MQTT broker {broker.address}: {found}"))
            continue
        node = found[machine.group, machine.node]
        problem = problem_of(machine, node, asked=table.rebirth)
        results.append(CheckResult(machine.id, address, node.seen.get(machine.id), problem, describe_clock(node.clock)))
    return results


def _problem_of(device: ModbusDevice, seen: Observation, reader: ModbusReader) -> str | None:
    if seen.reason == NO_THRESHOLDS:
        return without_thresholds(device.id)
    if reader.refused:
        return "answers, but not with all `values`: " + "; ".join(
            f"{name}: {why}" for name, why in reader.refused.items()
        )
    return None if _known(seen) else "gives no valid state"


def _known(seen: Observation | None) -> bool:
    return seen is not None and seen.state is not MachineState.UNKNOWN
