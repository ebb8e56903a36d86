"""The `[identity_provider]` table of the server's configuration: who signs in to the control room with the account they have at work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from analytics.api.people import one_line
from sign_in.settings import ProviderSettings
from telemetry import Duration

_MAX_EMAIL = 254

Email = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[^@\s]+@[^@\s]+$", max_length=_MAX_EMAIL)
]
Given = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Allowed(BaseModel):
    """Whom the provider vouches for and who may come in: persons by e-mail address, or whoever is in a group. `groups_claim`: where the id token says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emails: tuple[Email, ...] = ()
    groups: tuple[Given, ...] = ()
    groups_claim: Given = "groups"

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.emails and not self.groups:
            raise ValueError("name who may come in: `emails`, `groups` or both")
        return self


class IdentityProviderTable(ProviderSettings):
    """`session`: how long somebody stays signed in. Whom the provider no longer lets in, or who is no longer in the group, is out then."""

    allow: Allowed
    session: Annotated[Duration, Field(ge=timedelta(minutes=5), le=timedelta(hours=12))] = timedelta(hours=1)

    def admit(self, claims: Mapping[str, Any], address_is_verified: bool) -> str | None:
        """The name for log and pages of somebody who may come in; None for anybody else. People can choose their name at most providers, so that it never stands alone."""
        email = _email(claims.get("email")) if address_is_verified else None
        if email not in self.allow.emails and not _groups(claims.get(self.allow.groups_claim)) & {*self.allow.groups}:
            return None
        mark, name = email or str(claims["sub"]), claims.get("name")
        shown = one_line(name) if isinstance(name, str) and not set("()@") & set(name) else None
        return f"{shown} ({mark})" if shown is not None else mark


def _email(given: object) -> str | None:
    if not isinstance(given, str) or not given.isprintable() or len(given) > _MAX_EMAIL:
        return None
    return given.lower()


def _groups(given: object) -> set[str]:
    """One, or a list of them."""
    listed = given if isinstance(given, list) else [given]
    return {one for one in listed if isinstance(one, str)}
