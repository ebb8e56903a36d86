"""Laws of bookings: random people do random things in random order; nothing forbidden ever comes of it."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.bookings import proposals, requests, transitions
from sharing_platform.bookings.handlers import BookingHandlers
from sharing_platform.bookings.lifecycle import (
    HOLDS,
    LIVE,
    NEGOTIABLE,
    PENDING,
    Hold,
    Party,
    ProposalState,
    State,
    may_step,
)
from sharing_platform.bookings.models import Booking, BookingEvent, Proposal
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.bookings.schemas import AskIn, PartIn
from sharing_platform.errors import PlatformError
from sharing_platform.events import Events
from sharing_platform.machines import offers
from sharing_platform.machines.events import OfferWithdrawn
from sharing_platform.machines.models import BOOKED, HELD, OPEN, WITHDRAWN, Offer
from sharing_platform.machines.schemas import OfferIn
from sharing_platform.organisations.models import Account, Organisation
from tests.platform_databases import open_kept, reset_postgresql, reset_sqlite
from tests.sharing_platform.bookings.law_people import GUEST, WIDE, notify_nobody, other_than, seeker_named
from tests.sharing_platform.bookings.proposal_law import proposals_follow_their_requests

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SEEKERS = ("north", "south", "new")
_hours = st.integers(0, 30)


OCCUPANCY = BookedHours()
EVENTS = Events()
EVENTS.subscribe(OfferWithdrawn, BookingHandlers(notify_nobody).withdraw_requests)


class Bookings(RuleBasedStateMachine):
    """One machine, three seekers (one not approved, who may be a guest), a factory that offers, answers and withdraws, and time."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    @initialize()
    def begin(self) -> None:
        self.now, self.agreed, self.changed = START, 0, 0
        # Ids in order of their making: the same choices must always lead to the same bookings.
        numbers = itertools.count(1)
        self.ids = patch.object(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
        self.ids.start()
        self.sessions: sessionmaker[Session] = open_kept(self._url)
        self.seen: dict[str, list[tuple[str, str]]] = {}
        with self.sessions.begin() as session:
            for name in (*SEEKERS, "factory"):
                status = "asked" if name == "new" else "approved"
                session.merge(Organisation(id=name, name=name, kind="seeker", status=status, created=START))
            session.merge(Account(id="new", email="new@new.be", name="New", language="nl", created=START))
        for name, start in (("a", 2), ("c", 20)):
            self.put(name, start, 8, 1.0, 30, "instant", [(0, 5), (3, 8)])
        # As a whole or not at all, so that a request leaves nothing of it.
        self.put("b", 12, 6, None, 0, "on_request", [])

    def teardown(self) -> None:
        if hasattr(self, "ids"):
            self.ids.stop()

    @rule(name=st.sampled_from("abc"), start=_hours, hours=st.integers(1, 12), minimum=st.sampled_from([None, 1.0, 2.0]), buffer=st.sampled_from([0, 30, 90]), booking=st.sampled_from(["instant", "on_request"]), windows=st.lists(st.tuples(_hours, _hours), max_size=4))  # fmt: skip
    def put(self, name: str, start: int, hours: int, minimum: float | None, buffer: int, booking: str, windows: list[tuple[int, int]]) -> None:  # fmt: skip
        begin = self.now + timedelta(hours=start)
        inside = [
            {
                "start": begin + timedelta(hours=min(span)),
                "end": begin + timedelta(hours=max(span)),
                "probability": 1 - len(windows) / 10,
            }
            for span in windows
            if min(span) < max(span) <= hours
        ]
        wanted = OfferIn.model_validate(
            {
                "factory": "factory", "machine": "mill", "start": begin, "end": begin + timedelta(hours=hours),
                "probability": 0.9, "checked": 10, "broken": 1, "minimum_hours": minimum, "buffer_minutes": buffer,
                "booking": booking, "windows": inside, "maximum_hours": minimum and 3 * minimum,
            }
        )  # fmt: skip
        self._try(lambda session: offers.put_offer(session, name, wanted, OCCUPANCY, self.now))

    @precondition(lambda self: self._offers(OPEN, HELD, BOOKED))
    @rule(data=st.data(), again=st.booleans())
    def withdraw(self, data: st.DataObject, again: bool) -> None:
        chosen = data.draw(st.sampled_from(self._offers() if again else self._offers(OPEN, HELD, BOOKED)))
        self._try(lambda session: offers.withdraw_offer(session, chosen, "factory", OCCUPANCY, EVENTS, self.now))

    @rule(data=st.data(), who=st.sampled_from(SEEKERS), confirmed=st.booleans(), part=st.tuples(st.integers(0, 8), st.integers(1, 6)) | st.none())  # fmt: skip
    def ask(self, data: st.DataObject, who: str, confirmed: bool, part: tuple[int, int] | None) -> None:
        chosen = data.draw(st.sampled_from(self._offers(OPEN) or self._offers() or ["none"]))

        def asked(session: Session) -> object:
            seeker = seeker_named(session, who, confirmed)
            wanted = AskIn()
            offer = offers.find_offer(session, chosen, None)
            windows = offer.free_windows(self.now) if offer is not None else []
            if part is not None and offer is not None:
                begin = offer.start + timedelta(minutes=30 * part[0])
                wanted = AskIn(start=begin, end=begin + timedelta(minutes=30 * part[1]))
            made = requests.request_offer(
                session, chosen, seeker, wanted, self.now, notify_nobody, lambda _: True, WIDE
            )
            assert any(window.start <= made.start and made.end <= window.end for window in windows), "nobody said so"
            return made

        self._try(asked)

    @rule(data=st.data(), who=st.sampled_from(SEEKERS), parts=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6)), min_size=2, max_size=3))  # fmt: skip
    def ask_together(self, data: st.DataObject, who: str, parts: list[tuple[int, int]]) -> None:
        """Several parts at once, all or none."""
        chosen = [data.draw(st.sampled_from(self._offers(OPEN) or ["none"])) for _ in parts]

        def asked(session: Session) -> None:
            seeker = seeker_named(session, who, confirmed=False)
            spans = []
            for name, (begin, length) in zip(chosen, parts, strict=True):
                offer = offers.find_offer(session, name, None)
                start = (offer.start if offer is not None else self.now) + timedelta(minutes=30 * begin)
                spans.append(PartIn(offer_id=name, start=start, end=start + timedelta(minutes=30 * length)))
            wanted = AskIn(start=spans[0].start, end=spans[0].end, more=spans[1:])
            requests.request_offer(session, chosen[0], seeker, wanted, self.now, notify_nobody, lambda _: True, WIDE)

        self._try(asked)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), to=st.sampled_from(State), party=st.sampled_from(Party))
    def step(self, data: st.DataObject, to: State, party: Party) -> None:
        """Anybody tries anything; `platform` cannot be said by anyone outside."""
        chosen = data.draw(st.sampled_from(sorted(self.seen)))
        side = Party.SEEKER if party is Party.PLATFORM else party

        def stepped(session: Session) -> None:
            booking = session.get(Booking, chosen)
            if booking is not None:
                transitions.transition(session, booking, to, side, None, self.now, notify_nobody)

        self._try(stepped)

    @precondition(lambda self: self._in(State.HELD))
    @rule(data=st.data(), to=st.sampled_from([State.ACCEPTED, State.DECLINED]), keep=st.sampled_from([None, False]))
    def answer(self, data: st.DataObject, to: State, keep: bool | None) -> None:
        """The factory answers a request that waits for it, which anybody trying anything seldom hits."""
        chosen = data.draw(st.sampled_from(self._in(State.HELD)))

        def answered(session: Session) -> None:
            booking = session.get(Booking, chosen)
            if booking is not None:
                transitions.transition(session, booking, to, Party.PROVIDER, None, self.now, notify_nobody, keep)

        self._try(answered)

    @precondition(lambda self: self._in(*NEGOTIABLE))
    @rule(data=st.data(), party=st.sampled_from([Party.SEEKER, Party.PROVIDER]), hours=st.none() | st.tuples(st.integers(-4, 6), st.integers(1, 6)))  # fmt: skip
    def propose(self, data: st.DataObject, party: Party, hours: tuple[int, int] | None) -> None:
        """Other hours, which may be its own in part, or another price; of a request or of what is agreed."""
        chosen = data.draw(st.sampled_from(self._in(*NEGOTIABLE)))

        def proposed(session: Session) -> None:
            booking = session.get_one(Booking, chosen)
            terms_of = select(Booking.id, Booking.start, Booking.end, Booking.state, Booking.price).order_by(Booking.id)
            before = session.execute(terms_of).all()
            terms = proposals.Terms(price=Decimal("99.99"))
            if hours is not None:
                start = booking.start + timedelta(minutes=30 * hours[0])
                terms = proposals.Terms(start, start + timedelta(minutes=30 * hours[1]))
            made = proposals.propose(session, booking, party, terms, None, self.now, notify_nobody)
            assert made.state == ProposalState.OPEN
            assert session.execute(terms_of).all() == before, "a proposal moves nothing"

        self._try(proposed)

    @precondition(lambda self: self._in(*NEGOTIABLE))
    @rule(data=st.data(), by=st.sampled_from([Party.SEEKER, Party.PROVIDER]), shift=st.integers(-4, 4))
    def agree(self, data: st.DataObject, by: Party, shift: int) -> None:
        """On other hours, if they can be had, else on another price; which people who do anything at random seldom do."""
        chosen = data.draw(st.sampled_from(self._in(*NEGOTIABLE)))

        def agreed(session: Session, moves: bool) -> None:
            booking = session.get_one(Booking, chosen)
            moved = timedelta(minutes=30 * shift) if moves else timedelta(0)
            start, end = booking.start + moved, booking.end + moved
            price = Decimal("99.99") + booking.revision
            terms = proposals.Terms(start, end, price)
            was, revision = booking.state, booking.revision
            made = proposals.propose(session, booking, by, terms, None, self.now, notify_nobody)
            proposals.accept(session, booking, made, other_than(by), None, self.now, notify_nobody)
            assert (booking.start, booking.end, booking.state) == (start, end, State.ACCEPTED)
            assert booking.revision == revision + (was == State.ACCEPTED)
            self.agreed += 1
            self.changed += was == State.ACCEPTED

        for moves in (True, False):
            if chosen in self._in(*NEGOTIABLE):
                self._try(partial(agreed, moves=moves))

    @precondition(lambda self: self._proposed())
    @rule(data=st.data(), own=st.sampled_from([False, False, True]), accepted=st.sampled_from([True, True, False]))
    def answer_proposal(self, data: st.DataObject, own: bool, accepted: bool) -> None:
        chosen = data.draw(st.sampled_from(self._proposed()))

        def answered(session: Session) -> None:
            proposal = session.get_one(Proposal, chosen)
            booking = session.get_one(Booking, proposal.booking_id)
            by = Party(proposal.party)
            party = by if own else other_than(by)
            if accepted:
                proposals.accept(session, booking, proposal, party, None, self.now, notify_nobody)
                assert not own, "somebody accepts what is their own"
                assert (booking.start, booking.end, booking.state) == (proposal.start, proposal.end, State.ACCEPTED)
                self.agreed += 1
            else:
                proposals.close(session, booking, proposal, party, self.now, notify_nobody)
                assert booking.state in NEGOTIABLE

        self._try(answered)

    @precondition(lambda self: self._in(State.DECLINED))
    @rule(data=st.data(), keep=st.booleans())
    def keep_or_release(self, data: st.DataObject, keep: bool) -> None:
        chosen = data.draw(st.sampled_from(self._in(State.DECLINED)))

        def said(session: Session) -> None:
            booking, declined = session.get_one(Booking, chosen), State.DECLINED
            transitions.transition(session, booking, declined, Party.PROVIDER, None, self.now, notify_nobody, keep)

        self._try(said)

    @precondition(lambda self: self._in(State.REQUESTED))
    @rule()
    def confirm(self) -> None:
        def confirmed(session: Session) -> None:
            account, own = session.get_one(Account, "new"), session.get_one(Organisation, "new")
            waiting = select(Booking).where(Booking.state == State.REQUESTED, Booking.email == GUEST.email)
            for booking in session.scalars(waiting.order_by(Booking.booked, Booking.id)).all():
                if booking.state == State.REQUESTED and booking.due is not None and booking.due > self.now:
                    transitions.confirm_request(session, booking, own, account, self.now, notify_nobody, WIDE)

        self._try(confirmed)

    @rule(hours=st.sampled_from([0.25, 1, 5, 26, 50]), clockwork=st.booleans())
    def pass_time(self, hours: float, clockwork: bool) -> None:
        self.now += timedelta(hours=hours)
        if clockwork:
            with self.sessions() as session:
                due = list(
                    session.scalars(select(Booking.id).where(Booking.due <= self.now).order_by(Booking.due, Booking.id))
                )
            for one in due:
                self._try(lambda session, one=one: transitions.advance(session, one, self.now, notify_nobody))

    @precondition(lambda self: hasattr(self, "sessions"))
    @invariant()
    def nothing_forbidden(self) -> None:
        with self.sessions() as session:
            live = session.scalars(select(Booking).where(Booking.state.in_(LIVE)).order_by(Booking.start)).all()
            kept = session.scalars(select(Booking).where(Booking.hours_kept)).all()
            assert all(one.state == State.DECLINED for one in kept)
            for one, other in itertools.pairwise(live):
                assert one.free_again <= other.start, "two have the same hours"
            for offer in session.scalars(select(Offer).where(Offer.status == OPEN)):
                assert offer.offered_start <= offer.start < offer.end <= offer.offered_end
                assert offer.windows_inside((offer.start, offer.end)), "nothing of it can be booked"
                assert all(one.end <= offer.start or one.start >= offer.end for one in (*live, *kept)), (
                    "booked hours are on offer, or hours that the factory keeps"
                )
            for root in session.scalars(select(Offer).where(Offer.parent_id.is_(None), Offer.status != WITHDRAWN)):
                reach = root.offered_end + timedelta(minutes=root.buffer_minutes)
                holds = {
                    HOLDS[State(one.state)] for one in live if one.start < reach and root.offered_start < one.free_again
                }
                holds |= {
                    Hold.ASKED for one in kept if one.start < reach and root.offered_start < one.free_again
                }  # by the factory for itself
                if root.status != OPEN:
                    assert root.status == (BOOKED if Hold.FIRM in holds else HELD), (root.status, holds)
                    assert holds, "not free, and nobody has it"
            together: dict[str, set[str]] = {}
            for booking in session.scalars(select(Booking).where(Booking.request_id.is_not(None))):
                together.setdefault(str(booking.request_id), set()).add(booking.state)
            assert not any(len(states) > 1 and states & PENDING for states in together.values()), "parts answered apart"
            proposals_follow_their_requests(session)
            for booking in session.scalars(select(Booking)):
                events = select(BookingEvent).where(BookingEvent.booking_id == booking.id).order_by(BookingEvent.id)
                steps = [(one.state, one.party) for one in session.scalars(events)]
                before = self.seen.get(booking.id, [])
                assert steps[: len(before)] == before, "history was rewritten"
                assert steps[0] == (State.REQUESTED, Party.SEEKER)
                assert steps[-1][0] == booking.state
                for (was, _), (now_in, party) in itertools.pairwise(steps):
                    assert may_step(State(was), State(now_in), Party(party)), (was, now_in, party)
                self.seen[booking.id] = steps

    def _proposed(self) -> list[str]:
        with self.sessions() as session:
            found = select(Proposal.id).where(Proposal.state == ProposalState.OPEN)
            return list(session.scalars(found.order_by(Proposal.at, Proposal.id)))

    def _offers(self, *status: str) -> list[str]:
        """By the ids that their factory and everybody else know."""
        query = select(Offer.public_id)
        if status:
            query = query.where(Offer.status.in_(status), Offer.end > self.now)
        with self.sessions() as session:
            return list(session.scalars(query.order_by(Offer.public_id)))

    def _in(self, *states: State) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(Booking.id).where(Booking.state.in_(states)).order_by(Booking.id)))

    def _try(self, action: object) -> None:
        try:
            with self.sessions.begin() as session:
                action(session)  # type: ignore[operator]
        except PlatformError:
            pass


