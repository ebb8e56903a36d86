"""Events that searches publish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sharing_platform.search.ranking import PreparedCriteria


@dataclass(frozen=True)
class SearchFoundNothing:
    """Somebody has looked for machine hours, or for a kind of listing (the criteria's `subject`), and there are none. `visitor`: tells one from another, and is not to be kept."""

    criteria: PreparedCriteria
    visitor: str
    now: datetime
