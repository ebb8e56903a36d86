"""Which of two clocks to believe: the source's own, or the gateway's at reception."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telemetry.message import EARLIEST

AHEAD = timedelta(minutes=2)
"""A source clock may run ahead of ours by this much before its stamps are taken for wrong."""

NEVER_SET = EARLIEST + timedelta(days=2)
"""PLC clocks that were never set begin at 2000-01-01 and count from there."""


def trusted_time(source: datetime | None, received: datetime) -> datetime:
    """The source's stamp, unless it is missing, from a clock that was never set, or in the future."""
    if source is None:
        return received
    source = source.replace(tzinfo=UTC) if source.tzinfo is None else source
    if source < NEVER_SET or source > received + AHEAD:
        return received
    return source
