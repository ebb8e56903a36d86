"""What weeks tell when they are subtracted: by what is published of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.listings.models import Listing
from sharing_platform.organisations.models import Organisation
from sharing_platform.regional_statistics.models import PublishedFigure
from sharing_platform.regional_statistics.publication import COMPARED_WEEKS, publish_week
from tests.sharing_platform.conftest import Platform

ZONE = "Europe/Brussels"
FIRST = date(2026, 1, 5)
ENDS = {
    "kept": ("provider", "accepted", "completed"),
    "broken": ("provider", "accepted", "cancelled"),
    "cancelled": ("seeker", "accepted", "cancelled"),
    "declined": ("provider", "declined"),
    "expired": ("provider", "expired"),
}
"""By whom and how requests end, by what they then count as."""


def test_a_full_training_is_not_told_by_subtracting_weeks(platform: Platform) -> None:
    """Three have as many participants each week; one who comes along has ten. 25 less 15 would be theirs."""
    steady = dict.fromkeys(("a", "b", "c"), 5)
    second = FIRST + timedelta(days=7)
    season_later = second + timedelta(days=7 * COMPARED_WEEKS)
    with platform.context.sessions.begin() as session:
        for name in (*steady, "new"):
            for who in (f"trainer-{name}", f"seeker-{name}"):
                session.add(Organisation(id=who, name=who, kind="seeker", status="approved", created=_noon(FIRST)))
        session.flush()
        for week, participants in ((FIRST, steady), (second, steady | {"new": 10}), (season_later, steady | {"new": 10})):  # fmt: skip
            _train(session, week, participants)
            publish_week(session, week, _noon(week + timedelta(days=14)), ZONE)
    with platform.context.sessions() as session:
        assert _published(session, FIRST) == dict.fromkeys(ENDS, 15)
        assert _published(session, second) == {}, "nobody else has changed"
        assert _published(session, season_later) == dict.fromkeys(ENDS, 25), "long after, nobody knows any more that all others stood still"  # fmt: skip


def _train(session: Session, week: date, participants: Mapping[str, int]) -> None:
    """A training of each, with requests that end in each way."""
    at, bookings, events = _noon(week), [], []
    for name, count in participants.items():
        listing = Listing(id=str(uuid.uuid4()), organisation_id=f"trainer-{name}", kind="training", title="x", description="", start=at, end=at + timedelta(hours=4), price_unit="person", changed=at)  # fmt: skip
        session.add(listing)
        for party, *steps in list(ENDS.values()) * count:
            booking = {
                "id": str(uuid.uuid4()), "listing_id": listing.id, "provider": listing.organisation_id, "title": "x", "start": at, "end": listing.end,
                "free_again": listing.end, "seeker": f"seeker-{name}", "organisation": name, "email": "a@b.be", "state": steps[-1], "cancel_until": at, "booked": at,
            }  # fmt: skip
            bookings.append(booking)
            events += [{"booking_id": booking["id"], "at": at, "state": step, "party": party} for step in ("held", *steps)]  # fmt: skip
    session.flush()
    session.execute(insert(Booking), bookings)
    session.execute(insert(BookingEvent), events)


def _published(session: Session, week: date) -> Mapping[str, int]:
    """Of bookings, by measure."""
    row = PublishedFigure
    return {one.measure: one.size for one in session.scalars(select(row).where(row.week == week, row.measure.in_(ENDS)))}  # fmt: skip


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
