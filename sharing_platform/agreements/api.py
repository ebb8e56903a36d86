"""Routes of the HTTP API: what happened between the parties of a booking, and what they write to each other."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from sharing_platform.agreements import service, thread
from sharing_platform.agreements.downloads import file_response
from sharing_platform.agreements.schemas import HistoryOut, MessageIn, MessageOut, MessagesOut, ThreadOut, UploadIn
from sharing_platform.bookings.service import own_booking
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.errors import InvalidError
from sharing_platform.openapi import upload_body
from sharing_platform.organisations.dependencies import Asker, Reader, UploadFormData
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])

_UPLOAD_BODY = upload_body(
    text={"type": "string", "maxLength": 4000}, quantity={"type": "integer", "minimum": 1, "maximum": 1_000_000}
)


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
    return service.send_message(context, actor, booking_id, wanted.text, wanted.quantity)


@router.post(
    "/{booking_id}/attachments",
    status_code=201,
    responses=problems(401, 403, 404, 409, 413, 422, 429, 503),
    openapi_extra={"requestBody": _UPLOAD_BODY},
)
def post_attachments(booking_id: Uuid, actor: Asker, context: Context, form: UploadFormData) -> MessageOut:
    """Send a message with drawings (PDF, PNG, JPEG, DXF) or models (STEP), as a form: up to five `files` of at most ten megabytes each, `text` and `quantity` if wanted. What a file is, its content
    says. Files are deleted some time (90 days, if nothing else is set) after the booking has ended."""
    if not form.files:
        raise InvalidError("file_missing", "files")
    try:
        wanted = UploadIn.model_validate(form.fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    return service.send_message(context, actor, booking_id, wanted.text, wanted.quantity, form.files)


@router.get(
    "/{booking_id}/attachments/{attachment_id}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The file"},
        **problems(401, 403, 404),
    },
)
def get_attachment(booking_id: Uuid, attachment_id: Uuid, session: ReadSession, actor: Reader) -> Response:
    """A file of a booking, for its two parties."""
    return file_response(*service.attachment(session, actor, booking_id, attachment_id))


@router.get("/{booking_id}/thread", responses=problems(401, 403, 404))
def get_thread(booking_id: Uuid, session: ReadSession, actor: Reader) -> ThreadOut:
    """Steps, proposals and messages in one line of time."""
    booking, party = own_booking(session, booking_id, actor)
    return ThreadOut(entries=thread.thread_out(session, booking, party))
