"""Handlers for events of the domains below. `app.py` subscribes them."""

from __future__ import annotations

from sqlalchemy import delete, update

from sharing_platform.organisations.events import AccountErasing, PersonalDataRequested
from sharing_platform.organisations.personal_data import ERASED_NAME, rows_of
from sharing_platform.wanted.models import CLOSED, NoticeAnswer, Search


def erase_person(event: AccountErasing) -> None:
    searches = update(Search).where(Search.account_id == event.account.id)
    event.session.execute(delete(NoticeAnswer).where(NoticeAnswer.account_id == event.account.id))
    event.session.execute(searches.values(title=ERASED_NAME, text="", status=CLOSED, account_id=None))


def export_person(event: PersonalDataRequested) -> None:
    event.sections["answers"] = rows_of(
        event.session, NoticeAnswer, event.account, "search_id", "text", "state", "answered"
    )
    event.sections["searches"] = rows_of(
        event.session, Search, event.account, "id", "kind", "title", "text", "wish", "created"
    )
