"""Every secret and certificate of an installation: where it is, who reads it, and how it is replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from vrijloop.deployment.broker_users import with_password
from vrijloop.deployment.certificates import certificates_in, renew_authority, renew_server
from vrijloop.deployment.files import new_secret, rewrite
from vrijloop.deployment.installed import (
    BROKER,
    GRAFANA,
    INGEST,
    PLATFORM,
    PROXY,
    SERVER,
    SIMULATED_GATEWAY,
    Installed,
)

Renew = Callable[[Installed, datetime], None]
SERVERS = ("broker", "proxy")
"""That have a certificate of the installation's authority."""


@dataclass(frozen=True)
class Secret:
    """`file`: relative to the installation's folder. `renew`: replaces it; None for one that is made elsewhere, of which `first` says how. `reads`: the services
    that take it over afterwards, in this order. `first`: what has to be done before they do; `then`: after that."""

    name: str
    what: str
    file: str
    reads: tuple[str, ...] = ()
    renew: Renew | None = None
    first: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    compose_only: bool = False

    @property
    def is_certificate(self) -> bool:
        return self.file.endswith(".pem")


def _broker_user(user: str) -> Renew:
    def renew(installed: Installed, _: datetime) -> None:
        password = _replace(installed, f"mqtt-{user}")
        rewrite(installed.passwords, with_password(installed.passwords.read_text(encoding="utf-8"), user, password))

    return renew


def _one_file(name: str) -> Renew:
    def renew(installed: Installed, _: datetime) -> None:
        _replace(installed, name)

    return renew


def _platform_token(installed: Installed, _: datetime) -> None:
    file = installed.folder / "secrets" / "platform-tokens.json"
    tokens = json.loads(file.read_text(encoding="utf-8"))
    tokens[installed.factory] = _replace(installed, "platform-token")
    rewrite(file, json.dumps(tokens))


def _platform_webhook(installed: Installed, _: datetime) -> None:
    file = installed.folder / "secrets" / "platform-webhooks.json"
    targets = json.loads(file.read_text(encoding="utf-8"))
    targets[installed.factory]["secret"] = _replace(installed, "platform-webhook")
    rewrite(file, json.dumps(targets))


def _postgres_password(installed: Installed, _: datetime) -> None:
    password = _replace(installed, "postgres-password")
    rewrite(installed.folder / "secrets" / "pgpass", f"postgres:5432:vrijloop:vrijloop:{password}\n")


def _server(name: str) -> Renew:
    return lambda installed, now: renew_server(installed.folder / "certificates", name, now)


def _authority(installed: Installed, now: datetime) -> None:
    renew_authority(installed.folder / "certificates", now)
    copy_authority(installed)


def copy_authority(installed: Installed) -> None:
    """To the folders that are kept for gateways."""
    trusted = (installed.folder / "certificates" / "ca.pem").read_text(encoding="utf-8")
    for copy in (installed.folder / "gateways").glob("*/ca.pem"):
        rewrite(copy, trusted)


def _replace(installed: Installed, name: str) -> str:
    made = new_secret()
    rewrite(installed.folder / "secrets" / name, made + "\n")
    return made


_ALTER = (
    'docker compose exec -T postgres sh -c \'printf "ALTER ROLE vrijloop PASSWORD \\047%s\\047" "$(cat /run/secrets/postgres-password)" | '
    "psql -q -U vrijloop -d vrijloop'"
)
_GRAFANA = "docker compose exec -T grafana sh -c 'grafana cli admin reset-admin-password --password-from-stdin < /run/secrets/grafana-password'"
_STORE_INIT = "docker compose run --rm store-init store init --config /etc/vrijloop/server.toml --reader-token /run/grafana-token/token"
_NEW_TOKENS, _OLD_TOKENS = f"{_STORE_INIT} --new-tokens", f"{_STORE_INIT} --end-old-tokens"

