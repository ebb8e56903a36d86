"""The folder of the demo: ports, tokens and configuration files, as in an installation."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from telemetry import UserError

_WRITTEN_ANEW = "# Written anew at each start of the demo. What you change in policy.toml stays.\n"

_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_untried = random.sample(range(_FIRST_PORT, _LAST_PORT), _LAST_PORT - _FIRST_PORT)


@dataclass(frozen=True)
class Ports:
    """Ports on 127.0.0.1."""

    broker: int
    opcua: int
    modbus: int
    server: int
    platform: int


@dataclass(frozen=True)
class Workplace:
    """Paths of the files in `folder`, and their contents. Secrets are readable by the owner only."""

    folder: Path
    ports: Ports
    factory: str
    gateway: str
    mqtt_protocol: str

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def agent_config(self) -> Path:
        return self.folder / "agent.toml"

    @property
    def server_config(self) -> Path:
        return self.folder / "server.toml"

    @property
    def policy(self) -> Path:
        return self.folder / "policy.toml"

    @property
    def platform_tokens(self) -> Path:
        return self.folder / "secrets" / "platform-tokens.json"

    @property
    def server_token(self) -> str:
        return (self.folder / "secrets" / "server-token").read_text(encoding="utf-8")

    @property
    def platform_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.platform}"

    @property
    def server_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.server}"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'platform.sqlite'}"

    @property
    def platform_options(self) -> list[str]:
        """Options of the platform in this folder."""
        return [
            "--database", self.database_url, "--tokens-file", str(self.platform_tokens), "--port", str(self.ports.platform),
            "--mail", str(self.folder / "mail"), "--private-webhooks",
        ]  # fmt: skip

    def prepare(self, machines_toml: str, policy_toml: str, cycle: str) -> bool:
        """Write all files; a policy that somebody has edited stays as it is. Returns whether there was one. Raises UserError if the folder is not
        writable."""
        try:
            for folder in (self.folder, self.logs, self.folder / "secrets", self.folder / "broker"):
                folder.mkdir(parents=True, exist_ok=True)
            self._keep_secrets()
            self.agent_config.write_text(self._agent_toml(machines_toml), encoding="utf-8")
            edited = self._keep_policy(policy_toml)
            self.server_config.write_text(self._server_toml(cycle), encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{self.folder}: the demo cannot write to this folder ({error.strerror}). Choose another folder with --data-dir."
            ) from error
        return edited

    def admit(self, others: Sequence[Workplace]) -> None:
        """The platform of this place knows the factories of the others, too."""
        known = {
            one.factory: (one.folder / "secrets" / "platform-token").read_text(encoding="utf-8")
            for one in (self, *others)
        }
        _write_private(self.platform_tokens, json.dumps(known))

    def _keep_policy(self, text: str) -> bool:
        """Write the policy, and beside it what was written, which tells whether somebody has edited it since."""
        written = self.folder / "policy.as-written.toml"
        if self.policy.exists():
            before = written.read_text(encoding="utf-8") if written.exists() else text
            if self.policy.read_text(encoding="utf-8") != before:
                return True
        for path in (self.policy, written):
            path.write_text(text, encoding="utf-8")
        return False

    def _keep_secrets(self) -> None:
        """Create the secrets once and keep them, because the platform identifies the factory by its token."""
        folder = self.folder / "secrets"
        folder.chmod(0o700)
        if not self.platform_tokens.exists():
            token = secrets.token_urlsafe(32)
            _write_private(folder / "platform-token", token)
            _write_private(self.platform_tokens, json.dumps({self.factory: token}))
        if not (folder / "server-token").exists():
            _write_private(folder / "server-token", secrets.token_urlsafe(32))

    def _agent_toml(self, machines: str) -> str:
        return (
            f'{_WRITTEN_ANEW}[agent]\nfactory = "{self.factory}"\ngateway = "{self.gateway}"\n'
            f"data_dir = {json.dumps(str(self.folder / 'agent'))}\n"
            # A replay passes a month in a second: a broker that is slow for a second must not cost reports.
            f'outbox_max_age = "36500d"\n\n{self._mqtt_toml()}\n{machines}'
        )

    def _server_toml(self, cycle: str) -> str:
        secret = self.folder / "secrets"
        return (
            f"{_WRITTEN_ANEW}data_dir = {json.dumps(str(self.folder / 'server'))}\nport = {self.ports.server}\n"
            f"token_file = {json.dumps(str(secret / 'server-token'))}\npolicy = {json.dumps(str(self.policy))}\n"
            f'cycle = "{cycle}"\n\n{self._mqtt_toml()}\n[platform]\nurl = "{self.platform_url}"\n'
            f"token_file = {json.dumps(str(secret / 'platform-token'))}\n"
        )

    def _mqtt_toml(self) -> str:
        return f'[mqtt]\nurl = "mqtt://127.0.0.1:{self.ports.broker}"\nprotocol = "{self.mqtt_protocol}"\n'


def port_before(folder: Path) -> int | None:
    """The port of the control room when the demo last ran in this folder; None if it has not."""
    try:
        port = tomllib.loads((folder / "server.toml").read_text(encoding="utf-8"))["port"]
    except (OSError, ValueError, KeyError):
        return None
    return port if isinstance(port, int) and 0 < port < 65536 else None


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens at the moment; none is given twice.

    They are outside the range from which the kernel takes the ports of outgoing connections (`ip_local_port_range`): one of those could have a port before
    its server listens there. Raises UserError where there are no more.
    """
    found: list[int] = []
    while len(found) < count:
        if not _untried:
            raise UserError(f"No free port is left between {_FIRST_PORT} and {_LAST_PORT} on 127.0.0.1.")
        port = _untried.pop()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
