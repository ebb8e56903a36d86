"""Routes that say why hours are on offer or not, and what the promise costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from analytics.api.context import Context, OwnFactory
from analytics.api.invalid import invalid
from analytics.forecast.explanation import LONGEST
from telemetry import Name, rfc3339

router = APIRouter(prefix="/api/v1", tags=["publishing"])


class ConditionOut(BaseModel):
    """A condition for hours to be on offer. `met` is null where it only informs."""

    code: Annotated[str, Field(examples=["forecast"])]
    met: bool | None
    values: dict[str, Any]


class ExplanationOut(BaseModel):
    """Whether the hours are on offer, and every condition for it, as of the round at `at`."""

    at: datetime
    offered: bool
    conditions: list[ConditionOut]


class PromiseCostOut(BaseModel):
    """Of windows of so many hours in past days: the share of the bookable ones that was kept, and the share of the free ones that could have been
    booked, if at most `rate` may be broken. Null where there was none."""

    model_config = ConfigDict(from_attributes=True)

    rate: float
    hours: int
    kept: float | None
    found: float | None


class PromiseCosts(BaseModel):
    """`rate`: what the policy promises. `costs` is empty before the first promise."""

    rate: float
    costs: list[PromiseCostOut]


@router.get("/explanation")
def get_explanation(
    context: Context,
    _: OwnFactory,
    machine: Name,
    start: Annotated[AwareDatetime, Query()],
    end: Annotated[AwareDatetime, Query(description="At most three days after the start.")],
) -> ExplanationOut:
    """Why hours of a machine are on offer, or why not."""
    try:
        first, last = start.astimezone(UTC), end.astimezone(UTC)
    except OverflowError:
        raise invalid("start", "`start` and `end` must be years that people plan for.") from None
    now = context.clock.now()
    if not first < last <= first + LONGEST:
        raise invalid("end", "`end` must lie after `start`, by at most three days.")
    if not now - LONGEST <= first <= now + 2 * context.policy.horizon:
        raise invalid("start", "`start` must lie in the coming days.")
    found = context.service.explain(machine, first, last)
    if found is None:
        raise HTTPException(404, "No such machine, or no round yet.")
    return ExplanationOut(
        at=found.at,
        offered=found.offered,
        conditions=[
            ConditionOut(
                code=condition.code,
                met=condition.met,
                values={
                    name: rfc3339(value) if isinstance(value, datetime) else value
                    for name, value in condition.values.items()
                },
            )
            for condition in found.conditions
        ],
    )


@router.get("/promise-costs")
def get_promise_costs(context: Context, _: OwnFactory) -> PromiseCosts:
    """What stricter and laxer promises cost: which share of the free windows people could book."""
    costs = [PromiseCostOut.model_validate(cost) for cost in context.service.promise_costs()]
    return PromiseCosts(rate=context.policy.max_broken_promises, costs=costs)
