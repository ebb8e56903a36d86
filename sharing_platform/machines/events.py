"""Events that machines publish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class OfferWithdrawn:
    """A factory has taken an offer back; it is no longer found. `was_held`: its hours were held for a request as a whole."""

    session: Session
    offer_id: str
    was_held: bool
    now: datetime
