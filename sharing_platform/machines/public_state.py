"""What others may know of a machine's live state: whether it was free at the last quarter of an hour. Pure.

A state that followed the machine would show its cycles and shifts, also to those who only look often enough. Others therefore see the state at the beginning of
the present quarter, whatever has happened since. What the factory no longer shows is gone at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sharing_platform.machines.windows import quarter_of

PublicState = Literal["free", "not_free", "not_shown"]
NOT_SHOWN = "not_shown"


@dataclass(frozen=True)
class ReportedState:
    """`now`: the newest state. `then`: the one at the beginning of the quarter in which that was reported; None where it was reported before that was kept."""

    now: str
    quarter: datetime | None
    then: str


def report(before: ReportedState | None, state: str, at: datetime) -> ReportedState:
    """A state is reported; the first one after none, or after hidden ones, counts for its quarter."""
    quarter = quarter_of(at)
    if before is None or before.now == NOT_SHOWN:
        return ReportedState(state, quarter, state)
    return ReportedState(state, quarter, before.then if before.quarter == quarter else before.now)


def public_state(reported: ReportedState, at: datetime) -> PublicState:
    """What others see of it."""
    then = reported.then if reported.quarter == quarter_of(at) else reported.now
    if NOT_SHOWN in (reported.now, then):
        return "not_shown"
    return "free" if then == "standing_still" else "not_free"
