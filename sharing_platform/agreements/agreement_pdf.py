"""What the parties of a booking have agreed, as a document for both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from sharing_platform.agreements.thread import quote_lines
from sharing_platform.bookings.amounts import vat_of
from sharing_platform.bookings.contacts import contact_of
from sharing_platform.bookings.lifecycle import AGREED, Party, ProposalState
from sharing_platform.bookings.models import Booking, Proposal
from sharing_platform.bookings.places import address_of
from sharing_platform.bookings.proposals import agreed_at, proposals_of
from sharing_platform.bookings.transitions import parts_of
from sharing_platform.errors import NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.organisations.models import Organisation

if TYPE_CHECKING:
    from sharing_platform.agreements.pdf import Document


def number_of(booking: Booking) -> str:
    """The same for both parties, and for all parts of a request: what bookkeeping and messages call it."""
    return f"VL-{booking.booked:%Y}-{(booking.request_id or booking.id)[:8].upper()}"


def agreement_pdf(session: Session, booking: Booking, t: Translator, now: datetime) -> bytes:
    """Raises NotFoundError for what is not agreed."""
    from sharing_platform.agreements.pdf import Document  # a sixth of the platform's start, for who asks for a document

    if booking.state not in AGREED:
        raise NotFoundError
    parts = [part for part in parts_of(session, booking) if part.state in AGREED]
    number = number_of(booking)
    since = {part.id: agreed_at(session, part) for part in parts}
    agreed, version = max(since.values()), 1 + sum(part.revision for part in parts)
    document = Document(f"{t('agreement')} {number}", t.language, now, t("document_made", moment=t.moment(now)))
    document.heading(t("agreement"))
    document.facts(
        [
            (t("agreement_number"), number),
            (t("agreement_date"), f"{t.written_day(agreed)}, {t.hour(agreed)}"),
            *([(t("agreement_version"), t("agreement_version_text", number=version))] if version > 1 else []),
        ]
    )
    for side, title in ((Party.PROVIDER, t("agreement_provider")), (Party.SEEKER, t("agreement_seeker"))):
        document.section(title)
        document.facts(_party(session, booking, side, t))
    document.section(t("agreement_what"))
    document.facts(_subject(session, booking, parts, t))
    document.section(t("price"))
    _price(document, session, booking, parts, t)
    document.section(t("rules"))
    for part in parts:
        could = part.cancel_until > since[part.id]
        key = "agreement_cancel" if could else "agreement_no_cancel"
        document.paragraph(t(key, hours=t.moment(part.start), moment=t.moment(part.cancel_until)))
    document.paragraph(t("agreement_terms"))
    document.paragraph(t("agreement_invoice"), soft=True)
    return document.content()


def _party(session: Session, booking: Booking, side: Party, t: Translator) -> Iterator[tuple[str, str]]:
    organisation = session.get(Organisation, booking.provider if side is Party.PROVIDER else booking.seeker)
    contact = contact_of(session, booking, side)
    yield t("organisation"), contact.organisation if contact is not None else ""
    if organisation is not None and organisation.identifier and organisation.enterprise_number:
        yield t("enterprise_number"), organisation.enterprise_number
    if organisation is not None and organisation.vat:
        yield t("vat_number"), organisation.vat
    if organisation is not None and organisation.address:
        yield t("address"), organisation.address
    if contact is not None and contact.email:
        yield t("contact"), ", ".join(one for one in (contact.name, contact.email) if one)


def _subject(session: Session, booking: Booking, parts: list[Booking], t: Translator) -> Iterator[tuple[str, str]]:
    yield t("machine") if booking.machine is not None else t("agreement_thing"), booking.title
    if booking.places > 1:
        yield t("places"), str(booking.places)
    address = address_of(session, booking)
    if address:
        yield t("agreement_where"), address
    for part in parts:
        hours = t.days(part.start, part.end) if part.listing_id else t.period(part.start, part.end)
        yield t("agreement_when"), f"{hours} ({t.duration(part.end - part.start)})" if part.machine else hours


def _price(document: Document, session: Session, booking: Booking, parts: list[Booking], t: Translator) -> None:
    prices = [part.price for part in parts]
    if None in prices:
        document.paragraph(t("price_agree"))
        return
    net, percent = sum((price for price in prices if price is not None), Decimal(0)), booking.vat_percent
    vat = vat_of(net, percent)
    accepted = [one for one in proposals_of(session, booking) if one.state == ProposalState.ACCEPTED]
    head = (t("quote_text"), t("quote_quantity"), t("quote_unit_price"), t("quote_amount"))
    sums = [
        (t("quote_total"), "", "", t.euros(net)),
        (t("quote_vat", percent=t.plain(float(percent))), "", "", t.euros(vat)),
        (t("quote_total_vat"), "", "", t.euros(net + vat)),
    ]
    lines = _quoted(accepted[-1], net, t) if accepted else []
    if not lines:
        lines = [
            (
                t.days(part.start, part.end) if part.listing_id else t.period(part.start, part.end),
                t.duration(part.end - part.start) if part.machine else "",
                "",
                t.euros(part.price or Decimal(0)),
            )
            for part in parts
        ]
    document.amounts(head, [*lines, *sums], (5, 2, 2, 2), 1, strong=1)


def _quoted(proposal: Proposal, net: Decimal, t: Translator) -> list[tuple[str, str, str, str]]:
    """The lines of the quote; none where parts of it were cancelled meanwhile, so that they no longer add up."""
    if proposal.price != net:
        return []
    lines = quote_lines(proposal, own=False)  # both have the same document
    return [
        (line.text, f"{t.plain(float(line.quantity))} {t(f'quote_unit_{line.unit}')}".strip(), t.euros(line.unit_price), t.euros(line.total))
        for line in lines
    ]  # fmt: skip
