"""Every secret of an installation is replaced by a command that says what takes it over; certificates at a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edge_agent.check import check_broker
from edge_agent.configuration import AgentSettings
from telemetry import SystemClock, UserError
from tests.vrijloop.command_line import invoke
from tests.vrijloop.deployment.installed_broker import InstalledBroker, installed_broker
from tests.vrijloop.deployment.test_compose import SERVICES
from vrijloop.deployment.certificates import certificates_in
from vrijloop.deployment.secret_table import SECRETS
from vrijloop.platform_server import read_targets, read_tokens

PAIRS = {
    "mqtt-ingest": {"secrets/mqtt-ingest", "mosquitto.passwords"}, "mqtt-simulator": {"secrets/mqtt-simulator", "mosquitto.passwords"},
    "server-token": {"secrets/server-token"}, "platform-token": {"secrets/platform-token", "secrets/platform-tokens.json"},
    "platform-webhook": {"secrets/platform-webhook", "secrets/platform-webhooks.json"}, "identity-provider": set(), "mail-password": set(),
    "postgres-password": {"secrets/postgres-password", "secrets/pgpass"}, "grafana-password": {"secrets/grafana-password"},
    "influxdb-tokens": set(), "influxdb-admin-token": set(), "influxdb-password": {"secrets/influxdb-password"},
    "broker": {"certificates/broker.pem", "certificates/broker-key.pem"}, "proxy": {"certificates/proxy.pem", "certificates/proxy-key.pem"},
    "authority": {"certificates/ca.pem", "certificates/ca-key.pem", "gateways/gw-1/ca.pem"},
}  # fmt: skip
"""Secret to the files that change with it; none for one that is made elsewhere."""


def installed(folder: Path, kind: str) -> Path:
    invoke("setup", kind, folder, "--name", "vrijloop.example", "--factory", "genk", "--gateway", "gw-1")
    return folder


def test_the_table_has_every_secret_that_setting_up_makes(tmp_path: Path) -> None:
    folder = installed(tmp_path / "deployed", "compose")
    assert {one.name for one in SECRETS} == set(PAIRS)
    known = {file for files in PAIRS.values() for file in files} | {one.file for one in SECRETS}
    private = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 == 0
    }
    beside = {"mosquitto.acl", "gateways/gw-1/mqtt-credentials", "secrets/influxdb-user"}
    assert private - known == beside, "no secrets, or those of `vrijloop gateway`"


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kind", ["compose", "debian"])
def test_a_secret_is_replaced_where_it_stands(tmp_path: Path, kind: str, name: str) -> None:
    secret = next(one for one in SECRETS if one.name == name)
    folder = installed(tmp_path / "deployed", kind)
    before = {path: (path.read_bytes(), path.stat()) for path in folder.rglob("*") if path.is_file()}
    for number, path in enumerate(before):
        os.link(path, tmp_path / str(number))  # as long as it is there, its inode is no other file's
    if kind == "debian" and secret.compose_only:
        with pytest.raises(UserError, match="there is no"):
            invoke("secrets", "rotate", name, "--folder", folder)
        return
    said = invoke("secrets", "rotate", name, "--folder", folder)
    changed = {path for path, (held, _) in before.items() if path.read_bytes() != held}
    assert {str(path.relative_to(folder)) for path in changed} == PAIRS[name]
    for path, (_, stat) in before.items():
        there = path.stat()
        assert (there.st_ino, there.st_mode, there.st_uid) == (stat.st_ino, stat.st_mode, stat.st_uid), "as mounted"
        if path in changed and path.parent.name == "secrets":
            assert not any(word in said for word in re.findall(r"[\w-]{30,}", path.read_text())), "no secret is printed"
    if kind == "compose":
        for services in re.findall(r"docker compose (?:restart|exec(?: -T)?|run --rm) ([a-z0-9 -]+)", said):
            assert services.split()[0] in SERVICES
    assert ("docker" in said) == (kind == "compose"), said
    assert said.count("\n- ") >= 1


def test_both_sides_have_the_same_secret_afterwards(tmp_path: Path) -> None:
    folder = installed(tmp_path / "deployed", "compose")
    for name in ("platform-token", "platform-webhook", "postgres-password"):
        invoke("secrets", "rotate", name, "--folder", folder)
    secrets = folder / "secrets"
    assert read_tokens(secrets / "platform-tokens.json") == {"genk": (secrets / "platform-token").read_text().strip()}
    assert read_targets(secrets / "platform-webhooks.json")["genk"].secret == (secrets / "platform-webhook").read_text().strip()  # fmt: skip
    assert (secrets / "pgpass").read_text().strip().endswith(":" + (secrets / "postgres-password").read_text().strip())


def test_the_list_has_names_and_days_and_no_secret(tmp_path: Path) -> None:
    folder = installed(tmp_path / "deployed", "compose")
    for name in ("secrets/server-token", "certificates/proxy.pem"):
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    assert invoke("secrets", "list", "--folder", folder).count("2023-11-14, over") == 1, "not a certificate"
    said = invoke("secrets", "list", "--json", "--folder", folder)
    rows = {one["name"]: one for one in json.loads(said)}
    assert set(rows) == set(PAIRS)
    assert rows["authority"]["days_left"] in (3649, 3650)
    assert rows["broker"]["days_left"] in (819, 820)
    assert rows["server-token"]["replaced"].startswith("20")
    assert [name for name, row in rows.items() if row["is_old"]] == ["server-token"]
    assert rows["mail-password"]["file"] is None
    for path in (folder / "secrets").iterdir():
        assert not path.read_text().strip() or path.read_text().strip() not in said or path.name == "influxdb-user"


@pytest.mark.parametrize(
    ("later", "said"),
    [(timedelta(days=823), "expired"), (timedelta(days=820, hours=-1), "today"), (timedelta(days=819, hours=-1), "in 1 day "), (timedelta(days=700), "in 120 days")],
)  # fmt: skip
def test_when_a_certificate_expires_is_said_as_people_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: timedelta, said: str
) -> None:
    folder = installed(tmp_path / "etc", "debian")
    until = certificates_in(folder / "certificates" / "broker.pem")[0].not_valid_after_utc
    monkeypatch.setattr(SystemClock, "now", lambda _: until - timedelta(days=820) + later)
    monkeypatch.setenv("COLUMNS", "200")
    lines = [line.replace("│", " ") for line in invoke("secrets", "list", "--folder", folder).splitlines()]
    (row,) = (line for line in lines if line.split()[:1] == ["broker"])
    assert f"{until:%Y-%m-%d}, {said}" in row


def test_a_public_certificate_is_not_replaced(tmp_path: Path) -> None:
    folder, other = installed(tmp_path / "one", "debian"), installed(tmp_path / "other", "debian")
    held = (other / "certificates" / "proxy.pem").read_bytes()
    (folder / "certificates" / "proxy.pem").write_bytes(held)
    with pytest.raises(UserError, match="Renew it where it comes from"):
        invoke("secrets", "rotate", "proxy", "--folder", folder)
    assert (folder / "certificates" / "proxy.pem").read_bytes() == held


def test_a_certificate_has_the_same_names_another_key_and_ends_before_its_authority(tmp_path: Path) -> None:
    folder = installed(tmp_path / "etc", "debian") / "certificates"
    (before,) = certificates_in(folder / "proxy.pem")
    invoke("secrets", "rotate", "proxy", "--folder", folder.parent)
    (after,) = certificates_in(folder / "proxy.pem")
    key = serialization.load_pem_private_key((folder / "proxy-key.pem").read_bytes(), None)
    assert key.public_key() == after.public_key() != before.public_key()
    names = [one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for one in (before, after)]
    assert names[0] == names[1]
    after.verify_directly_issued_by(certificates_in(folder / "ca.pem")[0])
    assert after.not_valid_after_utc <= certificates_in(folder / "ca.pem")[0].not_valid_after_utc


def settings(broker: InstalledBroker, authority: Path) -> AgentSettings:
    """Of a gateway, which has its own copy of the authority."""
    return AgentSettings.validated(
        {
            "agent": {"factory": "genk", "gateway": "gw-1", "data_dir": authority.parent},
            "mqtt": broker.settings(broker.folder / "gateways" / "gw-1" / "mqtt-credentials", authority),
            "modbus": [{"id": "m1", "host": "127.0.0.1", "template": "plc-status-word"}],
        }
    )


def served(broker: InstalledBroker) -> bytes:
    """The certificate that the broker shows."""
    context = ssl.create_default_context(cafile=str(broker.authority))
    with (
        socket.create_connection(("localhost", broker.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


@pytest.mark.servers
def test_the_broker_gets_another_certificate_and_then_another_authority(tmp_path: Path) -> None:
    """A gateway connects all the while, once it has the file with both authorities."""
    with installed_broker(tmp_path) as broker:
        mine = tmp_path / "ca.pem"
        mine.write_bytes(broker.authority.read_bytes())

        def refused() -> str | None:
            return asyncio.run(check_broker(settings(broker, mine)))

        def rotate(*arguments: str) -> str:
            said = invoke("secrets", "rotate", *arguments, "--folder", broker.folder)
            broker.reload()
            return said

        first = served(broker)
        rotate("broker")
        second = served(broker)
        assert (second != first, refused()) == (True, None)
        with pytest.raises(UserError, match="one authority alone"):
            rotate("authority", "--finish")
        assert "to every gateway" in rotate("authority")
        assert refused() is None, "who still has the old authority is not shut out"
        with pytest.raises(UserError, match="Renew it first"):
            rotate("authority", "--finish")
        with pytest.raises(UserError, match="is not finished"):
            rotate("authority")
        mine.write_bytes((broker.folder / "gateways" / "gw-1" / "ca.pem").read_bytes())
        assert refused() is None
        rotate("broker")
        rotate("proxy")
        rotate("authority", "--finish")
        assert refused() is None
        mine.write_bytes(broker.authority.read_bytes())
        assert (refused(), served(broker) != second, len(certificates_in(mine))) == (None, True, 1)


@pytest.mark.servers
def test_ingest_comes_back_with_its_new_password(tmp_path: Path) -> None:
    with installed_broker(tmp_path) as broker:
        file = broker.folder / "secrets" / "mqtt-ingest"
        old = file.read_text().strip()
        said = invoke("secrets", "rotate", "mqtt-ingest", "--folder", broker.folder)
        assert said.index("systemctl reload mosquitto") < said.index("systemctl restart vrijloop-server")
        broker.reload()
        assert (broker.lets_in("ingest", old), broker.lets_in("ingest", file.read_text().strip())) == (False, True)
