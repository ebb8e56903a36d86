"""Routes about the server itself: health, metrics, back-up, slots, forecast, and rounds on demand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse

from analytics.api.context import Context, OwnFactory, OwnServer, ReaderLanguage
from analytics.api.models import Forecast
from analytics.api.policy_problems import written
from analytics.policy.slot import Slot
from telemetry import Name, UserError, rfc3339

router = APIRouter(prefix="/api/v1", tags=["server"])
metrics_router = APIRouter(tags=["server"])


@router.get("/status")
def get_status(context: Context, factory: OwnFactory, language: ReaderLanguage) -> dict[str, Any]:
    """Status of the server: reports stored and missing, in total and per gateway, the status of ingest, tasks that fail at present (`failing_tasks`), when certificates expire (`certificates`), and why a changed policy file cannot be used
    (`policy.problem`, in English for scripts, `policy.problem_text` in the reader's language). Without a sharing platform (`has_platform`) nothing is offered."""
    problem = context.policy_problem
    ledger = context.store.ledger()
    return {
        "factory": factory,
        "has_platform": context.has_platform,
        "stored": sum(entry.stored for entry in ledger),
        "missing": sum(entry.missing for entry in ledger),
        "repeated": sum(entry.repeated for entry in ledger),
        "gateways": [asdict(entry) for entry in ledger],
        "policy": {
            "problem": str(problem) if problem is not None else None,
            "problem_text": written(problem, language) if problem is not None else None,
            "zone": context.policy.zone,
            "max_silence_s": context.policy.max_silence.total_seconds(),
        },
        **context.status(),
    }


@metrics_router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(context: Context, _: OwnFactory) -> PlainTextResponse:
    """Metrics for Prometheus, which sends the token by `authorization.credentials_file`."""
    return PlainTextResponse(context.metrics(), media_type="text/plain; version=0.0.4")


@router.post("/backup")
def post_backup(context: Context, _: OwnServer) -> dict[str, Any]:
    """Back up the server into one file beside the store, replacing the previous one. `file` is its path. Used by
    `vrijloop backup`."""
    if context.backup is None:
        raise HTTPException(404, "Not found.")
    try:
        return dict(context.backup())
    except UserError as error:
        raise HTTPException(503, str(error)) from error


@router.get("/slots")
def get_slots(context: Context, _: OwnFactory) -> dict[str, Any]:
    """The slots that should stand on the platform now, why the platform does not show them if it is unavailable, and
    how past promises were kept."""
    result, wanted = context.service.result, context.publishing.wanted()
    promises = None
    if result is not None:
        promises = {
            "checked": result.promised.checked,
            "broken": result.promised.broken,
            "promised_at_most": context.policy.max_broken_promises,
            "aimed_at": result.target_rate,
        }
    return {
        "at": rfc3339(wanted.at) if wanted is not None else None,
        "slots": [_slot(slot) for slot in wanted.slots] if wanted is not None else [],
        "pending": context.publishing.pending,
        "platform": result.platform_error if result is not None else None,
        "promises": promises,
    }


@router.get("/forecast")
def get_forecast(context: Context, _: OwnFactory, machine: Name | None = None) -> Forecast:
    """Probability that each coming hour is free, of one machine or the mean of all, as of the last round."""
    result = context.service.result
    if result is None:
        return Forecast(at=None, hours=[], free=[])
    shares = result.forecast.shares
    own = [share for name, share in shares.items() if machine in (None, name)]
    hours = [rfc3339(hour) for hour in result.forecast.hours]
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
    if result.platform_error is not None:
        raise HTTPException(503, f"{result.platform_error} What should be offered is stored and delivered later.")
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
        "windows": [
            {"start": rfc3339(window.start), "end": rfc3339(window.end), "probability": window.probability}
            for window in slot.bookable
        ],
    }
