"""Records of organisations and their members."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.identifiers import BELGIUM
from sharing_platform.organisations.models import Account, ApiToken, Membership, Organisation, WebSession
from sharing_platform.organisations.names import resembling
from sharing_platform.organisations.permissions import APPROVED, ASKED, REFUSED, Kind, Role

_MAX_WORDS = 5
"""Of a search."""


def create_organisation(session: Session, name: str, kind: Kind, now: datetime) -> Organisation:
    """A new organisation, which the region has still to approve, by the platform's operator."""
    return _created(session, _free_id(session, _plain(name)), name, kind, now)


def found_organisation(session: Session, name: str, kind: Kind, now: datetime, owner: Account) -> Organisation:
    """A new organisation by somebody who becomes its owner, recorded in the audit log. Its short name ends in characters drawn by lot, also where no other organisation has nearly
    that name: a number, only where one has, would tell so."""
    chosen = f"{_plain(name)}-{secrets.token_hex(3)}"
    made = _created(session, _free_id(session, chosen), name, kind, now)
    session.add(Membership(account_id=owner.id, organisation_id=made.id, role=Role.OWNER, created=now))
    log(session, now, None, "organisation.founded", made.id, organisation=made.id)
    return made


def _created(session: Session, organisation_id: str, name: str, kind: Kind, now: datetime) -> Organisation:
    made = Organisation(id=organisation_id, name=name, kind=kind, status=ASKED, created=now)
    session.add(made)
    session.flush()
    return made


def _plain(name: str) -> str:
    """A name for addresses: `Bakkerij Ånström & Zn` becomes `bakkerij-anstrom-zn`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50] or "organisatie"


def _free_id(session: Session, base: str) -> str:
    taken = set(session.scalars(select(Organisation.id).where(Organisation.id.startswith(base, autoescape=True))))
    number = 2
    chosen = base
    while chosen in taken:
        chosen, number = f"{base}-{number}", number + 1
    return chosen


def ensure_configured(session: Session, ids: Iterable[str], now: datetime) -> None:
    """Create the organisations for which the platform's operator configured tokens, as approved."""
    wanted = sorted(ids)
    known = set(session.scalars(select(Organisation.id).where(Organisation.id.in_(wanted))))
    session.add_all(
        Organisation(id=one, name=one, kind=Kind.FACTORY, status=APPROVED, created=now, decided=now)
        for one in wanted
        if one not in known
    )


def decide(session: Session, organisation_id: str, approved: bool, reason: str, now: datetime) -> Organisation:
    """Approve or refuse; an approval can be taken back. `reason`: of a refusal. Raises NotFoundError; InvalidError for a refusal without a reason; ConflictError for
    the region's own, and for an approval while another organisation has the same number."""
    listed = select(Organisation).where(Organisation.id == organisation_id, is_listed())
    organisation = session.scalars(listed.with_for_update()).first()
    if organisation is None:
        raise NotFoundError
    if organisation.kind == Kind.REGION and not approved:
        raise ConflictError("region_stays")
    if not approved and not reason:
        raise InvalidError("reason_needed", "reason")
    if approved and organisation.claimed is not None:
        try:
            require_free_identifier(session, organisation.claimed, organisation.id)
        except InvalidError:
            raise ConflictError("number_of_another") from None
        set_identifier(session, organisation, organisation.claimed)
    organisation.status, organisation.decided = (APPROVED if approved else REFUSED), now
    organisation.refusal = "" if approved else reason
    return organisation


def require_free_identifier(
    session: Session, identifier: str | None, organisation_id: str | None
) -> Organisation | None:
    """Raises InvalidError where another organisation has this number. Returns one that has it without having shown that it is theirs: nobody in it has confirmed
    their address, or it was refused."""
    if identifier is None:
        return None
    held = select(Organisation).where(Organisation.identifier == identifier, Organisation.id != (organisation_id or ""))
    holder = session.scalars(held.with_for_update()).first()
    if holder is None:
        return None
    listed = select(Organisation.id).where(Organisation.id == holder.id, is_listed())
    if holder.status != REFUSED and session.scalar(listed) is not None:
        raise InvalidError("number_known", "enterprise_number" if identifier.startswith(BELGIUM) else "vat")
    return holder


