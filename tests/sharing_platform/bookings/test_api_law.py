"""Laws of bookings over the API: factories, seekers, guests and strangers do anything in any order, and time passes."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient
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

from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.machines.models import Offer
from sharing_platform.notifications.models import Delivery, Mail
from sharing_platform.scheduler import ScheduledJobs
from tests.sharing_platform.bookings.api_world import FACTORIES, HOOKED, PEOPLE, SECRET, TOKENS, URL, World, make_world
from tests.sharing_platform.bookings.test_booking_law import ROUNDS

GUEST = {"organisation": "Gast BV", "name": "Gerda", "email": "gerda@gast.be"}
HELD, FIRM = {"held"}, {"accepted", "in_use", "completed"}
MAILED = {
    # (state, whose step): to whom an e-mail goes. Nobody is told of a step of their own, but of withdrawals, which a factory's server makes, and of what
    # changes their calendar.
    ("held", "platform"): {"provider", "seeker"},
    ("accepted", "platform"): {"provider", "seeker"},
    ("accepted", "provider"): {"provider", "seeker"},
    ("declined", "provider"): {"seeker"},
    ("cancelled", "seeker"): {"provider"},
    ("cancelled", "provider"): {"seeker"},
    ("expired", "platform"): {"provider", "seeker"},
    ("withdrawn", "provider"): {"provider", "seeker"},
    ("completed", "platform"): {"provider", "seeker"},
}


def _hours(value: float) -> timedelta:
    return timedelta(hours=value)


class Histories(RuleBasedStateMachine):
    """Two factories, one of them hidden; seekers of whom one is approved; a guest; a stranger."""

    world: World
    reached: set[str]

    @initialize()
    def begin(self) -> None:
        self.world.begin()
        # Ids in order of their making: the same choices must always lead to the same bookings.
        numbers = itertools.count(1)
        self.ids = patch.object(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
        self.ids.start()
        self.offers: dict[tuple[str, str], None] = {}
        self.put("hal-2", "a", 24, 6, "on_request", None, "public")
        self.put("hal-2", "b", 34, 8, "instant", 2.0, "public")
        self.put("hal-9", "a", 25, 8, "on_request", 2.0, "public")
        # Something waits for an answer from the beginning on: of one, two times of the machine together.
        for who, together in (("an@start-up.be", True), ("new@newcomer.be", False)):
            found = self.as_(who).get("/api/v1/offers").json()["offers"]
            offer, more = found[0], [one for one in found[1:] if one["machine"] == found[0]["machine"]]
            body = self._part(offer, None) | {"more": [{"offer_id": one["id"], **self._part(one, 2.0)} for one in more]}
            asked = self.as_(who).post(f"/api/v1/offers/{offer['id']}/booking", json=body)
            assert (asked.status_code, bool(asked.json()["parts"])) == (201, together), asked.text

    def teardown(self) -> None:
        if not hasattr(self, "offers"):
            return
        try:
            self.nobody_learns_what_is_not_theirs()
            self.others_see_what_is_free()
        finally:
            self.ids.stop()

    @property
    def now(self) -> datetime:
        return self.world.present[0]

    def as_(self, who: str) -> TestClient:
        return self.world.clients[who]

    @rule(factory=st.sampled_from(FACTORIES), name=st.sampled_from("abc"), start=st.integers(1, 60), hours=st.integers(2, 9), booking=st.sampled_from(["instant", "on_request"]), minimum=st.sampled_from([None, 2.0]), visibility=st.sampled_from(["public", "partners"]))  # fmt: skip
    def put(self, factory: str, name: str, start: int, hours: int, booking: str, minimum: float | None, visibility: str) -> None:  # fmt: skip
        begin = self.now + _hours(start)
        body = {
            "factory": factory, "machine": "mill" if factory == "hal-2" else SECRET["machine"], "start": begin.isoformat(),
            "end": (begin + _hours(hours)).isoformat(), "probability": 0.9, "checked": 10, "broken": 1,
            "booking": booking, "minimum_hours": minimum, "visibility": visibility, "partners": ["start-up"], "cancellation_hours": 5,
        }  # fmt: skip
        answer = self.as_(factory).put(f"/api/v1/offers/{factory}-{name}", json=body)
        assert answer.status_code in (200, 201, 409), answer.text
        self.offers[factory, f"{factory}-{name}"] = None

    @rule(data=st.data(), who=st.sampled_from(["an@start-up.be", "new@newcomer.be", "start-up", "anyone"]), hours=st.sampled_from([None, 2.0]), together=st.booleans())  # fmt: skip
    def ask(self, data: st.DataObject, who: str, hours: float | None, together: bool) -> None:
        found = self.as_(who).get("/api/v1/offers").json()["offers"]
        if not found:
            return
        offer = data.draw(st.sampled_from(found))
        body: dict[str, Any] = {"guest": GUEST} if who == "anyone" else {}
        if hours is not None:
            body |= self._part(offer, hours)
        others = [one for one in found if one["machine"] == offer["machine"] and one["id"] != offer["id"]]
        if together and others:
            body |= self._part(offer, hours) | {
                "more": [{"offer_id": one["id"], **self._part(one, hours)} for one in others[:2]]
            }
        answer = self.as_(who).post(f"/api/v1/offers/{offer['id']}/booking", json=body)
        assert answer.status_code in (201, 202, 404, 409, 422, 429), answer.text
        self.reads(who, answer.text)

    def _part(self, offer: dict[str, Any], hours: float | None) -> dict[str, str]:
        window = offer["windows"][0]
        start, end = (datetime.fromisoformat(window[name]) for name in ("start", "end"))
        start = max(start, self.now)
        return {"start": start.isoformat(), "end": (min(end, start + _hours(hours)) if hours else end).isoformat()}

    @precondition(lambda self: any(one.state == "requested" for one in self._all(Booking, Booking.id)))
    @rule(mine=st.booleans())
    def confirm(self, mine: bool) -> None:
        """The guest opens the newest link."""
        texts = [mail.text for mail in self._all(Mail, Mail.created) if mail.to == GUEST["email"]]
        links = [match.group(1) for text in texts for match in re.finditer(r"/confirm/(\S+)", text)]
        if links:
            guest = TestClient(self.world.app, base_url=URL, headers={"Origin": URL})
            answer = guest.post("/api/v1/requests/confirmation", json={"link": links[-1], "mine": mine})
            assert answer.status_code in (200, 404, 409, 429), answer.text
            if answer.status_code == 200:
                self.reads("guest", answer.text)

    @rule(data=st.data(), who=st.sampled_from([*TOKENS, *PEOPLE]), to=st.sampled_from(["accepted", "accepted", "declined", "cancelled", "withdrawn"]))  # fmt: skip
    def step(self, data: st.DataObject, who: str, to: str) -> None:
        bookings = [one.id for one in self._all(Booking, Booking.id)]
        if not bookings:
            return
        chosen = data.draw(st.sampled_from(bookings))
        answer = self.as_(who).post(f"/api/v1/bookings/{chosen}/state", json={"state": to})
        self.reads(who, answer.text)
        if who == "other":
            assert answer.status_code == 404, "a stranger learns that it is there"
        assert answer.status_code in (200, 403, 404, 409), answer.text

    @precondition(lambda self: self._waiting())
    @rule(data=st.data(), to=st.sampled_from(["accepted", "declined"]))
    def answer(self, data: st.DataObject, to: str) -> None:
        chosen = data.draw(st.sampled_from(self._waiting()))
        answer = self.as_(chosen.provider).post(f"/api/v1/bookings/{chosen.id}/state", json={"state": to})
        assert answer.status_code == 200, answer.text

    def _waiting(self) -> list[Booking]:
        return [one for one in self._all(Booking, Booking.id) if one.state in HELD and one.due > self.now]

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """What is booked is refused; the rest is taken back."""
        factory, name = data.draw(st.sampled_from(sorted(self.offers)))
        before = self.as_(factory).get(f"/api/v1/offers/{name}")
        answer = self.as_(factory).delete(f"/api/v1/offers/{name}")
        if before.status_code == 404:
            return
        assert answer.status_code == (409 if before.json()["status"] == "booked" else 204), before.text
        if answer.status_code == 204:
            assert self.as_(factory).get(f"/api/v1/offers/{name}").json()["status"] == "withdrawn"

    @rule(factory=st.sampled_from(FACTORIES))
    def kill_switch(self, factory: str) -> None:
        """As analytics does it: what is only asked for is taken back, and everything that is on offer."""
        client = self.as_(factory)
        for one in client.get("/api/v1/bookings", params={"state": "held"}).json()["bookings"]:
            answer = client.post(f"/api/v1/bookings/{one['id']}/state", json={"state": "withdrawn"})
            # The platform itself had not been there yet to end what nobody has answered in time.
            too_late = datetime.fromisoformat(one["due"]) <= self.world.present[0]
            assert answer.status_code == (409 if too_late else 200), answer.text
        for one in client.get("/api/v1/offers", params={"factory": factory}).json()["offers"]:
            assert client.delete(f"/api/v1/offers/{one['id']}").status_code == 204
        assert client.get("/api/v1/offers", params={"factory": factory}).json()["offers"] == []

    @rule(hours=st.sampled_from([0.5, 4, 20, 49]), notices=st.booleans())
    def pass_time(self, hours: float, notices: bool) -> None:
        self.world.present[0] += _hours(hours)
        if notices:
            self.tick()

    def tick(self) -> None:
        ScheduledJobs(self.world.context, self.world.app.state.machine_index, timedelta(0)).tick()

    def reads(self, who: str, text: str) -> None:
        """Until it has accepted a request of theirs, nobody but the hidden factory reads what leads to it."""
        if who in ("hal-9", "plan@hal-9.be"):
            return
        with self.world.context.sessions() as session:
            query = select(BookingEvent.id).join(Booking, Booking.id == BookingEvent.booking_id)
            query = query.where(Booking.provider == "hal-9", BookingEvent.state == "accepted")
            if (
                session.scalar(query.where(Booking.seeker == PEOPLE.get(who, who)).limit(1)) is not None
                or who == "guest"
            ):
                return
        for secret in SECRET.values():
            assert secret.casefold() not in text.casefold(), f"{who} reads {secret!r}: {text}"

    @precondition(lambda self: hasattr(self, "offers"))
    @invariant()
    def no_hour_is_had_twice(self) -> None:
        live = [one for one in self._all(Booking, Booking.start) if one.state in HELD | FIRM]
        by_machine: dict[str | None, list[Booking]] = {}
        for one in live:
            by_machine.setdefault(one.resource, []).append(one)
        for bookings in by_machine.values():
            assert all(a.free_again <= b.start for a, b in itertools.pairwise(bookings))

    @precondition(lambda self: hasattr(self, "offers"))
    @invariant()
    def an_offer_is_what_its_bookings_say(self) -> None:
        live = [one for one in self._all(Booking, Booking.id) if one.state in HELD | FIRM or one.hours_kept]
        for offer in self._all(Offer, Offer.id):
            over = {
                one.state
                for one in live
                if one.resource == f"{offer.factory}/{offer.machine}"
                and one.start < offer.end
                and offer.start < one.end
            }
            if offer.status != "withdrawn":
                expected = "booked" if over & FIRM else "held" if over else "open"
                assert offer.status == expected, (offer.own_id, offer.status, over)

    @precondition(lambda self: hasattr(self, "offers"))
    @invariant()
    def every_party_is_told_once(self) -> None:
        bookings = {one.id: one for one in self._all(Booking, Booking.start)}
        steps = self._steps(bookings)
        self.reached |= {state for _, state, _, _ in steps}
        hooks = Counter[Any]()
        for booking, state, _, _ in steps:
            hooks.update((party, state, booking.id) for party in (booking.provider, booking.seeker) if party in HOOKED)
        assert self._delivered() == hooks
        mails = Counter[Any]()
        for booking, state, party, first in steps:
            told = MAILED.get((state, party), set())
            if state == "cancelled" and any((one.id, was) == (booking.id, "accepted") for one, was, _, _ in steps):
                told = {"provider", "seeker"}
            for side in told if first else ():
                if self._reads_mail(booking, side):
                    mails[side, booking.id] += 1
        assert self._written() == mails

    def _steps(self, bookings: dict[str, Booking]) -> list[tuple[Booking, str, str, bool]]:
        """The steps that count, in order: booking, state, whose step, and whether an e-mail tells of it, which until a request is answered is one for
        all its parts."""
        steps, answered = [], set[str]()
        for event in self._all(BookingEvent, BookingEvent.id):
            booking = bookings[event.booking_id]
            if event.state == "requested" or booking.seeker is None:
                continue
            parts = [one for one in bookings.values() if one.request_id == booking.request_id is not None]
            first = booking.id in answered or not parts or parts[0] is booking
            if event.state == "accepted":
                answered.add(booking.id)
            steps.append((booking, event.state, event.party, first))
        return steps

    def _reads_mail(self, booking: Booking, side: str) -> bool:
        """A seeker's program reads none; a provider has not heard of what was gone when a guest confirmed it."""
        if side == "seeker":
            return booking.account_id is not None
        events = [one for one in self._all(BookingEvent, BookingEvent.id) if one.booking_id == booking.id]
        return any(event.state in HELD | FIRM for event in events)

    def _delivered(self) -> Counter[Any]:
        sent = Counter[Any]()
        for delivery in self._all(Delivery, Delivery.created):
            organisation, state = delivery.webhook_id.removeprefix("hook-"), delivery.kind.removeprefix("booking.")
            self.reads(organisation, str(delivery.data))
            sent[organisation, state, delivery.data["booking"]] += 1
        return sent

    def _written(self) -> Counter[Any]:
        written = Counter[Any]()
        for mail in self._all(Mail, Mail.created):
            self.reads(mail.to if mail.to in PEOPLE else "guest", mail.subject + mail.text)
            about = re.search(r"/bookings/([0-9a-f-]{36})", mail.text)
            if about is not None and not mail.subject.startswith("Herinnering"):  # of what time brings, not of a step
                written["provider" if mail.to.startswith("plan@") else "seeker", about.group(1)] += 1
        return written

    def nobody_learns_what_is_not_theirs(self) -> None:
        for who in ("anyone", "other", "new@newcomer.be", "an@start-up.be"):
            listed = self.as_(who).get("/api/v1/offers")
            self.reads(who, listed.text)
            if who in ("anyone", "other", "new@newcomer.be"):
                assert all(one["visibility"] == "public" for one in listed.json()["offers"])
        for booking in self._all(Booking, Booking.id):
            parties = {booking.provider, booking.seeker}
            for who, organisation in [*PEOPLE.items(), ("other", "other")]:
                answers = [
                    self.as_(who).get(f"/api/v1/bookings/{booking.id}{part}") for part in ("", "/messages", "/history")
                ]
                for answer in answers:
                    assert answer.status_code == (200 if organisation in parties else 404)
                    self.reads(who, answer.text)
                if organisation == booking.provider and booking.state not in FIRM:
                    assert answers[0].json()["email"] == "", "the address is told once it is agreed"

    def others_see_what_is_free(self) -> None:
        """What its factory reads of an offer, and whether anybody else finds it."""
        found = {one["id"] for one in self.as_("an@start-up.be").get("/api/v1/offers").json()["offers"]}
        for offer in self._all(Offer, Offer.id):
            own = self.as_(offer.factory).get(f"/api/v1/offers/{offer.own_id}").json()
            assert own["status"] == offer.status
            assert (offer.public_id in found) == (offer.status == "open" and offer.end > self.now)

    def _all(self, table: Any, order: Any) -> list[Any]:
        with self.world.context.sessions() as session:
            return list(session.scalars(select(table).order_by(order)))


@pytest.mark.long
def test_nothing_forbidden_happens_over_the_api(tmp_path: Path) -> None:
    """`VRIJLOOP_LAW_EXAMPLES` makes a campaign of it."""
    world, reached = make_world(tmp_path), set[str]()

    class Tried(Histories):
        pass

    Tried.world, Tried.reached = world, reached
    examples = int(os.environ.get("VRIJLOOP_LAW_EXAMPLES", "4"))
    quick = settings(
        max_examples=examples, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
    )
    for _ in range(ROUNDS):
        run_state_machine_as_test(Tried, settings=quick)
        if {"held", "accepted"} <= reached:
            break
    assert {"held", "accepted"} <= reached, "a law over nothing"
    world.context.sessions.kw["bind"].dispose()
