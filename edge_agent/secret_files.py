"""Files with secrets that others on the gateway can read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.certificate_watch import OWN_KEY, brokers_of
from edge_agent.configuration import AgentSettings


def readable_by_others(settings: AgentSettings, pki: Path) -> list[str]:
    """A sentence for each, with the command that mends it."""
    found = dict.fromkeys(path for path in _secret_files(settings, pki) if path is not None)
    return [
        f"{path} holds a secret and is readable by others: chmod 600 {path}" for path in found if _is_readable(path)
    ]


def _is_readable(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o007)  # a group of its own may read it, as where root owns the file
    except OSError:  # there is no such file, or whoever asks may not look into its folder
        return False


def _secret_files(settings: AgentSettings, pki: Path) -> Iterator[Path | None]:
    for broker in brokers_of(settings):
        yield from (broker.credentials_file, broker.password_file, broker.client_key)
    for server in settings.opcua:
        yield from (server.password_file, server.user_key)
    yield pki / OWN_KEY
