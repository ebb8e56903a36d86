"""Events that organisations publish, for the domains built on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sharing_platform.organisations.models import Account, Organisation


@dataclass(frozen=True)
class OrganisationChanged:
    """Name or place of an organisation may be others now."""

    session: Session
    organisation: Organisation


@dataclass(frozen=True)
class OrganisationRefused:
    """The region has refused an organisation, or taken its approval back."""

    session: Session
    organisation: Organisation
    now: datetime


@dataclass(frozen=True)
class MemberRemoved:
    """Somebody is no longer in an organisation, who left it or was removed."""

    session: Session
    organisation: str
    account: str


@dataclass(frozen=True)
class AccountErasing:
    """An account is about to be erased. A handler removes what it keeps of the person, or raises ConflictError to refuse."""

    session: Session
    account: Account


@dataclass(frozen=True)
class PersonalDataRequested:
    """Somebody asks for their data. A handler adds what it keeps of them to `sections`, as JSON values."""

    session: Session
    account: Account
    sections: dict[str, Any]
