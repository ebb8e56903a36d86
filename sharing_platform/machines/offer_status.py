"""What the bookings of its hours make of an offer. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sharing_platform.machines.models import BOOKED, HELD, OPEN, WITHDRAWN
from sharing_platform.occupancy import TakenHours


def offer_status(left: bool, taken: Iterable[TakenHours]) -> str:
    """The status of an offer that its factory has not taken back. `left`: whether the bookings leave something that can be booked; what they leave is
    what the offer is from then on. Where nothing is left, one firm booking is enough to make it booked: the factory has promised. Else it is held: for a
    request, or by the factory for itself. What nobody has and nobody can book, such as windows shorter than the shortest booking, is not on offer."""
    holds = {hours.firm for hours in taken}
    match (left, True in holds, bool(holds)):
        case (True, _, _):
            return OPEN
        case (False, True, _):
            return BOOKED
        case (False, False, True):
            return HELD
        case _:
            return WITHDRAWN
