"""`vrijloop ingest`: quarantine and gaps, beside a running server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.publish as mqtt_publish
import pytest
from paho.mqtt.client import MQTTv5
from typer.testing import CliRunner

from ingest.quarantine import MAX_KEPT_BYTES, MAX_KEPT_CHARACTERS, Quarantine
from telemetry import MachineState, StateInterval, SystemClock, UserError, encode
from telemetry.message import StateReport
from tests.servers import Mosquitto, answers, free_port, wait_for
from tests.vrijloop.command_line import invoke
from vrijloop.commands.ingest import app
from vrijloop.server_settings import QUARANTINE_FILE

TOPIC = "vrijloop/v1/hal-2/m1/state"


@pytest.fixture
def server(tmp_path: Path, broker: Mosquitto) -> Iterator[tuple[Path, Mosquitto]]:
    port = free_port()
    (tmp_path / "token").write_text("0123456789abcdef0123")
    (tmp_path / "policy.toml").write_text('factory = "hal-2"\n')
    config = tmp_path / "server.toml"
    config.write_text(
        f'data_dir = "{tmp_path}/data"\nport = {port}\ntoken_file = "{tmp_path}/token"\npolicy = "{tmp_path}/policy.toml"\n'
        f'[mqtt]\nurl = "{broker.url}"\n[platform]\nurl = "http://127.0.0.1:1"\ntoken_file = "{tmp_path}/token"\n'
    )
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vrijloop", "server", "-c", str(config)], stdout=log, stderr=log
        )
    wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/v1/status"), "the server to answer")
    yield config, broker
    process.terminate()
    process.wait(30)


def publish(broker: Mosquitto, payload: bytes) -> None:
    mqtt_publish.single(TOPIC, payload, qos=1, hostname="127.0.0.1", port=broker.port, protocol=MQTTv5)


def report(seq: int, ahead: timedelta = timedelta(0)) -> bytes:
    now = SystemClock().now() + ahead
    return encode("gw-1", [StateReport.of(seq, StateInterval(MachineState.EXECUTING, now, now))])


def quarantined(config: Path) -> list[dict[str, Any]]:
    return list(json.loads(invoke("ingest", "quarantine", "list", "-c", config, "--json")))


@pytest.mark.servers
def test_quarantine_and_gaps(server: tuple[Path, Mosquitto]) -> None:
    config, broker = server
    publish(broker, b"no json")
    publish(broker, report(1, timedelta(minutes=5, seconds=1.5)))  # from a clock that is ahead; valid later
    wait_for(lambda: len(quarantined(config)) == 2, "both messages in quarantine")
    first, second = quarantined(config)
    assert "lies in the future" in second["reason"]
    assert "no json" in invoke("ingest", "quarantine", "show", str(first["id"]), "-c", config)
    with pytest.raises(UserError, match="no message 99"):
        invoke("ingest", "quarantine", "drop", "99", "-c", config)
    with pytest.raises(UserError, match="--all"):
        invoke("ingest", "quarantine", "retry", "-c", config)
    invoke("ingest", "quarantine", "drop", str(first["id"]), "-c", config)

    def taken_again() -> bool:
        left = quarantined(config)
        if left:
            invoke("ingest", "quarantine", "retry", "--all", "-c", config)
        stored = json.loads(invoke("ingest", "gaps", "-c", config, "--json"))
        return not left and bool(stored) and stored[0]["stored"] == 1

    wait_for(taken_again, "the message to be taken once its time has come")
    publish(broker, report(4))
    wait_for(lambda: "2-3" in CliRunner().invoke(app, ["gaps", "-c", str(config)]).output, "the gap to show")
    invoke("ingest", "gaps", "-c", config, code=1)
    publish(broker, report(2))
    publish(broker, report(3))
    wait_for(
        lambda: CliRunner().invoke(app, ["gaps", "-c", str(config)]).exit_code == 0, "late reports to close the gap"
    )


def without_server(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("0123456789abcdef0123")
    config = tmp_path / "server.toml"
    config.write_text(
        f'data_dir = "{tmp_path}/data"\nport = {free_port()}\ntoken_file = "{tmp_path}/token"\npolicy = "p"\n'
        f'[platform]\nurl = "http://127.0.0.1:1"\ntoken_file = "{tmp_path}/token"\n'
    )
    return config


def test_what_was_not_stored_whole_cannot_be_sent_again(tmp_path: Path) -> None:
    config = without_server(tmp_path)
    (tmp_path / "data").mkdir()
    quarantine = Quarantine(tmp_path / "data" / QUARANTINE_FILE)
    whole, cut = (TOPIC, b"x", "why"), [("", b"x", "no text"), ("t" * MAX_KEPT_CHARACTERS * 2, b"x", "why")]
    quarantine.add([whole, *cut, (TOPIC, b"x" * MAX_KEPT_BYTES * 2, "why")], SystemClock().now())
    quarantine.close()
    with pytest.raises(UserError, match="messages 2, 3, 4 cannot be sent"):
        invoke("ingest", "quarantine", "retry", "--all", "-c", config)


def test_a_server_that_is_not_running_is_an_error(tmp_path: Path) -> None:
    config = without_server(tmp_path)
    with pytest.raises(UserError, match="does not answer"):
        invoke("ingest", "gaps", "-c", config)
    with pytest.raises(UserError, match="there is no quarantine"):
        invoke("ingest", "quarantine", "list", "-c", config)
