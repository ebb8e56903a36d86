"""MQTT brokers of other makers, as processes with a data folder of their own. `scripts/brokers` fetches and builds them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers import PEERS, Broker, Mosquitto, free_port, listens, require, require_peer, wait_for

_BUILT = PEERS / "build"
_SOURCES = PEERS / "brokers"
_RUMQTTD = """id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[{version}.1]
name = "tests"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 100
dynamic_filters = true
[console]
listen = "127.0.0.1:{console}"
"""
"""As it is delivered, with one listener; it keeps nothing on disk."""


@dataclass(kw_only=True)
class OtherBroker(Broker):
    """Of another maker."""

    name: str
    protocol: str

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = _COMMANDS[self.name](self)
        with (self.folder.parent / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(lambda: listens(self.port), f"{self.name} to listen")


class SavingMosquitto(Mosquitto):
    """Mosquitto in a folder of its own."""

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        super().start()


def broker_of(name: str, folder: Path, protocol: str) -> Broker:
    """A broker that is not started yet; its data are kept in `folder`."""
    if name == "mosquitto":
        return SavingMosquitto(folder / name, extra="autosave_interval 1\n")
    return OtherBroker(folder / name, name=name, protocol=protocol)


def _aedes(broker: OtherBroker) -> list[str]:
    require_peer(PEERS / "node_modules" / "aedes", "scripts/peers")
    return [require("nodejs"), str(_SOURCES / "aedes.mjs"), str(broker.port), str(broker.folder)]


def _mochi(broker: OtherBroker) -> list[str]:
    program = require_peer(_BUILT / "mochi_go", "make campaign-brokers")
    return [str(program), str(broker.port), str(broker.folder)]


def _rumqttd(broker: OtherBroker) -> list[str]:
    program = require_peer(_BUILT / "bin" / "rumqttd", "make campaign-brokers")
    config = broker.folder / "rumqttd.toml"
    version = "v5" if broker.protocol == "5" else "v4"
    config.write_text(_RUMQTTD.format(version=version, port=broker.port, console=free_port()))
    return [str(program), "--quiet", "--config", str(config)]


def _java(broker: OtherBroker) -> list[str]:
    classes = require_peer(_BUILT / broker.name, "make campaign-brokers")
    source = _SOURCES / broker.name / "Broker.java"
    java = shutil.which("java") or "java"
    return [java, "-Xmx512m", "-cp", f"{classes}/*", str(source), str(broker.port), str(broker.folder)]


_COMMANDS: dict[str, Callable[[OtherBroker], list[str]]] = {
    "aedes": _aedes,
    "mochi": _mochi,
    "rumqttd": _rumqttd,
    "moquette": _java,
    "hivemq": _java,
}
