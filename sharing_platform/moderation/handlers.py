"""Handlers for events of the domains below. `app.py` subscribes them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sharing_platform.moderation.models import Decision, Report
from sharing_platform.organisations.events import AccountErasing, PersonalDataRequested
from sharing_platform.organisations.personal_data import ERASED_NAME, rows_of

REPORTERS_KEPT = timedelta(days=365)
"""From the decision on."""


def erase_person(event: AccountErasing) -> None:
    """A report that waits is still looked into, without them."""
    mine = update(Report).where(Report.account_id == event.account.id)
    event.session.execute(mine.where(Report.decision_id.is_not(None)).values(text=ERASED_NAME))
    event.session.execute(mine.values(account_id=None, name=ERASED_NAME, email=""))


def export_person(event: PersonalDataRequested) -> None:
    columns = ("page", "category", "text", "created")
    event.sections["reports"] = rows_of(event.session, Report, event.account, *columns)


def forget_reporters(session: Session, now: datetime) -> None:
    """Who reported is forgotten a year after the decision."""
    old = select(Decision.id).where(Decision.at < now - REPORTERS_KEPT)
    reports = update(Report).where(Report.decision_id.in_(old), (Report.name != "") | (Report.email != ""))
    session.execute(reports.values(account_id=None, name="", email=""))
