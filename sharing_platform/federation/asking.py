"""What our organisations ask for in other regions: kept here, sent by the exchange, decided there."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import State, due_after
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from sharing_platform.federation import forwarding
from sharing_platform.federation.forwarding import OPEN, Asked, Forwarded
from sharing_platform.federation.messages import (
    AskForItem,
    HomeRequest,
    SeekersContact,
    SharedListing,
    SharedOffer,
)
from sharing_platform.federation.models import AGREED, ForwardedRequest, Neighbour
from sharing_platform.i18n import Span, Translator, texts
from sharing_platform.machines.availability import lock_resource
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Actor, Right, require

MOST_OPEN = 10
"""Requests of an organisation that wait for an answer from other regions."""
UNSAID, SAID, FORGET = "unsaid", "said", "forget"
"""What `ForwardedRequest.contact` can be: whether home knows whom to turn to here, or has to forget it, whatever has become of the request."""
_VALID_FOR = timedelta(hours=48)


@dataclass(frozen=True)
class Wanted:
    """What a form asks for."""

    start: datetime
    end: datetime
    places: int
    message: str


def ask(
    context: PlatformContext, actor: Actor, neighbour_id: str, item: SharedOffer | SharedListing, wanted: Wanted
) -> str:
    """Forward a request; returns its id. The same request again is the one that waits. Raises NotAllowedError for an organisation that the region has not approved, for which it
    cannot vouch; InvalidError for hours that are not in what is shared; ConflictError where too many wait."""
    require(actor, Right.ASK)
    if not actor.approved:
        raise NotAllowedError("not_approved")
    now = context.now()
    start, end = max(wanted.start, now), wanted.end
    if wanted.start < item.start or end > item.end or end <= start:
        raise InvalidError("part_outside", "start")
    with context.sessions.begin() as session:
        lock_resource(session, f"forwarded:{actor.organisation}")
        neighbour = session.get(Neighbour, neighbour_id, with_for_update=True)
        if neighbour is None or neighbour.state != AGREED:
            raise NotFoundError
        waiting = select(ForwardedRequest).where(
            ForwardedRequest.organisation_id == actor.organisation, ForwardedRequest.state.in_(OPEN)
        )
        own = session.scalars(waiting).all()
        for one in own:
            if (one.item_id, one.start, one.end) == (item.id, start, end) and one.state != Asked.CANCELLING:
                return one.id
        if len(own) >= MOST_OPEN:
            raise ConflictError("too_many_pending")
        rate_limits.count_requests(session, context.bounds, actor.organisation, actor.account, now)
        made = ForwardedRequest(
            id=str(uuid.uuid4()), neighbour_id=neighbour_id, kind=item.kind, item_id=item.id,
            organisation_id=actor.organisation, account_id=actor.account, title=item.title, start=start, end=end,
            places=wanted.places, message=wanted.message, asked=now,
            valid_until=due_after(State.HELD, start, end, now, _VALID_FOR), state=Asked.ASKING, at_home={},
        )  # fmt: skip
        session.add(made)
        neighbour.due = now
        log(session, now, actor, "neighbour.asked", made.id, region=neighbour.name, what=item.title)
        return made.id


def cancel(context: PlatformContext, actor: Actor, request_id: str) -> None:
    """The home platform is told; until it knows, the request is being cancelled. Again changes nothing. Raises NotFoundError, ConflictError where it is too late."""
    require(actor, Right.ASK)
    now = context.now()
    with context.sessions.begin() as session:
        request = own_request(session, actor, request_id)
        # Before the request, as the exchange locks them: otherwise each could wait for the other.
        neighbour = session.get_one(Neighbour, request.neighbour_id, with_for_update=True)
        session.refresh(request, with_for_update=True)
        if request.state == Asked.CANCELLING:
            return
        after = cancelled(request, now)
        if after is None:
            raise ConflictError("step", state=request.state)
        request.state = after.state
        neighbour.due = now
        log(session, now, actor, "neighbour.cancelled", request.id, what=request.title)


def cancelled(request: ForwardedRequest, now: datetime) -> Forwarded | None:
    """How it stands once the seeker wants it no more; None where it is too late."""
    return forwarding.cancelled_here(_state_of(request), now, time_of(request, "cancel_until"))


def time_of(request: ForwardedRequest, name: str) -> datetime | None:
    """As the home platform has said it."""
    said = request.at_home.get(name)
    return datetime.fromisoformat(said) if said else None


def own_request(session: Session, actor: Actor, request_id: str) -> ForwardedRequest:
    """Raises NotFoundError for another organisation's."""
    found = session.get(ForwardedRequest, request_id)
    if found is None or found.organisation_id != actor.organisation or not actor.may(Right.READ):
        raise NotFoundError
    return found


