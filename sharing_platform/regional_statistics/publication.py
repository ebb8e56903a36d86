"""Publishes the figures of a week that is over, once and for good, and the flows of a quarter with its last week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.regional_statistics.areas import area_of
from sharing_platform.regional_statistics.disclosure import Amount, Path, Week, atom_of, publish, rounded
from sharing_platform.regional_statistics.models import PublishedFigure, PublishedFlow, PublishedWeek, SearchCount
from sharing_platform.regional_statistics.service import due_week, lock_progress, read_rows, recompute
from sharing_platform.regional_statistics.summary import LISTING_KINDS, WEEK, Measure, Rows, Subject

COMPARED_WEEKS = 13
"""Weeks that are near enough to be compared: after a season nobody can assume that all others did what they did then."""
HOURS_BASE = 10
NUMBER_BASE = 5
"""What published hours and numbers are multiples of."""
_MINUTES = 60

Table = tuple[Subject, Measure]
Amounts = Mapping[Table, Sequence[Amount]]
_KEPT: Table = (Subject.MACHINE, Measure.KEPT)


def is_in_hours(subject: str, measure: str) -> bool:
    """Everything else is a number."""
    return subject == Subject.MACHINE and measure not in (Measure.UNMATCHED, Measure.SEARCHED)


def is_compared(subject: str, measure: str) -> bool:
    """Whether weeks before are compared with: not what anybody can read with its owner's name (listings and wanted notices), nor searches, of which nobody knows whose they were."""
    return is_in_hours(subject, measure) or measure not in (Measure.FREE, Measure.UNMATCHED, Measure.SEARCHED)


def quarter_of_week(week: date) -> tuple[int, int]:
    """Year and quarter in which its Thursday lies (ISO 8601 counts weeks of a year like this)."""
    thursday = week + timedelta(days=3)
    return thursday.year, (thursday.month + 2) // 3


def quarter_begin(week: date) -> date:
    """The first week of its quarter."""
    while quarter_of_week(week - WEEK) == quarter_of_week(week):
        week -= WEEK
    return week


def publish_due(session: Session, now: datetime, zone: str) -> bool:
    """Publish the next week that is over and settled. Returns whether there was one."""
    lock_progress(session)
    week = due_week(session, now, zone)
    if week is not None:
        publish_week(session, week, now, zone)
    return week is not None


def publish_week(session: Session, week: date, now: datetime, zone: str) -> None:
    """From the domains' own tables, anew."""
    recompute(session, week, zone)
    own = amounts_of(read_rows(session, week), _searches(session, week))
    earlier = _earlier(session, week)
    for table, amounts in own.items():
        weeks = earlier.get(table, []) if is_compared(*table) else []
        for path, atom in publish(amounts, weeks).items():
            session.add(_figure(week, table, path, sum(one.size for one in atom)))
    session.add(PublishedWeek(week=week, at=now))
    session.flush()
    if quarter_of_week(week) != quarter_of_week(week + WEEK):
        _publish_flows(session, week)


def _figure(week: date, table: Table, path: Path, size: int) -> PublishedFigure:
    subject, measure = table
    told = rounded(size, HOURS_BASE * _MINUTES) // _MINUTES if is_in_hours(*table) else rounded(size, NUMBER_BASE)
    kind, area, municipality = path
    return PublishedFigure(
        week=week, subject=subject, measure=measure, kind=kind, area=area, municipality=municipality, size=told
    )


def amounts_of(rows: Rows, searches: Iterable[Amount] = ()) -> Amounts:
    """A week's amounts, by what is counted."""
    found: defaultdict[Table, list[Amount]] = defaultdict(list)
    for key, size in rows.items():
        found[key.subject, key.measure].append(key.amount(size))
    for one in searches:
        subject = Subject.LISTING if one.path[0] in LISTING_KINDS else Subject.MACHINE
        found[subject, Measure.SEARCHED].append(one)
    return found


def _searches(session: Session, week: date) -> list[Amount]:
    counted = session.scalars(select(SearchCount).where(SearchCount.week == week))
    return [Amount((one.kind, one.area, ""), (), one.count) for one in counted]


def _earlier(session: Session, week: date) -> Mapping[Table, list[Week]]:
    """What was published of the weeks before, with what it was made of."""
    found: defaultdict[Table, list[Week]] = defaultdict(list)
    first = week - COMPARED_WEEKS * WEEK
    atoms = published_atoms(session, first, week - WEEK)
    for one in sorted({one for one, _ in atoms}):
        for table, amounts in amounts_of(read_rows(session, one)).items():
            if paths := atoms.get((one, table)):
                found[table].append(Week.of(amounts, paths))
    return found


def published_atoms(session: Session, first: date, last: date) -> Mapping[tuple[date, Table], set[Path]]:
    found: defaultdict[tuple[date, Table], set[Path]] = defaultdict(set)
    row = PublishedFigure
    columns = (row.week, row.subject, row.measure, row.kind, row.area, row.municipality)
    for week, subject, measure, *path in session.execute(select(*columns).where(row.week.between(first, last))):
        found[week, (Subject(subject), Measure(measure))].add(tuple(path))
    return found


def _publish_flows(session: Session, last: date) -> None:
    """Made of exactly what the weeks have published for an area, or comparing the two would tell what the weeks keep back."""
    weeks = _weeks_of_quarter(last)
    before = _weeks_of_quarter(weeks[0] - WEEK)
    rows = session.scalars(select(PublishedFlow).where(PublishedFlow.quarter == before[0]))
    paths = {(one.kind, one.area, one.towards) for one in rows}
    atoms = publish(_flows(session, weeks), [Week.of(_flows(session, before), paths)] if paths else [])
    for (kind, area, towards), amounts in atoms.items():
        size = rounded(sum(one.size for one in amounts), HOURS_BASE * _MINUTES) // _MINUTES
        session.add(PublishedFlow(quarter=weeks[0], kind=kind, area=area, towards=towards, size=size))


def _weeks_of_quarter(last: date) -> list[date]:
    first = quarter_begin(last)
    return [first + number * WEEK for number in range((last - first) // WEEK + 1)]


def _flows(session: Session, weeks: Sequence[date]) -> list[Amount]:
    atoms = published_atoms(session, weeks[0], weeks[-1])
    return flow_amounts((read_rows(session, week), atoms.get((week, _KEPT), set())) for week in weeks)


def flow_amounts(weeks: Iterable[tuple[Rows, Collection[Path]]]) -> list[Amount]:
    """Hours by process, area, and area of those who had them, of weeks with their atoms.

    Each week's stay apart: a sum of other hours may be made of the same weeks as an earlier one, more or less often, and would be taken for new."""
    found: list[Amount] = []
    for rows, paths in weeks:
        sizes: defaultdict[tuple[Path, tuple[str, ...]], int] = defaultdict(int)
        for key, size in rows.items():
            if (key.subject, key.measure) != _KEPT:
                continue
            atom = atom_of(key.amount(size).path, paths)
            if atom is not None and atom[1]:
                sizes[(atom[0], atom[1], area_of(key.towards)), key.who] += size
        found += (Amount(path, who, size) for (path, who), size in sizes.items())
    return found
