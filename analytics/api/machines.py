"""Routes about a factory's machines: states, intervals, utilisation, gaps and a live stream.

A token gives access to the machines of one factory. Nothing reveals that there are other factories.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time as monotonic_time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pandas as pd
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from analytics.api.context import AnalyticsContext, AnyCaller, Context, Factory, caller_of_session
from analytics.api.invalid import invalid
from analytics.api.models import (
    Day,
    Gaps,
    Hours,
    KpiPage,
    Kpis,
    MachineNow,
    MachinePage,
    SpellPage,
    Timelines,
    Utilisation,
)
from analytics.history.timeline import hours_per_state, timeline
from analytics.kpis.utilisation import By, Per, utilisation
from stores import LatestState
from telemetry import MachineState, Name, rfc3339

MAX_DAYS = 370
MAX_TIMELINES = 100
MAX_TIMELINES_SPAN = timedelta(days=8)
MAX_STREAMS = 100
STREAM_INTERVAL_S = 0.25
_KEEP_ALIVE_S = 15.0

Limit = Annotated[int, Query(ge=1, le=10_000, description="Maximum number of entries in the answer.")]
Cursor = Annotated[str | None, Query(description="`next` of the previous answer.", max_length=200)]

router = APIRouter(prefix="/api/v1", tags=["machines"])


@router.get("/machines")
async def get_machines(context: Context, factory: Factory, limit: Limit = 1000, cursor: Cursor = None) -> MachinePage:
    """Every machine with its newest state and since when, ordered by name."""
    after = _from_cursor(cursor)
    latest = await context.newest.read(factory)
    rest = [state for state in latest if after is None or state.machine > after]
    following = _to_cursor(rest[limit - 1].machine) if len(rest) > limit else None
    return MachinePage(machines=[_latest(state) for state in rest[:limit]], next=following)


@router.get("/machines/{machine}")
async def get_machine(machine: Name, context: Context, factory: Factory) -> MachineNow:
    """The newest state of one machine."""
    latest = await context.newest.read(factory)
    found = next((state for state in latest if state.machine == machine), None)
    if found is None:
        raise HTTPException(404, "There is no such machine.")
    return _latest(found)


@router.get("/intervals")
def get_intervals(
    machine: Name,
    start: AwareDatetime,
    end: AwareDatetime,
    context: Context,
    factory: Factory,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> SpellPage:
    """The timeline of a machine between two moments: overlaps resolved, gaps Unknown."""
    _check_span(start, end)
    if cursor is not None:
        start = max(start, _moment_of(_from_cursor(cursor)))
    reported = context.store.intervals(factory, start, end, [machine])
    spells = timeline(reported, start, end)
    following = _to_cursor(rfc3339(spells["end"].iloc[limit - 1])) if len(spells) > limit else None
    spells = spells.iloc[:limit]
    rows = zip(spells["start"], spells["end"], spells["state"], spells["mode"], strict=True)
    return SpellPage.model_validate(
        {
            "machine": machine,
            "intervals": [
                {"start": rfc3339(begin), "end": rfc3339(stop), "state": state, "mode": None if pd.isna(mode) else mode}
                for begin, stop, state, mode in rows
            ],
            "next": following,
        }
    )


@router.get("/timelines")
def get_timelines(
    start: AwareDatetime,
    end: AwareDatetime,
    context: Context,
    factory: Factory,
    machine: Annotated[list[Name], Query(min_length=1, max_length=MAX_TIMELINES)],
) -> Timelines:
    """Timelines of several machines, for charts."""
    if not timedelta(0) < end - start <= MAX_TIMELINES_SPAN:
        raise invalid("end", f"`end` must lie after `start`, by at most {MAX_TIMELINES_SPAN.days} days.")
    spells = timeline(context.store.intervals(factory, start, end, machine), start, end)
    found: dict[str, list[tuple[int, int, MachineState]]] = {}
    for name, own in spells.groupby("machine", observed=True):
        joined: list[tuple[int, int, MachineState]] = []
        starts, ends = (pd.DatetimeIndex(own[column]).as_unit("ms").asi8.tolist() for column in ("start", "end"))
        for begin, stop, state in zip(starts, ends, own["state"], strict=True):
            if joined and joined[-1][2] == state:
                joined[-1] = (joined[-1][0], stop, joined[-1][2])
            else:
                joined.append((begin, stop, MachineState(state)))
        found[str(name)] = joined
    return Timelines(machines=found)


@router.get("/utilisation")
def get_utilisation(first: date, last: date, context: Context, factory: Factory) -> Utilisation:
    """ISO 22400-2 times and KPIs per machine and local day, both days included."""
    policy = context.policy
    start, end = _range(first, last, policy.zone)
    spells = timeline(context.store.intervals(factory, start, end), start, end)
    days = utilisation(spells, policy, first, last)
    return Utilisation(denominators=_DENOMINATORS, days=[Day.of_period(period) for period in days])


@router.get("/kpis")
def get_kpis(
    first: date, last: date, context: Context, factory: Factory, by: By = "machine", per: Per = "day"
) -> KpiPage:
    """Utilisation and losses of machines, groups or the factory, per local day, ISO week or shift, both days
    included. Time in the future does not count as calendar time."""
    policy = context.policy
    start, end = _range(first, last, policy.zone)
    spells = timeline(context.store.intervals(factory, start, end), start, end)
    rows = utilisation(spells, policy, first, last, by, per, until=context.clock.now())
    bound = policy.coverage_bound
    return KpiPage(
        denominators=_DENOMINATORS, coverage_bound=bound, rows=[Kpis.of_period(period, bound) for period in rows]
    )


@router.get("/hours")
def get_hours(start: AwareDatetime, end: AwareDatetime, context: Context, factory: Factory) -> Hours:
    """Hours per state between two moments, summed over all machines."""
    _check_span(start, end)
    spells = timeline(context.store.intervals(factory, start, end), start, end)
    return Hours(hours=hours_per_state(spells))


@router.get("/gaps")
def get_gaps(context: Context, factory: Factory) -> Gaps:
    """Reports received from each gateway, and the sequence numbers that are missing."""
    ledger = [entry for entry in context.store.ledger() if entry.factory == factory]
    return Gaps.model_validate(
        {"missing": sum(entry.missing for entry in ledger), "gateways": [asdict(entry) for entry in ledger]}
    )


@router.get("/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def get_stream(request: Request, context: Context, caller: AnyCaller) -> StreamingResponse:
    """Server-sent events: first the state of every machine, then each change (`event: state`, with a machine as
    JSON)."""
    if context.streams >= MAX_STREAMS:
        raise HTTPException(503, f"{MAX_STREAMS} live streams are open, which is the maximum; try again later.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    # A person who is removed, or whose session has ended, is sent nothing more.
    by_session = "authorization" not in request.headers

    def may_listen() -> bool:
        if by_session:
            return caller_of_session(context, request) is not None
        person, people = caller.person, context.people
        return person is None or (people is not None and people.of_id(person.id) is not None)

    return StreamingResponse(
        _events(context, caller.factory, may_listen), media_type="text/event-stream", headers=headers
    )


async def _events(context: AnalyticsContext, factory: str, may_listen: Callable[[], bool]) -> AsyncIterator[str]:
    shown: dict[str, tuple[Any, ...]] = {}
    last_sent = monotonic_time.monotonic()
    context.streams += 1
    try:
        while may_listen():
            for newest in await context.newest.read(factory, STREAM_INTERVAL_S):
                interval = newest.interval
                look = (interval.state, interval.mode, interval.since, interval.reason)
                if shown.get(newest.machine) != look:
                    shown[newest.machine] = look
                    last_sent = monotonic_time.monotonic()
                    yield f"event: state\ndata: {_latest(newest).model_dump_json()}\n\n"
            if monotonic_time.monotonic() - last_sent > _KEEP_ALIVE_S:
                last_sent = monotonic_time.monotonic()
                yield ": keep-alive\n\n"
            await asyncio.sleep(STREAM_INTERVAL_S)
    finally:
        context.streams -= 1


_DENOMINATORS = {
    "coverage": "known hours / calendar hours",
    "utilization_efficiency": "APT / AUBT",
    "setup_ratio": "AUST / (APT + AUST)",
    "utilization_of_calendar_time": "APT / calendar hours",
}


def _to_cursor(place: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _from_cursor(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error):
        place = None
    if not isinstance(place, str):
        raise invalid("cursor", "`cursor` is not one that this API returned.", cursor)
    return place


def _moment_of(place: str | None) -> datetime:
    try:
        return datetime.fromisoformat(place or "")
    except ValueError:
        raise invalid("cursor", "`cursor` is not one that this API returned.") from None


def _check_span(start: datetime, end: datetime) -> None:
    if not timedelta(0) < end - start <= timedelta(days=MAX_DAYS):
        raise invalid("end", f"`end` must lie after `start`, by at most {MAX_DAYS} days.")


def _range(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    if not 0 <= (last - first).days < MAX_DAYS or last.year > 2200:
        raise invalid("last", f"`last` must not lie before `first` and must be less than {MAX_DAYS} days after it.")
    local = ZoneInfo(zone)
    return datetime.combine(first, time(0), local), datetime.combine(last + timedelta(days=1), time(0), local)


def _latest(newest: LatestState) -> MachineNow:
    interval = newest.interval
    return MachineNow(
        machine=newest.machine,
        state=interval.state,
        mode=interval.mode,
        since=rfc3339(interval.since),
        until=rfc3339(interval.until),
        reason=interval.reason,
    )
