"""Counts searches that find nothing. Who searched is known in memory alone, for a day."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import Counter
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import UNAVAILABLE, message_of
from sharing_platform.regional_statistics.areas import area_of, municipality_at
from sharing_platform.regional_statistics.models import SearchCount
from sharing_platform.regional_statistics.summary import week_of
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.product_words import processes_of

_log = logging.getLogger(__name__)

MOST_OF_VISITOR = 10
"""Searches of one visitor that count in a day: nobody makes a demand alone."""
_MOST_REMEMBERED = 50_000


class SearchCounter:
    """Each visitor counts once a day for a manufacturing process or a kind of listing, at whatever door they ask, in the area of the first search, in each process of the platform: seven times a
    week (`disclosure.MOST_OF_UNKNOWN`)."""

    def __init__(self, sessions: sessionmaker[Session], zone: str) -> None:
        self._sessions = sessions
        self._zone = ZoneInfo(zone)
        self._lock = threading.Lock()
        self._day: date | None = None
        self._key = b""
        self._counted: set[bytes] = set()
        self._of_visitor: Counter[bytes] = Counter()

    def count(self, event: SearchFoundNothing) -> None:
        """For its kind of listing, or for each process that it names. One that names none of the vocabulary says nothing of what is missing."""
        wish = event.criteria.wish
        for kind in processes_of(wish) if wish.subject == "machine" else (wish.subject,):
            if self._is_new(event, kind):
                self._count(event, kind)

    def _count(self, event: SearchFoundNothing, kind: str) -> None:
        place = (week_of(event.now, self._zone.key), kind, area_of(municipality_at(event.criteria.origin)))
        try:
            try:
                self._add(*place)
            except IntegrityError:
                self._add(*place)  # another process has begun the same row at the same moment
        except UNAVAILABLE as error:
            _log.warning("A search that found nothing was not counted: %s.", message_of(error))

    def _is_new(self, event: SearchFoundNothing, kind: str) -> bool:
        with self._lock:
            # A week of the region has seven days of its own, and parts of eight of UTC.
            today = event.now.astimezone(self._zone).date()
            if self._day != today:
                self._day, self._key = today, secrets.token_bytes(32)
                self._counted.clear()
                self._of_visitor.clear()
            visitor = self._digest(event.visitor)
            search = self._digest(f"{event.visitor}/{kind}")
            if search in self._counted or self._of_visitor[visitor] >= MOST_OF_VISITOR:
                return False
            if len(self._counted) >= _MOST_REMEMBERED:
                return False
            self._counted.add(search)
            self._of_visitor[visitor] += 1
            return True

    def _digest(self, text: str) -> bytes:
        """By a key that is forgotten with the day."""
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).digest()

    def _add(self, week: date, kind: str, area: str) -> None:
        with self._sessions.begin() as session:
            row = session.get(SearchCount, (week, kind, area), with_for_update=True)
            if row is None:
                session.add(SearchCount(week=week, kind=kind, area=area, count=1))
            else:
                row.count += 1
