"""Routes of the HTTP API: calendar feeds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from sharing_platform.bookings import calendar_feeds
from sharing_platform.bookings.models import CalendarFeed
from sharing_platform.bookings.schemas import FeedIn, FeedOut, FeedsOut, NewFeedOut
from sharing_platform.dependencies import Context, PlatformContext, ReadSession
from sharing_platform.i18n import DEFAULT_LANGUAGE, Translator
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.dependencies import Integrator
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Actor
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["integrations"])
feed_router = APIRouter(include_in_schema=False)


@router.get("/feeds", responses=problems(401, 403))
def get_feeds(actor: Integrator, session: ReadSession) -> FeedsOut:
    """The organisation's calendar feeds, without their addresses."""
    return FeedsOut(feeds=[feed_out(one) for one in calendar_feeds.feeds(session, actor.organisation)])


@router.post("/feeds", status_code=201, responses=problems(401, 403, 409, 422))
def post_feed(wanted: FeedIn, actor: Integrator, context: Context) -> NewFeedOut:
    """Make a calendar feed; its secret address is shown this once."""
    return new_feed(context, actor, wanted.subject)


@router.post("/feeds/{feed_id}/renewal", responses=problems(401, 403, 404))
def post_renewal(feed_id: Uuid, actor: Integrator, context: Context) -> NewFeedOut:
    """Give it another address; the old one answers no more."""
    return renew_feed(context, actor, feed_id)


@router.delete("/feeds/{feed_id}", status_code=204, responses=problems(401, 403, 404))
def delete_feed(feed_id: Uuid, actor: Integrator, context: Context) -> None:
    """Remove it."""
    remove_feed(context, actor, feed_id)


@feed_router.get("/calendar/{secret}.ics")
def get_calendar(secret: Annotated[str, Path(max_length=100)], session: ReadSession, context: Context) -> Response:
    """For calendar programs, which cannot sign in."""
    feed = calendar_feeds.feed_with(session, secret)
    name = session.get_one(Organisation, feed.organisation_id).name
    words = Translator(DEFAULT_LANGUAGE, context.zone)
    found = calendar_feeds.bookings_in(session, feed, context.now())
    for_seeker = feed.subject == calendar_feeds.SEEKER
    content = calendar_feeds.as_calendar(found, f"{name} · {words('site')}", words, context.url, for_seeker)
    return Response(
        content, media_type="text/calendar; charset=utf-8", headers={"Cache-Control": "private, max-age=60"}
    )


def new_feed(context: PlatformContext, actor: Actor, subject: str) -> NewFeedOut:
    """Raises ConflictError."""
    with context.sessions.begin() as session:
        feed, secret = calendar_feeds.new_feed(session, actor.organisation, subject, context.now())
        log(session, context.now(), actor, "feed.made", feed.id)
    return _with_address(context, feed, secret)


def renew_feed(context: PlatformContext, actor: Actor, feed_id: str) -> NewFeedOut:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        feed, secret = calendar_feeds.renew(session, actor.organisation, feed_id)
        log(session, context.now(), actor, "feed.renewed", feed.id)
    return _with_address(context, feed, secret)


def remove_feed(context: PlatformContext, actor: Actor, feed_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        calendar_feeds.remove(session, actor.organisation, feed_id)
        log(session, context.now(), actor, "feed.removed", feed_id)


def _with_address(context: PlatformContext, feed: CalendarFeed, secret: str) -> NewFeedOut:
    return NewFeedOut(**feed_out(feed).model_dump(), url=f"{context.url}/calendar/{secret}.ics")


def feed_out(feed: CalendarFeed) -> FeedOut:
    return FeedOut(id=feed.id, subject=feed.subject, created=feed.created)
