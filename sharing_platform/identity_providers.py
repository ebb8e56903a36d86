"""Identity providers of organisations (OpenID Connect), as the platform's operator configures them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from sharing_platform.schemas import Name

Host = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")]


def _issuer(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("write the issuer as the provider does, such as https://login.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_own_computer(parts.hostname)):
        raise ValueError("it must begin with https://")
    return value


def is_own_computer(host: str) -> bool:
    """Where nobody listens in: a provider to try things out with may do without TLS."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ProviderSettings(BaseModel):
    """One provider. `name`: in the platform's addresses. `organisation`: whose member somebody becomes at the first sign-in. `email_domains`: those that the provider
    may vouch for. `verified_claim`: how it says that it has checked an address. `other_hosts`: where, beside the issuer's own, it has its keys and tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    issuer: Annotated[str, AfterValidator(_issuer)]
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    client_secret_file: Path
    organisation: Name
    email_domains: Annotated[tuple[Host, ...], Field(min_length=1)]
    verified_claim: Annotated[str, Field(min_length=1)] = "email_verified"
    other_hosts: tuple[Host, ...] = ()


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
