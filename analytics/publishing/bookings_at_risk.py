"""Finds bookings that may not be kept. They are reported to the operations manager, never withdrawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from analytics.policy.policy import PlannedPeriod, Policy
from analytics.publishing.alerts import Alert
from analytics.publishing.platform_client import Booking
from stores import LatestState
from telemetry import MachineState

CHECK_BEFORE = timedelta(hours=2)
"""From this long before a booking, its machine must be heard and in order."""
FREE_BEFORE = timedelta(minutes=15)
"""From this long before a booking, its machine should have finished the factory's own work."""


def bookings_at_risk(
    bookings: Sequence[Booking],
    latest: Sequence[LatestState],
    planned: Sequence[PlannedPeriod],
    now: datetime,
    policy: Policy,
) -> list[Alert]:
    """One alert for each booking and reason. During a booking an executing machine is no reason: the guest is using
    it."""
    states = {state.machine: state.interval for state in latest}
    found = []
    for booking in bookings:
        if booking.end <= now:
            continue

        def alert(kind: str, booking: Booking = booking, **values: datetime | str) -> Alert:
            return Alert(kind, booking.machine, booking.id, {"start": booking.start, "end": booking.end, **values})

        clash = next((period for period in planned if _meets(period, booking)), None)
        if clash is not None:
            found.append(alert("planned_over_booking", what=clash.what, planned=clash.start))
        interval = states.get(booking.machine)
        if booking.start - now > CHECK_BEFORE:
            continue
        if interval is None or now - interval.until > policy.max_silence:
            found.append(alert("not_heard"))
        elif interval.state is MachineState.OUT_OF_SERVICE:
            found.append(alert("out_of_service", since=interval.since))
        elif interval.state is MachineState.EXECUTING and now < booking.start <= now + FREE_BEFORE:
            found.append(alert("still_busy"))
    return found


def _meets(planned: PlannedPeriod, booking: Booking) -> bool:
    return planned.machine == booking.machine and planned.start < booking.end and booking.start < planned.end
