"""Notices that the gateway's clock was set back by much: what was said then lies in the future.

A clock that is set forwards needs nothing: time that nobody observed is Unknown. Set back by little, reports stand still
until it has caught up. Set back by much, what was said lies where ingest refuses it, and the machine begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from edge_agent.report_writer import ReportWriter
from telemetry import Clock

_log = logging.getLogger(__name__)

TOO_FAR_AHEAD = timedelta(minutes=5)
"""As far as a report may lie in the future for ingest."""

_LOOK_S = 2.0


async def watch_clock(clock: Clock, writer: ReportWriter, look_s: float = _LOOK_S) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(look_s)
        now = clock.now()
        ahead = [
            one.machine
            for one in writer.views()
            if one.interval is not None and one.interval.until - now > TOO_FAR_AHEAD
        ]
        if ahead:
            _log.warning(
                "The gateway's clock was set back to %s; %d machines begin anew.", f"{now:%Y-%m-%d %H:%M}", len(ahead)
            )
            writer.begin_anew(ahead)
