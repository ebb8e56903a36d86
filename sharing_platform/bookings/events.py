"""Events that bookings publish, for the domains built on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Appointment:
    """Something with dates that is no booking. `path`: of its page. `uid`: by which calendar programs find it again; `revision`: grows with each change of its dates or place."""

    uid: str
    title: str
    start: datetime
    end: datetime
    place: str
    path: str
    stamp: datetime
    revision: int
    cancelled: bool = False


@dataclass(frozen=True)
class CalendarRequested:
    """A calendar of an organisation is being made, of what ends after `since`. A handler adds what the organisation offers others (`as_provider`), or what its people go to, to
    `found`."""

    session: Session
    organisation: str
    as_provider: bool
    since: datetime
    found: list[Appointment] = field(default_factory=list)
