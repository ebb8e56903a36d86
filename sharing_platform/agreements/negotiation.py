"""Quotes, other hours and other prices: what the parties do with them, each in one transaction."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from sharing_platform.agreements.proposal_schemas import ProposalAnswerIn, ProposalIn, ProposalOut, QuoteIn
from sharing_platform.agreements.thread import proposal_out
from sharing_platform.bookings import proposals, transitions
from sharing_platform.bookings.lifecycle import Party, ProposalState
from sharing_platform.bookings.models import Booking, Proposal
from sharing_platform.bookings.proposals import Terms
from sharing_platform.bookings.service import notifier, own_booking, tell_parties
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotAllowedError
from sharing_platform.i18n import Span, Translator
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import ANSWERING, Actor, Right, require


def propose(context: PlatformContext, actor: Actor, booking_id: str, wanted: ProposalIn) -> ProposalOut:
    """Other hours or another price, by either side. Raises what `proposals.propose` raises, NotFoundError, NotAllowedError, TooManyError."""
    terms = Terms(wanted.start, wanted.end, wanted.price)
    return _propose(context, actor, booking_id, terms, wanted.message, "booking.proposed")


def quote(context: PlatformContext, actor: Actor, booking_id: str, wanted: QuoteIn) -> ProposalOut:
    """By the provider. Raises the same."""
    lines = tuple(line.model_dump(mode="json") for line in wanted.lines)
    terms = Terms(None, None, wanted.total, Decimal(wanted.vat_percent), lines, wanted.valid_until)
    return _propose(context, actor, booking_id, terms, wanted.message, "booking.quoted")


def _propose(
    context: PlatformContext, actor: Actor, booking_id: str, terms: Terms, message: str, action: str
) -> ProposalOut:
    now = context.now()
    rate_limits.count_attempt(context.sessions, rate_limits.messages_of(context.bounds), actor.organisation, now)
    with context.sessions.begin() as session:
        booking, party = own_booking(session, booking_id, actor)
        require_right(actor, party)
        if terms.lines and party is not Party.PROVIDER:
            raise NotAllowedError
        made = proposals.propose(session, booking, party, terms, actor, now, notifier(context))
        if message:
            transitions.add_message(session, booking, actor.organisation, actor.account, message, now)
        log(session, now, actor, action, booking.id)
        _notify(context, session, booking, made, party.other, now)
        shown = proposal_out(session, made, party)
    tell_parties(context, booking)
    return shown


def answer(
    context: PlatformContext, actor: Actor, booking_id: str, proposal_id: str, wanted: ProposalAnswerIn
) -> ProposalOut:
    """Raises NotFoundError, NotAllowedError, ConflictError, TakenError where the hours are gone."""
    now = context.now()
    with context.sessions.begin() as session:
        booking, party = own_booking(session, booking_id, actor)
        require_right(actor, party)
        proposal = proposals.proposal_with(session, booking, proposal_id)
        about = session.get_one(Booking, proposal.booking_id)
        own = proposal.party == party
        if own != (wanted.state == "withdrawn"):
            raise NotAllowedError("proposal_own" if own else "role")
        before = proposal.state
        if wanted.state == "accepted":
            proposals.accept(session, about, proposal, party, actor, now, notifier(context))
        else:
            proposals.close(session, about, proposal, party, now, notifier(context))
        if proposal.state != before:
            log(session, now, actor, f"booking.proposal_{wanted.state}", booking.id)
            if wanted.state != "accepted":
                _notify(context, session, about, proposal, party.other, now)
            elif proposal.of_agreed:  # of any other acceptance, the step of the booking tells
                notifier(context).tell_of_change(session, about, party, now)
        shown = proposal_out(session, proposal, party)
    tell_parties(context, booking)
    return shown


def require_right(actor: Actor, party: Party) -> None:
    """What a party needs to commit itself. Raises NotAllowedError."""
    require(actor, Right.ANSWER if party is Party.PROVIDER else Right.ASK)


def _notify(
    context: PlatformContext, session: Session, booking: Booking, proposal: Proposal, to: Party, now: datetime
) -> None:
    """Tell one side what the other proposes, or that it has answered."""
    data = {"booking": booking.id, "proposal": proposal.id, "state": proposal.state}
    organisation = booking.seeker if to is Party.SEEKER else booking.provider
    webhooks.queue_event(session, (organisation,), "booking.proposal", data, now)
    if to is Party.SEEKER:
        account = session.get(Account, booking.account_id) if booking.account_id else None
        recipients = [account] if account is not None and account.confirmed is not None else []
    else:
        recipients = members_with_roles(session, booking.provider, ANSWERING)
    kind = "quote" if proposal.lines else "change" if proposal.of_agreed else "proposal"
    key = kind if proposal.state == ProposalState.OPEN else f"{kind}_{proposal.state}"
    provider = session.get(Organisation, booking.provider) if booking.alias is None else None
    for recipient in recipients:
        words = Translator(recipient.language, context.zone)
        factory = provider.name if provider is not None else words("the_factory").capitalize()
        price = (
            words("price_agree") if proposal.price is None else words("price_total", price=words.euros(proposal.price))
        )
        queue_mail(
            session, recipient, key, context.zone, now,
            title=booking.title_for(to), link=f"{context.url}/bookings/{booking.id}", price=price,
            writer=factory if to is Party.SEEKER else booking.organisation,
            when=Span(proposal.start, proposal.end, booking.listing_id is not None), due=proposal.valid_until,
        )  # fmt: skip
