"""What one party of a booking has written or sent, as the other reports it: all of it, or a single message, file, quote or review. Each party still sees its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharing_platform.agreements.thread import writer_of
from sharing_platform.attachments.contents import MEDIA_TYPES
from sharing_platform.attachments.contents import Kind as FileKind
from sharing_platform.attachments.models import Attachment, StoredFile
from sharing_platform.attachments.service import attachments_of
from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.models import Booking, BookingMessage, BookingReview, Proposal
from sharing_platform.bookings.proposals import proposals_of
from sharing_platform.bookings.reviews import reviews_out
from sharing_platform.bookings.service import own_booking
from sharing_platform.bookings.transitions import parts_of
from sharing_platform.errors import NotFoundError
from sharing_platform.moderation.content import UUID, Content, File, Kind, Part, stands
from sharing_platform.moderation.models import Decision, Report
from sharing_platform.organisations.permissions import Actor

_BOOKING = rf"/bookings/(?P<id>{UUID})"
BOOKING_PAGE = re.compile(_BOOKING)


def parts_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> list[Part]:
    """What of the other party one sees on the page of a booking."""
    booking, writer = _seen_of(session, match, actor)
    path = f"/bookings/{booking.id}"
    found, files = [], attachments_of(session, booking.id)
    for message in _messages_of(session, booking, writer):
        if message.text:
            found.append(Part("message", f"{path}/messages/{message.public_id}", message.text, message.at))
        found += [
            Part("attachment", f"{path}/attachments/{one.id}", one.name, message.at)
            for one in files.get(message.id, ())
            if one.taken_down is None
        ]
    found += [
        Part("quote", f"{path}/proposals/{one.id}", _text_of(one), one.at)
        for one in _quotes_of(session, booking, writer)
    ]
    review = reviews_out(session, booking, writer.other, now).other
    if review is not None:
        found.append(Part("review", f"{path}/review", review.text))
    return found


def _seen_of(session: Session, match: re.Match[str], actor: Actor | None) -> tuple[Booking, Party]:
    """The booking, and the party that is not the caller."""
    if actor is None:
        raise NotFoundError
    booking, party = own_booking(session, match["id"], actor)
    return booking, party.other


def _organisation_of(booking: Booking, party: Party) -> str:
    """Raises NotFoundError for a guest's that is not confirmed."""
    found = booking.seeker if party is Party.SEEKER else booking.provider
    if found is None:
        raise NotFoundError
    return found


def _messages_of(session: Session, booking: Booking, party: Party) -> list[BookingMessage]:
    """Those of one party that the other may read."""
    query = select(BookingMessage).where(BookingMessage.booking_id == booking.id, BookingMessage.taken_down.is_(None))
    found = session.scalars(query.order_by(BookingMessage.id))
    return [one for one in found if writer_of(booking, one) is party]


def _thread_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    booking, writer = _seen_of(session, match, actor)
    return f"{booking.id}/{_organisation_of(booking, writer)}"


def _thread_messages(session: Session, subject: str) -> list[BookingMessage]:
    booking_id, _, writer = subject.partition("/")
    query = select(BookingMessage).where(
        BookingMessage.booking_id == booking_id, BookingMessage.organisation_id == writer
    )
    return list(session.scalars(query.order_by(BookingMessage.id)))


def _thread_content(session: Session, subject: str) -> Content | None:
    booking_id, _, writer = subject.partition("/")
    booking, messages = session.get(Booking, booking_id), _thread_messages(session, subject)
    if booking is None or not messages:
        return None
    title = booking.title_for(Party.PROVIDER if writer == booking.provider else Party.SEEKER)
    text = "\n\n".join(one.text for one in messages)
    return Content("thread", subject, title, text, writer, f"/bookings/{booking.id}")


def _hide_thread(session: Session, subject: str, moment: datetime | None) -> None:
    """What was written so far."""
    messages = _thread_messages(session, subject)
    if moment is None:
        messages = [one for one in messages if not stands(session, "message", one.public_id)]
    _hide_messages(session, messages, moment)


def _hide_messages(session: Session, messages: Iterable[BookingMessage], moment: datetime | None) -> None:
    """In each part of the request: what comes with it stands in all of them."""
    for message in messages:
        booking = session.get_one(Booking, message.booking_id)
        same = select(BookingMessage).where(
            BookingMessage.booking_id.in_([part.id for part in parts_of(session, booking)]),
            BookingMessage.organisation_id == message.organisation_id,
            BookingMessage.at == message.at,
            BookingMessage.text == message.text,
        )
        for one in session.scalars(same):
            one.taken_down = moment


def _message_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    booking, writer = _seen_of(session, match, actor)
    if match["message"] not in {one.public_id for one in _messages_of(session, booking, writer)}:
        raise NotFoundError
    _organisation_of(booking, writer)
    return match["message"]


def _message(session: Session, subject: str) -> BookingMessage | None:
    return session.scalars(select(BookingMessage).where(BookingMessage.public_id == subject)).first()


def _message_content(session: Session, subject: str) -> Content | None:
    message = _message(session, subject)
    if message is None or message.organisation_id is None:
        return None
    booking = session.get_one(Booking, message.booking_id)
    title = booking.title_for(writer_of(booking, message))
    return Content("message", subject, title, message.text, message.organisation_id, f"/bookings/{booking.id}")


