"""What `vrijloop setup` has installed in a folder, read from its files."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from telemetry import UserError
from vrijloop.deployment.files import PLATFORM_FILE

BROKER, PROXY, INGEST, SERVER, PLATFORM, GRAFANA, SIMULATED_GATEWAY = (
    "broker", "proxy", "ingest", "server", "platform", "grafana", "simulated gateway",
)  # fmt: skip
PASSWORDS, ACCESS = "mosquitto.passwords", "mosquitto.acl"
RELOADED = (BROKER, PROXY)
"""Take over changed files while they run, when they get a SIGHUP."""
_UNITS = {BROKER: "mosquitto", PROXY: "nginx", SERVER: "vrijloop-server", PLATFORM: "vrijloop-platform"}
_CONTAINERS = {
    BROKER: "mosquitto", PROXY: "proxy", INGEST: "ingest-1 ingest-2", SERVER: "analytics", PLATFORM: "platform", GRAFANA: "grafana",
    SIMULATED_GATEWAY: "simulated-gateway",
}  # fmt: skip


@dataclass(frozen=True)
class Installed:
    """An installation. `name`: the platform's host name, which gateways connect to."""

    folder: Path
    compose: bool
    factory: str
    name: str
    mqtt_port: int

    @property
    def passwords(self) -> Path:
        return self.folder / PASSWORDS

    @property
    def program(self) -> str:
        """How its commands begin."""
        return "docker compose run --rm manage" if self.compose else "vrijloop"

    def shown(self, path: Path) -> str:
        """Where a file of the installation is for whoever reads it: commands of Docker Compose see the folder under another name."""
        return f"deployed/{path.relative_to(self.folder)}" if self.compose else str(path)

    def take_over(self, *services: str) -> list[str]:
        """The commands with which services take over what has changed. Those of Docker Compose alone are left out on Debian."""
        if self.compose:
            return [
                # Not `docker compose kill -s HUP`: Docker takes that for a stop on purpose, and does not start the container again should it end.
                f"docker compose exec -T {_CONTAINERS[one]} sh -c 'kill -HUP 1'"
                if one in RELOADED
                else f"docker compose restart {_CONTAINERS[one]}"
                for one in services
            ]
        return [
            f"systemctl {'reload' if one in RELOADED else 'restart'} {_UNITS[one]}" for one in services if one in _UNITS
        ]


def read_installation(folder: Path) -> Installed:
    """Raises UserError where `vrijloop setup` has not been run, or its files cannot be read."""
    try:
        factory = tomllib.loads((folder / "policy.toml").read_text(encoding="utf-8"))["factory"]
        listener = re.search(r"^listener (\d+)", (folder / "mosquitto.conf").read_text(encoding="utf-8"), re.MULTILINE)
        url = re.search(
            r"^VRIJLOOP_PLATFORM_URL=(\S+)", (folder / PLATFORM_FILE).read_text(encoding="utf-8"), re.MULTILINE
        )
        (folder / PASSWORDS).read_bytes()
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename}: there is no such file. Name the folder of the installation (--folder), which `vrijloop setup` has made."
        ) from None
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror}). Run it as root.") from error
    except (ValueError, KeyError) as error:
        raise UserError(f"{folder / 'policy.toml'}: the factory cannot be read ({error}).") from error
    if listener is None or url is None:
        raise UserError(
            f"{folder}: mosquitto.conf has no `listener`, or {PLATFORM_FILE} no VRIJLOOP_PLATFORM_URL; both say where gateways connect to."
        )
    compose = (folder / "grafana.env").exists()
    return Installed(folder, compose, str(factory), urlsplit(url[1]).hostname or "", int(listener[1]))
