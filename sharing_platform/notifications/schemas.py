"""Requests and answers of the HTTP API about webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from sharing_platform.schemas import ApiModel


class WebhookIn(ApiModel):
    """Where events are posted. The secret is generated and shown once."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=500)]


class WebhookOut(ApiModel):
    """A webhook, without its secret."""

    id: str
    url: str
    configured: bool
    created: datetime


class NewWebhookOut(WebhookOut):
    """`secret` (Standard Webhooks) is shown this once."""

    secret: str


class WebhooksOut(ApiModel):
    """The oldest first."""

    webhooks: list[WebhookOut]


class DeliveryOut(ApiModel):
    """One message to a webhook and its delivery status."""

    id: str
    kind: str
    data: dict[str, Any]
    created: datetime
    attempts: int
    next_attempt: datetime | None
    arrived: datetime | None
    error: str


class DeliveriesOut(ApiModel):
    """The newest first."""

    deliveries: list[DeliveryOut]
