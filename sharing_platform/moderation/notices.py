"""Who is told what about reports and decisions, by e-mail, in the transaction of the step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.i18n import Translator
from sharing_platform.moderation.kinds import TITLED
from sharing_platform.moderation.models import Decision, Report
from sharing_platform.notifications.mail import Mailbox, Recipient, queue_mail
from sharing_platform.notifications.signed_links import LinkTo, signed
from sharing_platform.organisations.applications import administrators
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import Role

ANNOUNCE_EVERY = timedelta(minutes=15)
_WHO_SHARES = (Role.OWNER, Role.PLANNER)


def received(session: Session, context: PlatformContext, report: Report, now: datetime) -> None:
    """To who reported: it has arrived, and here they see what becomes of it."""
    _to_reporter(session, context, report, "report_received", now)


def decided(
    session: Session, context: PlatformContext, decision: Decision, reports: Iterable[Report], now: datetime
) -> None:
    """To the owner of what was taken down, and to all who reported it. Who they are, the owner does not learn."""
    if decision.outcome == "taken_down":
        _to_owner(session, context, decision, "content_taken_down", now)
    for report in reports:
        _to_reporter(session, context, report, f"report_{decision.outcome}", now, decision)


def appealed(session: Session, context: PlatformContext, decision: Decision, now: datetime) -> None:
    """To the region's administrators."""
    link = f"{context.url}/region/decisions/{decision.id}"
    for account in administrators(session):
        title = _title(account, context, decision)
        queue_mail(session, account, "appeal_made", context.zone, now, title=title, link=link)


def answered(
    session: Session, context: PlatformContext, decision: Decision, reports: Iterable[Report], now: datetime
) -> None:
    """To both sides, where the owner knows of it."""
    key = f"appeal_{decision.answer}"
    if decision.outcome == "taken_down":
        _to_owner(session, context, decision, key, now)
    for report in reports:
        _to_reporter(session, context, report, f"report_{key}", now, decision)


def due(session: Session, now: datetime) -> bool:
    """Whether there is a report that the region's administrators were not told of, one of them to tell, and the last e-mail long enough ago."""
    if session.scalars(select(Report.id).where(*_NEW).limit(1)).first() is None:
        return False
    last = session.scalar(select(func.max(Report.announced)))
    return (last is None or now - last >= ANNOUNCE_EVERY) and bool(administrators(session))


def announce(session: Session, url: str, zone: str, now: datetime) -> int:
    """Tell the region's administrators of new reports, in one e-mail. Returns how many."""
    found = list(session.scalars(select(Report).where(*_NEW).with_for_update()))
    if not found or not due(session, now):
        return 0
    for one in found:
        one.announced = now
    for account in administrators(session):
        queue_mail(session, account, "reports", zone, now, count=len(found), link=f"{url}/region/reports")
    return len(found)


_NEW = (Report.announced.is_(None), Report.decision_id.is_(None))


def _to_owner(session: Session, context: PlatformContext, decision: Decision, key: str, now: datetime) -> None:
    link = f"{context.url}/decisions/{decision.id}"
    for account in members_with_roles(session, decision.owner, _WHO_SHARES):
        values = _reasons(account, context, decision)
        title = _title(account, context, decision)
        queue_mail(session, account, key, context.zone, now, title=title, link=link, **values)


def _to_reporter(
    session: Session,
    context: PlatformContext,
    report: Report,
    key: str,
    now: datetime,
    decision: Decision | None = None,
) -> None:
    """The address may be anybody's: the e-mail carries nothing that others typed but the region."""
    if not report.email:
        return
    account = session.get(Account, report.account_id) if report.account_id is not None else None
    recipient: Recipient = account if account is not None else Mailbox(report.email, report.language)
    link = f"{context.url}/reports/{signed(session, LinkTo.REPORT, report.id)}"
    values: dict[str, Any] = _reasons(recipient, context, decision) if decision is not None else {}
    queue_mail(session, recipient, key, context.zone, now, link=link, **values)


def _title(recipient: Recipient, context: PlatformContext, decision: Decision) -> str:
    """Of what has no title of its own, what it is."""
    if decision.kind in TITLED:
        return decision.title
    t = Translator(recipient.language, context.zone)
    return f"{t(f'content_{decision.kind}')}{t.colon}{decision.title}"


def _reasons(recipient: Recipient, context: PlatformContext, decision: Decision) -> dict[str, Any]:
    t = Translator(recipient.language, context.zone)
    return {"ground": t(f"ground_{decision.ground}"), "text": decision.text, "answer": decision.answer_text}
