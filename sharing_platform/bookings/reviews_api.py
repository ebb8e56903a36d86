"""Routes of the HTTP API: how a booking went."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.bookings import reviews
from sharing_platform.bookings.schemas import ReviewIn, ReviewsOut
from sharing_platform.bookings.service import own_booking
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Reader, Writer
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])


@router.get("/{booking_id}/review", responses=problems(401, 403, 404))
def get_reviews(booking_id: Uuid, session: ReadSession, actor: Reader, context: Context) -> ReviewsOut:
    """What the caller said of how it was, and what the other said as far as it is shown."""
    booking, party = own_booking(session, booking_id, actor)
    return reviews.reviews_out(session, booking, party, context.now())


@router.put("/{booking_id}/review", responses=problems(401, 403, 404, 409, 422))
def put_review(booking_id: Uuid, wanted: ReviewIn, actor: Writer, context: Context) -> ReviewsOut:
    """Say how it was, up to 30 days after the end. `not_free`, by the seeker: the machine was not free on arrival, which counts in its factory's record;
    `no_show`, by the factory: nobody came. Both can be said as soon as the hours have begun. 409 for what cannot be said, or not now."""
    return reviews.give(context, actor, booking_id, wanted)
