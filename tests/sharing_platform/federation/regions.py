"""Platforms of several regions, in one process: they talk over real sockets, when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
from sqlalchemy import select

from sharing_platform.bookings.models import Booking
from sharing_platform.federation import neighbours
from sharing_platform.federation.exchange import Exchange
from sharing_platform.federation.feed import FeedWriter
from sharing_platform.federation.keys import find_own_key, make_own_key
from sharing_platform.federation.models import ForwardedRequest, Neighbour, NeighbourItem
from sharing_platform.federation.neighbours import NeighbourIn
from sharing_platform.federation.sharing import Sharer
from sharing_platform.federation.transport import HttpAnswer, HttpRequest
from sharing_platform.organisations.permissions import APPROVED, Actor, Kind, Role, rights_of
from tests.platform_databases import reset_sqlite
from tests.sharing_platform.conftest import Platform, platform_over
from vrijloop.neighbours import ask_neighbour

ADMINISTRATOR = Actor("region", Kind.REGION, APPROVED, rights_of(Role.OWNER, Kind.REGION, APPROVED), role=Role.OWNER)
TOMORROW = "2026-03-03T12:00", "2026-03-03T16:00"
"""In Brussels: hours 24 to 28 after the test's noon."""


@dataclass
class Region:
    """A platform, and what it says to its neighbours. `way`: how its requests go, which a test may change."""

    name: str
    platform: Platform
    way: Callable[[HttpRequest], HttpAnswer] = ask_neighbour
    patience_s: float = 10
    exchange: Exchange = field(init=False)

    def __post_init__(self) -> None:
        assert self.platform.app is not None
        context = self.platform.context
        sharer = Sharer(self.platform.app.state.machine_index, context.occupancy)
        feed = FeedWriter(context.sessions, context.now, sharer, rest=0)
        self.exchange = Exchange(context, feed, self._sent, patience_s=self.patience_s)

    def _sent(self, request: HttpRequest) -> HttpAnswer:
        return self.way(request)

    @property
    def public_key(self) -> str:
        with self.platform.context.sessions.begin() as session:
            return make_own_key(session).public_text

    def add(self, other: Region) -> str:
        wanted = NeighbourIn(name=other.name, url=other.platform.url, public_key=other.public_key)
        return neighbours.add(self.platform.context, ADMINISTRATOR, wanted)

    def agree(self, other: Region) -> None:
        neighbours.agree(self.platform.context, ADMINISTRATOR, self.add(other))

    def neighbour(self, other: Region) -> Neighbour:
        with self.platform.context.sessions() as session:
            found = session.scalars(
                select(Neighbour).where(Neighbour.name == other.name).order_by(Neighbour.added.desc())
            )
            return found.first()  # type: ignore[return-value]  # a test asks for one that it has added

    def end(self, other: Region) -> None:
        neighbours.end_here(self.platform.context, ADMINISTRATOR, self.neighbour(other).id)

    def items(self) -> list[NeighbourItem]:
        with self.platform.context.sessions() as session:
            return list(session.scalars(select(NeighbourItem).order_by(NeighbourItem.kind, NeighbourItem.id)))

    def forwarded(self) -> list[ForwardedRequest]:
        with self.platform.context.sessions() as session:
            return list(session.scalars(select(ForwardedRequest).order_by(ForwardedRequest.asked)))

    def bookings(self) -> list[Booking]:
        with self.platform.context.sessions() as session:
            return list(session.scalars(select(Booking).order_by(Booking.booked)))

    def own_key(self) -> Any:
        with self.platform.context.sessions() as session:
            return find_own_key(session)

    def item_path(self, kind: str = "offer") -> str:
        one = next(one for one in self.items() if one.kind == kind)
        return f"/neighbours/{one.neighbour_id}/{one.kind}/{one.id}"

    def ask(self, seeker: httpx2.Client, path: str, start: str, end: str, **more: str) -> str:
        """A request from the page of an item; the path of the page that it leads to."""
        answer = seeker.post(path, data={"start": start, "end": end, **more})
        assert answer.status_code == 303, answer.text[:2000]
        return str(answer.headers["location"])


@dataclass
class Regions:
    """They have one time. `all`: in the order in which they are made."""

    all: list[Region]

    def talk(self, rounds: int = 2) -> None:
        """Each asks its neighbours, some seconds later each time. What platforms do by themselves beside that, they do at the end."""
        for _ in range(rounds):
            for one in self.all:
                one.exchange.run()
            for one in self.all:
                one.platform.present[0] += timedelta(seconds=4)
        self.later()

    def later(self, seconds: float = 0, hours: float = 0) -> None:
        for one in self.all:
            one.platform.later(hours + seconds / 3600)

    def befriend(self) -> None:
        """Everybody agrees with everybody."""
        for one in self.all:
            for other in self.all:
                if one is not other:
                    one.agree(other)


@contextmanager
def regions_over(*names: str, **more: Any) -> Iterator[Regions]:
    with ExitStack() as stack:
        built = [stack.enter_context(platform_over(reset_sqlite(name), **more)) for name in names]
        yield Regions(list(map(Region, names, built)))
