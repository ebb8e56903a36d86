"""What else somebody can have whose request came to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, exists, false, not_, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import State
from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.machines.choices import price_of
from sharing_platform.machines.free_hours import Span, free_parts
from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_search import nearest_offers, offers_like

_COUNT = 3
_CUT = 20
"""So many offers on either side of the lost hours are looked at for parts beside hours that were refused."""
_JUST_NOW = timedelta(minutes=15)
"""A factory's server takes back requests and offers one after the other: for as long, what was taken back is suggested to nobody, free or not."""


@dataclass(frozen=True)
class Alternative:
    """An offer, and which of its hours are suggested: all that is free of it, or a part beside hours that were refused."""

    offer: Offer
    start: datetime
    end: datetime

    @property
    def price(self) -> Decimal | None:
        """Of all these hours; None where it is to be agreed."""
        return price_of(self.offer, self.start, self.end)

    @property
    def path(self) -> str:
        """Of the offer's page, with a part chosen already."""
        path = f"/offers/{self.offer.public_id}"
        if (self.start, self.end) == (self.offer.start, self.offer.end):
            return path
        hours = (self.end - self.start) / timedelta(hours=1)
        return f"{path}?{urlencode({'start': self.start.isoformat(), 'hours': f'{hours:g}'})}"


def alternatives(
    session: Session, offer: Offer, now: datetime, viewer: str | None, organisation: str | None
) -> list[Alternative]:
    """Of other open offers that `viewer` may see, of the same machine and then of the same process, the nearest in time first. Without what its factory has just
    taken back; of an offer that overlaps hours refused to `organisation`, the parts that remain and are long enough."""
    refused = _refused_to(organisation)
    found: dict[tuple[str, datetime], Alternative] = {}
    for query in offers_like(session, offer):
        free = query.where(not_(_overlaps(_just_taken_back(now), now)))
        whole = nearest_offers(session, free.where(not_(_overlaps(refused, now))), offer.start, now, viewer, _COUNT)
        near = [Alternative(one, one.start, one.end) for one in whole]
        if organisation is not None:
            cut = nearest_offers(session, free.where(_overlaps(refused, now)), offer.start, now, viewer, _CUT)
            near += _parts_left(session, cut, refused, now)
        for one in sorted(near, key=lambda one: (abs(one.start - offer.start), one.offer.public_id)):
            found.setdefault((one.offer.id, one.start), one)
        if len(found) >= _COUNT:
            break
    return list(found.values())[:_COUNT]


def _just_taken_back(now: datetime) -> ColumnElement[bool]:
    """Condition on bookings."""
    lately = exists().where(
        BookingEvent.booking_id == Booking.id,
        BookingEvent.state == State.WITHDRAWN,
        BookingEvent.at > now - _JUST_NOW,
    )
    return (Booking.state == State.WITHDRAWN) & lately


def _refused_to(organisation: str | None) -> ColumnElement[bool]:
    """Condition on bookings."""
    return false() if organisation is None else (Booking.state == State.DECLINED) & (Booking.seeker == organisation)


def _overlaps(which: ColumnElement[bool], now: datetime) -> ColumnElement[bool]:
    """Condition on offers: they share hours to come with such a booking."""
    return exists().where(
        Booking.provider == Offer.factory,
        Booking.machine == Offer.machine,
        Booking.start < Offer.end,
        Booking.end > Offer.start,
        Booking.end > now,
        which,
    )


def _parts_left(
    session: Session, offers: Sequence[Offer], refused: ColumnElement[bool], now: datetime
) -> list[Alternative]:
    """What of these offers lies beside refused hours, is to come and long enough."""
    if not offers:
        return []
    query = select(Booking.provider, Booking.machine, Booking.start, Booking.end).where(
        refused,
        Booking.provider.in_({offer.factory for offer in offers}),
        Booking.machine.in_({offer.machine for offer in offers}),
        Booking.start < max(offer.end for offer in offers),
        Booking.end > now,
    )
    spans: dict[tuple[str, str], list[Span]] = {}
    for provider, machine, start, end in session.execute(query):
        spans.setdefault((provider, machine or ""), []).append((start, end))
    found = []
    for offer in offers:
        minimum = timedelta(hours=offer.minimum_hours) if offer.minimum_hours is not None else None
        free = (max(offer.start, now), offer.end)
        parts = free_parts(free, spans[offer.factory, offer.machine], timedelta(0), minimum)
        found += [
            Alternative(offer, windows[0].start, max(window.end for window in windows))
            for windows in (offer.windows_inside(part) for part in parts)
            if windows
        ]
    return found
