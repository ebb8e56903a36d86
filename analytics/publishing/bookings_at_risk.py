"""Bookings that may not be kept: said at once to the operations manager, never withdrawn silently. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics.policy.policy import PlannedPeriod, Policy
from analytics.publishing.platform_client import Booking
from stores import LatestState
from telemetry import MachineState, rfc3339

CHECK_BEFORE = timedelta(hours=2)
"""From so long before a booking on its machine must be heard and in order."""
FREE_BEFORE = timedelta(minutes=15)
"""From so long before a booking its machine should have finished the factory's own work."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person must act on."""

    kind: str
    machine: str
    booking: str
    sentence: str

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.machine}/{self.booking}"


def bookings_at_risk(
    bookings: Sequence[Booking],
    latest: Sequence[LatestState],
    planned: Sequence[PlannedPeriod],
    now: datetime,
    policy: Policy,
) -> list[Alert]:
    """One alert for each booking and reason. While a booking runs, a machine that works is the guest's doing."""
    states = {one.machine: one.interval for one in latest}
    found = []
    for booking in bookings:
        if booking.end <= now:
            continue
        when = f"{booking.machine} is booked from {rfc3339(booking.start)} to {rfc3339(booking.end)}"

        def alert(kind: str, why: str, booking: Booking = booking, when: str = when) -> Alert:
            return Alert(kind, booking.machine, booking.id, f"{when}, {why}")

        clash = next((one for one in planned if _meets(one, booking)), None)
        if clash is not None:
            found.append(alert("planned_over_booking", f"but {clash.what} is planned from {rfc3339(clash.start)}."))
        interval = states.get(booking.machine)
        if booking.start - now > CHECK_BEFORE:
            continue
        if interval is None or now - interval.until > policy.max_silence:
            found.append(alert("not_heard", "but nobody hears the machine."))
        elif interval.state is MachineState.OUT_OF_SERVICE:
            found.append(alert("out_of_service", f"but it is out of service since {rfc3339(interval.since)}."))
        elif interval.state is MachineState.EXECUTING and now < booking.start <= now + FREE_BEFORE:
            found.append(alert("still_busy", "but it is still working for the factory."))
    return found


def _meets(planned: PlannedPeriod, booking: Booking) -> bool:
    return planned.machine == booking.machine and planned.start < booking.end and booking.start < planned.end
