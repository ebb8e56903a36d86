"""Rights of roles and tokens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sharing_platform.errors import NotAllowedError, NotSignedInError


class Kind(StrEnum):
    """What an organisation is."""

    FACTORY = "factory"
    SEEKER = "seeker"
    TRAINING_CENTRE = "training_centre"
    REGION = "region"
    NEIGHBOUR = "neighbour"
    """A neighbouring region, in whose name requests of its organisations are booked here. Nobody is a member of it."""


class Role(StrEnum):
    """What somebody is in an organisation."""

    OWNER = "owner"
    PLANNER = "planner"
    MEMBER = "member"


class Right(StrEnum):
    """Rights, which are also the scopes of API tokens."""

    READ = "read"
    """See what members see, and the organisation's own requests."""
    ASK = "ask"
    """Ask for hours, listings and seats; write messages about it; cancel. Answer the self-assessment."""
    ANSWER = "answer"
    """Accept, decline and cancel what others ask of the organisation."""
    OFFER = "offer"
    """Put and withdraw machines and their hours."""
    LIST = "list"
    """Put listings and wanted notices; goals of the self-assessment, and what others see of it."""
    INTEGRATE = "integrate"
    """Calendar feeds and webhooks."""
    GOVERN = "govern"
    """The organisation itself: its particulars, members, tokens. No token may."""
    REGION = "region"
    """Approve organisations, read the region's audit log. No token may."""


TOKEN_SCOPES = frozenset(Right) - {Right.GOVERN, Right.REGION}
_MEMBER = frozenset({Right.READ, Right.ASK})
_PLANNER = _MEMBER | {Right.ANSWER, Right.OFFER, Right.LIST, Right.INTEGRATE}
ROLE_RIGHTS = {Role.MEMBER: _MEMBER, Role.PLANNER: _PLANNER, Role.OWNER: _PLANNER | {Right.GOVERN}}
ANSWERING = tuple(role for role, rights in ROLE_RIGHTS.items() if Right.ANSWER in rights)
"""The roles of those who can answer requests."""
REGIONAL = (Role.OWNER, Role.PLANNER)
"""The roles in the region's organisation that make an administrator."""
_NEED_APPROVAL = frozenset({Right.ANSWER, Right.OFFER, Right.LIST, Right.INTEGRATE, Right.REGION})

ASKED, APPROVED, REFUSED = "asked", "approved", "refused"
"""What `Organisation.status` can be."""


@dataclass(frozen=True)
class Actor:
    """Who makes a request: a person in an organisation, or an organisation's program. `rights` hold within it."""

    organisation: str
    kind: Kind
    status: str
    rights: frozenset[Right]
    account: str | None = None
    token: str | None = None
    role: Role | None = None

    @property
    def approved(self) -> bool:
        return self.status == APPROVED

    @property
    def refused(self) -> bool:
        return self.status == REFUSED

    @property
    def viewer(self) -> str | None:
        """The member as whom offers are looked at; an organisation that is not approved yet sees what anybody sees."""
        return self.organisation if self.approved and Right.READ in self.rights else None

    def may(self, right: Right) -> bool:
        return right in self.rights

    def awaits(self, right: Right) -> bool:
        """Whether nothing but the region's approval is missing for this."""
        return self.status == ASKED and self.role is not None and right in rights_of(self.role, self.kind, APPROVED)


def organisation_of(actor: Actor | None) -> str | None:
    """For whom somebody speaks; None where nobody is known."""
    return actor.organisation if actor is not None else None


def viewer_of(actor: Actor | None) -> str | None:
    """`Actor.viewer`; None, too, where nobody is known."""
    return actor.viewer if actor is not None else None


def rights_of(role: Role, kind: Kind, status: str) -> frozenset[Right]:
    """What a person may do in an organisation of this kind and status."""
    rights = ROLE_RIGHTS[role]
    if kind is Kind.REGION and role in REGIONAL:
        rights |= {Right.REGION}
    return _left_to(status, rights)


def scopes_of(scopes: Collection[str], status: str) -> frozenset[Right]:
    """What a token may do. A scope that is no longer known gives nothing."""
    return _left_to(status, frozenset(Right(one) for one in scopes if one in TOKEN_SCOPES))


def _left_to(status: str, rights: frozenset[Right]) -> frozenset[Right]:
    """What the region's decision leaves of these rights. An organisation that it has refused reads what is its own."""
    if status == REFUSED:
        return rights & {Right.READ}
    return rights if status == APPROVED else rights - _NEED_APPROVAL


def require(actor: Actor | None, right: Right) -> Actor:
    """Raises NotSignedInError where nobody is known, NotAllowedError where they may not."""
    if actor is None:
        raise NotSignedInError
    if actor.refused and right is not Right.READ:
        raise NotAllowedError("refused")
    if not actor.may(right):
        raise NotAllowedError("not_approved" if not actor.approved and right in _NEED_APPROVAL else "role")
    return actor


def require_to_write(actor: Actor | None) -> Actor:
    """For changes whose right depends on what is changed. Raises NotSignedInError, NotAllowedError for whom the region has refused, or who may not read."""
    known = require(actor, Right.READ)
    if known.refused:
        raise NotAllowedError("refused")
    return known
