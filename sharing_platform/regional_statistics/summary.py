"""What happened, added up: by week, process, municipality and organisation. Pure; what of it may be published is `disclosure`'s business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import get_args
from zoneinfo import ZoneInfo

from sharing_platform.regional_statistics.areas import area_of
from sharing_platform.regional_statistics.disclosure import Amount
from sharing_platform.search.criteria import ListingKind

Span = tuple[datetime, datetime]
WEEK = timedelta(days=7)
_MINUTE = timedelta(minutes=1)


class Subject(StrEnum):
    """Machines are counted in hours, listings (operators, equipment, know-how, training) by number."""

    MACHINE = "machine"
    LISTING = "listing"


LISTING_KINDS: tuple[str, ...] = get_args(ListingKind)


class Measure(StrEnum):
    """What is counted. None of them contains another one: what is published of one tells nothing of the others."""

    FREE = "free"
    KEPT = "kept"
    BROKEN = "broken"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    EXPIRED = "expired"
    UNMATCHED = "unmatched"
    SEARCHED = "searched"


SUPPLY = (Measure.FREE, Measure.KEPT, Measure.BROKEN, Measure.CANCELLED)
"""At the place of who shares."""
UNMET = (Measure.DECLINED, Measure.EXPIRED)
"""Asked for and not had, at the place of who asked."""


@dataclass(frozen=True)
class Key:
    """What a row is of. `kind`: a process, or the kind of a listing; `municipality`: empty where it is not known, or must not be told; `towards`: where those who have
    the hours come from. `provider`, `seeker`: the organisations, which are never shown; empty where the measure is not theirs."""

    week: date
    subject: Subject
    measure: Measure
    kind: str
    municipality: str
    towards: str = ""
    provider: str = ""
    seeker: str = ""

    @property
    def who(self) -> tuple[str, ...]:
        return tuple(one for one in (self.provider, self.seeker) if one)

    def amount(self, size: int) -> Amount:
        """In the tree of kinds, areas and municipalities."""
        return Amount((self.kind, area_of(self.municipality), self.municipality), self.who, size)


@dataclass(frozen=True)
class Event:
    """So many minutes, or one thing, of a week."""

    key: Key
    size: int


Rows = Mapping[Key, int]


def fold(events: Iterable[Event]) -> Rows:
    """The sums, in whichever order the events come and in however many portions."""
    found: Counter[Key] = Counter()
    for one in events:
        found[one.key] += one.size
    return {key: size for key, size in found.items() if size}


def week_of(moment: datetime, zone: str) -> date:
    """The Monday of its week."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    return day - timedelta(days=day.weekday())


def last_day_of(week: date) -> date:
    """Its Sunday."""
    return week + timedelta(days=6)


def span_of(week: date, zone: str) -> Span:
    """From midnight to midnight, where the region is."""
    local = ZoneInfo(zone)
    begin, end = (datetime.combine(day, time(0), local).astimezone(UTC) for day in (week, week + WEEK))
    return begin, end


def weeks_of(span: Span, zone: str) -> Iterator[date]:
    """Those that a span touches."""
    week = week_of(span[0], zone)
    while span_of(week, zone)[0] < span[1]:
        yield week
        week += WEEK


def minutes_within(span: Span, within: Span) -> int:
    return max(0, (min(span[1], within[1]) - max(span[0], within[0])) // _MINUTE)


def free_minutes(offered: Iterable[Span], taken: Iterable[Span], within: Span) -> int:
    """Of what is offered in any of the spans, what is not taken."""
    gone = union(taken)
    return sum(
        minutes_within(span, within) - sum(minutes_within((max(span[0], a), min(span[1], b)), within) for a, b in gone)
        for span in union(offered)
    )


def union(spans: Iterable[Span]) -> list[Span]:
    """The same moments without overlaps, in order."""
    found: list[Span] = []
    for start, end in sorted(one for one in spans if one[0] < one[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
