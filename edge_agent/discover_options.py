"""What is given to `vrijloop agent discover`, as values that are valid. Each function raises UserError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from edge_agent.configuration import OpcUaServer
from telemetry import UserError
from telemetry.broker import BrokerSettings
from telemetry.settings_table import SettingsTable

Table = TypeVar("Table", bound=SettingsTable)


def opcua_server(endpoint: str, options: Mapping[str, str]) -> OpcUaServer:
    table: dict[str, object] = {"endpoint": endpoint, "machine": [{"id": "any", "browse_name": "any"}]}
    return _validated(OpcUaServer, table | dict(options))


def mqtt_broker(options: Mapping[str, str]) -> BrokerSettings:
    return _validated(BrokerSettings, options)


def _validated(kind: type[Table], table: Mapping[str, object]) -> Table:
    try:
        return kind.validated(table)
    except ValidationError as error:
        raise UserError("\n".join(f"{part['msg'].removeprefix('Value error, ')}." for part in error.errors())) from None


def modbus_port(text: str) -> int:
    if text and not (text.isdigit() and 0 < int(text) < 65536):
        raise UserError(f"{text!r} is not a port.")
    return int(text) if text else 502


def modbus_units(text: str) -> list[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) > 255:
            raise UserError(f"--units {text!r} is not valid; write 1-16 or 1,2,11 (units are 0 to 255).")
        numbers |= set(range(int(first), int(last or first) + 1))
    return sorted(numbers)
