"""Routes of the HTTP API: certificates of attendance."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from sharing_platform.certificates import service
from sharing_platform.certificates.schemas import AttendancesOut, CertificateOut, CertificatesIn
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Lister
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["listings"])

Number = Annotated[str, Path(pattern=r"^VC(-[0-9A-Z]{4}){3}$", examples=["VC-7KQ2-M9XD-4T0R"])]


@router.get("/listings/{listing_id}/certificates", responses=problems(401, 403, 404, 409))
def get_certificates(listing_id: Uuid, session: ReadSession, actor: Lister) -> AttendancesOut:
    """The bookings of one's own training that are over, with the certificates that were issued."""
    return service.attendances(session, actor, listing_id)


@router.post("/listings/{listing_id}/certificates", status_code=201, responses=problems(401, 403, 404, 409, 422))
def post_certificates(listing_id: Uuid, wanted: CertificatesIn, actor: Lister, context: Context) -> AttendancesOut:
    """Say who attended. Who booked gets the certificates by e-mail."""
    return service.issue(context, actor, listing_id, wanted)


@router.delete("/listings/{listing_id}/certificates/{number}", responses=problems(401, 403, 404, 409, 422))
def delete_certificate(listing_id: Uuid, number: Number, actor: Lister, context: Context) -> AttendancesOut:
    """Withdraw a certificate; its name is forgotten."""
    return service.withdraw(context, actor, listing_id, number)


@router.get("/certificates/{number}", responses=problems(404, 422))
def get_certificate(number: Number, session: ReadSession) -> CertificateOut:
    """Check a certificate by its number."""
    return service.certificate(session, number)
