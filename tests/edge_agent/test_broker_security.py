"""TLS with a CA, log-in by password and by certificate, against a Mosquitto that demands them."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.check import check_broker
from edge_agent.configuration import AgentSettings
from ingest.subscription import Subscription
from telemetry import SystemClock, UnavailableError, UserError
from telemetry.background import BackgroundTasks
from telemetry.broker import BrokerSettings
from tests.certificates import ask_for_certificate, make_certificates
from tests.ingest.test_subscription import Nobody
from tests.servers import Mosquitto
from vrijloop.operations import doctor

pytestmark = pytest.mark.servers


def settings(folder: Path, port: int, **mqtt: object) -> AgentSettings:
    return AgentSettings.validated(
        {
            "agent": {"factory": "f", "gateway": "g", "data_dir": folder},
            "mqtt": {"url": f"mqtts://localhost:{port}", "ca_file": folder / "ca.pem"} | mqtt,
            "modbus": [{"id": "m1", "host": "127.0.0.1", "template": "plc-status-word"}],
        }
    )


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_tls_with_a_client_certificate(tmp_path: Path, protocol: str) -> None:
    make_certificates(tmp_path)
    broker = Mosquitto(tmp_path, extra=ask_for_certificate(tmp_path))
    broker.start()
    mine = {"client_certificate": tmp_path / "client.pem", "client_key": tmp_path / "client.key", "protocol": protocol}
    assert asyncio.run(check_broker(settings(tmp_path, broker.port, **mine))) is None
    without = asyncio.run(check_broker(settings(tmp_path, broker.port, protocol=protocol)))
    assert f"localhost:{broker.port}: it ends the connection" in (without or ""), "and no time-out"
    assert "`client_certificate`" in (without or "")
    plain = {"url": f"mqtt://localhost:{broker.port}", "ca_file": None, "protocol": protocol}
    assert "may expect TLS" in (asyncio.run(check_broker(settings(tmp_path, broker.port, **plain))) or "")
    broker.stop()


def test_a_ca_that_did_not_sign_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    broker = Mosquitto(tmp_path, extra=f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n")
    broker.start()
    (tmp_path / "other").mkdir()
    make_certificates(tmp_path / "other")
    refused = asyncio.run(check_broker(settings(tmp_path, broker.port, ca_file=tmp_path / "other" / "ca.pem")))
    assert "certificate verify failed" in (refused or "")
    with pytest.raises(UserError, match=r"none\.pem"):
        asyncio.run(check_broker(settings(tmp_path, broker.port, client_certificate=tmp_path / "none.pem")))
    broker.stop()


@contextmanager
def refusing(code: int) -> Iterator[int]:
    """The port of a broker that refuses each connection with this reason code of MQTT 5."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(bytes([0x20, 3, 0, code, 0]))

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("code", "said", "unsaid"),
    [
        (0x84, 'does not speak MQTT 5. Set `protocol = "3.1.1"` under [mqtt]', "password"),
        (0x87, "it refuses the connection (Not authorized). Check user name, password and rights", "running"),
        (0x88, "it refuses the connection (Server unavailable)", "password"),
    ],
)
def test_advice_fits_the_refusal(tmp_path: Path, code: int, said: str, unsaid: str) -> None:
    """A broker without MQTT 5 is not a question of passwords: by the agent's check, ingest and the doctor."""
    with refusing(code) as port:
        broker = BrokerSettings(url=f"mqtt://127.0.0.1:{port}")
        told = [asyncio.run(check_broker(settings(tmp_path, 1, url=broker.url, ca_file=None))) or ""]
        with pytest.raises(UnavailableError) as refused:
            Subscription(broker, "server", Nobody(), shared=False, tasks=BackgroundTasks(SystemClock())).start()
        told.append(str(refused.value))
        told += [f"{one.said} {one.mend}" for one in doctor.broker(broker, SystemClock())]
    for text in told:
        assert said in text
        assert unsaid not in text


def test_a_password_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users").touch()
    subprocess.run(["mosquitto_passwd", "-b", str(tmp_path / "users"), "agent", "correct horse"], check=True)
    broker = Mosquitto(tmp_path, extra=f"allow_anonymous false\npassword_file {tmp_path}/users\n")
    broker.start()
    (tmp_path / "right").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("battery staple\n")
    plain = {"url": broker.url, "username": "agent", "ca_file": None}
    assert asyncio.run(check_broker(settings(tmp_path, 1, **plain, password_file=tmp_path / "right"))) is None
    refused = asyncio.run(check_broker(settings(tmp_path, 1, **plain, password_file=tmp_path / "wrong")))
    assert refused is not None
    assert "battery" not in refused
    monkeypatch.setenv("VRIJLOOP_MQTT_PASSWORD", "correct horse")
    assert asyncio.run(check_broker(settings(tmp_path, 1, **plain))) is None
    broker.stop()