def _hide_message(session: Session, subject: str, moment: datetime | None) -> None:
    message = _message(session, subject)
    if message is None:
        return
    thread = f"{message.booking_id}/{message.organisation_id}"
    if moment is not None or not stands(session, "thread", thread, since=message.at):
        _hide_messages(session, [message], moment)


def _attachment_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    booking, writer = _seen_of(session, match, actor)
    found = session.get(Attachment, match["attachment"])
    readable = {one.id for one in _messages_of(session, booking, writer)}
    if found is None or found.taken_down is not None or found.message_id not in readable:
        raise NotFoundError
    return found.id


def _attachment_content(session: Session, subject: str) -> Content | None:
    found = session.get(Attachment, subject)
    message = session.get(BookingMessage, found.message_id) if found is not None else None
    if found is None or message is None or message.organisation_id is None:
        return None
    booking = session.get_one(Booking, found.booking_id)
    title, path = booking.title_for(writer_of(booking, message)), f"/bookings/{booking.id}"
    has_file = found.file_id is not None
    return Content("attachment", subject, title, found.name, message.organisation_id, path, has_file=has_file)


def _hide_attachment(session: Session, subject: str, moment: datetime | None) -> None:
    """In each part of the request."""
    found = session.get(Attachment, subject)
    if found is None:
        return
    found.taken_down = moment
    if found.file_id is not None:
        for one in session.scalars(select(Attachment).where(Attachment.file_id == found.file_id)):
            one.taken_down = moment


def _attachment_file(session: Session, subject: str) -> File | None:
    found = session.get(Attachment, subject)
    stored = session.get(StoredFile, found.file_id) if found is not None and found.file_id is not None else None
    if found is None or stored is None:
        return None
    return File(found.name, MEDIA_TYPES[FileKind(found.kind)], stored.content)


def files_under_review() -> Select[str]:
    """Ids of files on which the region has still to decide, or to answer an appeal: it looks at them for that."""
    reported = select(Report.subject).where(Report.kind == "attachment", Report.decision_id.is_(None))
    appealed = select(Decision.subject).where(
        Decision.kind == "attachment", Decision.appealed.is_not(None), Decision.answered.is_(None)
    )
    about = Attachment.id.in_(reported) | Attachment.id.in_(appealed)
    return select(StoredFile.id).join(Attachment, Attachment.file_id == StoredFile.id).where(about)


def _quote_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    booking, writer = _seen_of(session, match, actor)
    if match["proposal"] not in {one.id for one in _quotes_of(session, booking, writer)}:
        raise NotFoundError
    return match["proposal"]


def _quotes_of(session: Session, booking: Booking, party: Party) -> list[Proposal]:
    """Those of one party whose texts the other may read."""
    found = proposals_of(session, booking)
    return [one for one in found if one.party == party and one.lines and one.taken_down is None]


def _text_of(quote: Proposal) -> str:
    return "\n".join(str(line["text"]) for line in quote.lines)


def _quote_content(session: Session, subject: str) -> Content | None:
    quote = session.get(Proposal, subject)
    if quote is None:
        return None
    booking = session.get_one(Booking, quote.booking_id)
    return Content("quote", subject, booking.title, _text_of(quote), booking.provider, f"/bookings/{booking.id}")


def _hide_quote(session: Session, subject: str, moment: datetime | None) -> None:
    """Its words; the amounts are what the parties agree on."""
    if (quote := session.get(Proposal, subject)) is not None:
        quote.taken_down = moment


def _review_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    booking, writer = _seen_of(session, match, actor)
    if reviews_out(session, booking, writer.other, now).other is None:
        raise NotFoundError
    return f"{booking.id}/{writer}"


def _review_of(session: Session, subject: str) -> BookingReview | None:
    booking_id, _, party = subject.partition("/")
    return session.get(BookingReview, (booking_id, party))


def _review_content(session: Session, subject: str) -> Content | None:
    review = _review_of(session, subject)
    if review is None:
        return None
    booking = session.get_one(Booking, review.booking_id)
    party = Party(review.party)
    owner, path = _organisation_of(booking, party), f"/bookings/{booking.id}"
    return Content("review", subject, booking.title_for(party), review.text, owner, path, f"verdict_{review.verdict}")


def _hide_review(session: Session, subject: str, moment: datetime | None) -> None:
    """It does not count in the factory's record either."""
    if (review := _review_of(session, subject)) is not None:
        review.taken_down = moment


THREAD = Kind(((BOOKING_PAGE, _thread_seen),), _thread_content, _hide_thread)
MESSAGE = Kind(
    ((re.compile(rf"{_BOOKING}/messages/(?P<message>{UUID})"), _message_seen),),
    _message_content,
    _hide_message,
    single=True,
)
ATTACHMENT = Kind(
    ((re.compile(rf"{_BOOKING}/attachments/(?P<attachment>{UUID})"), _attachment_seen),),
    _attachment_content,
    _hide_attachment,
    single=True,
    file=_attachment_file,
)
QUOTE = Kind(
    ((re.compile(rf"{_BOOKING}/proposals/(?P<proposal>{UUID})"), _quote_seen),),
    _quote_content,
    _hide_quote,
    single=True,
)
REVIEW = Kind(((re.compile(rf"{_BOOKING}/review"), _review_seen),), _review_content, _hide_review, single=True)
