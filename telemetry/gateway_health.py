"""What a gateway says of itself now and then, beside `online` and `offline`."""

from __future__ import annotations

import msgspec

HEALTH_VERSION = 1
MAX_BYTES = 4096


class GatewayHealth(msgspec.Struct, frozen=True):
    """Retained, QoS 1. A reader leaves out what it does not know."""

    outbox: int
    """Reports that wait to be sent."""
    version: str = ""
    """Of the agent."""
    v: int = HEALTH_VERSION


def decode_health(payload: bytes) -> GatewayHealth:
    """Raises ValueError with a sentence."""
    if len(payload) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes")
    try:
        found = msgspec.json.decode(payload, type=GatewayHealth)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"no health of a gateway ({error})") from error
    if found.v != HEALTH_VERSION or found.outbox < 0:
        raise ValueError(f"version {found.v}, or an outbox of {found.outbox}: this is version {HEALTH_VERSION}")
    return found


def encode_health(health: GatewayHealth) -> bytes:
    return msgspec.json.encode(health)