ROUNDS = 6
"""A few histories may, by chance, hold no booking that was accepted: then some more are made."""


def _tried(url: Callable[[], str], examples: int, steps: int, least_agreed: int = 1) -> None:
    reached: set[str] = set()
    agreed: list[int] = []
    changed: list[int] = []

    class Tried(Bookings):
        def __init__(self) -> None:
            super().__init__(url())

        def teardown(self) -> None:
            agreed.append(getattr(self, "agreed", 0))
            changed.append(getattr(self, "changed", 0))
            reached.update(state for steps in getattr(self, "seen", {}).values() for state, _ in steps)
            super().teardown()

    for times in range(1, ROUNDS + 1):
        # More each time: in CI, Hypothesis begins with the same histories again.
        quick = settings(
            max_examples=examples * times,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Tried, settings=quick)
        if {State.HELD, State.ACCEPTED} <= reached and min(sum(agreed), sum(changed)) >= least_agreed:
            return
    raise AssertionError("a law over nothing")


@pytest.mark.long
def test_nothing_forbidden_ever_happens() -> None:
    """`VRIJLOOP_LAW_EXAMPLES` makes a campaign of it."""
    _tried(reset_sqlite, int(os.environ.get("VRIJLOOP_LAW_EXAMPLES", "10")), 30)


@pytest.mark.long
def test_nothing_forbidden_ever_happens_on_postgresql(postgres: str) -> None:
    _tried(
        partial(reset_postgresql, postgres), int(os.environ.get("VRIJLOOP_LAW_EXAMPLES", "10")) // 3, 25, least_agreed=0
    )
