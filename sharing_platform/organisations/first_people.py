"""The first people of an organisation, by whoever runs the platform and is not signed in: nobody registers the region, or a factory whose token is configured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.organisations import accounts, directory, invitations
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.mailed_links import Purpose, create_link
from sharing_platform.organisations.models import Account, Membership, Organisation
from sharing_platform.organisations.permissions import ANSWERING, REFUSED, Kind, Role
from sharing_platform.organisations.schemas import MemberIn
from sharing_platform.organisations.sign_up import SignUp


def add_person(
    session: Session, organisation: str, email: str, name: str, role: Role, action: str, now: datetime
) -> str:
    """Make somebody a member without asking, recorded as `action`. Returns the secret of a link with which they choose a password."""
    account, _ = accounts.get_or_create_account(session, email, name, "nl", now)
    directory.put_member(session, organisation, account.id, role, now)
    log(session, now, None, action, account.id, organisation=organisation, role=role)
    return create_link(session, Purpose.PASSWORD, account.email, now)


def invite_person(
    session: Session, sign_up: SignUp, organisation: str, wanted: MemberIn, now: datetime, send: bool
) -> str:
    """Invite somebody without being signed in. Returns the link that leads to the invitation; `send` mails it, too. Raises NotFoundError for an organisation
    that does not exist, ConflictError for who is a member already."""
    if session.get(Organisation, organisation) is None:
        raise NotFoundError
    invitation = invitations.invite(session, organisation, wanted.name, wanted.email, wanted.role, now)
    log(session, now, None, "member.invited", invitation.id, organisation=organisation, role=wanted.role)
    if send:
        return sign_up.invite(session, invitation, wanted.language, now)
    return sign_up.invitation_link(session, invitation, wanted.language, now)


def invite_owners(session: Session, sign_up: SignUp, owners: Mapping[str, str], now: datetime) -> None:
    """Send each factory's owner (`owners`: factory to e-mail address) an invitation, while the factory has no members and nobody else is invited."""
    for factory, email in owners.items():
        if _has_members(session, factory) or invitations.of_organisation(session, factory, now):
            continue
        wanted = MemberIn(name=name_in(email), email=email, role=Role.OWNER)
        invite_person(session, sign_up, factory, wanted, now, send=True)


def name_in(email: str) -> str:
    """What to call somebody of whom only the address is known, until they say so themselves."""
    return email.partition("@")[0].ljust(2, ".")


def factories_without_answer(session: Session) -> list[Organisation]:
    """Factories in which nobody can answer a request, in order of their ids."""
    can_answer = (
        exists()
        .where(Membership.organisation_id == Organisation.id, Membership.role.in_(ANSWERING))
        .where(Account.id == Membership.account_id, Account.confirmed.is_not(None), Account.erased.is_(None))
    )
    own = (Organisation.kind == Kind.FACTORY) & (Organisation.status != REFUSED)
    return list(session.scalars(select(Organisation).where(own, ~can_answer).order_by(Organisation.id)))


def _has_members(session: Session, organisation: str) -> bool:
    return session.scalars(select(Membership).where(Membership.organisation_id == organisation)).first() is not None
