"""What is published, added up for pictures, tables and files. Nothing here knows of factories."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from sharing_platform.regional_statistics.models import PublishedFigure, PublishedFlow, PublishedWeek
from sharing_platform.regional_statistics.publication import quarter_begin
from sharing_platform.regional_statistics.summary import LISTING_KINDS, WEEK, Measure, Subject

SEASON = 13
"""Weeks of which maps and tables are."""
SHOWN_WEEKS = 53
_FEW_MISSED = 10

Place = tuple[str, str]
"""Area and municipality, empty for the rest."""


@dataclass(frozen=True)
class Balance:
    """Of a process, or a kind of listing, in some weeks: hours or numbers."""

    kind: str
    sizes: Mapping[str, int]

    def of(self, *measures: str) -> int:
        return sum(self.sizes.get(one, 0) for one in measures)

    @property
    def offered(self) -> int:
        return self.of(Measure.FREE, Measure.KEPT, Measure.BROKEN, Measure.CANCELLED)

    @property
    def missed(self) -> int:
        return self.of(Measure.DECLINED, Measure.EXPIRED)

    @property
    def asked(self) -> int:
        return self.missed + self.of(Measure.KEPT, Measure.BROKEN, Measure.CANCELLED)

    @property
    def missed_share(self) -> float | None:
        """Of what was asked for."""
        return self.missed / self.asked if self.asked else None

    @property
    def lacks(self) -> bool:
        """Whether a region should think of buying or training: a third or more of what was asked for was not had, or many found no machine at all."""
        if self.missed >= _FEW_MISSED and self.missed * 3 >= self.asked:
            return True
        if self.kind in LISTING_KINDS:
            return False  # of so few that are on offer in a week most are part of the rest: none by its name does not mean none
        return self.of(Measure.SEARCHED) >= _FEW_MISSED and self.offered == 0


def published_weeks(session: Session) -> list[date]:
    """Those of which the figures are, the newest last."""
    return list(session.scalars(select(PublishedWeek.week).order_by(PublishedWeek.week)))


def balances(session: Session, subject: Subject, first: date, last: date) -> list[Balance]:
    """By kind, those of which most is lacking first; the rest, which has no name, last."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    columns = (PublishedFigure.kind, PublishedFigure.measure)
    for kind, measure, size in session.execute(_sums(columns, first, last, subject)):
        found[kind][measure] += size
    known = [Balance(kind, sizes) for kind, sizes in found.items()]
    return sorted(known, key=lambda one: (one.kind == "", not one.lacks, -one.missed, -one.offered, one.kind))


def by_week(session: Session, first: date, last: date, kind: str | None = None) -> Mapping[date, Counter[str]]:
    """Hours of machines, by measure."""
    found: defaultdict[date, Counter[str]] = defaultdict(Counter)
    columns = (PublishedFigure.week, PublishedFigure.measure)
    for week, measure, size in session.execute(_sums(columns, first, last, Subject.MACHINE, kind)):
        found[week][measure] += size
    return found


def by_place(session: Session, first: date, last: date, kind: str | None = None) -> Mapping[Place, Counter[str]]:
    """Hours of machines, by measure. What has no area is left out: it lies somewhere in the region."""
    found: defaultdict[Place, Counter[str]] = defaultdict(Counter)
    columns = (PublishedFigure.area, PublishedFigure.municipality, PublishedFigure.measure)
    rows = _sums(columns, first, last, Subject.MACHINE, kind).where(PublishedFigure.area != "")
    for area, municipality, measure, size in session.execute(rows):
        found[area, municipality][measure] += size
    return found


def shown_shares(session: Session, first: date, last: date) -> tuple[float, float] | None:
    """Of the free hours of machines: which share is published by process, and which by area; None where there are none."""
    columns = (PublishedFigure.kind != "", PublishedFigure.area != "")
    free = _sums(columns, first, last, Subject.MACHINE).where(PublishedFigure.measure == Measure.FREE)
    found = [(by_kind, by_area, size) for by_kind, by_area, size in session.execute(free)]
    total = sum(size for _, _, size in found)
    if not total:
        return None
    kinds, places = (sum(one[2] for one in found if one[side]) / total for side in (0, 1))
    return kinds, places


@dataclass(frozen=True)
class Flow:
    """Hours of a process in one area that were had from another one; `towards` empty: from anywhere else."""

    kind: str
    area: str
    towards: str
    size: int


def flows(session: Session, quarter: date | None = None, kind: str | None = None) -> tuple[date | None, list[Flow]]:
    """Of a quarter, or of the last one that is published; the largest first. What has no name is left out."""
    newest = quarter or session.scalar(select(func.max(PublishedFlow.quarter)))
    query = select(PublishedFlow).where(PublishedFlow.quarter == newest, PublishedFlow.size > 0)
    if kind is not None:
        query = query.where(PublishedFlow.kind == kind)
    found = [Flow(one.kind, one.area, one.towards, one.size) for one in session.scalars(query) if one.kind and one.area]
    return newest, sorted(found, key=lambda one: (-one.size, one.kind, one.area, one.towards))


def kinds_of(session: Session, first: date, last: date) -> list[str]:
    """Processes of which something is published."""
    query = select(PublishedFigure.kind).where(
        PublishedFigure.week.between(first, last),
        PublishedFigure.subject == Subject.MACHINE,
        PublishedFigure.kind != "",
    )
    return sorted(session.scalars(query.distinct()))


def months_of(weeks: Mapping[date, Counter[str]]) -> Mapping[tuple[int, int], Counter[str]]:
    """By year and month, in which the Thursday of a week lies: for the season."""
    found: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for week, sizes in weeks.items():
        thursday = week + timedelta(days=3)
        found[thursday.year, thursday.month] += sizes
        found[thursday.year, thursday.month]["weeks"] += 1
    return found


def trend_of(weeks: Sequence[int], over: int = SEASON) -> list[float | None]:
    """The mean of so many weeks, at the last of each; None where they are too few."""
    return [
        sum(weeks[number + 1 - over : number + 1]) / over if number + 1 >= over else None
        for number in range(len(weeks))
    ]


def weeks_of_year(year: int) -> tuple[date, date]:
    """The first and the last week (ISO 8601)."""
    first = date.fromisocalendar(year, 1, 1)
    return first, date.fromisocalendar(year + 1, 1, 1) - WEEK


def quarters_of(weeks: Sequence[date]) -> list[date]:
    """The first weeks of the quarters in which they lie."""
    return sorted({quarter_begin(one) for one in weeks})


def _sums(columns: tuple[Any, ...], first: date, last: date, subject: Subject, kind: str | None = None) -> Any:
    conditions: list[ColumnElement[bool]] = [
        PublishedFigure.week.between(first, last), PublishedFigure.subject == subject,
    ]  # fmt: skip
    if kind is not None:
        conditions.append(PublishedFigure.kind == kind)
    return select(*columns, func.sum(PublishedFigure.size)).where(*conditions).group_by(*columns)
