"""Route that says what calendars of planned work were read, and what in them does not count as it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from analytics.api.context import Context, OwnFactory, ReaderLanguage
from analytics.policy.calendar_feeds import FeedReport, skipped_text

router = APIRouter(prefix="/api/v1", tags=["publishing"])


class SkippedOut(BaseModel):
    """Events that do not count as they stand. `first`: when the first of them begins, null where none says so. `blocks`: nothing is offered of what they
    may be about."""

    reason: str
    text: Annotated[str, Field(description="The reason in the reader's language.")]
    count: int
    first: datetime | None
    blocks: bool


class CalendarOut(BaseModel):
    """A calendar as it was last read. `machines`: whose it is, empty where events name their machines. `problem`: why it cannot be read now; its last
    good copy, of `copied_at`, is used then."""

    source: Annotated[str, Field(description="Without path and query, which may contain secrets.")]
    machines: list[str]
    periods: Annotated[int, Field(description="Planned periods from yesterday to the end of the horizon.")]
    skipped: list[SkippedOut]
    problem: Annotated[str | None, Field(description="In English, for scripts.")]
    problem_text: Annotated[str | None, Field(description="In the reader's language.")]
    copied_at: datetime | None


class CalendarPage(BaseModel):
    """In the order of the policy."""

    calendars: list[CalendarOut]


@router.get("/calendars")
def get_calendars(context: Context, _: OwnFactory, language: ReaderLanguage) -> CalendarPage:
    """The calendars of planned work (`[[feed]]` of the policy), as of the last round. Titles of events are not given; `vrijloop calendars check` lists
    them on the server."""
    return CalendarPage(calendars=[_calendar(report, language) for report in context.service.calendars()])


def _calendar(report: FeedReport, language: str) -> CalendarOut:
    feed, problem = report.feed, report.problem
    return CalendarOut(
        source=report.source,
        machines=list(feed.own_machines),
        periods=len(report.periods),
        skipped=[
            SkippedOut(
                reason=reason,
                text=skipped_text(reason, language),
                count=count,
                first=min((one.start for one in report.skipped if one.reason == reason and one.start), default=None),
                blocks=any(one.blocks for one in report.skipped if one.reason == reason),
            )
            for reason, count in report.reasons.items()
        ],
        problem=problem.written("en") if problem is not None else None,
        problem_text=problem.written(language) if problem is not None else None,
        copied_at=report.copied_at,
    )
