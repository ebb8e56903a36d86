"""The summary of a day: what somebody wants to be told once a day, in one e-mail at the hour that they chose."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sharing_platform.notifications.mail import Recipient, let_stop, queue_mail
from sharing_platform.notifications.models import DigestItem, MailSettings
from sharing_platform.notifications.preferences import DIGEST, HOUR, can_be_stopped

_MOST = 50
"""So many things a summary tells; a remark says that there are more."""


def due_accounts(session: Session, zone: str, now: datetime) -> list[str]:
    """Whose hour has come since the first thing that waits for them."""
    chosen = MailSettings.account_id == DigestItem.account_id
    waiting = select(DigestItem.account_id, func.min(DigestItem.created), func.max(MailSettings.hour))
    found = session.execute(waiting.outerjoin(MailSettings, chosen).group_by(DigestItem.account_id))
    return [account for account, first, hour in found if now >= next_hour(first, HOUR if hour is None else hour, zone)]


def next_hour(moment: datetime, hour: int, zone: str) -> datetime:
    """The next time after a moment that local clocks show the hour. Where clocks skip it, what follows."""
    local = moment.astimezone(ZoneInfo(zone))
    day = local.date() if local.time() < time(hour) else local.date() + timedelta(days=1)
    return datetime.combine(day, time(hour), ZoneInfo(zone))


def send(session: Session, account: Recipient, zone: str, now: datetime) -> None:
    """Queue the summary of all that waits for somebody, to be called with their account locked."""
    query = select(DigestItem).where(DigestItem.account_id == account.id).order_by(DigestItem.created, DigestItem.id)
    items = list(session.scalars(query))
    if not items:
        return
    told = "\n\n".join(f"• {one.subject}\n{one.text}" for one in items[:_MOST])
    more = "" if len(items) <= _MOST else f"\n\n+ {len(items) - _MOST}"
    mail = queue_mail(session, account, "digest", zone, now, (), count=len(items), told=told + more)
    if mail is not None and any(can_be_stopped(one.kind) for one in items):
        let_stop(session, mail, account, DIGEST)
    session.execute(delete(DigestItem).where(DigestItem.id.in_([one.id for one in items])))
