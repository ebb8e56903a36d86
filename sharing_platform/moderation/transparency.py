"""What anybody may know of reports and decisions: how many, and how long they took (Digital Services Act, article 15)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.moderation.models import LEFT, TAKEN_DOWN, Decision, Report
from sharing_platform.moderation.schemas import CountedOut, TransparencyOut

WAITING = "waiting"
"""Of appeals: not answered yet."""


def counts(session: Session, year: int, zone: str) -> TransparencyOut:
    """Of the reports that came, and the decisions that were made, in a year."""
    begin, end = (datetime(one, 1, 1, tzinfo=ZoneInfo(zone)) for one in (year, year + 1))
    in_year = (Report.created >= begin, Report.created < end)
    reports, contents = (
        {row[0]: row[1] for row in session.execute(select(column, func.count()).where(*in_year).group_by(column))}
        for column in (Report.category, Report.kind)
    )
    decisions = list(session.scalars(select(Decision).where(Decision.at >= begin, Decision.at < end)))
    appeals = Counter(one.answer or WAITING for one in decisions if one.appealed is not None)
    hours = [(one.at - one.reported).total_seconds() / 3600 for one in decisions]
    return TransparencyOut(
        year=year,
        reports=_counted(reports),
        contents=_counted(contents),
        waiting=session.scalar(select(func.count()).where(Report.decision_id.is_(None))) or 0,
        taken_down=_counted(Counter(one.ground for one in decisions if one.outcome == TAKEN_DOWN)),
        left=sum(one.outcome == LEFT for one in decisions),
        appeals=_counted(appeals),
        median_hours=round(median(hours), 1) if hours else None,
    )


def _counted(found: dict[str, int]) -> list[CountedOut]:
    return [CountedOut(name=name, count=count) for name, count in sorted(found.items())]
