"""The factory of a region: what its policy lets be offered, and what its machines have done until now. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from stores import StoredReport
from telemetry import MachineState, StateInterval
from tests.faults.shop_floor import MACHINES

FACTORY = "hal-2"
HISTORY = timedelta(weeks=8)
NOTICE, SHORTEST, SUREST = timedelta(hours=1), timedelta(hours=1), 0.6
"""What the policy says."""


def busy_hours(now: datetime) -> set[int]:
    """In which hours of each day (UTC) the machines have always been busy: around the present, so that it does not matter at what time of day this runs."""
    return {(now.hour + ahead) % 24 for ahead in range(-6, 2)}


def offered_hours(now: datetime) -> set[int]:
    """In which hours the policy lets be offered: fewer than are free."""
    return {(now.hour + ahead) % 24 for ahead in range(3, 14)}


def policy_of(now: datetime) -> str:
    offered = ", ".join(f'"mon-sun {hour:02}:00-{hour + 1:02}:00"' for hour in sorted(offered_hours(now)))
    return (
        f'factory = "{FACTORY}"\nzone = "UTC"\nholidays = ""\noffered = [{offered}]\nminimum_slot = "{SHORTEST.seconds // 3600}h"\nmaximum_slot = "8h"\n'
        f'notice = "{NOTICE.seconds // 3600}h"\nrequired_probability = {SUREST}\nshare_live_state = true\n'
    )


def history(now: datetime) -> list[StoredReport]:
    found: list[StoredReport] = []
    begin, busy = (now - HISTORY).replace(hour=0, minute=0, second=0, microsecond=0), busy_hours(now)
    for machine in MACHINES:
        at = begin
        while at < (last := now - timedelta(seconds=1)):
            end = at + timedelta(hours=1)
            while end < last and (end.hour in busy) == (at.hour in busy):
                end += timedelta(hours=1)
            state = MachineState.EXECUTING if at.hour in busy else MachineState.NOT_EXECUTING
            found.append(
                StoredReport(FACTORY, machine.name, "history", len(found) + 1, StateInterval(state, at, min(end, last)))
            )
            at = end
    return found
