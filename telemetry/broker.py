"""Address and credentials of the MQTT broker: the `[mqtt]` table of every configuration file that has one."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from telemetry.errors import UserError
from telemetry.settings_table import Check, Constraint, SettingsTable

PASSWORD_VARIABLE = "VRIJLOOP_MQTT_PASSWORD"  # noqa: S105 - a name, no secret


def read_secret_file(path: Path, what: str) -> str:
    """The first line of a file. Raises UserError if it cannot be read; `what` names its content in the message."""
    try:
        return path.read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError) as error:
        raise UserError(
            f"{path}: the {what} cannot be read ({error}). Write it as the file's first line, "
            "readable by this service alone."
        ) from error


def _read_credentials(path: Path) -> tuple[str, str]:
    try:
        user, password = (line.strip() for line in path.read_text(encoding="utf-8").splitlines()[:2])
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it needs two lines"
        raise UserError(
            f"{path}: user name and password for the MQTT broker cannot be read ({why}). Write the name as the file's first line and "
            "the password as its second, readable by this service alone."
        ) from None
    return user, password


def _broker_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        known = parts.scheme in ("mqtt", "mqtts") and parts.hostname and parts.port != 0
    except ValueError:
        known = False  # a port beyond 65535
    if not known:
        raise ValueError('write it as "mqtt://HOST:PORT", or "mqtts://HOST:PORT" for TLS')
    if parts.username or parts.password:
        raise ValueError("a password does not belong in a URL; use `username` and `password_file`")
    return url


@dataclass(frozen=True, kw_only=True)
class BrokerSettings(SettingsTable):
    """The `[mqtt]` table."""

    url: Annotated[str, Check(_broker_url)] = "mqtt://127.0.0.1:1883"
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password_file: Path | None = None
    credentials_file: Path | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    keepalive_s: Annotated[int, Constraint(ge=5, le=3600)] = 15

    def __post_init__(self) -> None:
        if self.credentials_file is not None and (self.username is not None or self.password_file is not None):
            raise ValueError("give either `credentials_file` or `username` with `password_file`")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (8883 if parts.scheme == "mqtts" else 1883)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def ended_unanswered(self) -> str:
        """Error text for a broker that closes the connection instead of answering the log-in, with the likely reason."""
        if urlsplit(self.url).scheme != "mqtts":
            expected = "TLS (`mqtts://`)"
        elif self.client_certificate is None:
            expected = "a certificate of this client (`client_certificate`, `client_key`)"
        else:
            expected = "another certificate than `client_certificate`"
        return f"it ends the connection without an answer; it may expect {expected}"

    def login(self) -> tuple[str, str | None] | None:
        """User name and password, read anew for each connection, so that they can be replaced while a service runs. None: nobody logs in. Raises UserError."""
        if self.credentials_file is not None:
            return _read_credentials(self.credentials_file)
        return (self.username, self._password()) if self.username is not None else None

    def _password(self) -> str | None:
        """The first line of `password_file`, or else the environment variable `PASSWORD_VARIABLE`. Raises UserError if the file cannot be read."""
        if self.password_file is not None:
            return read_secret_file(self.password_file, "password of the MQTT broker")
        return os.environ.get(PASSWORD_VARIABLE)

    def tls_context(self) -> ssl.SSLContext | None:
        """A context that verifies the broker for `mqtts`; None for `mqtt`. Raises UserError if a file cannot be read."""
        if urlsplit(self.url).scheme != "mqtts":
            return None
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
            if self.client_certificate is not None:
                context.load_cert_chain(self.client_certificate, self.client_key)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(path) for path in (self.ca_file, self.client_certificate, self.client_key) if path)
            raise UserError(f"{files}: the certificates for the MQTT broker cannot be read ({error}).") from error
        return context
