"""Routes of the HTTP API: the waiting list of a training."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.bookings import waiting_service
from sharing_platform.bookings.schemas import BookingOut, WaitIn, WaitingOut
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Asker, MaybePerson
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/listings/{listing_id}/waiting", tags=["listings"])


@router.get("", responses=problems(401, 403, 404))
def get_waiting(listing_id: Uuid, session: ReadSession, actor: Asker) -> WaitingOut:
    """What the caller's organisation waits for."""
    return waiting_service.own_place(session, actor, listing_id)


@router.post("", status_code=201, responses=problems(401, 403, 404, 409, 422, 429))
def post_waiting(listing_id: Uuid, wanted: WaitIn, actor: Asker, person: MaybePerson, context: Context) -> WaitingOut:
    """Wait for places in a training that is full. Whoever joins is told by e-mail when they come free."""
    return waiting_service.join(context, actor, person, listing_id, wanted.places)


@router.delete("", status_code=204, responses=problems(401, 403, 404))
def delete_waiting(listing_id: Uuid, actor: Asker, context: Context) -> None:
    """Wait no longer, or give back what is kept."""
    waiting_service.leave(context, actor, listing_id)


@router.post("/confirmation", status_code=201, responses=problems(401, 403, 404, 409, 422))
def post_confirmation(listing_id: Uuid, actor: Asker, person: MaybePerson, context: Context) -> BookingOut:
    """Ask for the places that are kept: a request as any other, which the training's owner answers."""
    return waiting_service.confirm(context, actor, person, listing_id)
