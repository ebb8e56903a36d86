"""What a gateway says of the certificates that it depends on, and how its OPC UA certificate is followed by another."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner

from edge_agent.agent import Agent
from edge_agent.certificate_watch import certificates_of
from edge_agent.commands import app
from edge_agent.configuration import AgentSettings
from edge_agent.secret_files import readable_by_others
from edge_agent.sources.opcua_security import VALID_FOR, Pki, application_uri_of
from edge_agent.supervision import metrics_of, status_of
from ingest.gateways import GatewayWatch
from telemetry import SystemClock, UserError
from telemetry.broker import BrokerSettings
from telemetry.gateway_health import GatewayHealth, decode_health, encode_health
from tests.certificates import make_certificates
from tests.servers import free_port

CLOCK = SystemClock()


def settings(folder: Path, policy: str = "Basic256Sha256", *, mqtt: dict[str, Path] | None = None) -> AgentSettings:
    return AgentSettings.validated(
        {
            "agent": {"factory": "genk", "gateway": "gw-1", "data_dir": folder},
            "mqtt": {"url": f"mqtts://localhost:{free_port()}"} | (mqtt or {}),
            "opcua": [
                {
                    "endpoint": f"opc.tcp://127.0.0.1:{free_port()}",
                    "security_policy": policy,
                    "machine": [{"id": "m1", "node": "i=85"}],
                }
            ],
        }
    )


def test_each_certificate_is_found_where_it_is_used(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    pki, now = Pki(tmp_path / "pki"), CLOCK.now()
    pki.create_own("urn:own", now)
    other = Pki(tmp_path / "other")
    (tmp_path / "pki" / "trusted").mkdir()
    for name, made in (("old", now - VALID_FOR - timedelta(days=1)), ("soon", now - VALID_FOR + timedelta(days=9))):
        other.create_own(f"urn:{name}", made, replace=True)
        (tmp_path / "pki" / "trusted" / f"{name}.der").write_bytes(other.certificate.read_bytes())
    mqtt = {
        "ca_file": tmp_path / "ca.pem", "client_certificate": tmp_path / "client.pem", "client_key": tmp_path / "client.key",
    }  # fmt: skip

    def found(one: AgentSettings) -> list[str]:
        return [certificate.what for certificate in certificates_of(one, pki.folder, now)]

    assert found(settings(tmp_path, mqtt=mqtt)) == [
        f"The authority of the MQTT broker, {tmp_path}/ca.pem,",
        f"The client certificate for the MQTT broker, {tmp_path}/client.pem,",
        f"The certificate of an OPC UA server, {tmp_path}/pki/trusted/soon.der,",
        f"The agent's own certificate for OPC UA, {tmp_path}/pki/own/certificate.der,",
    ]
    assert found(settings(tmp_path, "None")) == [], "without security none matters"


async def test_a_certificate_that_expires_soon_is_said_everywhere(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    agent = Agent(settings(tmp_path, "None", mqtt={"ca_file": tmp_path / "ca.pem"}), CLOCK)
    (row,) = (await status_of(agent, CLOCK))["certificates"]
    assert row["days_left"] == 0
    assert row["problem"].startswith(f"The authority of the MQTT broker, {tmp_path}/ca.pem, expires on ")
    metrics = (await metrics_of(agent, CLOCK)).decode()
    assert f'vrijloop_agent_certificate_days_left{{certificate="{row["what"]}"}} 0.0' in metrics
    agent.outbox.close()


def test_the_check_says_it(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nfactory = "genk"\ngateway = "gw-1"\ndata_dir = "{tmp_path}"\n'
        f'[mqtt]\nurl = "mqtts://127.0.0.1:{free_port()}"\nca_file = "{tmp_path}/ca.pem"\n'
        f'[[modbus]]\nid = "m1"\nhost = "127.0.0.1"\nport = {free_port()}\ntemplate = "plc-status-word"\n'
    )
    said = CliRunner().invoke(app, ["check", "--config", str(config), "--json"]).stdout
    assert "ca.pem, expires on" in json.loads(said)["certificates"][0]["problem"]
    assert "Replace it." in CliRunner().invoke(app, ["check", "--config", str(config)]).stdout


def test_secrets_that_others_can_read(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.create_own("urn:own", CLOCK.now())
    log_in = tmp_path / "credentials"
    log_in.write_text("gw-1\nx\n")
    one = settings(tmp_path, mqtt={"credentials_file": log_in, "client_key": tmp_path / ("x" * 300)})
    found = {}  # what cannot even be looked at is for whoever reads it to say
    for mode in (0o600, 0o640, 0o604):
        log_in.chmod(mode)
        pki.private_key.chmod(mode)
        found[mode] = readable_by_others(one, pki.folder)
    said = [f"{path} holds a secret and is readable by others: chmod 600 {path}" for path in (log_in, pki.private_key)]
    assert found == {0o600: [], 0o640: [], 0o604: said}


def test_the_server_hears_it(tmp_path: Path) -> None:
    """Also from agents of earlier versions, which do not say it."""
    watch = GatewayWatch(BrokerSettings(), "genk", CLOCK)
    message = type("Message", (), {"topic": "vrijloop/v1/genk/gw-1/health", "payload": b""})()
    for health, expected in (
        (GatewayHealth(3, "1"), None),
        (GatewayHealth(3, "1", 12), 12),
        (GatewayHealth(3, "1", 2_912_000), 2_912_000),
    ):
        message.payload = encode_health(health)
        watch._on_message(None, None, message)  # type: ignore[arg-type]
        (status,), (point,) = watch.gateways(), watch.points([])
        assert (status.certificate_days, point.fields.get("certificate_days")) == (expected, expected)
    assert decode_health(b'{"outbox":1,"version":"1","v":1}').certificate_days is None


def test_the_certificate_that_follows_has_the_same_name_and_waits_to_be_activated(tmp_path: Path) -> None:
    pki, now = Pki(tmp_path), CLOCK.now()
    with pytest.raises(UserError, match="no certificate yet"):
        pki.renew_own(now)
    pki.create_own("urn:gw-1", now)
    with pytest.raises(UserError, match="renew` creates it"):
        pki.activate_next()
    before = pki.certificate.read_bytes()
    pki.renew_own(now)
    assert pki.certificate.read_bytes() == before, "the agent goes on with what its servers trust"
    following = pki.next.read_bytes()
    assert following.hex() != before.hex()
    pki.activate_next()
    assert (pki.certificate.read_bytes(), pki.next.exists()) == (following, False)
    key = serialization.load_pem_private_key(pki.private_key.read_bytes(), None)
    assert key.public_key() == x509.load_der_x509_certificate(following).public_key()
    assert application_uri_of(following) == "urn:gw-1"
    assert pki.private_key.stat().st_mode & 0o077 == 0
    pki.renew_own(now)
    following = pki.next.read_bytes()
    (pki.next.parent / pki.private_key.name).replace(pki.private_key)
    pki.activate_next()
    assert pki.certificate.read_bytes() == following, "it goes on where it was cut off"


def test_what_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    settings = BrokerSettings(credentials_file=file)
    for text, login in (("gw-1\nfirst\n", ("gw-1", "first")), ("gw-1.2\nsecond", ("gw-1.2", "second"))):
        file.write_text(text)
        assert settings.login() == login
    for broken in ("gw-1\n", ""):
        file.write_text(broken)
        with pytest.raises(UserError, match="it needs two lines"):
            settings.login()
    file.unlink()
    with pytest.raises(UserError, match="No such file"):
        settings.login()
    with pytest.raises(ValueError, match="either `credentials_file` or"):
        BrokerSettings(credentials_file=file, username="gw-1")
