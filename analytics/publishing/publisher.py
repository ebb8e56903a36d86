"""Brings what should be offered to the sharing platform, however long that is away."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analytics.policy.policy import QUARTER, Policy
from analytics.policy.prices import price_per_hour
from analytics.policy.slot import Slot
from analytics.policy.vetoes import without_vetoed
from analytics.publishing.bookings_at_risk import Alert
from analytics.publishing.platform_client import (
    Booking,
    MachineCard,
    OfferTakenError,
    SharingPlatform,
    Terms,
)
from analytics.publishing.publications import Publications
from analytics.publishing.reconcile import Offer, reconcile
from analytics.publishing.state import PublisherState
from telemetry import Clock, rfc3339

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a delivery did; `taken`: offers that should go but are booked or being negotiated."""

    put: int = 0
    withdrawn: int = 0
    taken: tuple[Alert, ...] = ()


class Publisher:
    """`want` decides, durably; `deliver` makes it so, and may be repeated. Calls come from several threads."""

    def __init__(
        self,
        platform: SharingPlatform,
        state: PublisherState,
        publications: Publications,
        policy: Policy,
        clock: Clock,
        machines: Callable[[], Sequence[str]],
    ) -> None:
        """`machines`: the factory's own, asked when a public name comes back that is not known yet."""
        self._platform = platform
        self._state = state
        self._publications = publications
        self._policy = policy
        self._clock = clock
        self._delivering = threading.Lock()
        self._salt = state.salt()
        self._machines = machines
        self._names: dict[str, str] = {}

    @property
    def pending(self) -> bool:
        """Whether the platform does not yet show what should be offered."""
        return self._state.pending

    def refresh_bookings(self) -> tuple[Booking, ...]:
        """Ask the platform, and keep the answer. Raises PlatformUnavailableError."""
        found = tuple(
            replace(one, machine=self._machine(one.machine)) for one in self._platform.bookings(self._policy.factory)
        )
        if set(found) != set(self._state.bookings()):
            self._state.set_bookings(found)
        return found

    def want(self, slots: Sequence[Slot]) -> None:
        now = self._clock.now()
        self._state.want(self._allowed(slots, now), now)

    def deliver(self) -> Delivery:
        """Compare with what stands on the platform, and change that. Raises PlatformUnavailableError: what was wanted stays
        wanted, and nothing is done twice, because what stands there is always looked at first."""
        with self._delivering:
            wanted = self._state.wanted()
            if wanted is None:
                return Delivery()
            now, factory = self._clock.now(), self._policy.factory
            slots = self._fresh(self._allowed(wanted.slots, now), now)
            standing = [_renamed(one, self._machine(one.slot.machine)) for one in self._platform.offers(factory)]
            changes = reconcile(factory, standing, slots)
            held = {one.id: one.slot for one in standing}
            gone = set(changes.withdraw)
            self._publications.ensure([one for one in standing if one.id not in gone], now)
            withdrawn, taken = 0, []
            for offer_id in changes.withdraw:
                slot = held[offer_id]
                try:
                    self._platform.withdraw(offer_id)
                except OfferTakenError:
                    taken.append(_taken_alert(offer_id, slot))
                    continue
                # A promise that was withdrawn in time is no promise; one whose notice has run out still counts.
                ids = {"offer": offer_id, "machine": slot.machine}
                _log.debug("Withdrawn: %s to %s.", rfc3339(slot.start), rfc3339(slot.end), extra=ids)
                self._publications.withdraw(offer_id, now + self._policy.for_machine(slot.machine).notice)
                withdrawn += 1
            put = 0
            for offer in changes.put:
                machine = offer.slot.machine
                try:
                    self._platform.put_offer(factory, _renamed(offer, self._public(machine)), self._terms(offer.slot))
                except OfferTakenError:
                    continue
                ids = {"offer": offer.id, "machine": machine}
                span = (rfc3339(offer.slot.start), rfc3339(offer.slot.end))
                _log.debug("Offered: %s to %s, %.3f.", *span, offer.slot.probability, extra=ids)
                self._publications.published(offer, now, now + self._policy.for_machine(machine).notice)
                put += 1
            self._state.mark_delivered(wanted)
            return Delivery(put, withdrawn, tuple(taken))

    def cancel_requests(self, bookings: Iterable[Booking]) -> None:
        """End requests that wait for the factory's answer. Raises PlatformUnavailableError."""
        for one in bookings:
            self._platform.cancel_request(one.id)

    def show(self, card: MachineCard) -> None:
        """Put a machine's card, under the name that may be known. Raises PlatformUnavailableError."""
        own = self._policy.for_machine(card.machine)
        if own.anonymous:
            card = replace(card, machine=self._public(card.machine), title=own.process or "machine")
        self._platform.put_machine(self._policy.factory, card)

    def _allowed(self, slots: Sequence[Slot], now: datetime) -> tuple[Slot, ...]:
        """What neither the kill switch nor a veto forbids."""
        return () if self._state.kill_switch else without_vetoed(slots, self._state.vetoes(now))

    def _fresh(self, slots: Sequence[Slot], now: datetime) -> tuple[Slot, ...]:
        """What of it can still be kept, should it have waited: what has begun, or begins within the notice, is cut."""
        left = []
        for slot in slots:
            own = self._policy.for_machine(slot.machine)
            earliest = now + own.notice
            late = -(-(earliest - slot.start) // QUARTER) if slot.start < earliest - QUARTER else 0
            start = slot.start + max(0, late) * QUARTER
            if slot.end - start >= own.minimum_slot:
                left.append(replace(slot, start=start))
        return tuple(left)

    def _terms(self, slot: Slot) -> Terms:
        own = self._policy.for_machine(slot.machine)
        per_hour = price_per_hour(own.price, slot.start, slot.end, self._policy.zone) if own.price else None
        visibility, partners = (own.visibility, ()) if isinstance(own.visibility, str) else ("partners", own.visibility)
        minimum = own.price.minimum if own.price else None
        return Terms(
            own.operator,
            per_hour,
            minimum,
            visibility,
            partners,
            own.booking_mode,
            own.minimum_slot if own.parts else None,
            own.buffer_before + own.buffer_after,
        )

    def _public(self, machine: str) -> str:
        if not self._policy.for_machine(machine).anonymous:
            return machine
        digest = hmac.new(self._salt, machine.encode(), hashlib.sha256).hexdigest()[:10]
        return f"machine-{digest}"

    def _machine(self, public: str) -> str:
        if public not in self._names:
            self._names = {self._public(one): one for one in self._machines()}
        return self._names.get(public, public)


def _renamed(offer: Offer, machine: str) -> Offer:
    return replace(offer, slot=replace(offer.slot, machine=machine))


def _taken_alert(offer_id: str, slot: Slot) -> Alert:
    sentence = (
        f"{slot.machine}: the hours from {rfc3339(slot.start)} to {rfc3339(slot.end)} are booked or being negotiated, "
        "and the machine is no longer expected to be free then."
    )
    return Alert("no_longer_free", slot.machine, offer_id, sentence)
