"""Reads what happened from offers, bookings, listings and notices, as events to add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import AGREED, PENDING, Party, State
from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.listings.models import CLOSED, Listing
from sharing_platform.machines.models import WITHDRAWN, Machine, Offer
from sharing_platform.organisations.models import Organisation
from sharing_platform.regional_statistics.areas import municipality_at
from sharing_platform.regional_statistics.summary import (
    Event,
    Key,
    Measure,
    Rows,
    Span,
    Subject,
    fold,
    free_minutes,
    minutes_within,
    span_of,
)
from sharing_platform.search.criteria import Wish
from sharing_platform.search.product_words import processes_of
from sharing_platform.search.vocabulary import known_process
from sharing_platform.wanted.matching import WANTED
from sharing_platform.wanted.models import Match, Search

OTHER = "other"
"""Processes that the vocabulary does not have."""
GUESTS = "guests"
"""All who asked without an organisation, as one: nobody knows how many they are."""

_Machine = tuple[str, str]
_Booked = tuple[Booking, Offer | None, Machine | None, frozenset[tuple[str, str]]]
"""A booking, what it is of, and the steps that were made, by whom."""
_PUBLIC = "public"


def rows_of_week(session: Session, week: date, zone: str, sources: Collection[str] | None = None) -> Mapping[str, Rows]:
    """The sums of a week by organisation whose doings they are; of these alone, where some are given."""
    reader = _Reader(session, week, span_of(week, zone), sources)
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for source, event in reader.events():
        found[source].append(event)
    return {source: fold(events) for source, events in found.items()}


def kind_of(process: str) -> str:
    """The code of a process that is written in any way."""
    known = known_process(process)
    return known.code if known is not None else OTHER


@dataclass(frozen=True)
class _Reader:
    session: Session
    week: date
    span: Span
    sources: Collection[str] | None

    def events(self) -> Iterator[tuple[str, Event]]:
        places = self._places()
        bookings = list(self._bookings())
        yield from self._of_machines(places, bookings)
        yield from self._of_bookings(places, bookings)
        yield from self._of_listings(places)
        yield from self._of_notices(places)

    def _among(self, column: Any) -> ColumnElement[bool]:
        return true() if self.sources is None else column.in_(self.sources)

    def _places(self) -> Mapping[str, str]:
        """The municipality of each organisation."""
        rows = self.session.execute(select(Organisation.id, Organisation.latitude, Organisation.longitude))
        return {
            one.id: municipality_at((one.latitude, one.longitude) if one.latitude is not None else None) for one in rows
        }

    def _bookings(self) -> Iterator[_Booked]:
        """Those of the week, each with what it is of, and the steps that were made, by whom."""
        start, end = self.span
        these = (Booking.start < end, Booking.end > start, self._among(Booking.provider), Booking.state.not_in(PENDING))
        steps: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        made = select(BookingEvent.booking_id, BookingEvent.state, BookingEvent.party)
        for one in self.session.execute(made.join(Booking, Booking.id == BookingEvent.booking_id).where(*these)):
            steps[one.booking_id].add((one.state, one.party))
        same = (Machine.factory == Booking.provider) & (Machine.machine == Booking.machine)
        query = select(Booking, Offer, Machine).outerjoin(Offer, Offer.id == Booking.offer_id).outerjoin(Machine, same)
        for booking, offer, machine in self.session.execute(query.where(*these)):
            yield booking, offer, machine, frozenset(steps[booking.id])

    def _of_machines(
        self,
        places: Mapping[str, str],
        bookings: Iterable[_Booked],
    ) -> Iterator[tuple[str, Event]]:
        """Hours that were on offer, and that nobody had."""
        start, end = self.span
        same = (Machine.factory == Offer.factory) & (Machine.machine == Offer.machine)
        query = select(Offer, Machine).join(Machine, same)
        query = query.where(Offer.offered_start < end, Offer.offered_end > start, self._among(Offer.factory))
        offered: defaultdict[_Machine, list[Span]] = defaultdict(list)
        kinds: dict[_Machine, str] = {}
        untold: set[_Machine] = set()
        for offer, machine in self.session.execute(query):
            name = (offer.factory, offer.machine)
            # What is withdrawn was on offer until then.
            until = min(offer.offered_end, offer.changed) if offer.status == WITHDRAWN else offer.offered_end
            offered[name].append((offer.offered_start, until))
            kinds[name] = kind_of(machine.process)
            if not _may_be_placed(offer, machine):
                untold.add(name)
        taken: defaultdict[_Machine, list[Span]] = defaultdict(list)
        for booking, _, _, _ in bookings:
            if booking.machine is not None and booking.state in AGREED:
                taken[booking.provider, booking.machine].append((booking.start, booking.end))
        for name, spans in offered.items():
            place = "" if name in untold else places.get(name[0], "")
            key = Key(self.week, Subject.MACHINE, Measure.FREE, kinds[name], place, provider=name[0])
            yield name[0], Event(key, free_minutes(spans, taken[name], self.span))

    def _of_bookings(
        self,
        places: Mapping[str, str],
        bookings: Iterable[_Booked],
    ) -> Iterator[tuple[str, Event]]:
        """What became of requests: hours of machines, in the weeks in which they lie; listings by number, in the week in which they begin."""
        listings = self._booked_listings()
        for booking, offer, machine, steps in bookings:
            measure = outcome_of(booking.state, steps)
            if measure is None:
                continue
            seeker = booking.seeker or GUESTS
            if booking.machine is not None:
                subject, kind = Subject.MACHINE, kind_of(machine.process if machine is not None else "")
                size = minutes_within((booking.start, booking.end), self.span)
                at = places.get(booking.provider, "") if _may_be_placed(offer, machine) else ""
            else:
                listed = listings.get(booking.listing_id or "")
                if listed is None or not self.span[0] <= booking.start < self.span[1]:
                    continue
                subject, kind, size = Subject.LISTING, listed, 1
                at = places.get(booking.provider, "")
            of = places.get(seeker, "")
            match measure:
                case Measure.KEPT:
                    key = Key(self.week, subject, measure, kind, at, of, booking.provider, seeker)
                case Measure.DECLINED | Measure.EXPIRED:
                    key = Key(self.week, subject, measure, kind, of, seeker=seeker)
                case _:
                    key = Key(self.week, subject, measure, kind, at, provider=booking.provider)
            yield booking.provider, Event(key, size)

    def _booked_listings(self) -> Mapping[str, str]:
        """The kind of each listing of which something was booked in the week."""
        start, end = self.span
        booked = select(Booking.listing_id).where(Booking.start >= start, Booking.start < end)
        rows = self.session.execute(select(Listing.id, Listing.kind).where(Listing.id.in_(booked)))
        return {one.id: one.kind for one in rows}

    def _of_listings(self, places: Mapping[str, str]) -> Iterator[tuple[str, Event]]:
        """Operators, equipment, know-how and training that were on offer."""
        start, end = self.span
        query = select(Listing).where(Listing.start < end, Listing.end > start, self._among(Listing.organisation_id))
        for one in self.session.scalars(query):
            if one.taken_down is None and (one.status != CLOSED or one.changed > start):
                owner = one.organisation_id
                key = Key(self.week, Subject.LISTING, Measure.FREE, one.kind, places.get(owner, ""), provider=owner)
                yield owner, Event(key, 1)

    def _of_notices(self, places: Mapping[str, str]) -> Iterator[tuple[str, Event]]:
        """Those of the week that match nothing."""
        start, end = self.span
        matched = select(Match.search_id)
        parents = select(Search.parent_id).where(Search.parent_id.is_not(None))
        query = select(Search).where(
            Search.kind == WANTED, Search.created >= start, Search.created < end, Search.taken_down.is_(None),
            Search.id.not_in(matched), Search.id.not_in(parents), self._among(Search.organisation_id),
        )  # fmt: skip
        for one in self.session.scalars(query):
            wish, owner = Wish.model_validate(one.wish), one.organisation_id
            kind = next(iter(processes_of(wish)), OTHER) if wish.subject == "machine" else wish.subject
            subject = Subject.MACHINE if wish.subject == "machine" else Subject.LISTING
            key = Key(self.week, subject, Measure.UNMATCHED, kind, places.get(owner, ""), seeker=owner)
            yield owner, Event(key, 1)


def outcome_of(state: str, steps: frozenset[tuple[str, str]]) -> Measure | None:
    """What a booking in this state counts as; None for what is undecided, or never was a request that a provider has seen."""
    made = {step for step, _ in steps}
    match state:
        case State.ACCEPTED | State.IN_USE | State.COMPLETED:
            return Measure.KEPT
        case State.DECLINED:
            return Measure.DECLINED
        case State.WITHDRAWN | State.EXPIRED if State.HELD in made:
            return Measure.DECLINED if state == State.WITHDRAWN else Measure.EXPIRED
        case State.CANCELLED if State.ACCEPTED in made:
            return Measure.BROKEN if (State.CANCELLED, Party.PROVIDER) in steps else Measure.CANCELLED
        case _:
            return None


def _may_be_placed(offer: Offer | None, machine: Machine | None) -> bool:
    """Whether anybody could see whose machine it is. Of others, no figure of a place may tell that one stands there."""
    return (
        offer is not None
        and offer.visibility == _PUBLIC
        and offer.alias is None
        and machine is not None
        and machine.alias is None
        and machine.taken_down is None
    )
