"""What the embedded server answers over HTTP: machines, what is missing, utilisation, spare slots."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime

from analytics.platform_client import PlatformUnavailableError
from analytics.policy import Policy
from analytics.reconcile import Slot
from analytics.service import AnalyticsService
from analytics.timeline import hours_per_state, timeline
from analytics.utilisation import DayUtilisation, utilisation_per_day
from stores import LatestState, StateStore, StoreUnavailableError
from telemetry import Clock, Name, rfc3339

MAX_DAYS = 370


@dataclass(frozen=True)
class AnalyticsContext:
    """What the routes need. `status` adds what other parts of the server know of themselves."""

    store: StateStore
    service: AnalyticsService
    policy: Policy
    clock: Clock
    token: str
    status: Callable[[], Mapping[str, Any]]


def context_of(request: Request) -> AnalyticsContext:
    return cast("AnalyticsContext", request.app.state.analytics)


Context = Annotated[AnalyticsContext, Depends(context_of)]


def authorised(
    context: Context, given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
) -> None:
    """Everything here is the factory's own: without its token there is nothing to see."""
    if given is None or not secrets.compare_digest(given.credentials.encode(), context.token.encode()):
        raise HTTPException(401, "A valid bearer token is needed.", {"WWW-Authenticate": "Bearer"})


router = APIRouter(prefix="/api/v1", dependencies=[Depends(authorised)])


@router.get("/status")
def get_status(context: Context) -> dict[str, Any]:
    """Is anything missing? What is stored, per gateway, and how the service is."""
    ledger = context.store.ledger()
    return {
        "stored": sum(one.stored for one in ledger),
        "missing": sum(one.missing for one in ledger),
        "repeated": sum(one.repeated for one in ledger),
        "gateways": [asdict(one) for one in ledger],
        **context.status(),
    }


@router.get("/machines")
def get_machines(context: Context) -> dict[str, Any]:
    """Every machine with its newest state and since when."""
    return {"machines": [_latest(one) for one in context.store.latest(context.policy.factory)]}


@router.get("/intervals")
def get_intervals(machine: Name, start: AwareDatetime, end: AwareDatetime, context: Context) -> dict[str, Any]:
    """A machine's timeline between two moments: overlaps resolved, gaps Unknown."""
    _check_span(start, end)
    reported = context.store.intervals(context.policy.factory, start, end, [machine])
    spells = timeline(reported, start, end)
    return {
        "machine": machine,
        "intervals": [
            {"start": rfc3339(start), "end": rfc3339(end), "state": state, "mode": None if pd.isna(mode) else mode}
            for start, end, state, mode in zip(
                spells["start"], spells["end"], spells["state"], spells["mode"], strict=True
            )
        ],
    }


@router.get("/utilisation")
def get_utilisation(first: date, last: date, context: Context) -> dict[str, Any]:
    """ISO 22400-2 times and KPIs per machine and local day, both days included."""
    policy = context.policy
    start, end = _range(first, last, policy.zone)
    spells = timeline(context.store.intervals(policy.factory, start, end), start, end)
    days = utilisation_per_day(spells, policy.zone, first, last, policy.changeover_gap)
    return {"denominators": _DENOMINATORS, "days": [_day(one) for one in days]}


@router.get("/hours")
def get_hours(start: AwareDatetime, end: AwareDatetime, context: Context) -> dict[str, Any]:
    """Hours per state between two moments, over all machines."""
    _check_span(start, end)
    spells = timeline(context.store.intervals(context.policy.factory, start, end), start, end)
    return {"hours": hours_per_state(spells)}


@router.get("/slots")
def get_slots(context: Context) -> dict[str, Any]:
    """The slots of the last round."""
    result = context.service.result
    if result is None:
        return {"at": None, "slots": []}
    return {"at": rfc3339(result.at), "slots": [_slot(one) for one in result.slots]}


@router.post("/cycle")
async def post_cycle(context: Context) -> dict[str, Any]:
    """Run one round now."""
    try:
        result = await context.service.cycle()
    except (PlatformUnavailableError, StoreUnavailableError) as error:
        raise HTTPException(503, str(error)) from error
    return {
        "at": rfc3339(result.at),
        "slots": len(result.slots),
        "put": result.put,
        "withdrawn": result.withdrawn,
        "promises_checked": result.promised.checked,
        "promises_broken": result.promised.broken,
    }


_DENOMINATORS = {
    "coverage": "known hours / hours of the day",
    "utilization_efficiency": "APT / AUBT",
    "setup_ratio": "AUST / (APT + AUST)",
    "utilization_of_calendar_time": "APT / hours of the day",
}


def _check_span(start: datetime, end: datetime) -> None:
    if not timedelta(0) < end - start <= timedelta(days=MAX_DAYS):
        raise HTTPException(422, f"`end` must lie after `start`, by at most {MAX_DAYS} days.")


def _range(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    if not 0 <= (last - first).days < MAX_DAYS:
        raise HTTPException(422, f"`last` must not lie before `first`, nor {MAX_DAYS} days or more after it.")
    local = ZoneInfo(zone)
    return datetime.combine(first, time(0), local), datetime.combine(last + timedelta(days=1), time(0), local)


def _latest(one: LatestState) -> dict[str, Any]:
    interval = one.interval
    return {
        "machine": one.machine,
        "state": interval.state.value,
        "mode": interval.mode.value if interval.mode else None,
        "since": rfc3339(interval.since),
        "until": rfc3339(interval.until),
        "reason": interval.reason,
    }


def _day(one: DayUtilisation) -> dict[str, Any]:
    return {
        **asdict(one),
        "coverage": one.coverage,
        "utilization_efficiency": one.utilization_efficiency,
        "setup_ratio": one.setup_ratio,
        "utilization_of_calendar_time": one.utilization_of_calendar_time,
    }


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "machine": slot.machine,
        "start": rfc3339(slot.start),
        "end": rfc3339(slot.end),
        "probability": slot.probability,
        "checked": slot.checked,
        "broken": slot.broken,
    }
