"""Notifies the parties of each step of a booking, by e-mail and webhook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.bookings.alternatives import alternatives
from sharing_platform.bookings.lifecycle import LIVE, PENDING, Party, State
from sharing_platform.bookings.models import Booking
from sharing_platform.bookings.transitions import history, spans_of
from sharing_platform.i18n import Span, Translator
from sharing_platform.machines.anonymity import public_title
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import APPROVED, Role

_WHO_ANSWERS = (Role.OWNER, Role.PLANNER)
_LOST = frozenset({State.DECLINED, State.EXPIRED, State.WITHDRAWN, State.CANCELLED})


@dataclass(frozen=True)
class BookingNotifier:
    """`url`: the platform's public address, for links in e-mails."""

    url: str
    zone: str

    def __call__(self, session: Session, booking: Booking, state: State, party: Party, now: datetime) -> None:
        """In the transaction of the step. What was never confirmed has never reached the provider, so its end does not either."""
        if booking.seeker is None:
            return
        self._by_webhook(session, booking, state, now)
        parts = spans_of(session, booking) if _is_of_all_parts(session, booking) else []
        if parts and (booking.start, booking.end) != parts[0]:
            return  # one mail for all parts
        values: dict[str, object] = {
            "title": booking.title,
            "when": Span(booking.start, booking.end, booking.listing_id is not None),
            "seeker": booking.organisation,
            "link": f"{self.url}/bookings/{booking.id}",
            "due": booking.due,
        }
        # A party is not notified of its own step, except of withdrawals, which the factory's server makes.
        others_step = party is not Party.PROVIDER and state in {State.ACCEPTED, *_LOST}
        if (others_step or state in (State.HELD, State.WITHDRAWN)) and _was_told(session, booking):
            for planner in members_with_roles(session, booking.provider, _WHO_ANSWERS):
                queue_mail(session, planner, f"provider_{state}", self.zone, now, parts, **values)
        account = session.get(Account, booking.account_id) if booking.account_id else None
        if state is State.COMPLETED:
            for planner in members_with_roles(session, booking.provider, _WHO_ANSWERS):
                queue_mail(session, planner, "provider_completed", self.zone, now, (), **values)
        if account is None or state is State.IN_USE or party is Party.SEEKER:
            return
        values["title"] = booking.title_for(Party.SEEKER)
        if state is State.ACCEPTED:
            provider = session.get(Organisation, booking.provider)
            values["factory"] = provider.name if provider is not None else booking.provider
        if state in _LOST:
            values["alternatives"] = self._alternatives(session, booking, account, now)
        told = "booked" if state is State.ACCEPTED and party is Party.PLATFORM else state
        queue_mail(session, account, f"seeker_{told}", self.zone, now, parts, **values)

    def tell_of_review(self, session: Session, booking: Booking, party: Party, now: datetime) -> None:
        """Of what stands against the other party: the machine was not free, or nobody came."""
        values: dict[str, object] = {
            "title": booking.title_for(Party.SEEKER if party is Party.PROVIDER else Party.PROVIDER),
            "when": Span(booking.start, booking.end, booking.listing_id is not None),
            "seeker": booking.organisation,
            "link": f"{self.url}/bookings/{booking.id}#review",
        }
        if party is Party.SEEKER:
            for planner in members_with_roles(session, booking.provider, _WHO_ANSWERS):
                queue_mail(session, planner, "not_free", self.zone, now, (), **values)
            return
        account = session.get(Account, booking.account_id) if booking.account_id else None
        if account is not None:
            queue_mail(session, account, "no_show", self.zone, now, (), **values)

    def _alternatives(self, session: Session, booking: Booking, account: Account, now: datetime) -> str:
        """One a line: machine, hours, address; as far as the seeker may know it."""
        offer = session.get(Offer, booking.offer_id) if booking.offer_id else None
        if offer is None:
            return f"{self.url}/"
        seeker = session.get(Organisation, booking.seeker) if booking.seeker else None
        viewer = seeker.id if seeker is not None and seeker.status == APPROVED else None
        t = Translator(account.language, self.zone)
        lines = [
            f"{_title_of(session, one.offer)}, {t.period(one.start, one.end)}: {self.url}{one.path}"
            for one in alternatives(session, offer, now, viewer, booking.seeker)
        ]
        return "\n".join(lines) or f"{self.url}/"

    @staticmethod
    def _by_webhook(session: Session, booking: Booking, state: State, now: datetime) -> None:
        data = {
            "booking": booking.id,
            "state": state,
            "machine": booking.machine,
            "listing": booking.listing_id,
            "start": booking.start.isoformat(),
            "end": booking.end.isoformat(),
            "request": booking.request_id,
        }
        webhooks.queue_event(session, (booking.provider,), f"booking.{state}", data, now)
        data["machine"] = booking.alias or booking.machine
        webhooks.queue_event(session, (booking.seeker,), f"booking.{state}", data, now)


def _title_of(session: Session, offer: Offer) -> str:
    """As anybody may know it."""
    if offer.alias is not None:
        return public_title(offer.alias)
    machine = session.get(Machine, (offer.factory, offer.machine))
    return machine.title if machine is not None else offer.machine


def _is_of_all_parts(session: Session, booking: Booking) -> bool:
    """Whether the newest step is one of all parts of the request: what is agreed goes on by itself, part by part."""
    *_, before, _ = history(session, booking)
    return before.state in PENDING


def _was_told(session: Session, booking: Booking) -> bool:
    """Whether the provider has heard of the request: not of one whose hours were gone when it was confirmed."""
    return any(event.state in LIVE for event in history(session, booking))
