"""Detects that the gateway's clock was set back, so that reported intervals now lie in the future.

After a step forwards nothing needs to be done: the skipped time is Unknown. After a step back of up to five minutes, reports repeat their
last `until` until the clock has caught up. After a larger step ingest would refuse them, and the machine's tracker is reset.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from edge_agent.report_writer import ReportWriter
from telemetry import Clock

_log = logging.getLogger(__name__)

TOO_FAR_AHEAD = timedelta(minutes=5)
"""Ingest refuses reports further ahead than this."""

_CHECK_EVERY_S = 2.0


async def watch_clock(clock: Clock, writer: ReportWriter, check_every_s: float = _CHECK_EVERY_S) -> None:
    """Check the clock periodically until cancelled."""
    while True:
        await asyncio.sleep(check_every_s)
        now = clock.now()
        ahead = [
            view.machine
            for view in writer.views()
            if view.interval is not None and view.interval.until - now > TOO_FAR_AHEAD
        ]
        if ahead:
            _log.warning(
                "The gateway's clock was set back to %s; %d machines start new intervals.",
                f"{now:%Y-%m-%d %H:%M}",
                len(ahead),
            )
            writer.reset(ahead)
