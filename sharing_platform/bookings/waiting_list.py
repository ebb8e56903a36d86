"""The waiting list of a training: a place that comes free is kept for the first who waits for so many, for a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.models import WaitingPlace
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.i18n import Span
from sharing_platform.listings.models import OPEN as LISTING_OPEN
from sharing_platform.listings.models import Listing
from sharing_platform.machines.availability import lock_resource
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import REFUSED

WAITING, OFFERED, TAKEN, LAPSED, LEFT = "waiting", "offered", "taken", "lapsed", "left"
"""What `WaitingPlace.state` can be: `offered` keeps its places until they are confirmed."""
LIVE_STATES = (WAITING, OFFERED)
CONFIRM_WITHIN = timedelta(hours=24)
_LONGEST = 200
_OCCUPANCY = BookedHours()


def join(
    session: Session, listing: Listing, organisation: str, account: str, places: int, now: datetime
) -> WaitingPlace:
    """Raises ConflictError where nobody can wait, there are places, or somebody of the organisation waits already."""
    _lock(session, listing)
    _check_open(listing, now)
    if listing.places is None or not listing.details.get("waiting_list", True):
        raise ConflictError("no_waiting_list")
    if places > listing.places:
        raise InvalidError("no_places", "places")
    if _left(session, listing) >= places and not somebody_waits(session, listing, places):
        raise ConflictError("places_free")
    if own_place(session, listing.id, organisation) is not None:
        raise ConflictError("waits_already")
    if waiting_count(session, listing.id) >= _LONGEST:
        raise ConflictError("waiting_list_full")
    place = WaitingPlace(
        listing_id=listing.id, organisation_id=organisation, account_id=account, places=places,
        joined=now, state=WAITING,
    )  # fmt: skip
    session.add(place)
    session.flush()
    return place


def invite(
    session: Session, listing: Listing, organisation: str, account: str, places: int, now: datetime, kept: timedelta
) -> WaitingPlace | None:
    """Keep places, for so long, for an organisation that has asked for a training before there was one. Where there are not so many any more, it waits as others do; None where it
    does already."""
    _lock(session, listing)
    if own_place(session, listing.id, organisation) is not None:
        return None
    place = WaitingPlace(
        listing_id=listing.id, organisation_id=organisation, account_id=account, places=min(places, listing.places or 1),
        joined=now, state=WAITING,
    )  # fmt: skip
    if place.places <= _left(session, listing):
        place.state = OFFERED
        place.confirm_until = _until(listing, now, kept)
    session.add(place)
    session.flush()
    return place


def _until(listing: Listing, now: datetime, kept: timedelta) -> datetime:
    """Not longer than until the training begins, or ends."""
    return min(now + kept, listing.start if listing.start > now else listing.end)


def leave(session: Session, listing: Listing, organisation: str) -> WaitingPlace:
    """Raises NotFoundError for whoever does not wait."""
    _lock(session, listing)
    place = _own(session, listing.id, organisation)
    place.state, place.confirm_until = LEFT, None
    return place


def take(session: Session, listing: Listing, organisation: str, now: datetime) -> WaitingPlace:
    """Give the places that are kept to the request that is about to be made for them. Raises NotFoundError, ConflictError where none are kept (any more)."""
    _lock(session, listing)
    place = _own(session, listing.id, organisation)
    if place.state != OFFERED or place.confirm_until is None or place.confirm_until <= now:
        raise ConflictError("no_place_kept")
    place.state, place.confirm_until = TAKEN, None
    session.flush()
    return place


def own_place(session: Session, listing_id: str, organisation: str) -> WaitingPlace | None:
    """That of an organisation, while it waits."""
    query = select(WaitingPlace).where(
        WaitingPlace.listing_id == listing_id,
        WaitingPlace.organisation_id == organisation,
        WaitingPlace.state.in_(LIVE_STATES),
    )
    return session.scalars(query).first()


def places_of(session: Session, organisation: str) -> list[tuple[WaitingPlace, Listing]]:
    """What an organisation waits for: what is kept for it first."""
    query = select(WaitingPlace, Listing).join(Listing, Listing.id == WaitingPlace.listing_id)
    query = query.where(WaitingPlace.organisation_id == organisation, WaitingPlace.state.in_(LIVE_STATES))
    rows = session.execute(query.order_by(WaitingPlace.state, WaitingPlace.id))
    return [(place, listing) for place, listing in rows]


def number_of(session: Session, place: WaitingPlace) -> int:
    """The how manieth it is of those who wait."""
    waiting = (WaitingPlace.listing_id == place.listing_id) & (WaitingPlace.state == WAITING)
    return 1 + (session.scalar(select(func.count()).where(waiting, WaitingPlace.id < place.id)) or 0)


def waiting_count(session: Session, listing_id: str) -> int:
    """How many wait for a place or have one kept."""
    query = select(func.count()).where(WaitingPlace.listing_id == listing_id, WaitingPlace.state.in_(LIVE_STATES))
    return session.scalar(query) or 0


def somebody_waits(session: Session, listing: Listing, places: int) -> bool:
    """Whether somebody has waited for no more than so many places: nobody goes before them."""
    query = select(func.count()).where(
        WaitingPlace.listing_id == listing.id, WaitingPlace.state == WAITING, WaitingPlace.places <= places
    )
    return bool(session.scalar(query))


def advance(session: Session, listing_id: str, now: datetime, zone: str, url: str) -> int:
    """Let lapse what was not confirmed in time, and keep what is free for those who wait, in their order: who waits for more places than are free is passed over.
    Returns how many were told something."""
    listing = session.get_one(Listing, listing_id)
    _lock(session, listing)
    query = select(WaitingPlace).where(
        WaitingPlace.listing_id == listing_id, WaitingPlace.state.in_(LIVE_STATES)
    )  # fmt: skip
    live = list(session.scalars(query.order_by(WaitingPlace.id)))
    over = listing.status != LISTING_OPEN or listing.end <= now
    told = 0
    for place in live:
        if over or _may_not(session, place):
            place.state, place.confirm_until = LAPSED, None
        elif place.state == OFFERED and place.confirm_until is not None and place.confirm_until <= now:
            place.state, place.confirm_until = LAPSED, None
            _tell(session, place, listing, "waiting_lapsed", zone, url, now)
            told += 1
    session.flush()
    for place in live:
        if place.state == WAITING and place.places <= _left(session, listing):
            place.state = OFFERED
            place.confirm_until = _until(listing, now, CONFIRM_WITHIN)
            session.flush()
            _tell(session, place, listing, "waiting_offered", zone, url, now)
            told += 1
    return told


def _tell(
    session: Session, place: WaitingPlace, listing: Listing, key: str, zone: str, url: str, now: datetime
) -> None:
    account = session.get_one(Account, place.account_id)
    when, link = Span(listing.start, listing.end, True), f"{url}/listings/{listing.id}"
    until = {"until": place.confirm_until} if place.confirm_until is not None else {}
    queue_mail(session, account, key, zone, now, (), title=listing.title, when=when, link=link, **until)


def _may_not(session: Session, place: WaitingPlace) -> bool:
    """Whether the region has refused who waits, since."""
    return session.get_one(Organisation, place.organisation_id).status == REFUSED


def _left(session: Session, listing: Listing) -> int:
    return (listing.places or 0) - _OCCUPANCY.places_taken(session, [listing.id]).get(listing.id, 0)


def _own(session: Session, listing_id: str, organisation: str) -> WaitingPlace:
    place = own_place(session, listing_id, organisation)
    if place is None:
        raise NotFoundError
    return place


def _check_open(listing: Listing, now: datetime) -> None:
    if listing.status != LISTING_OPEN or listing.end <= now:
        raise NotFoundError


def _lock(session: Session, listing: Listing) -> None:
    lock_resource(session, f"listing:{listing.id}")
    session.refresh(listing)
