"""Notifies the parties of each step of a booking, by e-mail and webhook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharing_platform.bookings.alternatives import alternatives
from sharing_platform.bookings.calendar_mail import calendar_entries
from sharing_platform.bookings.contacts import contact_of
from sharing_platform.bookings.lifecycle import LIVE, PENDING, Party, State
from sharing_platform.bookings.models import Booking
from sharing_platform.bookings.places import address_of
from sharing_platform.bookings.transitions import history, parts_of, seeker_awaits_region
from sharing_platform.i18n import Span, Translator
from sharing_platform.machines.anonymity import public_title
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.applications import administrators
from sharing_platform.organisations.directory import members_with_roles, names_of
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import ANSWERING, APPROVED

_LOST = frozenset({State.DECLINED, State.EXPIRED, State.WITHDRAWN, State.CANCELLED})


@dataclass(frozen=True)
class BookingNotifier:
    """`url`: the platform's public address, for links in e-mails; `sender`: whose they are."""

    url: str
    zone: str
    sender: str = "vrijloop@localhost"

    def __call__(self, session: Session, booking: Booking, state: State, party: Party, now: datetime) -> None:
        """In the transaction of the step. What was never confirmed has never reached the provider, so its end does not either."""
        if booking.seeker is None:
            return
        self._by_webhook(session, booking, state, now)
        parts = parts_of(session, booking) if _is_of_all_parts(session, booking) else [booking]
        if booking is not parts[0]:
            return  # one mail for all parts
        if state is State.HELD and seeker_awaits_region(session, booking):
            self._tell_region(session, booking, now)
        step = _Step(
            booking, parts, state, party, any(one.state == State.ACCEPTED for one in history(session, booking))
        )
        key = step.key_for_provider
        if key is not None and (party is Party.PROVIDER or _was_told(session, booking)):
            for planner in members_with_roles(session, booking.provider, ANSWERING):
                self._mail(session, planner, key, step, Party.PROVIDER, now)
        account = session.get(Account, booking.account_id) if booking.account_id else None
        if account is not None and (key := step.key_for_seeker) is not None:
            self._mail(session, account, key, step, Party.SEEKER, now)

    def _tell_region(self, session: Session, booking: Booking, now: datetime) -> None:
        """A request that can be accepted only once the region has said who its seeker is: it holds the hours for two days."""
        link = f"{self.url}/region/organisations/{booking.seeker}"
        for account in administrators(session):
            queue_mail(
                session, account, "awaits_region", self.zone, now, (), organisation=booking.organisation, due=booking.due, link=link
            )  # fmt: skip

    def _mail(self, session: Session, account: Account, key: str, step: _Step, to: Party, now: datetime) -> None:
        booking, names = step.booking, names_of(session, {step.booking.provider})
        words = Translator(account.language, self.zone)
        values: dict[str, object] = {
            "title": booking.title_for(to),
            "when": Span(booking.start, booking.end, booking.listing_id is not None),
            "seeker": booking.organisation,
            "link": f"{self.url}/bookings/{booking.id}",
            "due": booking.due,
        }
        if step.state is State.ACCEPTED:
            values["factory"] = names.get(booking.provider, booking.provider)
            values["contact"] = contact_line(session, booking, to, words)
        if to is Party.SEEKER and step.state in _LOST and step.party is not Party.SEEKER:
            values["alternatives"] = self._alternatives(session, booking, account, now)
        spans = [(part.start, part.end) for part in step.parts] if len(step.parts) > 1 else []
        mail = queue_mail(session, account, key, self.zone, now, spans, **values)
        if mail is not None and step.changes_calendars:
            places = {part.id: address_of(session, part) for part in step.parts}
            mail.calendars = calendar_entries(
                step.parts, step.state is State.CANCELLED, account.email, self.sender, words, self.url,
                to is Party.SEEKER, names, places, now,
            )  # fmt: skip

    def tell_of_change(self, session: Session, booking: Booking, party: Party, now: datetime) -> None:
        """Both sides, that a party has accepted other terms of what was agreed; with the calendar entry that replaces the one before."""
        data = {
            "booking": booking.id,
            "start": booking.start.isoformat(),
            "end": booking.end.isoformat(),
            "price": str(booking.price) if booking.price is not None else None,
            "revision": booking.revision,
        }
        webhooks.queue_event(session, (booking.provider, booking.seeker), "booking.changed", data, now)
        names = names_of(session, {booking.provider})
        account = session.get(Account, booking.account_id) if booking.account_id else None
        people = [(one, Party.PROVIDER) for one in members_with_roles(session, booking.provider, ANSWERING)]
        if account is not None and account.confirmed is not None:
            people.append((account, Party.SEEKER))
        for recipient, side in people:
            words = Translator(recipient.language, self.zone)
            mail = queue_mail(
                session, recipient, "changed_own" if side is party else "changed", self.zone, now,
                title=booking.title, when=Span(booking.start, booking.end, booking.listing_id is not None),
                price=words("price_agree") if booking.price is None else words("price_total", price=words.euros(booking.price)),
                writer=booking.organisation if party is Party.SEEKER else names.get(booking.provider, booking.provider),
                contact=contact_line(session, booking, side, words), link=f"{self.url}/bookings/{booking.id}",
            )  # fmt: skip
            if mail is not None:
                places = {booking.id: address_of(session, booking)}
                mail.calendars = calendar_entries(
                    [booking], False, recipient.email, self.sender, words, self.url, side is Party.SEEKER, names, places, now
                )  # fmt: skip

    def tell_of_review(self, session: Session, booking: Booking, party: Party, now: datetime) -> None:
        """Of what stands against the other party: the machine was not free, or nobody came."""
        values: dict[str, object] = {
            "title": booking.title_for(party.other),
            "when": Span(booking.start, booking.end, booking.listing_id is not None),
            "seeker": booking.organisation,
            "link": f"{self.url}/bookings/{booking.id}#review",
        }
        if party is Party.SEEKER:
            for planner in members_with_roles(session, booking.provider, ANSWERING):
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
            f"{_title_of(session, one.offer)}, {t.period(one.start, one.end)}{t.colon}{self.url}{one.path}"
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


