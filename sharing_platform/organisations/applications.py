"""Tells the region's administrators that organisations wait for approval: at most one e-mail in a quarter of an hour, with all that have come meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.i18n import Translator
from sharing_platform.organisations.directory import is_listed
from sharing_platform.organisations.models import Account, Membership, Organisation
from sharing_platform.organisations.permissions import ASKED, REGIONAL, Kind
from sharing_platform.organisations.sign_up import SignUp

ANNOUNCE_EVERY = timedelta(minutes=15)
_NAMED = 20
"""So many of them an e-mail names; the page has all."""
_NEW = (Organisation.announced.is_(None), Organisation.status == ASKED, is_listed())


def administrators(session: Session) -> list[Account]:
    """Who may decide for the region, and has confirmed their address."""
    query = select(Account).join(Membership, Membership.account_id == Account.id)
    query = query.join(Organisation, Organisation.id == Membership.organisation_id)
    query = query.where(Organisation.kind == Kind.REGION, Membership.role.in_(REGIONAL), Account.confirmed.is_not(None))
    return list(session.scalars(query.distinct().order_by(Account.id)))


def due(session: Session, now: datetime) -> bool:
    """Whether there is one that nobody was told of, somebody to tell, and the last e-mail long enough ago."""
    if session.scalars(select(Organisation.id).where(*_NEW).limit(1)).first() is None:
        return False
    last = session.scalar(select(func.max(Organisation.announced)))
    return (last is None or now - last >= ANNOUNCE_EVERY) and bool(administrators(session))


def announce(session: Session, sign_up: SignUp, now: datetime) -> int:
    """Returns how many organisations were announced. While the region has no administrator, they wait."""
    # Processes that do this at the same moment take turns at the region's row.
    session.scalars(select(Organisation.id).where(Organisation.kind == Kind.REGION).with_for_update()).all()
    if not due(session, now):
        return 0
    found = list(session.scalars(select(Organisation).where(*_NEW).order_by(Organisation.created, Organisation.id)))
    for one in found:
        one.announced = now
    for account in administrators(session):
        t = Translator(account.language, sign_up.zone)
        lines = "\n".join(
            f"{one.name} ({t(f'org_{one.kind}')}{f', {one.place}' if one.place else ''}){t.colon}{sign_up.url}/region/organisations/{one.id}"
            for one in found[:_NAMED]
        )
        link = f"{sign_up.url}/region/administration"
        sign_up.write(session, account, "applications", now, count=len(found), organisations=lines, link=link)
    return len(found)
