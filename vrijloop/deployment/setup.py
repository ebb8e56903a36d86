"""Prepares an installation for Docker Compose or for one Debian server. Existing files are kept, so it can be run
again to add a gateway."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telemetry import UserError
from vrijloop.deployment.broker import mosquitto_conf, password_lines
from vrijloop.deployment.broker_users import INSIDE, gateways_in, users_in
from vrijloop.deployment.certificates import make_certificates
from vrijloop.deployment.files import PLATFORM_FILE, alone_in, rewrite, secret, write_once
from vrijloop.deployment.gateways import CREDENTIALS, agent_toml, let_in, write_access
from vrijloop.deployment.installed import ACCESS, PASSWORDS
from vrijloop.deployment.proxy import nginx_conf

_HTTPS = 443
SIMULATOR = "simulator"
IDENTITY_PROVIDER_SECRET = "identity-provider"  # noqa: S105 - a file's name
OWN_UID, MOSQUITTO_UID, INFLUXDB_UID, POSTGRES_UID, GRAFANA_UID, NGINX_UID = 10001, 1883, 1000, 999, 472, 101
"""User ids in the container images, as in docker-compose.yml."""


@dataclass(frozen=True)
class Installation:
    """Addresses and paths as the services see them. `folder`: configuration and secrets; `data`: parent of the
    services' data folders."""

    factory: str
    name: str
    """The platform's host name. The control room and Grafana are at `control.` and `grafana.` of it."""
    folder: str
    broker: str
    platform: str
    server: str
    data: str
    store: str
    """The `[store]` table."""
    mqtt_port: int = 8883
    platform_port: int = 8340
    server_port: int = 8341
    https_port: int = _HTTPS
    grafana: str | None = None
    owner: str = ""
    """E-mail address of the factory's first user; empty for nobody yet."""


def for_compose(factory: str, name: str, owner: str = "") -> Installation:
    store = (
        '[store]\nkind = "influxdb"\nurl = "http://influxdb:8086"\nbucket = "vrijloop"\norg = "vrijloop"\n'
        'token_file = "/run/influxdb-token/token"\n'
    )
    return Installation(
        factory,
        name,
        "/etc/vrijloop",
        "mosquitto",
        "platform",
        "analytics",
        "/data",
        store,
        https_port=8443,
        grafana="grafana:3000",
        owner=owner,
    )


def for_debian(
    factory: str, name: str, folder: Path, ports: Sequence[int], data: Path, owner: str = ""
) -> Installation:
    """`ports`: MQTT, platform, server and HTTPS. Uses DuckDB and SQLite, which need no server."""
    local = "127.0.0.1"
    mqtt, platform, server, https = ports
    store = '[store]\nkind = "duckdb"\n'
    return Installation(
        factory, name, str(folder), local, local, local, str(data), store, mqtt, platform, server, https, owner=owner
    )


