"""Routes of the HTTP API: calendar feeds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from sharing_platform.bookings import calendar_feeds, service
from sharing_platform.bookings.events import CalendarRequested
from sharing_platform.bookings.places import place_of
from sharing_platform.bookings.schemas import FeedIn, FeedsOut, NewFeedOut
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.i18n import DEFAULT_LANGUAGE, LANGUAGES, Translator
from sharing_platform.organisations.dependencies import Integrator
from sharing_platform.organisations.directory import names_of
from sharing_platform.organisations.models import Organisation
from sharing_platform.pages import language_of
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["integrations"])
feed_router = APIRouter(include_in_schema=False)


@router.get("/feeds", responses=problems(401, 403))
def get_feeds(actor: Integrator, session: ReadSession) -> FeedsOut:
    """The organisation's calendar feeds, without their addresses."""
    return FeedsOut(feeds=[service.feed_out(feed) for feed in calendar_feeds.feeds(session, actor.organisation)])


@router.post("/feeds", status_code=201, responses=problems(401, 403, 409, 422))
def post_feed(wanted: FeedIn, actor: Integrator, context: Context, request: Request) -> NewFeedOut:
    """Make a calendar feed in the caller's language; its secret address is shown this once."""
    return service.new_feed(context, actor, wanted.subject, language_of(request))


@router.post("/feeds/{feed_id}/renewal", responses=problems(401, 403, 404))
def post_renewal(feed_id: Uuid, actor: Integrator, context: Context, request: Request) -> NewFeedOut:
    """Give it another address; the old one answers no more."""
    return service.renew_feed(context, actor, feed_id, language_of(request))


@router.delete("/feeds/{feed_id}", status_code=204, responses=problems(401, 403, 404))
def delete_feed(feed_id: Uuid, actor: Integrator, context: Context) -> None:
    """Remove it."""
    service.remove_feed(context, actor, feed_id)


@feed_router.get("/calendar/{secret}.ics")
def get_calendar(
    secret: Annotated[str, Path(max_length=100)], session: ReadSession, context: Context, lang: str = DEFAULT_LANGUAGE
) -> Response:
    """For calendar programs, which cannot sign in. `lang`: that of who made the feed, and part of its address."""
    feed = calendar_feeds.feed_with(session, secret)
    name = session.get_one(Organisation, feed.organisation_id).name
    translator = Translator(lang if lang in LANGUAGES else DEFAULT_LANGUAGE, context.zone)
    found = calendar_feeds.bookings_in(session, feed, context.now())
    for_seeker = feed.subject == calendar_feeds.SEEKER
    title = f"{name} · {translator('site')}"
    names = names_of(session, {booking.provider for booking in found})
    places = {booking.id: place_of(session, booking, for_seeker) for booking in found}
    others = CalendarRequested(session, feed.organisation_id, not for_seeker, context.now() - calendar_feeds.PAST)
    if not feed.subject.startswith(calendar_feeds.OF_A_MACHINE):
        context.events.publish(others)
    content = calendar_feeds.as_calendar(found, title, translator, context.url, for_seeker, names, places, others.found)
    return Response(
        content, media_type="text/calendar; charset=utf-8", headers={"Cache-Control": "private, max-age=60"}
    )
