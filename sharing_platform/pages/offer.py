"""One offer, and asking for it; a machine."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from sharing_platform import offers
from sharing_platform.api.offers import machine_out
from sharing_platform.booking import asking
from sharing_platform.booking.messages import AskIn
from sharing_platform.context import address_of
from sharing_platform.database import reading
from sharing_platform.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PlatformError,
    TakenError,
)
from sharing_platform.finding import search
from sharing_platform.finding.messages import MachineOut
from sharing_platform.finding.tables import BOOKED, HELD, OPEN, Machine, Offer
from sharing_platform.finding.wish import MachineDetails, Wish
from sharing_platform.pages.search import listing_page
from sharing_platform.pages.shown import Filled, Form, Showing, Shown, language_of, lines, number, parsed
from sharing_platform.people.access import Right, require
from sharing_platform.people.audit import log

router = APIRouter(include_in_schema=False)


@router.get("/offers/{offer_id}")
def get_offer(offer_id: str, show: Showing) -> HTMLResponse:
    offer, machine = _offer_and_machine(show, offer_id)
    if offer is None:
        return listing_page(show, "offers.html", 404, notice="missing")
    if offer.status != OPEN or offer.end <= show.now:
        return listing_page(show, "offers.html", 409 if offer.status in (BOOKED, HELD) else 404, notice="taken")
    return show.page("offer.html", offer=offer, machine=machine, markup=markup_of(show, offer, machine))


@router.post("/offers/{offer_id}")
def post_offer(offer_id: str, show: Showing, form: Filled) -> Response:
    offer, machine = _offer_and_machine(show, offer_id)
    if offer is None:
        return listing_page(show, "offers.html", 404, notice="missing")
    values = {"offer": offer, "machine": machine, "markup": None}
    wanted, problems = ask_of(show, form)
    if wanted is None:
        return show.again("offer.html", None, form, problems, **values)
    try:
        booking = asking.ask(
            show.context, show.actor, show.person, wanted, offer_id=offer_id, address=address_of(show.request)
        )
    except (TakenError, NotFoundError) as error:
        return listing_page(show, "offers.html", error.status, notice="taken")
    except (InvalidError, ConflictError) as error:
        return show.again("offer.html", error, form, {}, **values)
    if show.actor is None:
        return show.page("asked.html", booking=booking, email=form.get("email", ""))
    return show.to(f"/bookings/{booking.id}", "asked")


def ask_of(show: Shown, form: Form) -> tuple[AskIn | None, dict[str, str]]:
    """The request that a form makes, or the fields that are wrong. Times are the region's."""
    problems: dict[str, str] = {}
    fields: dict[str, Any] = {"message": form.get("message", ""), "places": form.get("places") or 1}
    for name in ("start", "end"):
        if form.get(name):
            try:
                fields[name] = datetime.fromisoformat(form[name]).replace(tzinfo=ZoneInfo(show.context.zone))
            except ValueError:
                problems[name] = "field"
    if show.actor is None:
        who = {name: form.get(name, "") for name in ("organisation", "name", "email")}
        fields["guest"] = {**who, "language": language_of(show.request)}
    try:
        wanted = AskIn.model_validate(fields)
    except ValidationError as error:
        problems |= {str(one["loc"][-1] if one["loc"] else "start"): "field" for one in error.errors()}
        return None, problems
    return (None, problems) if problems else (wanted, {})


@router.get("/machines/{factory}/{machine}")
def get_machine(factory: str, machine: str, show: Showing) -> HTMLResponse:
    viewer = show.organisation
    with reading(show.context.sessions) as session:
        shown = machine_out(show.context, session, factory, machine, viewer)
        wish = Wish(factory=factory, machine=machine)
        page = search.find(
            session, show.context.catalogue, search.ready(wish), show.now, show.context.zone, show.viewer, 50
        )
    return show.page("machine.html", machine=shown, found=page.found)


