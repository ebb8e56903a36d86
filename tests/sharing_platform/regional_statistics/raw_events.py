"""What the region's figures must be, by a slow way that shares nothing with the summaries: minute by minute from the rows of offers, bookings, listings and notices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.listings.models import Listing
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.organisations.models import Organisation
from sharing_platform.regional_statistics.areas import area_of
from sharing_platform.regional_statistics.models import PublishedFigure, PublishedFlow, SearchCount
from sharing_platform.wanted.models import Match, Search

ZONE = "Europe/Brussels"
_OUTCOMES = {"completed": "kept", "declined": "declined", "withdrawn": "declined", "expired": "expired"}

Path = tuple[str, str, str]
Towns = Mapping[str, str]
Taken = defaultdict[tuple[str, str], set[datetime]]


class Raw(NamedTuple):
    """`kind`, `area`, `municipality`: the most that may be told. `towards`: the area of who had it."""

    week: date
    subject: str
    measure: str
    kind: str
    area: str
    municipality: str
    towards: str = ""

    @property
    def path(self) -> Path:
        return self.kind, self.area, self.municipality


def raw_events(session: Session) -> Counter[Raw]:
    """Minutes of machines, numbers of everything else."""
    town = {one.id: one.place or "" for one in session.scalars(select(Organisation))}
    taken: Taken = defaultdict(set)
    found = _of_bookings(session, town, taken) + _of_offers(session, town, taken) + _of_notices(session, town)
    for listing in session.scalars(select(Listing)):
        at = town[listing.organisation_id]
        for week in {_monday(moment) for moment in _minutes(listing.start, listing.end)[::60]}:
            found[Raw(week, "listing", "free", listing.kind, area_of(at), at)] += 1
    for count in session.scalars(select(SearchCount)):
        subject = "listing" if count.kind in ("operator", "equipment", "know_how", "training") else "machine"
        found[Raw(count.week, subject, "searched", count.kind, count.area, "")] += count.count
    return found


def _of_bookings(session: Session, town: Towns, taken: Taken) -> Counter[Raw]:
    """Says what is `taken`, too."""
    found: Counter[Raw] = Counter()
    machines = {(one.factory, one.machine): one for one in session.scalars(select(Machine))}
    kinds = {one.id: one.kind for one in session.scalars(select(Listing))}
    for booking, measure in _decided(session):
        assert booking.seeker is not None
        seeker, unmet = town[booking.seeker], measure in ("declined", "expired")
        at, towards = seeker if unmet else town[booking.provider], area_of(seeker) if measure == "kept" else ""
        if booking.machine is None:
            kind = kinds[booking.listing_id or ""]
            found[Raw(_monday(booking.start), "listing", measure, kind, area_of(at), at, towards)] += 1
            continue
        machine = machines[booking.provider, booking.machine]
        if machine.alias is not None and not unmet:
            at = ""
        moments = _minutes(booking.start, booking.end)
        for week, size in Counter(map(_monday, moments)).items():
            found[Raw(week, "machine", measure, machine.process, area_of(at), at, towards)] += size
        if measure == "kept":
            taken[booking.provider, booking.machine].update(moments)
    return found


def _of_offers(session: Session, town: Towns, taken: Taken) -> Counter[Raw]:
    found: Counter[Raw] = Counter()
    offered: Taken = defaultdict(set)
    for offer in session.scalars(select(Offer)):
        offered[offer.factory, offer.machine].update(_minutes(offer.offered_start, offer.offered_end))
    for machine in session.scalars(select(Machine)):
        at = "" if machine.alias is not None else town[machine.factory]
        name = (machine.factory, machine.machine)
        for week, size in Counter(map(_monday, offered[name] - taken[name])).items():
            found[Raw(week, "machine", "free", machine.process, area_of(at), at)] += size
    return found


def _of_notices(session: Session, town: Towns) -> Counter[Raw]:
    found: Counter[Raw] = Counter()
    matched = set(session.scalars(select(Match.search_id)))
    for notice in session.scalars(select(Search).where(Search.id.not_in(matched))):
        at, subject = town[notice.organisation_id], notice.wish["subject"]
        table, kind = ("machine", notice.wish["process"]) if subject == "machine" else ("listing", subject)
        found[Raw(_monday(notice.created), table, "unmatched", kind, area_of(at), at)] += 1
    return found


def _decided(session: Session) -> Iterator[tuple[Booking, str]]:
    last = {step.booking_id: step for step in session.scalars(select(BookingEvent).order_by(BookingEvent.id))}
    for one in session.scalars(select(Booking)):
        step = last[one.id]
        yield one, _OUTCOMES.get(step.state, "broken" if step.party == "provider" else "cancelled")


def figures_that_differ(figures: Collection[PublishedFigure], raw: Counter[Raw]) -> list[str]:
    """Those that are more than half of their base from what happened at their place; and of what happened in a week of which some is published, what is in none (of searches, what is too small is not part of a rest)."""
    atoms: defaultdict[tuple[date, str, str], set[Path]] = defaultdict(set)
    for one in figures:
        atoms[one.week, one.subject, one.measure].add((one.kind, one.area, one.municipality))
    true: Counter[tuple[date, str, str, Path]] = Counter()
    differ = []
    for row, size in raw.items():
        if places := atoms.get(row[:3]):
            place = _place_among(row.path, places)
            if place is None and row.measure != "searched":
                differ.append(f"in no figure: {row}")
            elif place is not None:
                true[*row[:3], place] += size
    for one in figures:
        path = (one.kind, one.area, one.municipality)
        happened = true[one.week, one.subject, one.measure, path]
        in_hours = one.subject == "machine" and one.measure not in ("searched", "unmatched")
        off = abs(one.size * 60 - happened) / 600 if in_hours else abs(one.size - happened) / 5
        if off > 0.5:
            differ.append(
                f"{one.week} {one.subject} {one.measure} {path}: {one.size} is published, {happened} happened"
            )
    return differ


def flows_that_differ(
    flows: Collection[PublishedFlow], figures: Collection[PublishedFigure], raw: Counter[Raw]
) -> list[str]:
    """Of the hours that weeks have published for an area, by where those who had them come from."""
    atoms: defaultdict[date, set[Path]] = defaultdict(set)
    for one in figures:
        if (one.subject, one.measure) == ("machine", "kept"):
            atoms[one.week].add((one.kind, one.area, one.municipality))
    places: defaultdict[tuple[int, int], set[Path]] = defaultdict(set)
    for flow in flows:
        places[_quarter(flow.quarter)].add((flow.kind, flow.area, flow.towards))
    true: Counter[tuple[tuple[int, int], Path]] = Counter()
    for row, size in raw.items():
        if row[1:3] == ("machine", "kept") and (quarter := _quarter(row.week)) in places:
            shown = _place_among(row.path, atoms[row.week])
            if shown is not None and shown[1]:
                place = _place_among((shown[0], shown[1], row.towards), places[quarter])
                assert place is not None, row
                true[quarter, place] += size
    return [
        f"{flow.quarter} {flow.kind} from {flow.area} to {flow.towards}: {flow.size}"
        for flow in flows
        if abs(flow.size * 60 - true[_quarter(flow.quarter), (flow.kind, flow.area, flow.towards)]) > 300
    ]


def _place_among(path: Path, places: Collection[Path]) -> Path | None:
    kind, area, _ = path
    return next((one for one in (path, (kind, area, ""), (kind, "", ""), ("", "", "")) if one in places), None)


def _quarter(week: date) -> tuple[int, int]:
    thursday = week + timedelta(days=3)
    return thursday.year, (thursday.month - 1) // 3


def _minutes(start: datetime, end: datetime) -> Sequence[datetime]:
    return [start + timedelta(minutes=number) for number in range(int((end - start).total_seconds() // 60))]


def _monday(moment: datetime) -> date:
    return _monday_of_hour(moment.replace(minute=0))


@cache
def _monday_of_hour(moment: datetime) -> date:
    day = moment.astimezone(ZoneInfo(ZONE)).date()
    return day - timedelta(days=day.weekday())
