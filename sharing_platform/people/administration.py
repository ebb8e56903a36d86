"""The region's first administrator, whom nobody could approve."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.people import accounts, organisations
from sharing_platform.people.access import APPROVED, Kind, Role
from sharing_platform.people.audit import log
from sharing_platform.people.tables import Organisation


def make_administrator(sessions: sessionmaker[Session], email: str, name: str, region: str, now: datetime) -> str:
    """An owner of the region's organisation, which is made if there is none. Returns the secret of a link to choose a password."""
    with sessions.begin() as session:
        account, _ = accounts.account_for(session, email, name, "nl", now)
        own = session.scalars(select(Organisation).where(Organisation.kind == Kind.REGION)).first()
        if own is None:
            own = organisations.found(session, region, Kind.REGION, now)
            own.status, own.decided = APPROVED, now
        organisations.put_member(session, own.id, account.id, Role.OWNER, now)
        log(session, now, None, "region.administrator", account.id, organisation=own.id)
        return accounts.new_link(session, account, now)
