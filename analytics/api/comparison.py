"""Routes for the comparison with other factories: what is sent, before it is sent, and what came of it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, Field

from analytics.api.context import Context, OwnCaller, OwnFactory
from analytics.comparison.contribution import A_YEAR, EPSILON_FIGURE, EPSILON_MONTH
from analytics.comparison.ledger import Entry
from analytics.comparison.sender import ComparisonSender

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1", tags=["publishing"])


class BudgetOut(BaseModel):
    """What may be told of the factory (local differential privacy): `months_a_year` of a process class at most, by `epsilon_figure` for each figure and
    `epsilon_month` for all figures of a month together."""

    months_a_year: int = A_YEAR
    epsilon_figure: float = round(EPSILON_FIGURE, 2)
    epsilon_month: float = round(EPSILON_MONTH, 2)


class ContributionOut(BaseModel):
    """The figures of a month. `state`: `waiting` until `send_at`, `sent`, or `withheld`, which is never sent."""

    month: str
    process_class: Annotated[int, Field(description="The main group of DIN 8580.")]
    state: str
    send_at: datetime
    sent_at: datetime | None
    body: Annotated[str, Field(description="What is sent, to the byte: percentage points, with noise.")]
    exact: Annotated[
        dict[str, float | None] | None, Field(description="The same without noise, from 0 to 1. It stays here.")
    ]


class ComparedOut(BaseModel):
    """A figure of the factory beside those of all. `own`: exact, the mean of the months that were sent; the rest in percentage points. `within`: so far the quartiles lie from
    the true ones at most, nine times in ten. Null where fewer than five factories are compared."""

    figure: str
    own: float | None
    lower: int | None
    median: int | None
    upper: int | None
    within: int | None


class ComparedClass(BaseModel):
    """A process class (DIN 8580)."""

    process_class: int
    figures: list[ComparedOut]


class ComparisonPage(BaseModel):
    """`takes_part`: as the policy says. `refused`: somebody has left the comparison on the platform, which takes no figures until they take part there again.
    `classes`: as the platform said last; while it answers, it is asked every hour."""

    takes_part: bool
    refused: bool
    budget: BudgetOut
    contributions: list[ContributionOut]
    classes: list[ComparedClass]


@router.get("/comparison")
def get_comparison(context: Context, _: OwnFactory) -> ComparisonPage:
    """What leaves the factory for the comparison with others, what has left, and where it stands among them."""
    sender = context.comparison
    if sender is None:
        return ComparisonPage(takes_part=False, refused=False, budget=BudgetOut(), contributions=[], classes=[])
    entries = sender.entries()
    return ComparisonPage(
        takes_part=context.policy.comparison.take_part,
        refused=sender.refused,
        budget=BudgetOut(),
        contributions=[_contribution(one) for one in entries],
        classes=_classes(sender, entries),
    )


@router.post("/comparison/{month}/{process_class}/withhold")
def post_withhold(
    month: Annotated[str, Path(pattern=r"^\d{4}-\d{2}$")],
    process_class: Annotated[int, Path(ge=1, le=6)],
    context: Context,
    caller: OwnCaller,
) -> ContributionOut:
    """Keep the figures of a month back. 404 if they do not wait: they were sent, or are not known."""
    sender = context.comparison
    entry = sender.withhold(month, process_class) if sender is not None else None
    if entry is None:
        raise HTTPException(404, "No such figures are waiting.")
    _log.info("The figures of %s, process class %d: withheld by %s.", month, process_class, caller.name)
    return _contribution(entry)


def _contribution(entry: Entry) -> ContributionOut:
    return ContributionOut(
        month=entry.month,
        process_class=entry.process_class,
        state=entry.state,
        send_at=entry.send_at,
        sent_at=entry.sent,
        body=entry.body.decode(),
        exact=entry.exact,
    )


def _classes(sender: ComparisonSender, entries: list[Entry]) -> list[ComparedClass]:
    network = sender.network
    if network is None:
        return []
    compared = {(one.month, one.process_class) for one in network.contributions}
    found = []
    for one in network.classes:
        exact = [
            entry.exact
            for entry in entries
            if entry.process_class == one.process_class and entry.exact and (entry.month, one.process_class) in compared
        ]
        rows = []
        for figure in one.figures:
            known = [value for shares in exact if (value := shares.get(figure.name)) is not None]
            quartiles = figure.quartiles
            rows.append(
                ComparedOut(
                    figure=figure.name,
                    own=round(100 * sum(known) / len(known), 1) if known else None,
                    lower=quartiles.lower if quartiles else None,
                    median=quartiles.median if quartiles else None,
                    upper=quartiles.upper if quartiles else None,
                    within=quartiles.within if quartiles else None,
                )
            )
        found.append(ComparedClass(process_class=one.process_class, figures=rows))
    return found
