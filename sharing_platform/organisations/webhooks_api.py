"""Webhooks and calendar feeds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.models import Webhook
from sharing_platform.notifications.schemas import (
    DeliveriesOut,
    DeliveryOut,
    NewWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from sharing_platform.organisations import service
from sharing_platform.organisations.dependencies import Integrator
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

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
    webhook = service.add_webhook(context, actor, wanted.url)
    return NewWebhookOut(**webhook_out(webhook).model_dump(), secret=webhook.secret)


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=problems(401, 403, 404))
def delete_webhook(webhook_id: Uuid, actor: Integrator, context: Context) -> None:
    """Remove it; what still waits for it is dropped."""
    service.remove_webhook(context, actor, webhook_id)


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


def webhook_out(webhook: Webhook) -> WebhookOut:
    return WebhookOut(id=webhook.id, url=webhook.url, configured=webhook.configured, created=webhook.created)
