"""What ingest tells a gateway: the sequence numbers of its reports that are durable in the store.

{"v": 1, "since": 1, "ranges": [[1, 10482], [10490, 10511]]}

Retained, so that an agent learns it as soon as it connects. It speaks of the numbers from `since` on; a number from there on in no range is not
stored.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from telemetry.ranges import Range, Ranges

STORED_VERSION = 1
MAX_BYTES = 8192
MAX_TOLD_RANGES = 100
"""The newest so many ranges are told, about 4 kB: some brokers take no larger messages. Older gaps are told once these are filled."""

_Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class StoredReports(msgspec.Struct, frozen=True):
    """Retained, QoS 1. Readers ignore unknown fields."""

    ranges: tuple[tuple[_Number, _Number], ...]
    """Inclusive, ordered and disjoint."""
    since: _Number = 1
    """The message says nothing of smaller numbers."""
    v: int = STORED_VERSION

    @classmethod
    def of(cls, ranges: Ranges) -> StoredReports:
        """Of everything that is stored of a gateway, as far as one message has room."""
        told = tuple(ranges[-MAX_TOLD_RANGES:])
        return cls(told, told[0][0] if len(told) < len(ranges) else 1)


def encode_stored(stored: StoredReports) -> bytes:
    return msgspec.json.encode(stored)


def decode_stored(payload: bytes) -> StoredReports:
    """Decode and check such a message. Raises ValueError."""
    if len(payload) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes")
    try:
        stored = msgspec.json.decode(payload, type=StoredReports)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a message about stored reports ({error})") from error
    if stored.v != STORED_VERSION:
        raise ValueError(f"version {stored.v} is not {STORED_VERSION}")
    before: Range = (0, stored.since - 1)
    for one in stored.ranges:
        if not before[1] < one[0] <= one[1]:
            raise ValueError("its ranges are not in order")
        before = one
    return stored
