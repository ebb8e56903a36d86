"""Webhooks and calendar feeds."""

from __future__ import annotations

import base64
import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Response

from sharing_platform.api.answers import Uuid, problems
from sharing_platform.booking import calendars
from sharing_platform.booking.tables import CalendarFeed
from sharing_platform.context import Context, Integrator, PlatformContext, Reading
from sharing_platform.notices import webhooks
from sharing_platform.notices.tables import Webhook
from sharing_platform.people.access import Actor
from sharing_platform.people.audit import log
from sharing_platform.people.messages import (
    DeliveriesOut,
    DeliveryOut,
    FeedIn,
    FeedOut,
    FeedsOut,
    NewFeedOut,
    NewWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from sharing_platform.people.tables import Organisation
from sharing_platform.words import DEFAULT_LANGUAGE, Words

router = APIRouter(prefix="/api/v1", tags=["integrations"])
feed_router = APIRouter(include_in_schema=False)

DeliveryPath = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{32}$")]


@router.get("/webhooks", responses=problems(401, 403))
def get_webhooks(actor: Integrator, session: Reading) -> WebhooksOut:
    """The organisation's webhooks, without their secrets."""
    return WebhooksOut(webhooks=[webhook_out(one) for one in webhooks.webhooks(session, actor.organisation)])


@router.post("/webhooks", status_code=201, responses=problems(401, 403, 409, 422))
def post_webhook(wanted: WebhookIn, actor: Integrator, context: Context) -> NewWebhookOut:
    """Be told of events (`booking.held`, `booking.accepted`, …, `booking.message`, `search.matched`), signed by the Standard Webhooks
    specification. The secret is shown this once."""
    webhook = add_webhook(context, actor, wanted.url)
    return NewWebhookOut(**webhook_out(webhook).model_dump(), secret=webhook.secret)


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=problems(401, 403, 404))
def delete_webhook(webhook_id: Uuid, actor: Integrator, context: Context) -> None:
    """Remove it; what still waits for it is dropped."""
    remove_webhook(context, actor, webhook_id)


@router.get("/webhooks/{webhook_id}/deliveries", responses=problems(401, 403, 404))
def get_deliveries(webhook_id: Uuid, actor: Integrator, session: Reading) -> DeliveriesOut:
    """The log: the last hundred messages, and what became of them."""
    webhook = webhooks.webhook_of(session, actor.organisation, webhook_id)
    names = DeliveryOut.model_fields
    shown = [{name: getattr(one, name) for name in names} for one in webhooks.deliveries(session, webhook.id)]
    return DeliveriesOut.model_validate({"deliveries": shown})


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/again", status_code=202, responses=problems(401, 403, 404)
)
def post_again(webhook_id: Uuid, delivery_id: DeliveryPath, actor: Integrator, context: Context) -> None:
    """Send a message once more."""
    with context.sessions.begin() as session:
        webhooks.send_again(session, actor.organisation, webhook_id, delivery_id, context.now())
    context.changed()


@router.get("/feeds", responses=problems(401, 403))
def get_feeds(actor: Integrator, session: Reading) -> FeedsOut:
    """The organisation's calendar feeds, without their addresses."""
    return FeedsOut(feeds=[feed_out(one) for one in calendars.feeds(session, actor.organisation)])


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
def get_calendar(secret: Annotated[str, Path(max_length=100)], session: Reading, context: Context) -> Response:
    """For calendar programs, which cannot sign in."""
    feed = calendars.feed_with(session, secret)
    name = session.get_one(Organisation, feed.organisation_id).name
    words = Words(DEFAULT_LANGUAGE, context.zone)
    found = calendars.bookings_in(session, feed, context.now())
    for_seeker = feed.subject == calendars.SEEKER
    content = calendars.as_calendar(found, f"{name} · {words('site')}", words, context.url, for_seeker)
    return Response(
        content, media_type="text/calendar; charset=utf-8", headers={"Cache-Control": "private, max-age=60"}
    )


def add_webhook(context: PlatformContext, actor: Actor, url: str) -> Webhook:
    """Raises InvalidError, ConflictError."""
    webhooks.check_url(url, context.private_webhooks)
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    with context.sessions.begin() as session:
        webhook = webhooks.add_webhook(session, actor.organisation, url, secret, context.now())
        log(session, context.now(), actor, "webhook.added", webhook.id)
    return webhook


def remove_webhook(context: PlatformContext, actor: Actor, webhook_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        webhooks.webhook_of(session, actor.organisation, webhook_id).removed = context.now()
        log(session, context.now(), actor, "webhook.removed", webhook_id)


def new_feed(context: PlatformContext, actor: Actor, subject: str) -> NewFeedOut:
    """Raises ConflictError."""
    with context.sessions.begin() as session:
        feed, secret = calendars.new_feed(session, actor.organisation, subject, context.now())
        log(session, context.now(), actor, "feed.made", feed.id)
    return _with_address(context, feed, secret)


def renew_feed(context: PlatformContext, actor: Actor, feed_id: str) -> NewFeedOut:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        feed, secret = calendars.renew(session, actor.organisation, feed_id)
        log(session, context.now(), actor, "feed.renewed", feed.id)
    return _with_address(context, feed, secret)


def remove_feed(context: PlatformContext, actor: Actor, feed_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        calendars.remove(session, actor.organisation, feed_id)
        log(session, context.now(), actor, "feed.removed", feed_id)


def _with_address(context: PlatformContext, feed: CalendarFeed, secret: str) -> NewFeedOut:
    return NewFeedOut(**feed_out(feed).model_dump(), url=f"{context.url}/calendar/{secret}.ics")


def webhook_out(webhook: Webhook) -> WebhookOut:
    return WebhookOut(id=webhook.id, url=webhook.url, configured=webhook.configured, created=webhook.created)


def feed_out(feed: CalendarFeed) -> FeedOut:
    return FeedOut(id=feed.id, subject=feed.subject, created=feed.created)
