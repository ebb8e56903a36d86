"""The pages: server-rendered, useful without JavaScript, live with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError

from sharing_platform import bookings, offers
from sharing_platform.context import Context, PlatformContext
from sharing_platform.database import BOOKED, OPEN, Machine, Offer
from sharing_platform.live import TOPICS, LiveHub
from sharing_platform.messages import BookingIn
from sharing_platform.words import DEFAULT_LANGUAGE, LANGUAGES, Words

router = APIRouter(include_in_schema=False)

MAX_SHOWN = 200
_COOKIE_S = 31_536_000
_TEMPLATES = Jinja2Templates(
    env=Environment(loader=PackageLoader("sharing_platform"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
)

FormText = Annotated[str, Form(max_length=1000)]


@router.get("/")
def get_offers(request: Request, context: Context) -> HTMLResponse:
    return _listing(request, context, "offers.html")


@router.get("/parts/machines")
def get_machines_part(request: Request, context: Context) -> HTMLResponse:
    return _listing(request, context, "machines_part.html")


@router.get("/parts/offers")
def get_offers_part(request: Request, context: Context) -> HTMLResponse:
    return _listing(request, context, "offers_part.html")


@router.get("/offers/{offer_id}")
def get_offer(request: Request, offer_id: str, context: Context) -> HTMLResponse:
    offer, machine = _offer_and_machine(context, offer_id)
    if offer is None:
        return _listing(request, context, "offers.html", 404, notice="missing")
    if offer.status != OPEN or offer.end <= context.now():
        return _listing(request, context, "offers.html", 409 if offer.status == BOOKED else 404, notice="taken")
    return _page(request, context, "offer.html", offer=offer, machine=machine, who=None, problem=False)


@router.post("/offers/{offer_id}")
def post_offer(
    request: Request, offer_id: str, context: Context, organisation: FormText = "", email: FormText = ""
) -> HTMLResponse:
    _refuse_other_sites(request)
    offer, machine = _offer_and_machine(context, offer_id)
    if offer is None:
        return _listing(request, context, "offers.html", 404, notice="missing")
    try:
        who = BookingIn(organisation=organisation, email=email)
    except ValidationError:
        given = {"organisation": organisation, "email": email}
        return _page(request, context, "offer.html", 422, offer=offer, machine=machine, who=given, problem=True)
    try:
        with context.sessions.begin() as session:
            booking = bookings.book_offer(session, offer_id, who, context.now())
    except offers.TakenError:
        return _listing(request, context, "offers.html", 409, notice="taken")
    except offers.NotFoundError:
        return _listing(request, context, "offers.html", 404, notice="taken")
    context.hub.tell("offers")
    context.booked(booking.factory)
    return _page(request, context, "booked.html", booking=booking, machine=machine)


@router.get("/live")
async def get_live(context: Context) -> StreamingResponse:
    """Server-sent events that name what changed."""
    if context.hub.full():
        raise HTTPException(503, "Too many pages are open at once; reload by hand.")
    return StreamingResponse(
        _events(context.hub), media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
    )


async def _events(hub: LiveHub) -> AsyncIterator[str]:
    # What changed before the connection stood, or while it was broken, is not known here: everything is told once.
    yield "retry: 1000\n\n" + _told(TOPICS)
    async for topics in hub.listen():
        yield _told(topics) or ": still here\n\n"


def _told(topics: Collection[str]) -> str:
    return "".join(f"event: {topic}\ndata: changed\n\n" for topic in sorted(topics))


def _page(
    request: Request, context: PlatformContext, template: str, status: int = 200, **values: object
) -> HTMLResponse:
    words = Words(language_of(request), context.zone)
    query = {key: value for key, value in request.query_params.items() if key != "lang"}
    others = [
        (code, name, f"?{urlencode({**query, 'lang': code})}")
        for code, name in LANGUAGES.items()
        if code != words.language
    ]
    shown = {"t": words, "now": context.now(), "languages": others, **values}
    answer = _TEMPLATES.TemplateResponse(request, template, shown, status_code=status)
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie("lang", words.language, max_age=_COOKIE_S, samesite="lax", httponly=True)
    return answer


def _listing(
    request: Request, context: PlatformContext, template: str, status: int = 200, notice: str | None = None
) -> HTMLResponse:
    wanted = filter_of(request, context.zone)
    with context.sessions() as session:
        session.connection(execution_options={"readonly": True})
        machines = {(one.factory, one.machine): one for one in offers.all_machines(session)}
        found = offers.find_offers(session, wanted, context.now(), MAX_SHOWN)
    return _page(
        request,
        context,
        template,
        status,
        machines=machines,
        offers=found,
        wanted=wanted,
        notice=notice,
        filtered=wanted != offers.OfferFilter(zone=context.zone),
        processes=sorted({one.process for one in machines.values() if one.process}),
    )


def _offer_and_machine(context: PlatformContext, offer_id: str) -> tuple[Offer | None, Machine | None]:
    with context.sessions() as session:
        session.connection(execution_options={"readonly": True})
        offer = session.get(Offer, offer_id)
        if offer is not None and not offers.visible_to(offer, viewer=None):
            offer = None
        return offer, session.get(Machine, (offer.factory, offer.machine)) if offer else None


def language_of(request: Request) -> str:
    """From the query, else the cookie, else Dutch."""
    asked = request.query_params.get("lang") or request.cookies.get("lang")
    return asked if asked in LANGUAGES else DEFAULT_LANGUAGE


def filter_of(request: Request, zone: str) -> offers.OfferFilter:
    """What the form asks for; what in it cannot be understood is left out, and the form then shows it empty."""
    asked = request.query_params
    factory, _, machine = asked.get("machine", "").partition("/")
    day, hours = _day_of(asked.get("day", "")), _hours_of(asked.get("hours", ""))
    return offers.OfferFilter(factory or None, machine or None, asked.get("process") or None, day, hours, zone)


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _hours_of(text: str) -> float | None:
    try:
        hours = float(text.replace(",", "."))
    except ValueError:
        return None
    return hours if 0 < hours <= 744 else None


def _refuse_other_sites(request: Request) -> None:
    """A form on another site must not book in a visitor's name."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same_origin = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if site not in (None, "same-origin", "none") or not same_origin:
        raise HTTPException(403, "The form was sent from another site.")
