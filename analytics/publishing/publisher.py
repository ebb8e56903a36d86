"""Delivers what should be offered to the sharing platform, and catches up after the platform was unavailable."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analytics.policy.policy import QUARTER, Policy
from analytics.policy.prices import timed_prices
from analytics.policy.slot import Slot, without
from analytics.policy.vetoes import without_vetoed
from analytics.publishing.alerts import Alert
from analytics.publishing.platform_client import (
    Booking,
    MachineCard,
    OfferTakenError,
    SharingPlatform,
    Terms,
)
from analytics.publishing.publications import Publications
from analytics.publishing.reconcile import reconcile
from analytics.publishing.state import PublisherState
from telemetry import Clock, rfc3339

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Result of a delivery. `taken`: alerts for offers that should be withdrawn but are booked or being negotiated."""

    put: int = 0
    withdrawn: int = 0
    taken: tuple[Alert, ...] = ()


class Publisher:
    """`set_wanted` stores what should be offered; `deliver` makes the platform show it, and may be repeated.
    Thread-safe."""

    def __init__(
        self,
        platform: SharingPlatform | None,
        state: PublisherState,
        publications: Publications,
        policy: Policy,
        clock: Clock,
        machines: Callable[[], Sequence[str]],
    ) -> None:
        """`platform`: None where the factory only looks at its hours, and offers none. `machines`: returns the factory's machines; called when a booking
        names a machine that is not known yet."""
        self._platform = platform
        self._state = state
        self._publications = publications
        self._policy = policy
        self._clock = clock
        self._delivering = threading.Lock()
        self._salt = state.salt()
        self._machines = machines
        self._names: dict[str, str] = {}

    def use_policy(self, policy: Policy) -> None:
        """Go by another policy, after the delivery that is under way."""
        with self._delivering:
            self._policy = policy

    @property
    def has_platform(self) -> bool:
        return self._platform is not None

    @property
    def pending(self) -> bool:
        """Whether the platform does not yet show what should be offered."""
        return self._state.pending

    def refresh_bookings(self) -> tuple[Booking, ...]:
        """Get the bookings from the platform and store them; without a platform those that are stored still hold. Raises PlatformUnavailableError."""
        if self._platform is None:
            return self._state.bookings()
        found = tuple(
            replace(booking, machine=self._machine_named(booking.machine))
            for booking in self._platform.bookings(self._policy.factory)
        )
        if set(found) != set(self._state.bookings()):
            self._state.set_bookings(found)
        return found

    def set_wanted(self, slots: Sequence[Slot]) -> None:
        now = self._clock.now()
        self._state.set_wanted(self._permitted(slots, now), now)

    def deliver(self) -> Delivery:
        """Compare what should be offered with what stands on the platform, and change the difference. Raises
        PlatformUnavailableError. Safe to repeat, because each delivery begins by reading the platform's offers."""
        with self._delivering:
            wanted = self._state.wanted()
            if wanted is None:
                return Delivery()
            if self._platform is None:
                self._state.mark_delivered(wanted)
                return Delivery()
            now, factory = self._clock.now(), self._policy.factory
            slots = self._still_offerable(self._permitted(wanted.slots, now), now)
            standing = self._platform.offers(factory)
            changes = reconcile(factory, standing, slots, {booking.machine for booking in self._state.bookings()})
            slots_by_id = {offer.id: offer.slot for offer in standing}
            gone = set(changes.withdraw)
            self._publications.record_missing([offer for offer in standing if offer.id not in gone], now)
            withdrawn, taken = 0, []
            for offer_id in changes.withdraw:
                slot = slots_by_id[offer_id]
                try:
                    self._platform.withdraw(offer_id)
                except OfferTakenError:
                    taken.append(_taken_alert(offer_id, slot))
                    continue
                # An offer withdrawn in time does not count as a promise; one whose notice period has begun still does.
                ids = {"offer": offer_id, "machine": slot.machine}
                _log.debug("Withdrawn: %s to %s.", rfc3339(slot.start), rfc3339(slot.end), extra=ids)
                self._publications.withdraw(offer_id, now + self._policy.for_machine(slot.machine).notice)
                withdrawn += 1
            put = 0
            for offer in changes.put:
                machine = offer.slot.machine
                try:
                    self._platform.put_offer(factory, offer, self._terms(offer.slot))
                except OfferTakenError:
                    continue
                ids = {"offer": offer.id, "machine": machine}
                span = (rfc3339(offer.slot.start), rfc3339(offer.slot.end))
                _log.debug("Offered: %s to %s, %.3f.", *span, offer.slot.probability, extra=ids)
                self._publications.record(offer, now, now + self._policy.for_machine(machine).notice)
                put += 1
            self._state.mark_delivered(wanted)
            return Delivery(put, withdrawn, tuple(taken))

    def cancel_requests(self, bookings: Iterable[Booking]) -> None:
        """Cancel requests that wait for the factory's answer. Raises PlatformUnavailableError."""
        if self._platform is not None:
            for booking in bookings:
                self._platform.cancel_request(booking.id)

    def put_machine_card(self, card: MachineCard) -> None:
        """Put a machine's card. Raises PlatformUnavailableError."""
        if self._platform is not None:
            self._platform.put_machine(self._policy.factory, card)

    def _permitted(self, slots: Sequence[Slot], now: datetime) -> tuple[Slot, ...]:
        """What of the slots neither the kill switch nor a veto forbids; nothing without a platform."""
        return (
            ()
            if self._state.kill_switch or not self.has_platform
            else without_vetoed(slots, self._state.vetoes(now), self._policy)
        )

    def _still_offerable(self, slots: Sequence[Slot], now: datetime) -> tuple[Slot, ...]:
        """What of the slots can still be kept if delivery was delayed: the time before the end of the notice period is cut off."""
        left: list[Slot] = []
        for slot in slots:
            rules = self._policy.for_machine(slot.machine)
            earliest = now + rules.notice
            # A round and its delivery take a while, which is no reason to cut.
            late = max(0, -(-(earliest - slot.start) // QUARTER)) if slot.start < earliest - QUARTER else 0
            left += without(slot, [(slot.start, slot.start + late * QUARTER)] if late else [], rules.minimum_slot)
        return tuple(left)

    def _terms(self, slot: Slot) -> Terms:
        rules = self._policy.for_machine(slot.machine)
        prices = timed_prices(rules.price, slot.start, slot.end, self._policy.zone) if rules.price else ()
        visibility, partners = (
            (rules.visibility, ()) if isinstance(rules.visibility, str) else ("partners", rules.visibility)
        )
        minimum = rules.price.minimum if rules.price else None
        return Terms(
            rules.operator,
            rules.price.per_hour if rules.price else None,
            minimum,
            visibility,
            partners,
            rules.booking_mode,
            rules.minimum_slot if rules.parts else None,
            rules.maximum_slot if rules.parts else None,
            rules.buffer_before + rules.buffer_after,
            rules.anonymous,
            prices,
        )

    def _machine_named(self, booked: str) -> str:
        """The machine of a booking. Bookings of anonymous machines made before the platform kept their names to itself have an alias of the
        server's own."""
        if booked not in self._names:
            self._names = {self._former_alias(machine): machine for machine in self._machines()}
        return self._names.get(booked, booked)

    def _former_alias(self, machine: str) -> str:
        return f"machine-{hmac.new(self._salt, machine.encode(), hashlib.sha256).hexdigest()[:10]}"


def _taken_alert(offer_id: str, slot: Slot) -> Alert:
    return Alert("no_longer_free", slot.machine, offer_id, {"start": slot.start, "end": slot.end})
