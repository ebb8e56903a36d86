"""Creates the region's first administrator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.organisations import directory
from sharing_platform.organisations.first_people import add_person
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED, Kind, Role


def make_administrator(sessions: sessionmaker[Session], email: str, name: str, region: str, now: datetime) -> str:
    """An owner of the region's organisation, which is made if there is none. Returns the secret of a link to choose a password."""
    with sessions.begin() as session:
        organisation = session.scalars(select(Organisation).where(Organisation.kind == Kind.REGION)).first()
        if organisation is None:
            organisation = directory.create_organisation(session, region, Kind.REGION, now)
            organisation.status, organisation.decided = APPROVED, now
        return add_person(session, organisation.id, email, name, Role.OWNER, "region.administrator", now)