@router.get("/machines/{factory}/{machine}/edit")
def get_machine_form(factory: str, machine: str, show: Showing) -> HTMLResponse:
    details = _own_details(show, factory, machine)
    return show.page("machine_edit.html", factory=factory, machine=machine, given=_as_form(details))


@router.post("/machines/{factory}/{machine}/edit")
def post_machine_form(factory: str, machine: str, show: Showing, form: Filled) -> Response:
    _own_details(show, factory, machine)
    fields: dict[str, Any] = {
        name: form.get(name) for name in ("make", "model", "description", "din_8580", "axes", "place", "address")
    }
    fields |= {name: number(form.get(name)) for name in ("tolerance_mm", "table_load_kg")}
    fields |= {name: lines(form.get(name)) for name in ("materials", "certificates", "processes")}
    sides = [number(form.get(name)) for name in ("x", "y", "z")]
    if any(sides):
        fields["envelope_mm"] = sides
    details, problems = parsed(MachineDetails, fields)
    if details is None:
        return show.again("machine_edit.html", None, form, problems, factory=factory, machine=machine)
    with show.context.sessions.begin() as session:
        offers.put_details(session, factory, machine, details)
        log(session, show.now, show.actor, "machine.described", f"{factory}/{machine}")
    show.context.hub.tell("machines")
    return show.to(f"/machines/{factory}/{machine}", "saved")


def _own_details(show: Shown, factory: str, machine: str) -> MachineDetails:
    """Raises NotFoundError for another's machine, NotAllowedError for a member who may not."""
    actor = require(show.actor, Right.OFFER)
    with reading(show.context.sessions) as session:
        known = session.get(Machine, (factory, machine))
        if known is None or factory != actor.organisation:
            raise NotFoundError
        return MachineDetails.model_validate(known.details)


def _as_form(details: MachineDetails) -> dict[str, str]:
    shown = {name: "" if value is None else str(value) for name, value in details.model_dump().items()}
    sides = details.envelope_mm or ("", "", "")
    shown |= {name: f"{side:g}" if side else "" for name, side in zip(("x", "y", "z"), sides, strict=True)}
    return shown | {name: "\n".join(getattr(details, name)) for name in ("materials", "certificates", "processes")}


def _offer_and_machine(show: Shown, offer_id: str) -> tuple[Offer | None, MachineOut | None]:
    with reading(show.context.sessions) as session:
        offer = session.get(Offer, offer_id)
        if offer is None or not offers.visible_to(offer, show.viewer):
            return None, None
        try:
            viewer = show.organisation
            return offer, machine_out(show.context, session, offer.factory, offer.machine, viewer)
        except PlatformError:
            return offer, None


def markup_of(show: Shown, offer: Offer, machine: MachineOut | None) -> str | None:
    """schema.org/Offer, for what anybody may see. No `<` gets out: it could end the script."""
    if offer.visibility != "public":
        return None
    item: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Offer",
        "url": f"{show.context.url}/offers/{offer.id}",
        "availability": "https://schema.org/InStock",
        "availabilityStarts": offer.start.isoformat(),
        "availabilityEnds": offer.end.isoformat(),
        "businessFunction": "http://purl.org/goodrelations/v1#LeaseOut",
        "eligibleDuration": {
            "@type": "QuantitativeValue", "value": round(offer.length_s / 3600, 2), "unitCode": "HUR"
        },
        "itemOffered": {"@type": "Service", "name": machine.title if machine else offer.machine},
        "seller": {"@type": "Organization", "name": machine.factory_name if machine else offer.factory},
    }  # fmt: skip
    if offer.price_per_hour is not None:
        item["priceSpecification"] = {
            "@type": "UnitPriceSpecification", "price": str(offer.price_per_hour), "priceCurrency": "EUR",
            "unitCode": "HUR", "valueAddedTaxIncluded": False,
        }  # fmt: skip
    return json.dumps(item, ensure_ascii=False).replace("<", "\\u003c")
