"""Delivers what waits: e-mails and webhooks. One thread; several processes may do it side by side."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import Now
from sharing_platform.notices.mail import Mailer, NotSentError, as_message
from sharing_platform.notices.tables import Delivery, Mail, Webhook
from sharing_platform.notices.webhooks import KEPT, next_attempt_after, reachable_outside

_log = logging.getLogger(__name__)

Post = Callable[[str, str, str, str, Mapping[str, object], datetime], str | None]
"""(url, secret, message id, kind, data, now): posts a signed message once; None when it arrived, else why not."""

_CLAIM = timedelta(minutes=2)
"""Whoever takes something to deliver has so long; then another process may."""


@dataclass(frozen=True)
class Ways:
    """How things leave the platform. `mailer` None: e-mails wait until there is one."""

    mailer: Mailer | None
    sender: str
    post: Post
    private_webhooks: bool


class Courier:
    """`deliver_due` may be called by hand (in tests); `start` gives it a thread."""

    def __init__(self, sessions: sessionmaker[Session], now: Now, ways: Ways) -> None:
        self._sessions = sessions
        self._now = now
        self._ways = ways

    def deliver_due(self) -> int:
        """Everything that is due now, once. Returns how much that was."""
        done = 0
        while claimed := self._claim_delivery():
            self._deliver(claimed)
            done += 1
        while self._ways.mailer is not None and (mail := self._claim_mail()):
            self._send(self._ways.mailer, mail)
            done += 1
        return done

    def _nothing_due(self, table: type[Delivery] | type[Mail]) -> bool:
        """Asked without keeping a writer waiting: mostly nothing is."""
        with self._sessions() as session:
            session.connection(execution_options={"readonly": True})
            return session.scalar(select(table.id).where(table.next_attempt <= self._now()).limit(1)) is None

    def _claim_delivery(self) -> tuple[str, str, str, str, dict[str, object], int] | None:
        if self._nothing_due(Delivery):
            return None
        with self._sessions.begin() as session:
            now = self._now()
            query = select(Delivery).where(Delivery.next_attempt <= now).order_by(Delivery.next_attempt).limit(1)
            found = session.scalars(query.with_for_update(skip_locked=True)).first()
            if found is None:
                return None
            webhook = session.get_one(Webhook, found.webhook_id)
            if webhook.removed is not None:
                found.next_attempt, found.error = None, "removed"
                return "", "", found.id, found.kind, {}, 0
            found.next_attempt = now + _CLAIM
            found.attempts += 1
            return webhook.url, webhook.secret, found.id, found.kind, dict(found.data), found.attempts

    def _deliver(self, claimed: tuple[str, str, str, str, dict[str, object], int]) -> None:
        url, secret, message_id, kind, data, attempts = claimed
        if not url:
            return
        host = urlsplit(url).hostname or ""
        allowed = self._ways.private_webhooks or self._configured(message_id) or reachable_outside(host)
        why = (
            self._ways.post(url, secret, message_id, kind, data, self._now())
            if allowed
            else "its address is not one of the internet"
        )
        with self._sessions.begin() as session:
            delivery, now = session.get_one(Delivery, message_id), self._now()
            if why is None:
                delivery.arrived, delivery.next_attempt, delivery.error = now, None, ""
                return
            delivery.error, delivery.next_attempt = why[:300], next_attempt_after(attempts, now)
            if delivery.next_attempt is None:
                _log.warning("A webhook was given up after %d attempts (%s).", attempts, why)

    def _configured(self, message_id: str) -> bool:
        with self._sessions() as session:
            query = select(Webhook.configured).join(Delivery, Delivery.webhook_id == Webhook.id)
            return bool(session.scalar(query.where(Delivery.id == message_id)))

    def _claim_mail(self) -> Mail | None:
        if self._nothing_due(Mail):
            return None
        with self._sessions.begin() as session:
            now = self._now()
            query = select(Mail).where(Mail.next_attempt <= now).order_by(Mail.next_attempt).limit(1)
            found = session.scalars(query.with_for_update(skip_locked=True)).first()
            if found is not None:
                found.next_attempt = now + _CLAIM
                found.attempts += 1
            return found

    def _send(self, mailer: Mailer, mail: Mail) -> None:
        why = ""
        try:
            mailer.send(as_message(mail, self._ways.sender))
        except NotSentError as error:
            why = str(error)
        with self._sessions.begin() as session:
            kept, now = session.get_one(Mail, mail.id), self._now()
            if not why:
                kept.sent, kept.next_attempt, kept.error, kept.text = now, None, "", ""
                return
            kept.error, kept.next_attempt = why[:300], next_attempt_after(mail.attempts, now)
            if kept.next_attempt is None:
                kept.text = ""
                _log.error("An e-mail was given up after %d attempts (%s).", mail.attempts, why)
            elif mail.attempts == 1:
                _log.warning("An e-mail could not be sent (%s); it will be tried again.", why)


def forget_delivered(session: Session, now: datetime) -> None:
    """Deliveries and mails of over a month ago."""
    for table in (Delivery, Mail):
        session.execute(delete(table).where(table.created < now - KEPT, table.next_attempt.is_(None)))


class Clockwork:
    """Calls a step again and again in a thread of its own, until it is stopped. A step that fails is told once in the log, and
    tried again."""

    def __init__(self, name: str, step: Callable[[], None], every_s: float) -> None:
        self._step = step
        self._every_s = every_s
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Do not wait for the next time."""
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        failed = False
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                self._step()
                failed = False
            except Exception:  # noqa: BLE001 - a clockwork that stops because of one bad row would be worse
                if not failed:
                    _log.exception("%s failed; it will be tried again.", self._thread.name)
                failed = True
            self._woken.wait(self._every_s)
