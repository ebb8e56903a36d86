"""Chooses between the source's time stamp and the gateway's time of reception."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telemetry.message import EARLIEST

AHEAD = timedelta(minutes=2)
"""A source's clock may be ahead of the gateway's by this much before its time stamps are considered wrong."""

NEVER_SET = EARLIEST + timedelta(days=2)
"""PLC clocks that were never set start at 2000-01-01."""


def trusted_time(source: datetime | None, received: datetime) -> datetime:
    """The source's time stamp, or `received` if it is missing, from a clock that was never set, or in the future."""
    if source is None:
        return received
    source = source.replace(tzinfo=UTC) if source.tzinfo is None else source
    if source < NEVER_SET or source > received + AHEAD:
        return received
    return source
