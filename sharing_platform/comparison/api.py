"""Routes of the HTTP API: contribute to the comparison of factories, leave it, and see where one stands."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.comparison import service
from sharing_platform.comparison.schemas import ComparisonOut, ContributionIn, ParticipationIn
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Offerer
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["comparison"])


@router.get("/comparison", responses=problems(401, 403))
def get_comparison(session: ReadSession, context: Context, actor: Offerer) -> ComparisonOut:
    """What the organisation has contributed and, while it takes part, the quartiles of its process classes over the last twelve months. Nothing else of others."""
    return service.comparison_of(session, actor.organisation, context.now())


@router.put("/comparison", status_code=204, responses=problems(401, 403, 409, 422))
def put_contribution(context: Context, actor: Offerer, given: ContributionIn) -> None:
    """Contribute the figures of a month, with noise already in them. Once sent, they stay; four months of a process class are taken in a calendar year."""
    service.contribute(context, actor, given)


@router.put("/comparison/participation", status_code=204, responses=problems(401, 403, 422))
def put_participation(context: Context, actor: Offerer, given: ParticipationIn) -> None:
    """Take part in the comparison, or leave it: all that was contributed is then deleted at once, and nothing is taken until the organisation takes part again."""
    service.set_participation(context, actor, given.takes_part)
