"""Delivers queued e-mails and webhook messages. One thread per process; several processes can share the queue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Select, bindparam, delete, exists, select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import Now, read_session
from sharing_platform.notifications.mail import Mailer, NotSentError, as_message
from sharing_platform.notifications.models import Delivery, Mail, Webhook
from sharing_platform.notifications.webhooks import (
    HTTPS,
    KEPT,
    next_attempt_after,
    port_allowed,
    reachable_outside,
)

_log = logging.getLogger(__name__)

PostWebhook = Callable[[str, str, str, str, Mapping[str, object], datetime], str | None]
"""(url, secret, message id, kind, data, now): posts a signed message once; None when it arrived, else why not."""

_Due = TypeVar("_Due", Delivery, Mail)

_CLAIM = timedelta(minutes=2)
"""How long a process may take for a delivery before another process may try it."""


_ANYTHING_DUE = select(
    exists().where(Delivery.next_attempt <= bindparam("now")), exists().where(Mail.next_attempt <= bindparam("now"))
)


@dataclass(frozen=True)
class Channels:
    """How messages leave the platform. Without a `mailer`, e-mails stay queued. `url`: the platform's public address."""

    mailer: Mailer | None
    sender: str
    post: PostWebhook
    private_webhooks: bool
    webhook_ports: Collection[int] = (HTTPS,)
    url: str = ""


class DeliveryWorker:
    """`deliver_due` is called periodically by the scheduler."""

    def __init__(self, sessions: sessionmaker[Session], now: Now, channels: Channels) -> None:
        self._sessions = sessions
        self._now = now
        self._channels = channels

    def deliver_due(self) -> None:
        """Everything that is due now, once."""
        with read_session(self._sessions) as session:
            # One look for both, which blocks no writer, because usually nothing is due.
            hook_due, mail_due = session.execute(_ANYTHING_DUE, {"now": self._now()}).one()
        while hook_due and (delivery := self._claim(Delivery)) is not None:
            self._deliver(delivery)
        mailer = self._channels.mailer
        while mailer is not None and mail_due and (mail := self._claim(Mail)) is not None:
            self._send(mailer, mail)

    def _next(self, table: type[_Due]) -> Select[_Due]:
        return select(table).where(table.next_attempt <= self._now()).order_by(table.next_attempt).limit(1)

    def _claim(self, table: type[_Due]) -> _Due | None:
        """Claim the next due message, so that no other process takes it for a while; None if there is none."""
        with self._sessions.begin() as session:
            found = session.scalars(self._next(table).with_for_update(skip_locked=True)).first()
            if found is not None:
                found.next_attempt = self._now() + _CLAIM
                found.attempts += 1
            return found

    def _deliver(self, delivery: Delivery) -> None:
        with read_session(self._sessions) as session:
            webhook = session.get_one(Webhook, delivery.webhook_id)
        why = None if webhook.removed is not None else self._posted(webhook, delivery)
        with self._sessions.begin() as session:
            kept, now = session.get_one(Delivery, delivery.id), self._now()
            if webhook.removed is not None:
                kept.next_attempt, kept.error = None, "removed"
                return
            if why is None:
                kept.arrived, kept.next_attempt, kept.error = now, None, ""
                return
            kept.error, kept.next_attempt = why[:300], next_attempt_after(delivery.attempts, now)
            if kept.next_attempt is None:
                _log.warning("A webhook was given up after %d attempts (%s).", delivery.attempts, why)

    def _posted(self, webhook: Webhook, delivery: Delivery) -> str | None:
        """None when it arrived, else why not."""
        trusted = self._channels.private_webhooks or webhook.configured
        if not trusted and not reachable_outside(urlsplit(webhook.url).hostname or ""):
            return "its address is not one of the internet"
        if not trusted and not port_allowed(webhook.url, self._channels.webhook_ports):
            return "its port is not one that webhooks may use here"
        return self._channels.post(webhook.url, webhook.secret, delivery.id, delivery.kind, delivery.data, self._now())

    def _send(self, mailer: Mailer, mail: Mail) -> None:
        why = ""
        try:
            mailer.send(as_message(mail, self._channels.sender, self._channels.url))
        except NotSentError as error:
            why = str(error)
        with self._sessions.begin() as session:
            kept, now = session.get_one(Mail, mail.id), self._now()
            if not why:
                kept.sent, kept.next_attempt, kept.error, kept.text = now, None, "", ""
                kept.calendars = []
                return
            kept.error, kept.next_attempt = why[:300], next_attempt_after(mail.attempts, now)
            if kept.next_attempt is None:
                kept.text, kept.calendars = "", []
                _log.error("An e-mail was given up after %d attempts (%s).", mail.attempts, why)
            elif mail.attempts == 1:
                _log.warning("An e-mail could not be sent (%s); it will be tried again.", why)


def forget_delivered(session: Session, now: datetime) -> None:
    """Delete deliveries and mails that are older than a month."""
    for table in (Delivery, Mail):
        session.execute(delete(table).where(table.created < now - KEPT, table.next_attempt.is_(None)))
