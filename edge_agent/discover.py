"""`vrijloop agent discover`: searches an address for machines and prints a configuration for them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from asyncua import Client, ua

from edge_agent.configuration import ModbusDevice, OpcUaMachine, OpcUaServer
from edge_agent.device_templates import DeviceTemplate, templates
from edge_agent.register_plan import plan_reads
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.modbus_line import LineDownError, ModbusLine, NoAnswerError, RefusedError
from edge_agent.sources.opcua_finder import Finder, NotFoundError
from edge_agent.sources.opcua_requests import Requests
from edge_agent.sources.opcua_security import Pki, endpoints_of, offered, secure, why_not_connected
from telemetry import UnavailableError
from telemetry.settings_table import validator

_PLAUSIBLE = {"W": (-1e7, 1e7), "A": (0.0, 1e5), "Wh": (0.0, 1e13), "": (-1e15, 1e15)}


@dataclass(frozen=True, slots=True)
class FoundMachine:
    """A machine of an OPC UA server and the first profile under which its state was found."""

    browse_name: str
    profile: str | None
    problem: str | None = None


async def discover_opcua(server: OpcUaServer, pki: Pki, now: datetime) -> str:
    """The server's machines as TOML; the machines of `server` are not looked at. Raises UnavailableError if the server does not answer."""
    client = Client(server.endpoint, timeout=server.timeout.total_seconds())
    try:
        policies = offered(await endpoints_of(server.endpoint, server.timeout.total_seconds()))
        await secure(client, server, pki, now)
        await client.connect()
    except SourceLostError as error:
        raise UnavailableError(f"OPC UA server {server.endpoint}: {error}.") from error
    except (ua.UaError, OSError, TimeoutError) as error:
        why = await why_not_connected(error, server, pki)
        raise UnavailableError(f"OPC UA server {server.endpoint}: {why}.") from error
    try:
        requests = Requests(client)
        namespaces, _ = await requests.learn()
        found = await _identified(Finder(requests, namespaces))
    finally:
        await client.disconnect()
    return opcua_toml(server, policies, namespaces, found)


async def _identified(finder: Finder) -> list[FoundMachine]:
    """The machines under Objects/Machines, each with the first profile that fits."""
    found = {name: FoundMachine(name, None) for name in sorted(await finder.machines())}
    for profile in ("machinery", "machinetool", "packml"):
        left = {f"m{place}": name for place, name in enumerate(found) if found[name].profile is None}
        results = await finder.nodes_of(
            [
                OpcUaMachine.validated({"id": machine, "profile": profile, "browse_name": name})
                for machine, name in left.items()
            ]
        )
        for machine, name in left.items():
            result = results[machine]
            if not isinstance(result, NotFoundError):
                found[name] = FoundMachine(name, profile)
            elif found[name].problem is None:
                found[name] = FoundMachine(name, None, str(result))
    return list(found.values())


def opcua_toml(server: OpcUaServer, policies: str, namespaces: Sequence[str], found: Sequence[FoundMachine]) -> str:
    """The machines found, as part of a configuration."""
    lines = [f"# Security offered here: {policies}", "# Namespaces, for `node` and tags (nsu=URI;s=Name):"]
    lines += [f"#   {uri}" for uri in namespaces[1:]]
    given = validator(OpcUaServer).dump_python(server, mode="json", exclude_defaults=True, exclude={"machine"})
    lines += ["[[opcua]]", *(f"{key} = {json.dumps(value)}" for key, value in given.items()), ""]
    for machine in found:
        if machine.profile is None:
            lines += [f"# {machine.browse_name}: {machine.problem}; its nodes can be read with profile `tags`.", ""]
            continue
        lines += [
            "[[opcua.machine]]",
            f'id = "{machine_id(machine.browse_name)}"',
            f"browse_name = {json.dumps(machine.browse_name)}",
        ]
        lines += [f'profile = "{machine.profile}"'] if machine.profile != "machinery" else []
        lines.append("")
    if not any(machine.profile for machine in found):
        lines += ["# No machine under Objects/Machines (OPC 40001-1). Name its nodes with profile `tags`:"]
        lines += ["# [[opcua.machine]]", '# id = "machine-1"', '# profile = "tags"', "# [[opcua.machine.tag]]"]
        lines += ['# node = "nsu=URI;s=Name"', '# states = { "1" = "executing", "0" = "not_executing" }']
    return "\n".join(lines).rstrip() + "\n"


