"""Operations on waiting lists for API and pages, each in one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.bookings import requests, service, waiting_list
from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.models import WaitingPlace
from sharing_platform.bookings.requests import Seeker
from sharing_platform.bookings.schemas import AskIn, BookingOut, WaitingOut
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import shown_listing
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Actor


def join(context: PlatformContext, actor: Actor, person: SignedIn | None, listing_id: str, places: int) -> WaitingOut:
    """Somebody has to be told when a place comes free, so that programs cannot wait. Raises NotFoundError, ConflictError, TooManyError."""
    if person is None or actor.account is None:
        raise ConflictError("waiting_is_for_people")
    now = context.now()
    with context.sessions.begin() as session:
        listing = _listing(session, actor, listing_id)
        if listing.organisation_id == actor.organisation:
            raise ConflictError("own")
        place = waiting_list.join(session, listing, actor.organisation, person.account.id, places, now)
        rate_limits.count_requests(session, context.bounds, actor.organisation, actor.account, now)
        log(session, now, actor, "waiting.joined", listing_id)
        return waiting_out(session, place)


def leave(context: PlatformContext, actor: Actor, listing_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        waiting_list.leave(session, _listing(session, actor, listing_id), actor.organisation)
        log(session, context.now(), actor, "waiting.left", listing_id)


def confirm(context: PlatformContext, actor: Actor, person: SignedIn | None, listing_id: str) -> BookingOut:
    """Ask for the places that are kept. Raises NotFoundError, ConflictError, TakenError."""
    now = context.now()
    with context.sessions.begin() as session:
        listing = _listing(session, actor, listing_id)
        place = waiting_list.take(session, listing, actor.organisation, now)
        account = session.get(Account, person.account.id if person is not None else place.account_id)
        seeker = Seeker(session.get_one(Organisation, actor.organisation), account)
        booking = requests.request_listing(
            session, listing, seeker, AskIn(places=place.places), now, service.notifier(context), context.bounds,
            has_waited=True,
        )  # fmt: skip
        log(session, now, actor, "waiting.confirmed", listing_id)
        shown = service.booking_out(session, booking, Party.SEEKER, now)
    service.tell_parties(context, booking)
    return shown


def own_place(session: Session, actor: Actor, listing_id: str) -> WaitingOut:
    """Raises NotFoundError for whoever does not wait."""
    place = waiting_list.own_place(session, listing_id, actor.organisation)
    if place is None:
        raise NotFoundError
    return waiting_out(session, place)


def waiting_out(session: Session, place: WaitingPlace) -> WaitingOut:
    kept: datetime | None = place.confirm_until
    number = waiting_list.number_of(session, place) if place.state == waiting_list.WAITING else None
    return WaitingOut(places=place.places, joined=place.joined, number=number, confirm_until=kept)


def _listing(session: Session, actor: Actor, listing_id: str) -> Listing:
    return shown_listing(session, listing_id, actor.organisation).listing
