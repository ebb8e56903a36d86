"""Webhooks: events queued in the transaction that causes them, posted later with a signature (Standard Webhooks), retries and a log."""

from __future__ import annotations

import ipaddress
import socket
import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.notifications.models import Delivery, Webhook

RETRY_AFTER = tuple(timedelta(seconds=s) for s in (1, 5, 30, 300, 1800, 7200, 36_000))
"""Delays after each failed attempt. After the last one the message is given up, with a line in the log."""
_MAX_WEBHOOKS = 20
HTTPS = 443
KEPT = timedelta(days=30)
"""How long the log keeps a delivery."""


def add_webhook(session: Session, organisation: str, url: str, secret: str, now: datetime) -> Webhook:
    """Raises ConflictError beyond twenty."""
    live = webhooks(session, organisation)
    if len(live) >= _MAX_WEBHOOKS:
        raise ConflictError("too_many_webhooks")
    webhook = Webhook(id=str(uuid.uuid4()), organisation_id=organisation, url=url, secret=secret, created=now)
    session.add(webhook)
    return webhook


def configure(session: Session, targets: Mapping[str, tuple[str, str]], now: datetime) -> None:
    """Set the webhooks that the platform's operator configured for factories, (url, secret) each; others that were configured are removed."""
    known = select(Webhook).where(Webhook.configured.is_(True), Webhook.removed.is_(None))
    standing = {endpoint.organisation_id: endpoint for endpoint in session.scalars(known)}
    for organisation, (url, secret) in targets.items():
        held = standing.pop(organisation, None)
        if held is not None:
            held.url, held.secret = url, secret
        else:
            add_webhook(session, organisation, url, secret, now).configured = True
    for gone in standing.values():
        gone.removed = now


def webhooks(session: Session, organisation: str) -> list[Webhook]:
    query = select(Webhook).where(Webhook.organisation_id == organisation, Webhook.removed.is_(None))
    return list(session.scalars(query.order_by(Webhook.created, Webhook.id)))


def webhook_of(session: Session, organisation: str, webhook_id: str) -> Webhook:
    """Raises NotFoundError."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or webhook.organisation_id != organisation or webhook.removed is not None:
        raise NotFoundError
    return webhook


def deliveries(session: Session, webhook_id: str, limit: int = 100) -> list[Delivery]:
    """The log, the newest first."""
    query = select(Delivery).where(Delivery.webhook_id == webhook_id)
    return list(session.scalars(query.order_by(Delivery.created.desc(), Delivery.id).limit(limit)))


def queue_event(
    session: Session, organisations: Iterable[str | None], kind: str, data: Mapping[str, object], now: datetime
) -> None:
    """Queue an event for the webhooks of organisations. It names what changed; receivers ask for the present state with a token."""
    wanted = {organisation for organisation in organisations if organisation is not None}
    query = select(Webhook).where(Webhook.organisation_id.in_(wanted), Webhook.removed.is_(None))
    for webhook in session.scalars(query):
        session.add(
            Delivery(
                id=f"msg_{uuid.uuid4().hex}",
                webhook_id=webhook.id,
                kind=kind,
                data=dict(data),
                created=now,
                next_attempt=now,
            )
        )


def send_again(session: Session, organisation: str, webhook_id: str, delivery_id: str, now: datetime) -> None:
    """Raises NotFoundError."""
    webhook = webhook_of(session, organisation, webhook_id)
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or delivery.webhook_id != webhook.id:
        raise NotFoundError
    delivery.next_attempt, delivery.attempts = now, 0


def next_attempt_after(attempts: int, now: datetime) -> datetime | None:
    """When to try again; None if it is given up."""
    return now + RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None


def port_allowed(url: str, ports: Collection[int]) -> bool:
    """Whether an https address names one of these ports: else whoever adds a webhook could have the platform knock at any service of others. Raises ValueError."""
    port = urlsplit(url).port
    return (port if port is not None else HTTPS) in ports


def check_url(url: str, private_allowed: bool, ports: Collection[int]) -> None:
    """An address outside, over TLS: else whoever adds a webhook could make the platform talk to its own network. Raises InvalidError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        known_port = port_allowed(url, ports)
    except ValueError:
        raise InvalidError("webhook_url", "url") from None
    if not private_allowed and parts.scheme == "https" and not known_port:
        raise InvalidError("webhook_port", "url")
    if private_allowed:
        good = parts.scheme in ("http", "https") and bool(host)
    else:
        good = parts.scheme == "https" and bool(host) and parts.username is None and reachable_outside(host)
    if not good:
        raise InvalidError("webhook_url", "url")


def reachable_outside(host: str) -> bool:
    """Whether all addresses of a host are public. Checked again before each delivery, because a name may point elsewhere by then."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address[4][0]).is_global for address in found)
