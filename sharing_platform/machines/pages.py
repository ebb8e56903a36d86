"""Pages of one offer and of one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError
from sharing_platform.geography import distance_km
from sharing_platform.machines import service
from sharing_platform.machines.choices import Choice, FurtherChoice, choice_of, together
from sharing_platform.machines.index import IndexEntry, entry_of, entry_with_details, get_machine_index
from sharing_platform.machines.machine_results import free_by_day, machines_in_order
from sharing_platform.machines.markup import machine_markup, offer_markup
from sharing_platform.machines.models import OPEN, Machine, Offer
from sharing_platform.machines.offer_order import RankedOffer, known_first
from sharing_platform.machines.offer_search import find_offers, find_places, offers_at, other_offers
from sharing_platform.machines.offers import find_offer, visible_to
from sharing_platform.machines.schemas import MachineOut
from sharing_platform.machines.search_pages import ListInstead, page_or_list
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData, decimal_point, local_moment, split_lines, validate_form
from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import Degrees, prepare_criteria
from sharing_platform.search.vocabulary import process_name

router = APIRouter(include_in_schema=False)

_DAYS_IN_SIGHT = timedelta(days=3)
_HOURS_IN_SIGHT = 10
"""Of the calendar of a machine, on the lowest screens."""
_HOURS_SHOWN = 50
_WEEKS_SHOWN = 2
_SIMILAR_SHOWN = 4
_LISTED = ("materials", "certificates", "included", "processes")
"""Properties that people type one a line."""


@router.get("/offers/{offer_id}")
async def get_offer(offer_id: str, page: Page) -> Response:
    return await page_or_list(page, lambda: _offer(page, offer_id))


def _offer(page: PageRequest, offer_id: str) -> HTMLResponse | ListInstead:
    shown = shown_offer(page, offer_id)
    if shown is None:
        return ListInstead("missing")
    offer = shown.offer
    choice = choice_asked(page, offer, page.request.query_params)
    if offer.status != OPEN or choice is None:
        return ListInstead("taken", 409 if offer.status != OPEN else 404)
    chosen = chosen_of(page, offer, choice, page.request.query_params)
    markup = offer_markup(page.context.url, offer, shown.entry)
    return page.render("offer.html", offer=offer, machine=shown.machine, entry=shown.entry, markup=markup, **chosen)


@router.get("/offers/{offer_id}/choice")
def get_choice(offer_id: str, page: Page) -> HTMLResponse:
    """What of the page follows what is chosen: the choice, and what the button says."""
    shown, asked = shown_offer(page, offer_id), page.request.query_params
    choice = choice_asked(page, shown.offer, asked) if shown is not None else None
    if shown is None or shown.offer.status != OPEN or choice is None:
        raise NotFoundError
    chosen = chosen_of(page, shown.offer, choice, asked) | {"follows": True}
    return page.render("offer_choice.html", offer=shown.offer, **chosen)


def choice_asked(page: PageRequest, offer: Offer, fields: Mapping[str, str]) -> Choice | None:
    """The choice nearest to the `start` and `hours`, or the `day` and `hours`, of a form or an address; what cannot be read is not asked
    for."""
    start, length = start_and_length(fields, page.context.zone)
    earliest, _ = start_and_length({"start": fields.get("day", "")}, page.context.zone)
    return choice_of(offer, page.now, start, length, earliest)


def chosen_of(page: PageRequest, offer: Offer, choice: Choice, fields: Mapping[str, str]) -> dict[str, Any]:
    """What the pages show of all that is chosen: of this offer, and of others of the machine, whose fields end in their ids."""
    further = []
    with read_session(page.context.sessions) as session:
        for other in other_offers(session, offer, page.now, page.viewer):
            start, length = start_and_length(fields, page.context.zone, f"-{other.public_id}")
            of_other = choice_of(other, page.now, start, length or choice.end - choice.start)
            if of_other is not None:
                further.append(FurtherChoice(other, bool(fields.get(f"more-{other.public_id}")), of_other))
    at_once = page.actor is not None and page.actor.approved
    asked = [offer, *(one.offer for one in further if one.wanted)]
    return {
        "choice": choice,
        "further": further,
        "together": together(choice, further),
        "instant": at_once and all(one.booking == "instant" for one in asked),
        "follows": False,
        "goes_on": bool(fields.get("goes_on")),
    }


def start_and_length(
    fields: Mapping[str, str], zone: str, of_other: str = ""
) -> tuple[datetime | None, timedelta | None]:
    """The `start` and the `hours` of a form, None where they are missing or make no sense. Without an offset, `start` is local time. `of_other`: what
    the names of the fields end in."""
    start = length = None
    with suppress(ValueError, OverflowError):
        start = local_moment(fields.get(f"start{of_other}", ""), zone).astimezone(UTC)
    with suppress(ValueError, OverflowError):
        length = timedelta(hours=float(decimal_point(fields.get(f"hours{of_other}")) or ""))
    return start, length if length is not None and length > timedelta(0) else None


@router.get("/machines/{factory}/{machine}")
def get_machine(factory: str, machine: str, page: Page) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        index = get_machine_index(page.request)
        shown = service.machine_out(page.context, index, session, factory, machine, page.actor)
        return _machine_page(page, session, shown)


@router.get("/machines/{alias}")
def get_anonymous_machine(alias: str, page: Page) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        index = get_machine_index(page.request)
        shown = service.machine_with_alias(page.context, index, session, alias, page.actor)
        return _machine_page(page, session, shown)


def _machine_page(page: PageRequest, session: Session, shown: MachineOut) -> HTMLResponse:
    wish = prepare_criteria(Wish(factory=shown.factory, machine=shown.machine))
    index = get_machine_index(page.request)
    zone = page.context.zone
    found = find_offers(session, index, wish, page.now, zone, page.viewer, _HOURS_SHOWN).found
    today = page.now.astimezone(ZoneInfo(zone)).date()
    offers = [one.offer for one in found]
    weeks = [free_by_day(offers, today + timedelta(days=7 * week), zone) for week in range(_WEEKS_SHOWN)]
    about = _about(page, shown)
    return page.render(
        "machine.html",
        machine=shown,
        key=f"{shown.factory}/{shown.machine}" if shown.factory is not None else shown.machine,
        own=page.organisation is not None and page.organisation == shown.factory,
        found=found,
        weeks=weeks,
        conditions=_conditions(offers),
        around=found[0].entry.around if found else None,
        similar=_similar(page, session, shown, found[0].entry.document.at if found else None),
        markup=machine_markup(page.context.url, found[0].entry, offers, about) if found else None,
        first_free=_first_free(page, found[0]) if found else None,
        scroll_time=_scroll_time(page, found),
        about=about,
        first_picture=shown.pictures[0] if shown.pictures else None,
    )


def _about(page: PageRequest, shown: MachineOut) -> str:
    """What the machine is, in one line."""
    said = (
        process_name(shown.process, page.language) if shown.process else "",
        " ".join(one for one in (shown.details.make, shown.details.model) if one),
        shown.factory_name or page.translator("factory_not_said"),
        shown.details.place,
    )
    return " · ".join(one for one in said if one)


@dataclass(frozen=True)
class Conditions:
    """On which hours of a machine can be had."""

    operator: str
    booking: str
    cancellation_hours: int
    minimum_hours: float | None
    maximum_hours: float | None


def _conditions(offers: Sequence[Offer]) -> list[Conditions]:
    """Those of its offers, each once, the soonest first."""
    every = (
        Conditions(one.operator, one.booking, one.cancellation_hours, one.minimum_hours, one.maximum_hours)
        for one in offers
    )
    return list(dict.fromkeys(every))


def _first_free(page: PageRequest, one: RankedOffer) -> datetime:
    """Of an offer, where its free hours begin, whichever of its windows is the longest."""
    starts = [window.start for window in one.offer.free_windows(page.now)]
    return min(starts, default=one.window.start).astimezone(ZoneInfo(page.context.zone))


def _scroll_time(page: PageRequest, found: list[RankedOffer]) -> str:
    """The hour at which a calendar begins to be seen: an hour before the earliest free ones of the first days, but not so early that the first free hours are out of sight."""
    starts = [_first_free(page, one) for one in found]
    hours = [one.hour for one in starts if one < starts[0] + _DAYS_IN_SIGHT]
    return f"{max(0, min(hours) - 1, hours[0] - _HOURS_IN_SIGHT) if hours else 7:02}:00"


def _similar(page: PageRequest, session: Session, shown: MachineOut, place: Degrees | None) -> list[RankedOffer]:
    """Other machines of the same process with free hours: the nearest to `place` first, of those whose place nobody knows, and where it is not known itself, the soonest."""
    if not shown.process:
        return []
    index = get_machine_index(page.request)
    wish = prepare_criteria(Wish(process=shown.process))

    asks = (session, index, wish, page.now, page.context.zone, page.viewer)

    def distance(one: RankedOffer) -> tuple[float, ...]:
        at = one.entry.document.at
        return known_first(distance_km(place, at) if place is not None and at is not None else None)

    found, _ = machines_in_order(lambda cursor: find_places(*asks, 100, cursor=cursor), 0)
    others = [
        one
        for one in offers_at(*asks, found)
        if (one.entry.factory, one.entry.machine) != (shown.factory, shown.machine)
    ]
    return sorted(others, key=distance)[:_SIMILAR_SHOWN]


@router.get("/machines/{factory}/{machine}/edit")
def get_machine_form(factory: str, machine: str, page: Page) -> HTMLResponse:
    details = _own_details(page, factory, machine)
    given = _as_form(details)
    return page.render("machine_edit.html", factory=factory, machine=machine, given=given, preview=None)


@router.post("/machines/{factory}/{machine}/edit")
def post_machine_form(factory: str, machine: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.OFFER)
    _own_details(page, factory, machine)
    fields: dict[str, Any] = {
        name: form.get(name) for name in ("make", "model", "description", "din_8580", "axes", "place", "address")
    }
    fields |= {name: decimal_point(form.get(name)) for name in ("tolerance_mm", "table_load_kg")}
    fields |= {name: split_lines(form.get(name)) for name in _LISTED}
    sides = [decimal_point(form.get(name)) for name in ("x", "y", "z")]
    if any(sides):
        fields["envelope_mm"] = sides
    details, problems = validate_form(MachineDetails, fields)
    if details is None:
        return page.render_form(
            "machine_edit.html", None, form, problems, factory=factory, machine=machine, preview=None
        )
    if form.get("preview"):
        preview = _preview(page, factory, machine, details)
        return page.render("machine_edit.html", factory=factory, machine=machine, given=form, preview=preview)
    service.put_details(page.context, actor, factory, machine, details, None)
    return page.redirect(f"/machines/{factory}/{machine}", "saved")


def _preview(page: PageRequest, factory: str, machine: str, details: MachineDetails) -> IndexEntry:
    """What others would see of a machine with these details."""
    with read_session(page.context.sessions) as session:
        known = session.get_one(Machine, (factory, machine))
        return entry_with_details(session, known, details).public


def _own_details(page: PageRequest, factory: str, machine: str) -> MachineDetails:
    """Raises NotFoundError for another's machine, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.OFFER)
    with read_session(page.context.sessions) as session:
        known = session.get(Machine, (factory, machine))
        if known is None or factory != actor.organisation:
            raise NotFoundError
        return MachineDetails.model_validate(known.details)


def _as_form(details: MachineDetails) -> dict[str, str]:
    shown = {name: "" if value is None else str(value) for name, value in details.model_dump().items()}
    sides = details.envelope_mm or ("", "", "")
    shown |= {name: f"{side:g}" if side else "" for name, side in zip(("x", "y", "z"), sides, strict=True)}
    return shown | {name: "\n".join(getattr(details, name)) for name in _LISTED}


@dataclass(frozen=True)
class ShownOffer:
    """An offer that the visitor may know of, and what they may know of its machine; `machine` is None where its factory has not described it."""

    offer: Offer
    machine: MachineOut | None
    entry: IndexEntry


def shown_offer(page: PageRequest, offer_id: str) -> ShownOffer | None:
    """None where the visitor may not know of it."""
    with read_session(page.context.sessions) as session:
        offer = find_offer(session, offer_id, page.organisation)
        if offer is None or not visible_to(offer, page.viewer):
            return None
        index, machine = get_machine_index(page.request), None
        known = session.get(Machine, (offer.factory, offer.machine))
        with suppress(NotFoundError):
            machine = service.machine_shown(page.context, index, session, known, page.actor)
        return ShownOffer(offer, machine, entry_of(offer, index.entries(session), page.organisation))
