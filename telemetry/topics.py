"""The MQTT topics: `vrijloop/v1/<factory>/<machine>/state`, `vrijloop/v1/<factory>/<gateway>/status`, `…/<gateway>/health` and `…/<gateway>/stored`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from telemetry.settings_table import Constraint

PREFIX = "vrijloop/v1"
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"

STATE_FILTER = f"{PREFIX}/+/+/state"
STATUS_FILTER = f"{PREFIX}/+/+/status"
HEALTH_FILTER = f"{PREFIX}/+/+/health"

Name = Annotated[str, Constraint(pattern=NAME_PATTERN)]
"""A factory, gateway or machine in a topic: lower-case letters, digits, `-` and `_`, at most 63 characters."""

_STATE_TOPIC = re.compile(rf"{PREFIX}/([a-z0-9][a-z0-9_-]{{0,62}})/([a-z0-9][a-z0-9_-]{{0,62}})/state")

_GATEWAY_TOPIC = re.compile(rf"{PREFIX}/([a-z0-9][a-z0-9_-]{{0,62}})/([a-z0-9][a-z0-9_-]{{0,62}})/(status|health)")


def state_topic(factory: str, machine: str) -> str:
    return f"{PREFIX}/{factory}/{machine}/state"


def status_topic(factory: str, gateway: str) -> str:
    return f"{PREFIX}/{factory}/{gateway}/status"


def health_topic(factory: str, gateway: str) -> str:
    return f"{PREFIX}/{factory}/{gateway}/health"


def stored_topic(factory: str, gateway: str) -> str:
    return f"{PREFIX}/{factory}/{gateway}/stored"


def parse_gateway_topic(topic: str) -> tuple[str, str, str]:
    """(factory, gateway, "status" or "health"). Raises ValueError if the topic has another form."""
    match = _GATEWAY_TOPIC.fullmatch(topic)
    if match is None:
        raise ValueError(f"topic {topic[:200]!r} is not of the form {PREFIX}/<factory>/<gateway>/status or health")
    return match.group(1), match.group(2), match.group(3)


@lru_cache(maxsize=10_000)
def parse_state_topic(topic: str) -> tuple[str, str]:
    """(factory, machine) of a state topic. Raises ValueError if the topic has another form."""
    match = _STATE_TOPIC.fullmatch(topic)
    if match is None:
        raise ValueError(f"topic {topic[:200]!r} is not of the form {PREFIX}/<factory>/<machine>/state")
    return match.group(1), match.group(2)
