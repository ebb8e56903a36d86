"""A request between two parties: what they wrote, propose and say of it, as the styleguide shows it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

from sharing_platform.agreements.proposal_schemas import ProposalOut, QuoteLine, Unit, VatPercent
from sharing_platform.agreements.schemas import AttachmentOut, EntryOut
from sharing_platform.attachments.contents import Kind as FileKind
from sharing_platform.bookings.lifecycle import Party, ProposalState, State
from sharing_platform.bookings.schemas import BookingOut, PartOut, ReviewOut, ReviewsOut
from sharing_platform.i18n import Translator
from sharing_platform.styleguide.machine_samples import BEGIN

_START, _END = BEGIN + timedelta(hours=27), BEGIN + timedelta(hours=31)


def _booking(number: str, state: State, **more: object) -> BookingOut:
    known: dict[str, object] = {
        "id": number, "offer_id": "o1", "listing_id": None, "factory": "hal-2", "factory_name": "Hal 2", "machine": "mill-1", "title": "Freesbank DMU 50",
        "start": _START, "end": _END, "places": 1, "organisation": "Startup BV", "email": "", "address": "", "contacts": [], "state": state,
        "due": BEGIN + timedelta(hours=24), "cancel_until": BEGIN, "price": Decimal(240), "vat_percent": Decimal(21), "price_with_vat": Decimal("290.40"),
        "booked": BEGIN, "steps": [], "revision": 0, "hours_kept": False, "awaits_region": False, "parts": [],
    }  # fmt: skip
    return BookingOut.model_validate(known | more)


BOOKINGS = [
    _booking("held", State.HELD, steps=["accepted", "declined"]),
    _booking(
        "accepted", State.ACCEPTED,
        parts=[
            PartOut(id=str(number), start=_START + timedelta(days=number), end=_END + timedelta(days=number), state=State.ACCEPTED, price=Decimal(240))
            for number in range(2)
        ],
    ),
]  # fmt: skip
"""The first can be answered; the second has two parts."""


def _proposal(state: ProposalState, party: Party, lines: list[QuoteLine], **more: object) -> ProposalOut:
    known: dict[str, object] = {
        "id": state, "party": party, "person": None, "at": BEGIN + timedelta(hours=1), "start": _START, "end": _END, "price": Decimal(270),
        "vat_percent": Decimal(21), "vat": Decimal("56.70"), "total": Decimal("326.70"), "lines": lines, "taken_down": False,
        "valid_until": BEGIN + timedelta(hours=24), "state": state, "answered": None, "of_agreed": False, "answers": ["accepted", "declined"],
    }  # fmt: skip
    return ProposalOut.model_validate(known | more)


_LINES = [
    QuoteLine(text="Machine-uren", quantity=Decimal(4), unit=Unit.HOUR, unit_price=Decimal(60)),
    QuoteLine(text="Opspannen", quantity=Decimal(1), unit=Unit.FLAT, unit_price=Decimal(30)),
]
QUOTE = _proposal(ProposalState.OPEN, Party.PROVIDER, _LINES)
_OTHER_HOURS = _proposal(ProposalState.DECLINED, Party.SEEKER, [], start=_START + timedelta(hours=2), end=_END + timedelta(hours=2), price=Decimal(240), total=Decimal("290.40"))  # fmt: skip

_ENTRIES = [
    EntryOut(kind="step", at=BEGIN, party=Party.SEEKER, person="An Peeters", state=State.HELD),
    EntryOut(
        kind="message", at=BEGIN, party=Party.SEEKER, person="An Peeters", id="1", text="Hebt u een spanplaat?", quantity=40,
        attachments=[AttachmentOut(id="1", name="beugel.step", kind=FileKind.STEP, size=182_000, available=True, taken_down=False), AttachmentOut(id="2", name="oud.pdf", kind=FileKind.PDF, size=1000, available=False, taken_down=False)],
    ),
    EntryOut(kind="message", at=BEGIN + timedelta(minutes=40), party=Party.PROVIDER, person=None, id="2", text="Ja, 400 × 300."),
    EntryOut(kind="proposal", at=BEGIN + timedelta(minutes=50), party=Party.SEEKER, person="An Peeters", proposal=_OTHER_HOURS),
    EntryOut(kind="proposal", at=BEGIN + timedelta(hours=1), party=Party.PROVIDER, person=None, proposal=QUOTE),
]  # fmt: skip


def agreement_samples(t: Translator) -> dict[str, Any]:
    """As the seeker sees it; the forms, as the factory does."""
    reviews = ReviewsOut(
        choices=["as_agreed", "not_free", "otherwise"],
        own=None,
        other=ReviewOut(verdict="as_agreed", text="Proper achtergelaten."),
    )
    return {
        "bookings": BOOKINGS, "booking": BOOKINGS[0], "proposal": QUOTE, "thread": [(t.written_day(BEGIN), _ENTRIES)], "units": list(Unit),
        "vat_rates": get_args(VatPercent), "reviews": reviews, "states_of_bookings": list(State),
    }  # fmt: skip
