"""Routes of the HTTP API: the region's published figures, for everybody."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter

from sharing_platform.dependencies import ReadSession
from sharing_platform.pagination import from_cursor, to_cursor
from sharing_platform.parameters import Cursor
from sharing_platform.problems import problems
from sharing_platform.regional_statistics.files import figure_row, place_of, read_figures
from sharing_platform.regional_statistics.reading import SEASON, flows, published_weeks
from sharing_platform.regional_statistics.schemas import FigureOut, FiguresOut, FlowOut
from sharing_platform.schemas import Day

router = APIRouter(prefix="/api/v1", tags=["region"])

_PLACE = TypeAdapter(tuple[date, str, str, str, str, str])


@router.get("/region/figures", responses=problems(422))
def get_figures(
    session: ReadSession,
    first_week: Annotated[
        Day | None, Query(description="From which Monday on; the last thirteen weeks otherwise.")
    ] = None,
    last_week: Day | None = None,
    process: Annotated[str | None, Query(max_length=40, pattern="^[a-z_]+$")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Cursor = None,
) -> FiguresOut:
    """What is published of machine hours and listings by week, process, area and municipality. A week's figures never change. `flows`: of the last quarter."""
    weeks = published_weeks(session)
    first = first_week or (weeks[-SEASON:][0] if weeks else date.max)
    after = from_cursor(cursor, _PLACE) if cursor is not None else None
    found = read_figures(session, first, last_week or date.max, after, limit + 1, process)
    shown = found[:limit]
    quarter, lent = flows(session, kind=process)
    return FiguresOut(
        weeks=weeks,
        figures=[FigureOut.model_validate(figure_row(one)) for one in shown],
        flows=[FlowOut(quarter=quarter, kind=one.kind, area=one.area, towards=one.towards, hours=one.size) for one in lent if quarter],
        next=to_cursor(shown[-1].week.isoformat(), *place_of(shown[-1])[1:]) if len(found) > limit else None,
    )  # fmt: skip
