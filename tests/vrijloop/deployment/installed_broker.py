"""The broker of an installation that `vrijloop setup debian` has made, and whoever connects to it."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from stores import SequenceRanges
from telemetry import decode
from telemetry.broker import BrokerSettings
from tests.servers import free_port, listens, require, wait_for
from tests.vrijloop.command_line import invoke


@dataclass
class InstalledBroker:
    folder: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def authority(self) -> Path:
        return self.folder / "certificates" / "ca.pem"

    def reload(self) -> None:
        """As `systemctl reload mosquitto` does it."""
        before = self.log.read_text().count("Reloading config")
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log.read_text().count("Reloading config") > before, "the broker to read its files", 20)

    def connections_of(self, user: str) -> int:
        return self.log.read_text().count(f"u'{user}')")

    def settings(self, credentials: Path, authority: Path | None = None) -> BrokerSettings:
        return BrokerSettings(
            url=f"mqtts://localhost:{self.port}", credentials_file=credentials, ca_file=authority or self.authority
        )

    def lets_in(self, user: str, password: str) -> bool:
        answers: list[bool] = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(user, password)
        client.tls_set_context(ssl.create_default_context(cafile=str(self.authority)))
        client.on_connect = lambda *arguments: answers.append(not arguments[3].is_failure)
        client.connect("localhost", self.port)
        client.loop_start()
        wait_for(lambda: bool(answers), "an answer")
        client.disconnect()
        client.loop_stop()
        return answers[0]


@dataclass
class Ingest:
    """Hears reports with the password of ingest."""

    broker: InstalledBroker
    seen: SequenceRanges = field(default_factory=SequenceRanges)

    def __post_init__(self) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.username_pw_set("ingest", (self.broker.folder / "secrets" / "mqtt-ingest").read_text().strip())
        self._client.tls_set_context(ssl.create_default_context(cafile=str(self.broker.authority)))
        self._client.on_message = self._hear
        subscribed: list[int] = []
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: subscribed.append(1)
        self._client.connect("localhost", self.broker.port)
        self._client.loop_start()
        wait_for(lambda: bool(subscribed), "ingest to listen")

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe("vrijloop/v1/+/+/state", 1)

    def _hear(self, _: object, __: object, message: mqtt.MQTTMessage) -> None:
        self.seen.add(report.seq for report in decode(bytes(message.payload)).reports)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def installed_broker(tmp_path: Path) -> Iterator[InstalledBroker]:
    """Of the factory genk, with the gateways gw-1 and gw-2."""
    mosquitto, port = require("mosquitto"), free_port()
    folder, data, log = tmp_path / "etc", tmp_path / "lib", tmp_path / "mosquitto.log"
    (data / "mosquitto").mkdir(parents=True)
    names = ("--name", "localhost", "--factory", "genk", "--gateway", "gw-1", "--gateway", "gw-2")
    invoke("setup", "debian", folder, *names, "--data", data, "--mqtt-port", str(port))
    with (folder / "mosquitto.conf").open("a") as config:
        config.write("log_type information\n")  # when it has read its files again
        if os.getuid() == 0:
            config.write("user root\n")  # others who run tests close the folder above to its own user
    with log.open("wb") as file:
        process = subprocess.Popen([mosquitto, "-c", str(folder / "mosquitto.conf")], stderr=file)
    try:
        wait_for(lambda: listens(port) or process.poll() is not None, "the broker to listen")
        assert process.poll() is None, log.read_text()
        yield InstalledBroker(folder, port, log, process)
    finally:
        process.terminate()
        process.wait(20)
