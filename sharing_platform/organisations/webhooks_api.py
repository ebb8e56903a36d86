"""Webhooks and calendar feeds."""

from __future__ import annotations

import base64
import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Response

from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems
from sharing_platform.bookings import calendar_feeds as calendars
from sharing_platform.bookings.models import CalendarFeed
from sharing_platform.dependencies import Context, Integrator, PlatformContext, Reading
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.models import Webhook
from sharing_platform.organisations.permissions import Actor
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.schemas import (
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
from sharing_platform.organisations.models import Organisation
from sharing_platform.i18n import DEFAULT_LANGUAGE, Translator

router = APIRouter(prefix="/api/v1", tags=["integrations"])

DeliveryPath = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{32}$")]


@router.get("/webhooks", responses=problems(401, 403))
def get_webhooks(actor: Integrator, session: ReadSession) -> WebhooksOut:
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
def get_deliveries(webhook_id: Uuid, actor: Integrator, session: ReadSession) -> DeliveriesOut:
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
    context.wake_workers()


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


def webhook_out(webhook: Webhook) -> WebhookOut:
    return WebhookOut(id=webhook.id, url=webhook.url, configured=webhook.configured, created=webhook.created)
