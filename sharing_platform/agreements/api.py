"""Routes of the HTTP API: what happened between the parties of a booking, and what they write to each other."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.agreements import service, thread
from sharing_platform.agreements.schemas import HistoryOut, MessageIn, MessageOut, MessagesOut, ThreadOut
from sharing_platform.bookings.service import own_booking
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Asker, Reader
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])


@router.get("/{booking_id}/history", responses=problems(401, 403, 404))
def get_history(booking_id: Uuid, session: ReadSession, actor: Reader) -> HistoryOut:
    """All steps of a booking. Steps are never changed or removed."""
    booking, party = own_booking(session, booking_id, actor)
    return HistoryOut(events=thread.events_out(session, booking, party))


@router.get("/{booking_id}/messages", responses=problems(401, 403, 404))
def get_messages(booking_id: Uuid, session: ReadSession, actor: Reader) -> MessagesOut:
    """The messages between the parties, which nobody else sees."""
    booking, party = own_booking(session, booking_id, actor)
    return MessagesOut(messages=thread.messages_out(session, booking, party))


@router.post("/{booking_id}/messages", status_code=201, responses=problems(401, 403, 404, 409, 422, 429))
def post_message(booking_id: Uuid, wanted: MessageIn, actor: Asker, context: Context) -> MessageOut:
    """Send a message to the other party, who is told by e-mail, no more than once an hour for each booking."""
    return service.send_message(context, actor, booking_id, wanted.text)


@router.get("/{booking_id}/thread", responses=problems(401, 403, 404))
def get_thread(booking_id: Uuid, session: ReadSession, actor: Reader) -> ThreadOut:
    """Steps and messages in one line of time."""
    booking, party = own_booking(session, booking_id, actor)
    return ThreadOut(entries=thread.thread_out(session, booking, party))
