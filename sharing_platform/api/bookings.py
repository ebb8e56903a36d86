"""Bookings, for their two parties."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from sharing_platform.api.answers import Cursor, Limit, Uuid, problems
from sharing_platform.booking import asking, requests
from sharing_platform.booking.messages import (
    BookingOut,
    BookingPage,
    HistoryOut,
    MessageIn,
    MessageOut,
    MessagesOut,
    StepIn,
)
from sharing_platform.booking.states import FIRM, Party, State
from sharing_platform.context import Asker, Context, Reader, Reading
from sharing_platform.errors import NotFoundError
from sharing_platform.messages import Name

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])


@router.get("", responses=problems(401, 403, 404, 422))
def get_bookings(
    session: Reading,
    actor: Reader,
    context: Context,
    factory: Annotated[Name | None, Query(description="One's own name, for those who want to be sure.")] = None,
    side: Annotated[
        Literal["provider", "seeker"], Query(description="What others have of us, or we of others.")
    ] = "provider",
    state: Annotated[list[State] | None, Query(description="Default: held, accepted, in use.")] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> BookingPage:
    """One's own bookings, in order of their start; without `state` those that keep hours and are not over."""
    if factory is not None and factory != actor.organisation:
        raise NotFoundError
    states = frozenset(state) if state else FIRM | {State.HELD}
    return asking.page_of(session, actor, Party(side), states, limit, cursor, context.now())


@router.get("/{booking_id}", responses=problems(401, 403, 404))
def get_booking(booking_id: Uuid, session: Reading, actor: Reader, context: Context) -> BookingOut:
    """One booking."""
    booking, party = asking.own_booking(session, booking_id, actor)
    return asking.booking_out(session, booking, party, context.now())


@router.post("/{booking_id}/state", responses=problems(401, 403, 404, 409, 422))
def post_state(booking_id: Uuid, wanted: StepIn, actor: Reader, context: Context) -> BookingOut:
    """Accept, decline, cancel, or take back what is held. The same step again changes nothing; one that is not open to the caller
    is answered 409."""
    return asking.act(context, actor, booking_id, wanted.state, wanted.message)


@router.get("/{booking_id}/history", responses=problems(401, 403, 404))
def get_history(booking_id: Uuid, session: Reading, actor: Reader) -> HistoryOut:
    """Every step that was made; none is ever changed or removed."""
    booking, _ = asking.own_booking(session, booking_id, actor)
    return HistoryOut(events=asking.events_out(requests.history(session, booking)))


@router.get("/{booking_id}/messages", responses=problems(401, 403, 404))
def get_messages(booking_id: Uuid, session: Reading, actor: Reader) -> MessagesOut:
    """What the two parties wrote to each other; nobody else sees it."""
    booking, _ = asking.own_booking(session, booking_id, actor)
    return MessagesOut(messages=asking.messages_out(session, booking))


@router.post("/{booking_id}/messages", status_code=201, responses=problems(401, 403, 404, 422, 429))
def post_message(booking_id: Uuid, wanted: MessageIn, actor: Asker, context: Context) -> MessageOut:
    """Write to the other party."""
    return asking.write(context, actor, booking_id, wanted.text)