async def discover_modbus(
    host: str, port: int, units: Sequence[int], timeout: float, tried: Callable[[int], None] = lambda _: None
) -> str:
    """The units that answer, as TOML. Raises UnavailableError if none was found before the connection failed."""
    device = ModbusDevice.validated({"id": "x", "host": host, "port": port, "template": "plc-status-word"})
    line = ModbusLine(device)
    line.join()
    found: list[FoundUnit] = []
    try:
        for unit in units:
            tried(unit)
            one = await find_unit(line, unit, timeout)
            found += [one] if one is not None else []
    except LineDownError as error:
        if not found:
            raise UnavailableError(f"{error}: no Modbus server accepts connections there.") from error
        return modbus_toml(host, port, found) + f"\n# {error} any more: units from {unit} on may be missing.\n"
    finally:
        await line.leave()
    return modbus_toml(host, port, found)


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit that answers: its own identification, and the templates of which it shows every value plausibly."""

    unit: int
    identification: str
    fitting: tuple[str, ...]


async def find_unit(line: ModbusLine, unit: int, timeout: float) -> FoundUnit | None:
    """What the unit is; None if it does not answer. Raises LineDownError."""
    if not await _answers(line, unit, timeout):
        return None
    name = await line.identification(unit, timeout)
    meters = [template for template in templates().values() if template.is_meter]
    named = [one for one in meters if any(product.lower() in name.lower() for product in one.products)]
    fitting: list[str] = []
    # The registers of one make are often a subset of another's: the template that explains most of them, and asks for least that is 0, comes first.
    for candidates in (named, [one for one in meters if one.same_as is None]):
        shown = [(-await _plausible(line, unit, one, timeout), len(one.values), one.name) for one in candidates]
        fitting = [name for count, _, name in sorted(shown) if count]
        if fitting:
            break
    return FoundUnit(unit, name, tuple(fitting))


async def _answers(line: ModbusLine, unit: int, timeout: float) -> bool:
    """Whether the unit answers; a Modbus exception reply counts as an answer."""
    for function in ("holding", "input"):
        try:
            await line.read_words(unit, "holding" if function == "holding" else "input", 0, 1, timeout)
        except LineDownError:
            raise
        except NoAnswerError:
            return False
        except SourceLostError:
            continue
    return True


async def _plausible(line: ModbusLine, unit: int, template: DeviceTemplate, timeout: float) -> int:
    """Number of the template's values that the unit shows and that are not 0; 0 if one is missing or implausible."""
    count = 0
    blocks = plan_reads(template.values, template.max_words)
    try:
        async for _, values in line.read_values(unit, template.function, blocks, timeout):
            if isinstance(values, RefusedError):
                return 0
            for name, value in values.items():
                low, high = _PLAUSIBLE[template.values[name].unit]
                # A tiny number is the result of decoding another encoding as a float.
                if value is not None and (not low <= value <= high or 0 < abs(value) < 1e-6):
                    return 0
                count += bool(value)
    except LineDownError:
        raise
    except SourceLostError:
        return 0
    return count


def modbus_toml(host: str, port: int, found: Sequence[FoundUnit]) -> str:
    """The units found, as part of a configuration."""
    if not found:
        return f"# No Modbus unit answers at {host}:{port}.\n"
    lines: list[str] = []
    for unit in found:
        lines.append(f"# unit {unit.unit}{f': {unit.identification}' if unit.identification else ''}")
        if len(unit.fitting) > 1:
            lines.append(f"# its registers also fit: {', '.join(unit.fitting[1:])}")
        twins = [one.name for one in templates().values() if unit.fitting and one.same_as == unit.fitting[0]]
        if twins:
            lines.append(f"# the same registers as: {', '.join(twins)}")
        if not unit.fitting:
            lines.append("# no meter template fits; if this is a PLC with a status word:")
        template = unit.fitting[0] if unit.fitting else "plc-status-word"
        lines += ["[[modbus]]", f'id = "machine-{unit.unit}"', f"host = {json.dumps(host)}", f"port = {port}"]
        lines += [f"unit = {unit.unit}", f'template = "{template}"']
        lines += [f"# thresholds: `vrijloop agent learn machine-{unit.unit}` proposes them"] if unit.fitting else []
        lines.append("")
    return "\n".join(lines)


def machine_id(name: str) -> str:
    """Convert any name to a valid machine id: `Draaibank 1` becomes `draaibank-1`."""
    plain = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "-", name).lower()).strip("-")
    return (plain or "machine")[:63]


def is_opcua(target: str) -> bool:
    return urlsplit(target).scheme == "opc.tcp"
