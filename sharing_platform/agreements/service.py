"""What the parties of a booking do in its thread, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.agreements.schemas import MessageOut
from sharing_platform.agreements.thread import mail_at, may_read, message_out, writer_of
from sharing_platform.attachments.models import Attachment
from sharing_platform.attachments.service import Upload, attach, attachment_with, attachments_of, read_uploads
from sharing_platform.bookings import service, transitions
from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.models import Booking, BookingMessage
from sharing_platform.database import read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.i18n import Span, Translator
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import ANSWERING, Actor, Right, require


def send_message(
    context: PlatformContext,
    actor: Actor,
    booking_id: str,
    text: str,
    quantity: int | None = None,
    uploads: Sequence[Upload] = (),
) -> MessageOut:
    """Send a message, with files perhaps, to the other party, who is notified. Raises NotFoundError, ConflictError, TooManyError, InvalidError,
    UnavailableError while files cannot be scanned."""
    now = context.now()
    with read_session(context.sessions) as session:
        service.own_booking(session, booking_id, actor)  # nothing is read of what strangers send
    rate_limits.count_attempt(context.sessions, rate_limits.messages_of(context.bounds), actor.organisation, now)
    files = read_uploads(uploads, context.scanner)
    with context.sessions.begin() as session:
        booking, party = service.own_booking(session, booking_id, actor)
        require(actor, Right.ASK)
        transitions.lock(session, booking)  # or two messages at the same moment would both be told by e-mail
        kept = session.scalar(select(func.count()).where(BookingMessage.booking_id == booking.id)) or 0
        if kept >= context.bounds.messages_of_booking:
            raise ConflictError("thread_full")
        message = transitions.add_message(session, booking, actor.organisation, actor.account, text, now, quantity)
        attach(session, [message], files, actor.organisation, actor.account, now, context.bounds)
        log(session, now, actor, "booking.attached" if files else "booking.message", booking.id)
        notify_of_message(context, session, booking, party.other, now)
        to = booking.seeker if party is Party.PROVIDER else booking.provider
        webhooks.queue_event(session, (to,), "booking.message", {"booking": booking.id}, now)
        account = session.get(Account, actor.account) if actor.account is not None else None
        name = account.name if account is not None else None
        shown = message_out(booking, message, party, name, attachments_of(session, booking.id).get(message.id, ()))
    context.wake_workers()
    return shown


def attachment(session: Session, actor: Actor, booking_id: str, attachment_id: str) -> tuple[Attachment, bytes]:
    """A file of a booking, for its two parties. Raises NotFoundError."""
    booking, party = service.own_booking(session, booking_id, actor)
    found, content = attachment_with(session, booking_id, attachment_id)
    message = session.get_one(BookingMessage, found.message_id)
    hidden = found.taken_down is not None and writer_of(booking, message) is not party
    if hidden or not may_read(booking, message, party):
        raise NotFoundError
    return found, content


def notify_of_message(context: PlatformContext, session: Session, booking: Booking, to: Party, now: datetime) -> None:
    """Tell one side that the other has written, in no more than one e-mail an hour. It contains no text of the message."""
    last = booking.seeker_mailed if to is Party.SEEKER else booking.provider_mailed
    send_at = mail_at(last, now)
    if send_at is None:
        return
    if to is Party.SEEKER:
        booking.seeker_mailed = send_at
        account = session.get(Account, booking.account_id) if booking.account_id else None
        recipients = [account] if account is not None and account.confirmed is not None else []
    else:
        booking.provider_mailed = send_at
        recipients = members_with_roles(session, booking.provider, ANSWERING)
    provider = session.get(Organisation, booking.provider) if booking.alias is None else None
    for recipient in recipients:
        words = Translator(recipient.language, context.zone)
        factory = provider.name if provider is not None else words("the_factory").capitalize()
        mail = queue_mail(
            session, recipient, "message", context.zone, now,
            title=booking.title_for(to), link=f"{context.url}/bookings/{booking.id}",
            when=Span(booking.start, booking.end, booking.listing_id is not None),
            writer=factory if to is Party.SEEKER else booking.organisation,
        )  # fmt: skip
        if mail is not None:
            mail.created = mail.next_attempt = send_at
