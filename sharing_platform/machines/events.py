"""Events that machines publish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.search.ranking import PreparedCriteria


@dataclass(frozen=True)
class OfferWithdrawn:
    """A factory has taken an offer back; it is no longer found. `was_held`: its hours were held for a request as a whole."""

    session: Session
    offer_id: str
    was_held: bool
    now: datetime


@dataclass(frozen=True)
class SearchFoundNothing:
    """Somebody has looked for machine hours, and there are none. `visitor`: tells one from another, and is not to be kept."""

    criteria: PreparedCriteria
    visitor: str
    now: datetime
