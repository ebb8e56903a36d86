"""What neighbouring regions share, and requests for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import TypeAdapter, ValidationError

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.federation import asking, neighbours
from sharing_platform.federation.asking import Wanted
from sharing_platform.federation.forwarding import OPEN, Asked
from sharing_platform.federation.found import windows_left
from sharing_platform.federation.messages import Shared, SharedListing, SharedNotice, SharedOffer, item_from
from sharing_platform.federation.models import ForwardedRequest, Neighbour, NeighbourItem
from sharing_platform.i18n import Translator
from sharing_platform.listings.details import DETAILS
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, local_moment
from sharing_platform.schemas import LongText
from sharing_platform.search.neighbours import EURO

router = APIRouter(include_in_schema=False)

_WINDOWS_SHOWN = 12
_MESSAGE: TypeAdapter[str] = TypeAdapter(LongText)


@router.get("/neighbours/requests")
def get_requests(page: Page) -> HTMLResponse:
    actor = require(page.actor, Right.READ)
    with read_session(page.context.sessions) as session:
        found = asking.own_requests(session, actor.organisation)
    return page.render("neighbour_requests.html", found=found)


@router.get("/neighbours/requests/{request_id}")
def get_request(request_id: str, page: Page) -> HTMLResponse:
    return _request_page(page, request_id)


@router.get("/parts/neighbours/requests/{request_id}")
def get_request_part(request_id: str, page: Page) -> HTMLResponse:
    """How it stands, for a page that is open while it is not decided."""
    return _request_page(page, request_id, template="_neighbour_request.html")


@router.post("/neighbours/requests/{request_id}/cancel")
def post_cancel(request_id: str, page: Page) -> Response:
    actor = require(page.actor, Right.ASK)
    try:
        asking.cancel(page.context, actor, request_id)
    except PlatformError as error:
        if error.status != 409:
            raise
        return _request_page(page, request_id, error)
    return page.redirect(f"/neighbours/requests/{request_id}")


@router.get("/neighbours/{neighbour_id}/{kind}/{item_id}")
def get_item(neighbour_id: str, kind: str, item_id: str, page: Page) -> HTMLResponse:
    return _item_page(page, neighbour_id, kind, item_id)


@router.post("/neighbours/{neighbour_id}/{kind}/{item_id}")
def post_item(neighbour_id: str, kind: str, item_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    _, item = _shown_item(page, neighbour_id, kind, item_id)
    if isinstance(item, SharedNotice):
        raise NotFoundError
    try:
        made = asking.ask(page.context, actor, neighbour_id, item, _wanted(page, item, form))
    except PlatformError as error:
        if error.status == 404:
            raise
        return _item_page(page, neighbour_id, kind, item_id, error, form)
    return page.redirect(f"/neighbours/requests/{made}")


def _wanted(page: PageRequest, item: SharedOffer | SharedListing, form: Form) -> Wanted:
    """Without hours, all of a training, and otherwise what is said. Raises InvalidError."""
    try:
        message = _MESSAGE.validate_python(form.get("message", ""))
    except ValidationError:
        raise InvalidError("field", "message") from None
    places = form.get("places") or "1"
    if not places.isdecimal() or len(places) > 3 or not 1 <= int(places) <= 100:
        raise InvalidError("field", "places")
    if isinstance(item, SharedListing) and item.places is not None:
        return Wanted(item.start, item.end, int(places), message)
    return Wanted(_moment(page, form, "start"), _moment(page, form, "end"), int(places), message)


def _moment(page: PageRequest, form: Form, name: str) -> datetime:
    try:
        return local_moment(form.get(name, ""), page.context.zone)
    except ValueError:
        raise InvalidError("field", name) from None


def _shown_item(page: PageRequest, neighbour_id: str, kind: str, item_id: str) -> tuple[Neighbour, Shared]:
    """Raises NotFoundError for what is no longer shared, or of a region that has not answered for an hour."""
    with read_session(page.context.sessions) as session:
        neighbour = session.get(Neighbour, neighbour_id)
        row = session.get(NeighbourItem, (neighbour_id, kind, item_id))
    if neighbour is None or row is None or not neighbours.is_shown(neighbour, page.now):
        raise NotFoundError
    item = item_from(row.content)
    if not isinstance(item, SharedOffer | SharedListing | SharedNotice):
        raise NotFoundError
    return neighbour, item


@dataclass(frozen=True)
class ListingShown:
    """As the templates of listings want one."""

    kind: str
    details: Any
    start: datetime
    end: datetime


def _item_page(
    page: PageRequest,
    neighbour_id: str,
    kind: str,
    item_id: str,
    error: PlatformError | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    neighbour, item = _shown_item(page, neighbour_id, kind, item_id)
    windows = windows_left(item, page.now)[:_WINDOWS_SHOWN] if isinstance(item, SharedOffer) else []
    if isinstance(item, SharedOffer) and not windows:
        raise NotFoundError
    listing = None
    if isinstance(item, SharedListing):
        details = DETAILS[item.listing_kind].model_validate(item.details)
        listing = ListingShown(item.listing_kind, details, item.start, item.end)
    given = form or {}
    if isinstance(item, SharedOffer) and not given:
        t = page.translator
        given = {"start": t.local(windows[0].start), "end": t.local(windows[0].end)}
    there = Translator(page.language, neighbour.zone) if _is_elsewhere(page, neighbour, item) else None
    return page.render_with_forms(
        "neighbour_item.html", error, given, {}, neighbour=neighbour, item=item, windows=windows, listing=listing, there=there,
        stale=neighbour.heard if neighbours.is_stale(neighbour, page.now) else None,
        may_ask=page.actor is not None and page.actor.approved and page.actor.may(Right.ASK),
    )  # fmt: skip


def _is_elsewhere(page: PageRequest, neighbour: Neighbour, item: Shared) -> bool:
    """Whether clocks there show another time then."""
    if isinstance(item, SharedNotice) or not neighbour.zone:
        return False
    try:
        there = ZoneInfo(neighbour.zone)
    except (ValueError, KeyError, OSError):
        return False
    here = ZoneInfo(page.context.zone)
    return item.start.astimezone(there).utcoffset() != item.start.astimezone(here).utcoffset()


def _request_page(
    page: PageRequest, request_id: str, error: PlatformError | None = None, template: str = "neighbour_request.html"
) -> HTMLResponse:
    actor = require(page.actor, Right.READ)
    with read_session(page.context.sessions) as session:
        request = asking.own_request(session, actor, request_id)
        neighbour = session.get_one(Neighbour, request.neighbour_id)
    home, state = request.at_home, Asked(request.state)
    return page.render_with_forms(
        template, error, {}, {}, asked=request, neighbour=neighbour, home=home, state=state,
        waits=state in OPEN, price=_price(page, home), why=_why(page, request, state), due=asking.time_of(request, "due"),
        cancel_until=asking.time_of(request, "cancel_until"), may_cancel=actor.may(Right.ASK) and asking.cancelled(request, page.now) is not None,
    )  # fmt: skip


def _price(page: PageRequest, home: dict[str, Any]) -> str | None:
    price = home.get("price")
    return money(page.translator, price["amount"], price["currency"]) if price else None


def _why(page: PageRequest, request: ForwardedRequest, state: Asked) -> str:
    return asking.why_lost(page.translator, state, request.at_home.get("reason", ""))


def money(t: Translator, amount: str, currency: str) -> str:
    """Euros as everywhere; other currencies as they come."""
    return t.euros(Decimal(amount)) if currency == EURO else f"{amount} {currency}"
