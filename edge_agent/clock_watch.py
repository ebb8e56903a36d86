"""Notices that the gateway's clock was set: by NTP after a boot in 1970, or by hand.

Forwards, nothing is to be done: time that nobody observed is Unknown. Backwards by little, reports stand still until the
clock has caught up. Backwards by much, what was said lay in the future, where ingest refuses it: machines begin anew.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from edge_agent.report_writer import ReportWriter
from telemetry import Clock

_log = logging.getLogger(__name__)

LARGE_STEP = timedelta(minutes=5)
"""As far as a report may lie in the future for ingest."""

_LOOK_S = 2.0


def step_between(earlier: tuple[datetime, float], later: tuple[datetime, float]) -> timedelta:
    """How far the clock was set between two looks: (time of the clock, seconds of a clock that nobody sets)."""
    return (later[0] - earlier[0]) - timedelta(seconds=later[1] - earlier[1])


async def watch_clock(clock: Clock, writer: ReportWriter, look_s: float = _LOOK_S) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    before = clock.now(), loop.time()
    while True:
        await asyncio.sleep(look_s)
        now = clock.now(), loop.time()
        step = step_between(before, now)
        if clock.resolution == timedelta(0) and abs(step) > LARGE_STEP:
            _log.warning("The gateway's clock was set by %s.", step)
            if step < -LARGE_STEP:
                writer.begin_anew()
        before = now
