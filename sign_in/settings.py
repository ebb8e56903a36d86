"""What a configuration file says about an identity provider."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

_OTHERS = 0o027
"""What a file with a secret must not allow: the group to write, others anything."""

Scope = Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]{1,200}$")]
"""RFC 6749, 3.3."""
Host = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")]


class SecretError(Exception):
    """A client secret cannot be used; the message says why, and contains no secret."""


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
    """One provider. `label`: on the button. `verified_claim`: how it says that it has checked an address. `other_hosts`: where, beside the issuer's own, it has
    its keys and tokens. `more_scopes`: what it has to be asked for beside `openid email profile`, so that it says more of a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    issuer: Annotated[str, AfterValidator(_issuer)]
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    client_secret_file: Path
    verified_claim: Annotated[str, Field(min_length=1)] = "email_verified"
    other_hosts: tuple[Host, ...] = ()
    more_scopes: tuple[Scope, ...] = ()


def read_client_secret(file: Path) -> str:
    """The secret by which a provider knows us. Raises SecretError, also where others may read it."""
    try:
        if file.stat().st_mode & _OTHERS:
            raise SecretError(f"{file}: others can read or change this secret. Run: chmod 640 {file}")
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{file}: the client secret cannot be read ({type(error).__name__}).") from error
    if not secret:
        raise SecretError(
            f"{file}: the client secret is missing; the provider shows it when you register the application."
        )
    return secret
