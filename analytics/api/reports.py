"""Route that traces one report, by gateway and sequence number, from the store to the offers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, HTTPException, Path, Query

from analytics.api.context import Context, OwnFactory
from analytics.history.newest_states import machine_names
from analytics.history.timeline import timeline
from analytics.publishing.publications import DatedPromise
from telemetry import Name, rfc3339

router = APIRouter(prefix="/api/v1", tags=["machines"])


@router.get("/reports/{gateway}/{seq}")
def get_report(
    gateway: Name,
    seq: Annotated[int, Path(ge=1)],
    context: Context,
    factory: OwnFactory,
    days: Annotated[int, Query(ge=1, le=62, description="How many days back to search.")] = 8,
) -> dict[str, Any]:
    """A stored report, the timeline at its time, and the promises for its machine from then on. 404 if it is not
    stored: it never arrived, or a later report of the same interval replaced it."""
    now = context.clock.now()
    machines = machine_names(context.store, factory)
    records = context.store.records(factory, now - timedelta(days=days), now + timedelta(days=1), machines)
    found = records[(records["gateway"] == gateway) & (records["seq"] == seq)]
    if found.empty:
        raise HTTPException(
            404, "No such report is stored: it never arrived, or a later report of the same interval replaced it."
        )
    row = found.iloc[0]
    since, until = row["since"].to_pydatetime(), row["until"].to_pydatetime()
    end = max(until, since + timedelta(seconds=1))
    spells = timeline(context.store.intervals(factory, since, end, [row["machine"]]), since, end)
    return {
        "gateway": gateway,
        "seq": seq,
        "machine": row["machine"],
        "report": {
            "state": row["state"], "mode": _text(row["mode"]), "since": rfc3339(since), "until": rfc3339(until), "reason": _text(row["reason"]),
        },
        "timeline": [
            {"start": rfc3339(start), "end": rfc3339(stop), "state": state}
            for start, stop, state in zip(spells["start"], spells["end"], spells["state"], strict=True)
        ],
        "offers": [_offer(promise) for promise in context.promises_of(row["machine"], since)],
    }  # fmt: skip


def _offer(promise: DatedPromise) -> dict[str, Any]:
    return {
        "id": promise.offer, "start": rfc3339(promise.start), "end": rfc3339(promise.end), "probability": promise.probability,
        "published": rfc3339(promise.published), "outcome": promise.outcome,
    }  # fmt: skip


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
