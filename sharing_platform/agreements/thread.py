"""What happened between the two parties of a booking, in one line of time, as one of them may see it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.agreements.proposal_schemas import Answer, ProposalOut, QuoteLine
from sharing_platform.agreements.schemas import AttachmentOut, EntryOut, EventOut, MessageOut
from sharing_platform.attachments.contents import Kind
from sharing_platform.attachments.models import Attachment
from sharing_platform.attachments.service import attachments_of
from sharing_platform.bookings.amounts import vat_of
from sharing_platform.bookings.lifecycle import Party, ProposalState, State, may_accept
from sharing_platform.bookings.models import Booking, BookingMessage, Proposal
from sharing_platform.bookings.proposals import proposals_of
from sharing_platform.bookings.transitions import history
from sharing_platform.organisations.models import Account

HIDDEN_TEXT = "…"
MAIL_EVERY = timedelta(hours=1)
"""Of messages in one thread, each side gets no more than one e-mail in this time."""


def mail_at(last: datetime | None, now: datetime) -> datetime | None:
    """When to tell somebody of a message, if the last e-mail about the thread was sent, or will be, at `last`. None: that one is still to come, and tells of
    this message, too."""
    if last is None or now - last >= MAIL_EVERY:
        return now
    return last + MAIL_EVERY if last <= now else None


def thread_out(session: Session, booking: Booking, party: Party) -> list[EntryOut]:
    """Steps, proposals and messages, the oldest first; of the same moment, in this order."""
    steps = [
        EntryOut(kind="step", at=one.at, party=one.party, person=one.person, state=one.state)
        for one in events_out(session, booking, party)
    ]
    messages = [
        EntryOut(
            kind="message",
            at=one.at,
            party=one.party,
            person=one.person,
            id=one.id,
            text=one.text,
            quantity=one.quantity,
            attachments=one.attachments,
            taken_down=one.taken_down,
        )
        for one in messages_out(session, booking, party)
    ]
    proposals = [
        EntryOut(kind="proposal", at=one.at, party=one.party, person=one.person, proposal=one)
        for one in proposals_out(session, booking, party)
    ]
    return sorted([*steps, *proposals, *messages], key=lambda entry: entry.at)


def proposals_out(session: Session, booking: Booking, party: Party) -> list[ProposalOut]:
    """As one of the parties sees them, the oldest first."""
    return [proposal_out(session, one, party) for one in proposals_of(session, booking)]


def proposal_out(session: Session, proposal: Proposal, party: Party) -> ProposalOut:
    by = Party(proposal.party)
    price, percent = proposal.price, proposal.vat_percent
    vat = vat_of(price, percent) if price is not None else None
    names = names_of_people(session, [proposal.account_id]) if by is party else {}
    return ProposalOut(
        id=proposal.id,
        party=by,
        person=names.get(proposal.account_id or ""),
        at=proposal.at,
        start=proposal.start,
        end=proposal.end,
        price=price,
        vat_percent=percent,
        vat=vat,
        total=price + vat if price is not None and vat is not None else None,
        lines=quote_lines(proposal, by is party),
        taken_down=proposal.taken_down is not None,
        valid_until=proposal.valid_until,
        state=ProposalState(proposal.state),
        answered=proposal.answered,
        of_agreed=proposal.of_agreed,
        answers=_answers(proposal, party),
    )


def quote_lines(proposal: Proposal, own: bool) -> list[QuoteLine]:
    """Of a quote that the region has taken down, the other party sees the amounts alone."""
    hidden = {"text": HIDDEN_TEXT} if proposal.taken_down is not None and not own else {}
    return [QuoteLine.model_validate(line | hidden) for line in proposal.lines]


def _answers(proposal: Proposal, party: Party) -> list[Answer]:
    if proposal.state != ProposalState.OPEN:
        return []
    return ["accepted", "declined"] if may_accept(party, Party(proposal.party)) else ["withdrawn"]


def events_out(session: Session, booking: Booking, party: Party) -> list[EventOut]:
    """The steps as one of the parties sees them: who made them, they know of their own people alone."""
    events = history(session, booking)
    names = names_of_people(session, (event.account_id for event in events if event.party == party))
    return [
        EventOut(
            at=event.at,
            state=State(event.state),
            party=Party(event.party),
            person=names.get(event.account_id or "") if event.party == party else None,
        )
        for event in events
    ]


def messages_out(session: Session, booking: Booking, party: Party) -> list[MessageOut]:
    """The messages between the parties as one of them sees them, the oldest first."""
    query = select(BookingMessage).where(BookingMessage.booking_id == booking.id).order_by(BookingMessage.id)
    messages = session.scalars(query).all()
    own = (message.account_id for message in messages if writer_of(booking, message) is party)
    names = names_of_people(session, own)
    files = attachments_of(session, booking.id)
    return [
        message_out(booking, message, party, names.get(message.account_id or ""), files.get(message.id, ()))
        for message in messages
    ]


def message_out(
    booking: Booking, message: BookingMessage, party: Party, name: str | None, files: Iterable[Attachment] = ()
) -> MessageOut:
    writer = writer_of(booking, message)
    hidden = writer is Party.PROVIDER and party is Party.SEEKER and booking.alias is not None
    readable = may_read(booking, message, party)
    return MessageOut(
        id=message.public_id,
        at=message.at,
        party=writer,
        organisation=None if hidden else message.organisation_id,
        person=name if writer is party else None,
        text=message.text if readable else "",
        quantity=message.quantity if readable else None,
        taken_down=message.taken_down is not None,
        attachments=[_attachment_out(one, writer is party) for one in (files if readable else ())],
    )


def _attachment_out(attachment: Attachment, own: bool) -> AttachmentOut:
    shown = own or attachment.taken_down is None
    return AttachmentOut(
        id=attachment.id,
        name=attachment.name if shown else "",
        kind=Kind(attachment.kind),
        size=attachment.size,
        available=shown and attachment.file_id is not None,
        taken_down=attachment.taken_down is not None,
    )


def may_read(booking: Booking, message: BookingMessage, party: Party) -> bool:
    """Whether the region has not hidden it from this party."""
    return message.taken_down is None or writer_of(booking, message) is party


def writer_of(booking: Booking, message: BookingMessage) -> Party:
    """A guest is in no organisation until the request is confirmed."""
    writers = {booking.provider: Party.PROVIDER, booking.seeker: Party.SEEKER}
    return writers.get(message.organisation_id, Party.PLATFORM) if message.organisation_id else Party.SEEKER


def names_of_people(session: Session, accounts: Iterable[str | None]) -> dict[str, str]:
    """Of those who are not erased."""
    wanted = {account for account in accounts if account is not None}
    if not wanted:
        return {}
    found = session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted), Account.erased.is_(None)))
    return {account.id: account.name for account in found}