def set_identifier(session: Session, organisation: Organisation, identifier: str | None) -> None:
    """Give it the number, which is taken from whoever has not shown that it is theirs: otherwise whoever types another's number would keep them out. Where another organisation has it, an
    organisation that the region has still to look at claims it, and learns nothing; for others InvalidError."""
    try:
        holder = require_free_identifier(session, identifier, organisation.id)
    except InvalidError:
        if organisation.status == APPROVED:
            raise
        organisation.identifier, organisation.claimed = None, identifier
        return
    if holder is not None:
        holder.identifier = None
        session.flush()
    organisation.identifier, organisation.claimed = identifier, None


def holder_of_claimed(session: Session, organisation: Organisation) -> Organisation | None:
    """Who has the number that it claims."""
    if organisation.claimed is None:
        return None
    return session.scalars(select(Organisation).where(Organisation.identifier == organisation.claimed)).first()


def bears_name(session: Session, name: str, without: str | None = None) -> bool:
    """Whether an organisation that the region sees, other than `without`, has nearly this name."""
    return any(one != without for one in resembling(name, _listed_names(session)))


def awaits_region(session: Session, organisation: Organisation) -> bool:
    """Whether it bears nearly the name of an organisation that the region has approved, or another's number, and the region has not said yet that it is another one."""
    if organisation.status != ASKED:
        return False
    if organisation.claimed is not None:
        return True
    approved = select(Organisation.id, Organisation.name).where(Organisation.status == APPROVED)
    return bool(resembling(organisation.name, {row.id: row.name for row in session.execute(approved)}))


def resembling_names(session: Session, organisations: Iterable[Organisation]) -> dict[str, list[str]]:
    """Of each of these organisations, the names of others that are nearly the same; left out where there are none."""
    known = _listed_names(session)
    found = {
        one.id: [known[other] for other in resembling(one.name, known) if other != one.id] for one in organisations
    }
    return {one: others for one, others in found.items() if others}


def _listed_names(session: Session) -> dict[str, str]:
    rows = session.execute(
        select(Organisation.id, Organisation.name).where(is_listed(), Organisation.status != REFUSED)
    )
    return {row.id: row.name for row in rows}


def is_listed() -> ColumnElement[bool]:
    """Whether the region sees an organisation: once somebody in it has confirmed their address, or it was decided on. Neighbouring regions have a page of their own."""
    confirmed = (
        exists()
        .where(Membership.organisation_id == Organisation.id, Account.id == Membership.account_id)
        .where(Account.confirmed.is_not(None))
    )
    return (Organisation.kind != Kind.NEIGHBOUR) & ((Organisation.status != ASKED) | confirmed)


def all_organisations(
    session: Session, status: str | None, after: str | None, limit: int, words: str = ""
) -> list[Organisation]:
    """In order of their ids, without those that nobody has confirmed yet. `words`: part of the name, the place, the number or a member's name or address."""
    query = select(Organisation).where(is_listed()).order_by(Organisation.id).limit(limit)
    if status is not None:
        query = query.where(Organisation.status == status)
    if after is not None:
        query = query.where(Organisation.id > after)
    for word in words.split()[:_MAX_WORDS]:
        query = query.where(_mentions(word))
    return list(session.scalars(query))


def _mentions(word: str) -> ColumnElement[bool]:
    member = exists().where(Membership.organisation_id == Organisation.id, Account.id == Membership.account_id)
    number = re.sub(r"[^0-9A-Z]", "", word.upper())
    found = or_(
        Organisation.name.icontains(word, autoescape=True),
        Organisation.id.icontains(word, autoescape=True),
        Organisation.place.icontains(word, autoescape=True),
        member.where(Account.name.icontains(word, autoescape=True) | Account.email.icontains(word, autoescape=True)),
    )
    return found | Organisation.identifier.contains(number) if number else found


