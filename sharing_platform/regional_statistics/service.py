"""Keeps the summaries up to date. Each function is called in a transaction of its own, save `update`, which makes its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.bookings.models import Booking, BookingEvent, Proposal
from sharing_platform.database import read_session
from sharing_platform.listings.models import Listing
from sharing_platform.machines.models import Offer
from sharing_platform.regional_statistics.events import rows_of_week
from sharing_platform.regional_statistics.models import PublishedWeek, SummaryProgress, SummaryRow
from sharing_platform.regional_statistics.summary import WEEK, Key, Measure, Rows, Subject, span_of, week_of, weeks_of
from sharing_platform.wanted.matching import WANTED
from sharing_platform.wanted.models import Match, Search

_OVERLAP = timedelta(hours=1)
"""A change is read again for so long: transactions end in another order than their moments."""
_MOMENT = timedelta(seconds=1)
SETTLED_AFTER = timedelta(days=7)
"""After its end a week waits for what is decided late, and is then published for good."""

Units = Mapping[date, set[str]]
"""Organisations by week."""


def update(
    sessions: sessionmaker[Session], now: datetime, zone: str, stopping: Callable[[], bool] = lambda: False
) -> None:
    """Compute anew what has changed since the last time, up to this week: whole weeks of an organisation, so that reading a change twice changes nothing.

    A transaction for each week, so that nobody waits long to write; until when it has read is written last, so that whoever is interrupted reads the same again.
    `stopping`: asked before each week."""
    present = week_of(now, zone)
    with read_session(sessions) as session:
        progress = session.get(SummaryProgress, 1)
        read_until = progress.read_until if progress is not None else None
        units = changed_units(session, read_until - _OVERLAP if read_until else None, zone, present)
    begun = set(weeks_of((read_until, now + _MOMENT), zone)) - {week_of(read_until, zone)} if read_until else set()
    for week in sorted(units.keys() | begun):
        if stopping():
            return
        with sessions.begin() as session:
            lock_progress(session)
            closed = last_published(session)
            if closed is None or week > closed:  # still, as another process may have published it meanwhile
                # Of one that has begun, what was known while it was to come is computed anew, too.
                recompute(session, week, zone, None if week in begun else units[week])
    with sessions.begin() as session:
        lock_progress(session).read_until = now


def rebuild(session: Session, now: datetime, zone: str) -> None:
    """All summaries of weeks that are not published yet. Those of the others stay as they are, as what is published of them does."""
    progress = lock_progress(session)
    closed = last_published(session)
    session.execute(delete(SummaryRow) if closed is None else delete(SummaryRow).where(SummaryRow.week > closed))
    for week in changed_units(session, None, zone, week_of(now, zone)):
        recompute(session, week, zone)
    progress.read_until = now


def recompute(session: Session, week: date, zone: str, sources: Collection[str] | None = None) -> None:
    """A week of these organisations, or of all."""
    gone = delete(SummaryRow).where(SummaryRow.week == week)
    session.execute(gone if sources is None else gone.where(SummaryRow.source.in_(sources)))
    found = rows_of_week(session, week, zone, sources)
    session.add_all(_row(source, key, size) for source, rows in found.items() for key, size in rows.items())
    session.flush()


def _row(source: str, key: Key, size: int) -> SummaryRow:
    return SummaryRow(
        week=key.week, source=source, subject=key.subject, measure=key.measure, kind=key.kind, municipality=key.municipality,
        towards=key.towards, provider=key.provider, seeker=key.seeker, size=size,
    )  # fmt: skip


def read_rows(session: Session, week: date) -> Rows:
    """What the summaries say of a week, of all organisations."""
    found: defaultdict[Key, int] = defaultdict(int)
    row = SummaryRow
    columns = (row.subject, row.measure, row.kind, row.municipality, row.towards, row.provider, row.seeker, row.size)
    for subject, measure, kind, municipality, towards, provider, seeker, size in session.execute(
        select(*columns).where(row.week == week)
    ):
        key = Key(week, Subject(subject), Measure(measure), kind, municipality, towards, provider, seeker)
        found[key] += size
    return found


def changed_units(session: Session, since: datetime | None, zone: str, last: date) -> Units:
    """The organisations and weeks, from the first that is not published up to the last one, of which something has changed; `since` None: all of which there is something."""
    units: defaultdict[date, set[str]] = defaultdict(set)
    changed: set[str] = set()
    closed, end_of_last = last_published(session), span_of(last, zone)[1]
    for query in _changes(since):
        for source, start, end in session.execute(query.distinct()):
            changed.add(source)
            for week in weeks_of((start, min(max(end, start + _MOMENT), end_of_last)), zone):
                units[week].add(source)
    if since is not None:
        # Hours that were moved are gone from weeks which they do not say any more.
        known = select(SummaryRow.week, SummaryRow.source).where(SummaryRow.source.in_(changed))
        for week, source in session.execute(known.distinct()):
            units[week].add(source)
    return {week: sources for week, sources in units.items() if closed is None or week > closed}


def _changes(since: datetime | None) -> Sequence[Select[str, datetime, datetime]]:
    """Queries for an organisation, and from when to when something of it has changed."""
    offers = select(Offer.factory, Offer.offered_start, Offer.offered_end)
    bookings = select(Booking.provider, Booking.start, Booking.end)
    listings = select(Listing.organisation_id, Listing.start, Listing.end)
    notices = select(Search.organisation_id, Search.created, Search.created).where(Search.kind == WANTED)
    if since is None:
        return offers, bookings, listings, notices
    steps = select(BookingEvent.booking_id).where(BookingEvent.at >= since)
    agreed = select(Proposal.booking_id).where(Proposal.answered >= since)
    matched = select(Match.search_id).where(Match.found >= since)
    return (
        offers.where(Offer.changed >= since),
        bookings.where(Booking.id.in_(steps) | Booking.id.in_(agreed)),
        listings.where(Listing.changed >= since),
        notices.where((Search.created >= since) | Search.id.in_(matched)),
    )


def last_published(session: Session) -> date | None:
    return session.scalar(select(func.max(PublishedWeek.week)))


def lock_progress(session: Session) -> SummaryProgress:
    """One process at a time brings summaries and publications forward."""
    progress = session.get(SummaryProgress, 1, with_for_update=True)
    if progress is None:
        progress = SummaryProgress(id=1)
        session.add(progress)
        session.flush()
    return progress


def due_week(session: Session, now: datetime, zone: str) -> date | None:
    """The next week that is to be published: the one after the last, else the first of which there is something."""
    last = last_published(session)
    first = session.scalar(select(func.min(SummaryRow.week)).where(SummaryRow.size > 0))
    week = last + WEEK if last is not None else first
    return week if week is not None and span_of(week, zone)[1] + SETTLED_AFTER <= now else None
