"""Invitations: an organisation asks, and the person, signed in, accepts or declines. Nobody is made a member otherwise."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.models import Account, Invitation, Membership, Organisation
from sharing_platform.organisations.permissions import Role

INVITATION_LIFE = timedelta(days=7)


def invite(session: Session, organisation: str, name: str, email: str, role: Role, now: datetime) -> Invitation:
    """A new invitation; another for the same address replaces it. Raises ConflictError for who is a member already."""
    account = accounts.find_account(session, email)
    if account is not None and session.get(Membership, (account.id, organisation)) is not None:
        raise ConflictError("already_member")
    own = (Invitation.organisation_id == organisation) & (Invitation.email == email.casefold())
    session.execute(delete(Invitation).where(own))
    invitation = Invitation(
        id=str(uuid.uuid4()), organisation_id=organisation, email=email.casefold(), name=name, role=role, created=now,
        expires=now + INVITATION_LIFE,
    )  # fmt: skip
    session.add(invitation)
    session.flush()
    return invitation


def of_organisation(session: Session, organisation: str, now: datetime) -> list[Invitation]:
    """Those that nobody has answered yet, the oldest first."""
    waiting = select(Invitation).where(Invitation.organisation_id == organisation, Invitation.expires > now)
    return list(session.scalars(waiting.order_by(Invitation.created, Invitation.id)))


def of_address(session: Session, email: str, now: datetime) -> list[tuple[Invitation, Organisation]]:
    """What waits for the answer of who has this address, the oldest first."""
    query = select(Invitation, Organisation).join(Organisation, Organisation.id == Invitation.organisation_id)
    query = query.where(Invitation.email == email, Invitation.expires > now).order_by(Invitation.created, Invitation.id)
    return [(invitation, organisation) for invitation, organisation in session.execute(query)]


def find(session: Session, invitation_id: str, now: datetime, **whose: str) -> Invitation:
    """`whose`: `email` or `organisation_id`. Raises NotFoundError for what is another's, answered, withdrawn or too old."""
    invitation = session.get(Invitation, invitation_id, with_for_update=True)
    if invitation is None or invitation.expires <= now:
        raise NotFoundError
    if any(getattr(invitation, name) != value for name, value in whose.items()):
        raise NotFoundError
    return invitation


def accept(session: Session, invitation: Invitation, account: Account, now: datetime) -> Organisation:
    organisation = session.get_one(Organisation, invitation.organisation_id)
    directory.put_member(session, organisation.id, account.id, Role(invitation.role), now)
    session.delete(invitation)
    session.flush()
    accounts.speak_for_first(session, account, organisation)
    return organisation
