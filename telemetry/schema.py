"""Descriptions of the wire format, generated from the types: JSON Schema 2020-12 and AsyncAPI 3.0."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from telemetry.gateway_health import GatewayHealth
from telemetry.message import StateMessage
from telemetry.stored_reports import StoredReports
from telemetry.topics import NAME_PATTERN, PREFIX

STATE_SCHEMA = "state-message.schema.json"
ASYNCAPI = "asyncapi.json"


def state_message_schema() -> dict[str, Any]:
    """JSON Schema of the payload of a state topic."""
    schema = _schema(StateMessage)
    for definition in schema["$defs"].values():
        # Readers ignore unknown fields, so that a later version can add some.
        definition.pop("additionalProperties", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _schema(kind: type) -> dict[str, Any]:
    """With docstrings without their indentation, which msgspec leaves in them before 0.23."""
    schema = msgspec.json.schema(kind)
    for definition in schema["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return schema


def asyncapi() -> dict[str, Any]:
    """AsyncAPI of an agent: the topics that it publishes to, and the one that it reads."""
    parameters = {name: {"description": f"`{NAME_PATTERN}`"} for name in ("factory", "machine", "gateway")}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Vrijloop telemetry", "version": "1.0.0"},
        "defaultContentType": "application/json",
        "channels": {
            "state": {
                "address": f"{PREFIX}/{{factory}}/{{machine}}/state",
                "description": "QoS 1, retained: the machine was in a state from `since` until at least `until`.",
                "parameters": {name: parameters[name] for name in ("factory", "machine")},
                "messages": {"state": {"payload": {"$ref": f"./{STATE_SCHEMA}"}}},
            },
            "status": {
                "address": f"{PREFIX}/{{factory}}/{{gateway}}/status",
                "description": "QoS 1, retained: `offline` comes as the will message.",
                "parameters": {name: parameters[name] for name in ("factory", "gateway")},
                "messages": {
                    "status": {"contentType": "text/plain", "payload": {"enum": ["online", "offline"]}},
                },
            },
            "health": {
                "address": f"{PREFIX}/{{factory}}/{{gateway}}/health",
                "description": "QoS 1, retained, twice a minute: how many reports wait in the gateway's outbox.",
                "parameters": {name: parameters[name] for name in ("factory", "gateway")},
                "messages": {"health": {"payload": _schema(GatewayHealth)["$defs"]["GatewayHealth"]}},
            },
            "stored": {
                "address": f"{PREFIX}/{{factory}}/{{gateway}}/stored",
                "description": "QoS 1, retained, from ingest: the numbers of the gateway's reports that are durable in the store.",
                "parameters": {name: parameters[name] for name in ("factory", "gateway")},
                "messages": {"stored": {"payload": _schema(StoredReports)["$defs"]["StoredReports"]}},
            },
        },
        "operations": {
            "receiveStored": {"action": "receive", "channel": {"$ref": "#/channels/stored"}},
            "publishHealth": {"action": "send", "channel": {"$ref": "#/channels/health"}},
            "publishState": {"action": "send", "channel": {"$ref": "#/channels/state"}},
            "publishStatus": {"action": "send", "channel": {"$ref": "#/channels/status"}},
        },
    }


def write_schemas(folder: Path) -> list[Path]:
    """Write both files into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in ((STATE_SCHEMA, state_message_schema()), (ASYNCAPI, asyncapi())):
        path = folder / name
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        written.append(path)
    return written
