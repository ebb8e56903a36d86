"""When certificates expire.

`cryptography` is imported where Python's own `ssl` does not do: it takes some megabytes, which an agent without OPC UA does not need.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from telemetry.broker import BrokerSettings
from telemetry.message import rfc3339

EXPIRES_SOON = timedelta(days=30)
_PORTS = {"https": 443, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Certificate:
    """`what`: whose it is, as the beginning of a sentence. `until`: when it expires; of several authorities in a file the last one, as one of them is enough."""

    what: str
    until: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days; negative once it has expired."""
        return (self.until - now).days

    def warning(self, now: datetime) -> str | None:
        """A sentence from a month before the day on."""
        if self.until - now >= EXPIRES_SOON:
            return None
        verb = "expires" if self.until > now else "expired"
        return f"{self.what} {verb} on {self.until:%d/%m/%Y}."

    def row(self, now: datetime) -> dict[str, Any]:
        """For a status in JSON."""
        return {
            "what": self.what.rstrip(","),
            "expires": rfc3339(self.until),
            "days_left": self.days_left(now),
            "problem": self.warning(now),
        }


def in_file(what: str, path: Path) -> Certificate | None:
    """Of a file in PEM or DER format, where those of its authorities may follow. None if it cannot be read, which whoever uses it says."""
    ends = _of_any(path)
    return Certificate(f"{what}, {path},", ends[0]) if ends else None


def authorities_in_file(what: str, path: Path) -> Certificate | None:
    """As `in_file`, of a file with authorities that are trusted."""
    ends = _of_authorities(path) or _of_any(path)
    return Certificate(f"{what}, {path},", max(ends)) if ends else None


def _of_authorities(path: Path) -> list[datetime]:
    """Empty for a file with another certificate than those of authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError):
        return []
    return [
        datetime.fromtimestamp(ssl.cert_time_to_seconds(str(one["notAfter"])), UTC) for one in context.get_ca_certs()
    ]


def _of_any(path: Path) -> list[datetime]:
    from cryptography import x509

    try:
        contents = path.read_bytes()
        pem = b"-----BEGIN" in contents
        found = x509.load_pem_x509_certificates(contents) if pem else [x509.load_der_x509_certificate(contents)]
    except (OSError, ValueError):
        return []
    return [one.not_valid_after_utc for one in found]


def shown_at(what: str, url: str, timeout_s: float) -> Certificate | None:
    """That which a server shows, whether it is trusted or not. None for one without TLS, or that does not answer."""
    from cryptography import x509

    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only its day is looked at, and nothing is sent
    address = (parts.hostname, parts.port or _PORTS[parts.scheme])
    try:
        with (
            socket.create_connection(address, timeout=timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
        parsed = x509.load_der_x509_certificate(shown or b"")
    except (OSError, ValueError):
        return None
    return Certificate(f"{what}, {address[0]}:{address[1]},", parsed.not_valid_after_utc)


def files_for_broker(settings: BrokerSettings) -> Iterator[Certificate]:
    """The files with which a client connects to the broker."""
    for read, what, path in (
        (authorities_in_file, "The authority of the MQTT broker", settings.ca_file),
        (in_file, "The client certificate for the MQTT broker", settings.client_certificate),
    ):
        if path is not None and (found := read(what, path)) is not None:
            yield found


def fewest_days(certificates: Sequence[Certificate], now: datetime) -> int | None:
    """Until the first one expires; None without any."""
    return min((one.days_left(now) for one in certificates), default=None)