@dataclass(frozen=True)
class _Step:
    """What happened, and to whom which e-mail tells of it. `parts`: all of those that it happened to, `booking` is the first; `agreed`: whether it is, or was, agreed."""

    booking: Booking
    parts: list[Booking]
    state: State
    party: Party
    agreed: bool

    @property
    def changes_calendars(self) -> bool:
        return self.state is State.ACCEPTED or (self.state is State.CANCELLED and self.agreed)

    @property
    def key_for_provider(self) -> str | None:
        """Of its own steps, it gets those that change its calendar, and withdrawals, which its server makes."""
        if self.party is Party.PROVIDER and self.state is not State.WITHDRAWN:
            return f"provider_{self.state}_own" if self.changes_calendars else None
        return f"provider_{self.state}" if self.state in {State.HELD, State.ACCEPTED, State.COMPLETED, *_LOST} else None

    @property
    def key_for_seeker(self) -> str | None:
        """Of its own steps, it gets those that change its calendar."""
        if self.party is Party.SEEKER:
            return f"seeker_{self.state}_own" if self.changes_calendars else None
        if self.state is State.IN_USE:
            return None
        return (
            "seeker_booked" if self.state is State.ACCEPTED and self.party is Party.PLATFORM else f"seeker_{self.state}"
        )


def contact_line(session: Session, booking: Booking, to: Party, words: Translator) -> str:
    """Whom to turn to on the other side."""
    contact = contact_of(session, booking, to.other)
    if contact is None or not contact.email:
        return words("contact_on_page")
    person = f"{contact.name}, {contact.email}" if contact.name else contact.email
    return words("contact_line", organisation=contact.organisation, person=person)


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
