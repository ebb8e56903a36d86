"""Routes of the server itself: health, metrics, back-up, slots, forecast, and rounds on demand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse

from analytics.api.context import Context, OwnFactory
from analytics.api.models import Forecast
from analytics.policy.slot import Slot
from telemetry import Name, UserError, rfc3339

router = APIRouter(prefix="/api/v1", tags=["server"])
metrics_router = APIRouter(tags=["server"])


@router.get("/status")
def get_status(context: Context, factory: OwnFactory) -> dict[str, Any]:
    """How the server is: what is stored and missing, per gateway, and how ingest does."""
    ledger = context.store.ledger()
    return {
        "factory": factory,
        "stored": sum(one.stored for one in ledger),
        "missing": sum(one.missing for one in ledger),
        "repeated": sum(one.repeated for one in ledger),
        "gateways": [asdict(one) for one in ledger],
        **context.status(),
    }


@metrics_router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(context: Context, _: OwnFactory) -> PlainTextResponse:
    """For Prometheus, which sends the token as `authorization.credentials_file`."""
    return PlainTextResponse(context.metrics(), media_type="text/plain; version=0.0.4")


@router.post("/backup")
def post_backup(context: Context, _: OwnFactory) -> dict[str, Any]:
    """Write everything into one file beside the store, over the one of before; `file` says where. `vrijloop backup` takes it from there."""
    if context.backup is None:
        raise HTTPException(404, "There is no such thing.")
    try:
        return dict(context.backup())
    except UserError as error:
        raise HTTPException(503, str(error)) from error


@router.get("/slots")
def get_slots(context: Context, _: OwnFactory) -> dict[str, Any]:
    """The slots that should stand on the platform now, why it does not show them yet if it is away, and how promises were kept."""
    result, wanted = context.service.result, context.publishing.wanted()
    promises = None
    if result is not None:
        promises = {
            "checked": result.promised.checked,
            "broken": result.promised.broken,
            "promised_at_most": context.policy.max_broken_promises,
            "aimed_at": result.aimed_at,
        }
    return {
        "at": rfc3339(wanted.at) if wanted is not None else None,
        "slots": [_slot(one) for one in wanted.slots] if wanted is not None else [],
        "pending": context.publishing.pending,
        "platform": result.away if result is not None else None,
        "promises": promises,
    }


@router.get("/forecast")
def get_forecast(context: Context, _: OwnFactory, machine: Name | None = None) -> Forecast:
    """How likely each hour to come is free, of a machine or the mean of all, by the last round."""
    result = context.service.result
    if result is None:
        return Forecast(at=None, hours=[], free=[])
    shares = result.forecast.shares
    own = [share for name, share in shares.items() if machine in (None, name)]
    hours = [rfc3339(one) for one in result.forecast.hours]
    if not own:
        return Forecast(at=rfc3339(result.at), hours=hours, free=[None] * len(hours))
    table = np.stack(own)
    known = ~np.isnan(table)
    sums, counts = np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0)
    free = [round(float(total / count), 3) if count else None for total, count in zip(sums, counts, strict=True)]
    return Forecast(at=rfc3339(result.at), hours=hours, free=free)


@router.post("/cycle")
async def post_cycle(context: Context, _: OwnFactory) -> dict[str, Any]:
    """Run one round now."""
    result = await context.service.cycle()
    if result.away is not None:
        raise HTTPException(503, f"{result.away} What should be offered is kept and delivered later.")
    return {
        "at": rfc3339(result.at),
        "slots": len(result.slots),
        "put": result.put,
        "withdrawn": result.withdrawn,
        "promises_checked": result.promised.checked,
        "promises_broken": result.promised.broken,
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