def find_listed(session: Session, organisation_id: str) -> Organisation:
    """One that the region sees. Raises NotFoundError."""
    found = session.scalars(select(Organisation).where(Organisation.id == organisation_id, is_listed())).first()
    if found is None:
        raise NotFoundError
    return found


def names_of(session: Session, ids: Collection[str]) -> dict[str, str]:
    """By id; one that is not known is left out."""
    rows = session.execute(select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids)))
    return {row.id: row.name for row in rows}


def members(session: Session, organisation: str) -> list[tuple[Account, Membership]]:
    """In order of their names."""
    query = select(Account, Membership).join(Membership, Membership.account_id == Account.id)
    query = query.where(Membership.organisation_id == organisation).order_by(Account.name, Account.id)
    return [(account, membership) for account, membership in session.execute(query)]


def members_with_roles(session: Session, organisation: str, roles: Iterable[Role]) -> list[Account]:
    """Members to notify. Accounts with an unconfirmed address are left out, because it may be somebody else's."""
    wanted = set(roles)
    return [
        account
        for account, membership in members(session, organisation)
        if membership.role in wanted and account.confirmed is not None
    ]


def memberships(session: Session, account: str) -> list[tuple[Organisation, str]]:
    """The organisations somebody is in, with the role."""
    query = select(Organisation, Membership.role).join(Membership, Membership.organisation_id == Organisation.id)
    query = query.where(Membership.account_id == account).order_by(Organisation.name)
    return [(organisation, role) for organisation, role in session.execute(query)]


def first_organisation(session: Session, account: str) -> str | None:
    """The one that the account has been in longest."""
    mine = select(Membership.organisation_id).where(Membership.account_id == account)
    return session.scalars(mine.order_by(Membership.created, Membership.organisation_id).limit(1)).first()


def put_member(session: Session, organisation: str, account: str, role: Role, now: datetime) -> None:
    """Add a member or change the role. Raises ConflictError if no owner would be left."""
    membership = session.get(Membership, (account, organisation))
    if membership is None:
        session.add(Membership(account_id=account, organisation_id=organisation, role=role, created=now))
        return
    if membership.role == Role.OWNER and role is not Role.OWNER:
        _keep_an_owner(session, organisation, account)
    membership.role = role


def remove_member(session: Session, organisation: str, account: str) -> None:
    """The member's sessions speak for another of their organisations, if they have one. Raises NotFoundError, or ConflictError where no owner would be left."""
    membership = session.get(Membership, (account, organisation))
    if membership is None:
        raise NotFoundError
    if membership.role == Role.OWNER:
        _keep_an_owner(session, organisation, account)
    session.delete(membership)
    session.flush()
    own = (WebSession.account_id == account) & (WebSession.organisation_id == organisation)
    session.execute(update(WebSession).where(own).values(organisation_id=first_organisation(session, account)))


def _keep_an_owner(session: Session, organisation: str, without: str) -> None:
    # The organisation's row is what two owners who leave at the same moment wait for.
    session.get(Organisation, organisation, with_for_update=True)
    owners = select(func.count()).where(
        Membership.organisation_id == organisation, Membership.role == Role.OWNER, Membership.account_id != without
    )
    if not session.scalar(owners):
        raise ConflictError("last_owner")


def set_location(organisation: Organisation, latitude: float | None, longitude: float | None) -> None:
    """Both or none. Raises InvalidError."""
    if (latitude is None) != (longitude is None):
        raise InvalidError("location", "latitude")
    organisation.latitude, organisation.longitude = latitude, longitude


def tokens(session: Session, organisation: str) -> list[ApiToken]:
    """Those that are not revoked, the newest first."""
    query = select(ApiToken).where(ApiToken.organisation_id == organisation, ApiToken.revoked.is_(None))
    return list(session.scalars(query.order_by(ApiToken.created.desc(), ApiToken.id)))
