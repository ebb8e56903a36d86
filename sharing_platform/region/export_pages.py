"""The region's exports as files to download."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from sharing_platform.errors import NotFoundError
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.dependencies import Page
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.region.exports import EXPORTS, as_csv, as_json
from sharing_platform.schemas import Day

router = APIRouter(include_in_schema=False)


@router.get("/region/exports/{name}.{kind}")
def get_export(
    name: str, kind: Literal["csv", "json"], page: Page, first_day: Day | None = None, last_day: Day | None = None
) -> StreamingResponse:
    """Of this year, where no days are given."""
    actor = require(page.actor, Right.REGION)
    export = EXPORTS.get(name)
    if export is None:
        raise NotFoundError
    zone, this_year = ZoneInfo(page.context.zone), page.now.year
    first = first_day or date(this_year, 1, 1)
    last = (last_day or date(this_year, 12, 31)) + timedelta(days=1)
    begin, end = (datetime.combine(day, time(0), zone) for day in (first, last))
    period = f"-{first}-{last - timedelta(days=1)}" if export.dated else ""
    with page.context.sessions.begin() as session:
        log(session, page.now, actor, "region.exported", name, format=kind, period=period.removeprefix("-"))
    rows = export.rows(page.context.sessions, begin, end, zone)
    if kind == "json":
        body, media = as_json(name, rows), "application/json"
    else:
        body, media = as_csv(export.columns, rows, page.translator.decimals), "text/csv; charset=utf-8"
    return StreamingResponse(
        body, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}{period}.{kind}"'}
    )