def set_up(target: Path, plan: Installation, gateways: Sequence[str], now: datetime, compose: bool) -> Iterator[str]:
    """Create all missing files; yields what was created. Raises UserError if the folder is not writable."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with alone_in(target):
            created = [*_secrets(target, plan, gateways, compose)]
        yield from created
        servers = {
            "broker": [plan.name, plan.broker, "localhost", "127.0.0.1"],
            "proxy": [plan.name, f"control.{plan.name}", f"grafana.{plan.name}", "localhost"],
        }
        for path in make_certificates(target / "certificates", servers, now):
            yield f"{path.relative_to(target)}"
        for name, text in _configurations(plan, compose).items():
            if write_once(target / name, text):
                yield name
        for gateway in gateways:
            name = f"gateways/{gateway}/agent.toml"
            if write_once(target / name, agent_toml(gateway, plan.factory, plan.name, plan.mqtt_port)):
                shutil.copy(target / "certificates" / "ca.pem", target / "gateways" / gateway / "ca.pem")
                yield f"{name}, with its {CREDENTIALS} and ca.pem, to copy to the gateway"
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error}).") from error
    if compose and os.getuid() == 0:
        _change_owners(target)


def _secrets(target: Path, plan: Installation, gateways: Sequence[str], compose: bool) -> Iterator[str]:
    folder = target / "secrets"
    is_new = not folder.exists()
    folder.mkdir(mode=0o700, exist_ok=True)
    token, hook = secret(folder / "platform-token"), secret(folder / "platform-webhook")
    secret(folder / "server-token")
    write_once(folder / IDENTITY_PROVIDER_SECRET, "", 0o600)  # the provider makes it, if there is one
    write_once(folder / "platform-tokens.json", json.dumps({plan.factory: token}), 0o600)
    target_url = f"http://{plan.server}:{plan.server_port}/api/v1/hooks/bookings"
    write_once(
        folder / "platform-webhooks.json", json.dumps({plan.factory: {"url": target_url, "secret": hook}}), 0o600
    )
    passwords = target / PASSWORDS
    known = passwords.read_text(encoding="utf-8") if passwords.exists() else ""
    for user in INSIDE if compose else INSIDE[:1]:
        if user not in users_in(known):
            known += password_lines({user: secret(folder / f"mqtt-{user}")})
            yield f"user {user} of the broker"
    rewrite(passwords, known)
    for gateway in gateways:
        if gateway not in gateways_in(known):
            let_in(target, plan.factory, gateway)
            yield f"user {gateway} of the broker"
    write_access(target, plan.factory)
    if compose:
        for name in ("influxdb-password", "influxdb-admin-token", "postgres-password", "grafana-password"):
            secret(folder / name)
        write_once(folder / "influxdb-user", "vrijloop\n", 0o600)
        password = secret(folder / "postgres-password")
        write_once(folder / "pgpass", f"postgres:5432:vrijloop:vrijloop:{password}\n", 0o600)
    if is_new:
        yield "secrets/: tokens and passwords, readable by their users only"


def _configurations(plan: Installation, compose: bool) -> dict[str, str]:
    here = plan.folder
    own_names = {
        plan.name: f"{plan.platform}:{plan.platform_port}",
        f"control.{plan.name}": f"{plan.server}:{plan.server_port}",
    }
    if plan.grafana is not None:
        own_names[f"grafana.{plan.name}"] = plan.grafana
    mqtt = (
        f'[mqtt]\nurl = "mqtts://{plan.broker}:{plan.mqtt_port}"\nusername = "ingest"\n'
        f'password_file = "{here}/secrets/mqtt-ingest"\nca_file = "{here}/certificates/ca.pem"\n'
    )
    port = "" if compose else _outer_port(plan)  # Docker Compose publishes the proxy's at 443
    server = (
        f'data_dir = "{plan.data if compose else plan.data + "/vrijloop-server"}"\nhost = "{"0.0.0.0" if compose else "127.0.0.1"}"\n'
        f'port = {plan.server_port}\nurl = "https://control.{plan.name}{port}"\n'
        f'token_file = "{here}/secrets/server-token"\npolicy = "{here}/policy.toml"\ningest = {"false" if compose else "true"}\n\n{mqtt}\n'
        f'{plan.store}\n[platform]\nurl = "http://{plan.platform}:{plan.platform_port}"\ntoken_file = "{here}/secrets/platform-token"\n'
        f'webhook_secret_file = "{here}/secrets/platform-webhook"\n'
        f"\n# [identity_provider] lets people sign in to the control room with their account at work: docs/server.sample.toml explains it.\n"
        f"# Its client secret belongs into {here}/secrets/{IDENTITY_PROVIDER_SECRET}.\n"
    )
    policy = f'# What may be offered: docs/policy.sample.toml explains every option. Begin with asking.\nfactory = "{plan.factory}"\napproval = "ask"\n'
    temporary = "/tmp" if compose else f"{plan.data}/vrijloop-proxy"  # noqa: S108 - a memory file system of the container's own
    # Debian's systemd unit of nginx expects it there.
    pid = "/run/nginx.pid" if plan.data == "/var/lib" else f"{temporary}/nginx.pid"
    found = {
        "mosquitto.conf": mosquitto_conf(
            here, "/mosquitto/data/" if compose else f"{plan.data}/mosquitto/", port=plan.mqtt_port
        ),
        "server.toml": server,
        "policy.toml": policy,
        "nginx.conf": nginx_conf(f"{here}/certificates", own_names, plan.https_port, temporary, pid),
    }
    if compose:
        found[PLATFORM_FILE] = (
            f"VRIJLOOP_PLATFORM_URL=https://{plan.name}\n# Until there is a mail server: smtp://user@host:587\nVRIJLOOP_PLATFORM_MAIL=/data/mail\n"
            + _owners(plan)
        )
        found["grafana.env"] = f"GF_SERVER_ROOT_URL=https://grafana.{plan.name}\n"
        found["simulator.toml"] = _simulator(plan)
        found["ingest.toml"] = (
            f'data_dir = "/data"\nmetrics_host = "0.0.0.0"\nmetrics_port = 9472\n\n{mqtt}\n{plan.store}'
        )
    else:
        found[PLATFORM_FILE] = _platform_environment(plan)
    return found


def _platform_environment(plan: Installation) -> str:
    data, port = f"{plan.data}/vrijloop-platform", _outer_port(plan)
    return (
        f"VRIJLOOP_PLATFORM_DATABASE=sqlite:///{data}/platform.sqlite\nVRIJLOOP_PLATFORM_PORT={plan.platform_port}\n"
        f"VRIJLOOP_PLATFORM_URL=https://{plan.name}{port}\n# Until there is a mail server: smtp://user@host:587\nVRIJLOOP_PLATFORM_MAIL={data}/mail\n"
        f"# nginx, which reports whose requests it passes on\nVRIJLOOP_PLATFORM_TRUSTED_PROXIES={plan.platform}\n"
        f"VRIJLOOP_PLATFORM_TOKENS_FILE={plan.folder}/secrets/platform-tokens.json\n"
        f"VRIJLOOP_PLATFORM_WEBHOOKS_FILE={plan.folder}/secrets/platform-webhooks.json\n" + _owners(plan)
    )


def _outer_port(plan: Installation) -> str:
    """As an address ends where it is not the usual one."""
    return "" if plan.https_port == _HTTPS else f":{plan.https_port}"


def _owners(plan: Installation) -> str:
    if not plan.owner:
        return ""
    return f"# Who is invited by e-mail while the factory has nobody\nVRIJLOOP_PLATFORM_OWNERS={plan.factory}={plan.owner}\n"


def _simulator(plan: Installation) -> str:
    """Configuration of the agent that reads the simulated factory."""
    from simulators.limburg import GENK
    from vrijloop.simulated_factory import agent_machines_toml

    return (
        f'[agent]\nfactory = "{plan.factory}"\ngateway = "{SIMULATOR}"\ndata_dir = "/data"\n\n'
        f'[mqtt]\nurl = "mqtts://{plan.broker}:{plan.mqtt_port}"\nusername = "{SIMULATOR}"\n'
        f'password_file = "{plan.folder}/secrets/mqtt-simulator"\nca_file = "{plan.folder}/certificates/ca.pem"\n\n'
        + agent_machines_toml(GENK, 4840, 5020)
    )


_USERS = {
    "mosquitto.conf": MOSQUITTO_UID, PASSWORDS: MOSQUITTO_UID, ACCESS: MOSQUITTO_UID,
    "certificates/broker-key.pem": MOSQUITTO_UID, "certificates/proxy-key.pem": NGINX_UID, "secrets/influxdb-password": INFLUXDB_UID,
    "secrets/influxdb-user": INFLUXDB_UID, "secrets/postgres-password": POSTGRES_UID, "secrets/grafana-password": GRAFANA_UID,
}  # fmt: skip


def _change_owners(target: Path) -> None:
    """Give each secret to the user of the one container that reads it."""
    secrets_folder = target / "secrets"
    secrets_folder.chmod(0o711)
    for path in secrets_folder.iterdir():
        os.chown(path, OWN_UID, OWN_UID)
    for name, user in _USERS.items():
        os.chown(target / name, user, user)
