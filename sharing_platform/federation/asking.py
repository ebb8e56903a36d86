"""What our organisations ask for in other regions: kept here, sent by the exchange, decided there."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
UNKNOWN = "unknown"
"""The state of a request of which home knows nothing."""
_VALID_FOR = timedelta(hours=48)
_MAILS = {
    Asked.ACCEPTED: "neighbour_accepted",
    Asked.CANCELLED: "neighbour_cancelled",
    Asked.LOST: "neighbour_forgotten",
}
_log = logging.getLogger(__name__)


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
    if news.state == UNKNOWN:
        reconcile(context, session, request, news, now)
        return
    before = _state_of(request)
    state = Asked(news.state)
    after = forwarding.heard(before, state, news.version, news.cancellable)
    if answers_cancellation:
        after = forwarding.cancel_refused(after, state, news.version)
    if news.version >= before.version:
        request.at_home = _kept(news)
    _set(context, session, request, after, now)


def contradicts(request: ForwardedRequest, news: HomeRequest) -> bool:
    """Whether home is to be asked how it stands."""
    return news.state == UNKNOWN or forwarding.contradicts(_state_of(request), Asked(news.state), news.version)


def reconcile(
    context: PlatformContext, session: Session, request: ForwardedRequest, news: HomeRequest, now: datetime
) -> None:
    """What home has just answered to how it stands: it may have been restored from a backup, and know less than before. Whom to turn to it is then told again. What it had said before is
    kept where it knows nothing, as whom the seeker turns to."""
    before = _state_of(request)
    said = (Asked(news.state), news.version) if news.state != UNKNOWN else None
    after, outcome = forwarding.reconcile(before, said, now < request.valid_until)
    if after == before:
        return
    _log.warning("Request %s in another region stands there as %s: it was %s.", request.id, news.state, before.state)
    if said is not None:
        request.at_home = _kept(news)
    if request.contact == SAID:
        request.contact = UNSAID
    _set(context, session, request, after, now, outcome)


def lost_ids(session: Session, neighbour_id: str, named: Collection[str]) -> list[str]:
    """Requests that home has said it has, and does not name in all that it tells."""
    query = select(ForwardedRequest.id).where(
        ForwardedRequest.neighbour_id == neighbour_id, ForwardedRequest.state.in_(forwarding.BINDING)
    )
    return [one for one in session.scalars(query) if one not in named]


def _kept(news: HomeRequest) -> dict[str, Any]:
    return news.model_dump(mode="json", exclude={"kind", "id"}, exclude_defaults=True)


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
    context: PlatformContext, session: Session, request: ForwardedRequest, after: Forwarded, now: datetime,
    outcome: Asked | None = None,
) -> None:  # fmt: skip
    """`outcome`: to be told instead of what `after` gives to tell."""
    if outcome is None:
        after, outcome = forwarding.to_tell(after)
    request.state, request.version, request.told = after.state, after.version, after.told
    account = session.get(Account, request.account_id) if request.account_id is not None else None
    if outcome is None or account is None:
        return
    neighbour = session.get_one(Neighbour, request.neighbour_id)
    words = Translator(account.language, context.zone)
    why = why_lost(words, after.state if outcome is Asked.LOST else outcome, request.at_home.get("reason", ""))
    queue_mail(
        session, account, _MAILS.get(outcome, "neighbour_lost"), context.zone, now,
        title=request.title, region=neighbour.name, when=Span(request.start, request.end, request.kind == "listing"),
        why=why, link=f"{context.url}/neighbours/requests/{request.id}",
    )  # fmt: skip


def why_lost(words: Translator, outcome: Asked, reason: str) -> str:
    """A sentence. What another platform says is looked up among our own sentences, and never shown as it came."""
    if outcome is Asked.REFUSED and f"error_{reason}" in texts(words.language):
        return words(f"error_{reason}")
    known = f"neighbour_why_{outcome}"
    return words(known) if known in texts(words.language) else ""
