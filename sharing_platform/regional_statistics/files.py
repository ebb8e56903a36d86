"""The published figures as rows of a file, read in portions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import read_session
from sharing_platform.region.exports import Row
from sharing_platform.regional_statistics.models import PublishedFigure
from sharing_platform.regional_statistics.publication import is_in_hours

COLUMNS = ("week", "subject", "measure", "kind", "area", "municipality", "size", "unit")
_PORTION = 2000
_PLACE = (
    PublishedFigure.week, PublishedFigure.subject, PublishedFigure.measure, PublishedFigure.kind, PublishedFigure.area, PublishedFigure.municipality,
)  # fmt: skip


def csv_rows(sessions: sessionmaker[Session], first: date, last: date) -> Iterator[Row]:
    after: tuple[object, ...] | None = None
    while True:
        with read_session(sessions) as session:
            found = read_figures(session, first, last, after, _PORTION)
        for one in found:
            yield figure_row(one)
        if len(found) < _PORTION:
            return
        after = place_of(found[-1])


def read_figures(
    session: Session, first: date, last: date, after: tuple[object, ...] | None, limit: int, process: str | None = None
) -> list[PublishedFigure]:
    """In order of week and place, those after a place."""
    query = select(PublishedFigure).where(PublishedFigure.week.between(first, last))
    if process is not None:
        query = query.where(PublishedFigure.kind == process)
    if after is not None:
        query = query.where(tuple_(*_PLACE) > after)
    return list(session.scalars(query.order_by(*_PLACE).limit(limit)))


def place_of(figure: PublishedFigure) -> tuple[object, ...]:
    return figure.week, figure.subject, figure.measure, figure.kind, figure.area, figure.municipality


def figure_row(figure: PublishedFigure) -> Row:
    return {
        "week": figure.week.isoformat(), "subject": figure.subject, "measure": figure.measure, "kind": figure.kind, "area": figure.area,
        "municipality": figure.municipality, "size": figure.size, "unit": "hours" if is_in_hours(figure.subject, figure.measure) else "number",
    }  # fmt: skip