def own_requests(session: Session, organisation: str, limit: int = 100) -> list[tuple[ForwardedRequest, Neighbour]]:
    """The newest first."""
    query = (
        select(ForwardedRequest, Neighbour)
        .join(Neighbour, Neighbour.id == ForwardedRequest.neighbour_id)
        .where(ForwardedRequest.organisation_id == organisation)
        .order_by(ForwardedRequest.asked.desc(), ForwardedRequest.id)
        .limit(limit)
    )
    return [(request, neighbour) for request, neighbour in session.execute(query)]


def count_requests(session: Session, organisation: str) -> int:
    return session.scalar(select(func.count()).where(ForwardedRequest.organisation_id == organisation)) or 0


def message_for(session: Session, request: ForwardedRequest) -> AskForItem:
    """As the home platform is told: the organisation, and nobody's name or address."""
    organisation = session.get_one(Organisation, request.organisation_id)
    return AskForItem.model_validate(
        {
            "kind": request.kind, "item": request.item_id, "start": request.start, "end": request.end, "places": request.places,
            "message": request.message, "organisation": organisation.name, "valid_until": request.valid_until,
        }
    )  # fmt: skip


def contact_for(session: Session, request: ForwardedRequest) -> SeekersContact:
    """Empty where the account was erased."""
    account = session.get(Account, request.account_id) if request.account_id is not None else None
    if account is None or account.erased is not None:
        return SeekersContact(email="")
    return SeekersContact(email=account.email)


def take_news(
    context: PlatformContext, session: Session, request: ForwardedRequest, news: HomeRequest, now: datetime,
    answers_cancellation: bool = False,
) -> None:  # fmt: skip
    """What the home platform says of a request, in whichever order it comes; `answers_cancellation`: it knows that we cancel. The seeker is told an outcome once."""
    before = _state_of(request)
    state = Asked(news.state)
    after = forwarding.heard(before, state, news.version, news.cancellable)
    if answers_cancellation:
        after = forwarding.cancel_refused(after, state, news.version)
    if news.version >= before.version:
        request.at_home = news.model_dump(mode="json", exclude={"kind", "id"}, exclude_defaults=True)
    _set(context, session, request, after, now)


def give_up(context: PlatformContext, session: Session, now: datetime) -> None:
    """Requests whose hours have been over for a day, and of which nothing was heard."""
    late = select(ForwardedRequest).where(
        ForwardedRequest.state.in_(OPEN), ForwardedRequest.end < now - forwarding.GIVE_UP
    )
    for request in session.scalars(late.with_for_update(skip_locked=True)).all():
        _set(context, session, request, forwarding.overdue(_state_of(request), request.end, now), now)


def end_all(context: PlatformContext, session: Session, neighbour_id: str, now: datetime) -> None:
    """The exchange with this region has ended."""
    waiting = select(ForwardedRequest).where(
        ForwardedRequest.neighbour_id == neighbour_id, ForwardedRequest.state.in_(OPEN)
    )
    for request in session.scalars(waiting.with_for_update()).all():
        _set(context, session, request, forwarding.exchange_ended(_state_of(request)), now)


def _state_of(request: ForwardedRequest) -> Forwarded:
    return Forwarded(Asked(request.state), request.version, Asked(request.told) if request.told is not None else None)


def _set(
    context: PlatformContext, session: Session, request: ForwardedRequest, after: Forwarded, now: datetime
) -> None:
    after, outcome = forwarding.to_tell(after)
    request.state, request.version, request.told = after.state, after.version, after.told
    account = session.get(Account, request.account_id) if request.account_id is not None else None
    if outcome is None or account is None:
        return
    neighbour = session.get_one(Neighbour, request.neighbour_id)
    words = Translator(account.language, context.zone)
    key = {Asked.ACCEPTED: "neighbour_accepted", Asked.CANCELLED: "neighbour_cancelled"}.get(outcome, "neighbour_lost")
    queue_mail(
        session, account, key, context.zone, now,
        title=request.title, region=neighbour.name, when=Span(request.start, request.end, request.kind == "listing"),
        why=why_lost(words, outcome, request.at_home.get("reason", "")), link=f"{context.url}/neighbours/requests/{request.id}",
    )  # fmt: skip


def why_lost(words: Translator, outcome: Asked, reason: str) -> str:
    """A sentence. What another platform says is looked up among our own sentences, and never shown as it came."""
    if outcome is Asked.REFUSED and f"error_{reason}" in texts(words.language):
        return words(f"error_{reason}")
    known = f"neighbour_why_{outcome}"
    return words(known) if known in texts(words.language) else ""
