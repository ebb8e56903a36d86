"""The health message that a gateway publishes periodically, besides its status `online` or `offline`."""

from __future__ import annotations

from typing import Annotated

import msgspec

HEALTH_VERSION = 1
MAX_BYTES = 4096


class GatewayHealth(msgspec.Struct, frozen=True):
    """Retained, QoS 1. Readers ignore unknown fields."""

    outbox: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    """Number of reports waiting to be sent."""
    version: str = ""
    """Version of the agent."""
    certificate_days: Annotated[int, msgspec.Meta(ge=-4_000_000, le=4_000_000)] | None = None
    """Days until the first of the certificates expires that the gateway depends on; None without any. Devices have some that end in the year 9999."""
    v: int = HEALTH_VERSION


def decode_health(payload: bytes) -> GatewayHealth:
    """Decode and check a health message. Raises ValueError."""
    if len(payload) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes")
    try:
        health = msgspec.json.decode(payload, type=GatewayHealth)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a health message ({error})") from error
    if health.v != HEALTH_VERSION:
        raise ValueError(f"version {health.v} is not {HEALTH_VERSION}")
    return health


def encode_health(health: GatewayHealth) -> bytes:
    return msgspec.json.encode(health)
