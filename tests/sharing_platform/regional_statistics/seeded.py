"""A region by lot: factories, their machines, what they offered week after week, and what became of it. Written into the tables directly, as the API would take hours."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import State
from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.listings.models import Listing
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.machines.region_map import region_map
from sharing_platform.organisations.models import Organisation
from sharing_platform.regional_statistics.models import SearchCount
from sharing_platform.wanted.matching import WANTED
from sharing_platform.wanted.models import CLOSED, Search

PROCESSES = ("milling", "turning", "welding", "laser_cutting", "bending", "grinding", "coating", "assembly")
INDUSTRIAL = ("Genk", "Hasselt", "Sint-Truiden", "Beringen", "Lommel", "Tongeren-Borgloon", "Maaseik", "Bree", "Bilzen-Hoeselt", "Houthalen-Helchteren", "Dilsen-Stokkem", "Pelt")  # fmt: skip
LACKING = {"milling": ("Genk", "Hasselt")}
"""Where nobody has it, and many ask for it."""
LISTINGS_SOUGHT = {"training": 40, "operator": 15, "equipment": 6}
"""In vain, in each week; the last too seldom to be shown."""
_OUTCOMES: tuple[tuple[State, int], ...] = (
    (State.COMPLETED, 60), (State.DECLINED, 15), (State.EXPIRED, 8), (State.CANCELLED, 7), (State.WITHDRAWN, 5)
)  # fmt: skip


class SeededRegion:
    """`first`: the Monday of the first week."""

    def __init__(self, session: Session, first: date, factories: int, seed: int = 1) -> None:
        self._session = session
        self._first = first
        self._chance = random.Random(seed)
        self._chance_of_others = random.Random(seed + 1)
        """Of bookings of listings, and notices."""
        self._machines: list[tuple[str, str, str, str]] = []
        self._seekers: list[tuple[str, str]] = []
        self._add_organisations(factories)

    def fill(self, weeks: int) -> None:
        """What was offered, asked for and listed in each week."""
        for number in range(weeks):
            self.fill_week(self._first + timedelta(days=7 * number))

    def _add_organisations(self, factories: int) -> None:
        by_name = {one.name: one for one in region_map().municipalities}
        made: list[dict[str, Any]] = []
        machines: list[dict[str, Any]] = []
        for number in range(factories + factories // 2):
            town = self._chance.choice(INDUSTRIAL if self._chance.random() < 0.8 else sorted(by_name))
            latitude, longitude = by_name[town].places[0]
            name, factory = f"org-{number}", number < factories
            made.append({
                "id": name, "name": f"Organisation {number}", "kind": "factory" if factory else "seeker", "status": "approved", "place": town,
                "latitude": latitude, "longitude": longitude, "created": _moment(self._first),
            })  # fmt: skip
            self._seekers.append((name, town))
            for which in range(self._chance.choice((1, 2, 2, 3, 4)) if factory else 0):
                process = self._chance.choice([one for one in PROCESSES if town not in LACKING.get(one, ())])
                alias = f"machine-{uuid.uuid4().hex[:8]}" if self._chance.random() < 0.1 else None
                machines.append({
                    "factory": name, "machine": f"m{which}", "title": f"Machine {which}", "process": process, "now": "unknown", "alias": alias,
                })  # fmt: skip
                self._machines.append((name, f"m{which}", process, alias or ""))
        self._session.execute(insert(Organisation), made)
        self._session.execute(insert(Machine), machines)

    def fill_week(self, week: date) -> None:
        chance, offers, bookings, events = self._chance, [], [], []
        busy = 0.6 + 0.3 * (week.month in (3, 4, 5, 9, 10, 11))
        for factory, machine, process, alias in self._machines:
            if chance.random() > 0.85:
                continue
            start = _moment(week) + timedelta(minutes=chance.randrange(0, 5 * 24 * 60))
            end = start + timedelta(minutes=chance.randrange(300, 2400))
            offer = _offer(factory, machine, alias or None, start, end)
            offers.append(offer)
            if chance.random() < busy:
                booking = self._booking(offer, process, week)
                bookings.append(booking)
                events += self._steps(booking)
        for process, towns in LACKING.items():
            near = [one for one, town in self._seekers if town in towns]
            for offer in [one for one in offers if self._process_of(one) == process][:6]:
                booking = self._booking(offer, process, week) | {"state": State.DECLINED}
                booking["seeker"] = chance.choice([one for one in near if one != offer["factory"]] or ["org-0"])
                bookings.append(booking)
                events += self._steps(booking)
        for row, values in ((Offer, offers), (Booking, bookings), (BookingEvent, events)):
            if values:
                self._session.execute(insert(row), values)
        self._add_listings(week)
        self._add_searches(week)
        self._add_notices(week)

    def _process_of(self, offer: dict[str, Any]) -> str:
        return next(process for factory, machine, process, _ in self._machines if (factory, machine) == (offer["factory"], offer["machine"]))  # fmt: skip

    def _booking(self, offer: dict[str, Any], process: str, week: date) -> dict[str, Any]:
        chance = self._chance
        near = [one for one, town in self._seekers if town in LACKING.get(process, ()) and one != offer["factory"]]
        seeker = chance.choice(near) if near and chance.random() < 0.5 else None
        while seeker is None or seeker == offer["factory"]:
            seeker = chance.choice(self._seekers)[0]
        state = _outcome(chance)
        if near and seeker in near and chance.random() < 0.5:
            state = State.DECLINED
        third = (offer["offered_end"] - offer["offered_start"]) // timedelta(minutes=3)
        start = offer["offered_start"] + timedelta(minutes=chance.randrange(third))
        end = offer["offered_end"] - timedelta(minutes=chance.randrange(third))
        return {
            "id": str(uuid.uuid4()), "offer_id": offer["id"], "provider": offer["factory"], "machine": offer["machine"], "title": "Machine",
            "start": start, "end": end, "free_again": end, "seeker": seeker, "organisation": seeker, "email": "a@b.be", "state": state,
            "cancel_until": start, "booked": _moment(week) - timedelta(days=3),
        }  # fmt: skip

    def _steps(self, booking: dict[str, Any], chance: random.Random | None = None) -> list[dict[str, Any]]:
        state, asked = booking["state"], booking["booked"]
        way = {
            State.COMPLETED: [State.HELD, State.ACCEPTED, State.IN_USE, State.COMPLETED],
            State.CANCELLED: [State.HELD, State.ACCEPTED, State.CANCELLED],
        }.get(state, [State.HELD, state])
        party = (chance or self._chance).choice(("provider", "seeker"))
        return [
            {"booking_id": booking["id"], "at": asked + timedelta(hours=number), "state": one, "party": party}
            for number, one in enumerate(way)
        ]

    def _add_listings(self, week: date) -> None:
        kinds = self._chance.choices(("operator", "equipment", "know_how", "training"), k=6)
        owners = self._chance.sample(self._seekers, 6)
        rows = [
            {
                "id": str(uuid.uuid4()), "organisation_id": owner, "kind": kind, "title": kind, "description": "", "start": _moment(week),
                "end": _moment(week) + timedelta(days=20), "price_unit": "hour", "changed": _moment(week), "details": {"use": "loan"} if kind == "equipment" else {}, "status": "open",
            }
            for kind, (owner, _) in zip(kinds, owners, strict=True)
        ]  # fmt: skip
        self._session.execute(insert(Listing), rows)
        bookings = [self._booking_of_listing(listing, week) for listing in rows for _ in range(self._chance_of_others.randrange(12))]  # fmt: skip
        self._session.execute(insert(Booking), bookings)
        self._session.execute(insert(BookingEvent), [step for one in bookings for step in self._steps(one, self._chance_of_others)])  # fmt: skip

    def _booking_of_listing(self, listing: dict[str, Any], week: date) -> dict[str, Any]:
        chance, owner = self._chance_of_others, listing["organisation_id"]
        seeker = chance.choice([one for one, _ in self._seekers if one != owner])
        start = listing["start"] + timedelta(hours=chance.randrange(1, 400))
        return {
            "id": str(uuid.uuid4()), "listing_id": listing["id"], "provider": owner, "title": listing["title"], "start": start, "end": start + timedelta(hours=4),
            "free_again": start + timedelta(hours=4), "seeker": seeker, "organisation": seeker, "email": "a@b.be", "state": _outcome(chance),
            "cancel_until": start, "booked": _moment(week) - timedelta(days=3),
        }  # fmt: skip

    def _add_notices(self, week: date) -> None:
        """That match nothing. They are closed, or the platform would look for matches of thousands."""
        chance = self._chance_of_others
        wishes = [("machine", process, near) for process, towns in LACKING.items() for near in [one for one, town in self._seekers if town in towns][:6]]  # fmt: skip
        wishes += [("machine", chance.choice(PROCESSES), chance.choice(self._seekers)[0]) for _ in range(8)]
        wishes += [(chance.choice(("operator", "training")), "", chance.choice(self._seekers)[0]) for _ in range(8)]
        rows = [
            {
                "id": str(uuid.uuid4()), "organisation_id": owner, "kind": WANTED, "title": "Wanted", "text": "", "notify": "off", "status": CLOSED,
                "wish": {"subject": subject, "process": process}, "created": _moment(week) + timedelta(hours=chance.randrange(1, 100)),
            }
            for subject, process, owner in wishes
        ]  # fmt: skip
        self._session.execute(insert(Search), rows)

    def _add_searches(self, week: date) -> None:
        rows = [
            {"week": week, "kind": kind, "area": area, "count": self._chance.randrange(2, 30)}
            for kind in PROCESSES[:4]
            for area in ("hasselt_genk", "north", "")
        ]
        rows += [{"week": week, "kind": kind, "area": "", "count": count} for kind, count in LISTINGS_SOUGHT.items()]
        self._session.execute(insert(SearchCount), rows)


def _outcome(chance: random.Random) -> State:
    return chance.choices([one for one, _ in _OUTCOMES], [weight for _, weight in _OUTCOMES])[0]


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _offer(factory: str, machine: str, alias: str | None, start: datetime, end: datetime) -> dict[str, Any]:
    identifier, seconds = str(uuid.uuid4()), int((end - start).total_seconds())
    return {
        "id": identifier, "own_id": identifier, "public_id": identifier, "alias": alias, "factory": factory, "machine": machine,
        "offered_start": start, "offered_end": end, "start": start, "end": end, "length_s": seconds, "longest_s": seconds, "probability": 0.9,
        "checked": 30, "broken": 1, "changed": start - timedelta(days=2),
    }  # fmt: skip
