"""Routes of the HTTP API: quotes, other hours and other prices."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.agreements import negotiation, thread
from sharing_platform.agreements.proposal_schemas import (
    ProposalAnswerIn,
    ProposalIn,
    ProposalOut,
    ProposalsOut,
    QuoteIn,
)
from sharing_platform.bookings.service import own_booking
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Answerer, Reader, Writer
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])


@router.get("/{booking_id}/proposals", responses=problems(401, 403, 404))
def get_proposals(booking_id: Uuid, session: ReadSession, actor: Reader) -> ProposalsOut:
    """What the parties have proposed about a request, and about the booking that it became."""
    booking, party = own_booking(session, booking_id, actor)
    return ProposalsOut(proposals=thread.proposals_out(session, booking, party))


@router.post("/{booking_id}/proposals", status_code=201, responses=problems(401, 403, 404, 409, 422, 429))
def post_proposal(booking_id: Uuid, wanted: ProposalIn, actor: Writer, context: Context) -> ProposalOut:
    """Propose other hours or another price for a request that waits, or for a booking that is accepted and has not begun. It replaces an open proposal of one's own; the other side's has to be
    answered first. Other hours must be free and bookable; they are held once the other side has accepted."""
    return negotiation.propose(context, actor, booking_id, wanted)


@router.post("/{booking_id}/quotes", status_code=201, responses=problems(401, 403, 404, 409, 422, 429))
def post_quote(booking_id: Uuid, wanted: QuoteIn, actor: Answerer, context: Context) -> ProposalOut:
    """Send a quote for a request, as its provider. The request waits until the quote is no longer valid."""
    return negotiation.quote(context, actor, booking_id, wanted)


@router.post("/{booking_id}/proposals/{proposal_id}/state", responses=problems(401, 403, 404, 409, 422))
def post_answer(
    booking_id: Uuid, proposal_id: Uuid, wanted: ProposalAnswerIn, actor: Writer, context: Context
) -> ProposalOut:
    """Accept or decline the other side's proposal or quote, or withdraw one's own. Accepted, the booking is firm at its terms; declined or withdrawn, it stands as it was. The same answer again
    changes nothing. 409 `taken` where the hours are gone meanwhile."""
    return negotiation.answer(context, actor, booking_id, proposal_id, wanted)
