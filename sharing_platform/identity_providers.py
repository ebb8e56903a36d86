"""Identity providers of organisations (OpenID Connect), as the platform's operator configures them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sharing_platform.schemas import Name
from sign_in import settings
from sign_in.settings import Host


class ProviderSettings(settings.ProviderSettings):
    """One provider. `name`: in the platform's addresses. `organisation`: whose member somebody becomes at the first sign-in. `email_domains`: those that the provider
    may vouch for."""

    name: Name
    organisation: Name
    email_domains: Annotated[tuple[Host, ...], Field(min_length=1)]


class ProvidersFile(BaseModel):
    """The operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: list[ProviderSettings]

    @field_validator("provider")
    @classmethod
    def _named_once(cls, given: Sequence[ProviderSettings]) -> Sequence[ProviderSettings]:
        if len({one.name for one in given}) < len(given):
            raise ValueError("two providers have the same `name`")
        return given


@dataclass(frozen=True)
class IdentityProvider:
    """A provider, with the secret by which it knows the platform."""

    settings: ProviderSettings
    client_secret: str = field(repr=False)