SECRETS = (
    Secret("mqtt-ingest", "password of ingest and of the server at the broker", "secrets/mqtt-ingest", (BROKER, INGEST, SERVER), _broker_user("ingest")),
    Secret("mqtt-simulator", "password of the simulated gateway at the broker", "secrets/mqtt-simulator", (BROKER, SIMULATED_GATEWAY), _broker_user("simulator"), compose_only=True),
    Secret(
        "server-token", "token of the factory's server: its API, its metrics, signing in to the control room", "secrets/server-token", (SERVER,), _one_file("server-token"),
        ("Give it to whatever asks the server with it, such as Prometheus.",),
    ),
    Secret("platform-token", "token with which the factory's server publishes offers on the platform", "secrets/platform-token", (PLATFORM, SERVER), _platform_token),
    Secret("platform-webhook", "secret with which the platform signs what it tells the server of bookings", "secrets/platform-webhook", (PLATFORM, SERVER), _platform_webhook),
    Secret(
        "identity-provider", "client secret of the control room at the identity provider", "secrets/identity-provider", (SERVER,),
        first=("Make another client secret at the identity provider, where both are valid for a while, and write it into the file.",),
    ),
    Secret(
        "mail-password", "password of the mail server", "secrets/mail-password", (PLATFORM,),
        first=("Change it at the mail server, and write it into the file that VRIJLOOP_PLATFORM_MAIL_PASSWORD_FILE in platform.env names.",),
    ),
    Secret("postgres-password", "password of the platform at PostgreSQL", "secrets/postgres-password", (PLATFORM,), _postgres_password, (_ALTER,), compose_only=True),
    Secret("grafana-password", "password of Grafana's user admin", "secrets/grafana-password", (), _one_file("grafana-password"), (_GRAFANA,), compose_only=True),
    Secret(
        "influxdb-tokens", "tokens of ingest, server and Grafana for the one bucket", "secrets/influxdb-token", (INGEST, SERVER, GRAFANA),
        first=(_NEW_TOKENS,), then=(_OLD_TOKENS,), compose_only=True,
    ),
    Secret(
        "influxdb-admin-token", "operator's token, with which the bucket and the other tokens are made", "secrets/influxdb-admin-token",
        first=(
            "docker compose exec influxdb sh -c 'influx auth create --operator --org vrijloop --token \"$(cat /run/secrets/influxdb-admin-token)\"'",
            "Write the token that this prints into the file, and delete the former one: docker compose exec influxdb influx auth delete --id ID",
        ),
        compose_only=True,
    ),
    Secret(
        "influxdb-password", "password of InfluxDB's user vrijloop, for its web page", "secrets/influxdb-password", (), _one_file("influxdb-password"),
        ("docker compose exec -T influxdb sh -c 'influx user password --name vrijloop --password \"$(cat /run/secrets/influxdb-password)\" --token \"$(cat /run/secrets/influxdb-admin-token)\"'",),
        compose_only=True,
    ),
    Secret("broker", "certificate of the broker, and its key", "certificates/broker.pem", (BROKER,), _server("broker")),
    Secret("proxy", "certificate of platform, control room and Grafana, and its key", "certificates/proxy.pem", (PROXY,), _server("proxy")),
    Secret(
        "authority", "authority that signs both certificates, and its key", "certificates/ca.pem", (INGEST, SERVER), _authority,
        then=(
            "Copy certificates/ca.pem to every gateway as /etc/vrijloop/ca.pem, and to whoever has imported it; it holds the new authority and the old one.",
            "Only then: `{program} secrets rotate broker`, `{program} secrets rotate proxy`, and `{program} secrets rotate authority --finish`.",
        ),
    ),
)  # fmt: skip


def secrets_of(installed: Installed) -> list[Secret]:
    return [one for one in SECRETS if installed.compose or not one.compose_only]


def expiry_of(installed: Installed, secret: Secret) -> datetime | None:
    """When a certificate expires; None for a secret. Raises UserError."""
    if not secret.is_certificate:
        return None
    return certificates_in(installed.folder / secret.file)[0].not_valid_after_utc


def steps_after(installed: Installed, secret: Secret) -> list[str]:
    """What is left to do once it has been replaced, in this order."""
    steps = [*secret.first, *installed.take_over(*secret.reads), *secret.then]
    return [one.replace("{program}", installed.program) for one in steps]
