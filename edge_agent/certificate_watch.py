"""The certificates that a gateway depends on, and when they expire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edge_agent.configuration import AgentSettings
from telemetry.broker import BrokerSettings
from telemetry.certificates import Certificate, files_for_broker, in_file

OWN_CERTIFICATE, OWN_KEY = Path("own", "certificate.der"), Path("own", "private_key.pem")
"""In the folder with keys and certificates."""


def certificates_of(settings: AgentSettings, pki: Path, now: datetime) -> list[Certificate]:
    """Those in files: for the brokers, the agent's own for OPC UA, log-ins by certificate, and servers that are trusted. The first to expire comes first."""
    found = {one.what: one for one in _certificates(settings, pki, now)}
    return sorted(found.values(), key=lambda one: one.until)


def _certificates(settings: AgentSettings, pki: Path, now: datetime) -> Iterator[Certificate]:
    for broker in brokers_of(settings):
        yield from files_for_broker(broker)
    secured = [server for server in settings.opcua if server.security_policy != "None"]
    if secured and (own := in_file("The agent's own certificate for OPC UA", pki / OWN_CERTIFICATE)) is not None:
        yield own
    for server in secured:
        if server.user_certificate is not None:
            log_in = in_file(
                f"The certificate with which the agent logs in to {server.endpoint}", server.user_certificate
            )
            if log_in is not None:
                yield log_in
    for path in sorted((pki / "trusted").glob("*.der")) if secured else ():
        trusted = in_file("The certificate of an OPC UA server", path)
        # One that has expired is of a server that has another by now, or else its machines are Unknown and say why.
        if trusted is not None and trusted.until > now:
            yield trusted


def brokers_of(settings: AgentSettings) -> Iterator[BrokerSettings]:
    """All that the agent connects to."""
    yield settings.mqtt
    if settings.sparkplug is not None and settings.sparkplug.mqtt is not None:
        yield settings.sparkplug.mqtt
    for table in settings.sparkplug_input:
        yield settings.broker_of(table)
