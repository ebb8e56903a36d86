"""Routes of the HTTP API for the region's administrator."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations import audit_log, directory, service
from sharing_platform.organisations.api import audit_page, organisation_out
from sharing_platform.organisations.dependencies import Regional
from sharing_platform.organisations.schemas import AuditPage, DecisionIn, OrganisationOut, OrganisationPage
from sharing_platform.parameters import Cursor, Limit, NamePath
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["organisations"])


@router.get("/region/organisations", responses=problems(401, 403, 422))
def get_organisations(
    _: Regional,
    session: ReadSession,
    status: Literal["asked", "approved", "refused"] | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> OrganisationPage:
    """All organisations of the region, or those that `q` names: by name, place, number or member."""
    found = directory.all_organisations(session, status, cursor, limit + 1, q)
    following = found[limit - 1].id if len(found) > limit else None
    return OrganisationPage(organisations=[organisation_out(one) for one in found[:limit]], next=following)


@router.put("/region/organisations/{organisation_id}/approval", responses=problems(401, 403, 404, 409, 422))
def put_approval(organisation_id: NamePath, wanted: DecisionIn, actor: Regional, context: Context) -> OrganisationOut:
    """Approve, or refuse with a reason; an approval can be taken back."""
    return organisation_out(service.decide(context, actor, organisation_id, wanted))


@router.get("/region/audit", responses=problems(401, 403, 422))
def get_audit(
    _: Regional,
    session: ReadSession,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
) -> AuditPage:
    """What everybody did, the newest first."""
    return audit_page([(one.id, one) for one in audit_log.entries(session, before, limit + 1)], limit)
