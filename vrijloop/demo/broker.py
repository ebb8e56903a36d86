"""The MQTT broker of the demo: Mosquitto if it is installed, else amqtt, which is suitable for demos only."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Literal

from telemetry import UserError
from vrijloop.demo.children import Child, Children

Kind = Literal["mosquitto", "amqtt"]

DEMO_ONLY = (
    "Mosquitto is not installed, so the demo uses amqtt. amqtt is suitable for a demo only: it may lose messages when "
    "connections break. Install Mosquitto with `apt install mosquitto`."
)


def choose_broker(asked: Literal["auto", "mosquitto", "amqtt"]) -> Kind:
    """Choose the broker to start. Raises UserError if Mosquitto is requested but not installed."""
    if asked == "amqtt":
        return "amqtt"
    if mosquitto_path() is not None:
        return "mosquitto"
    if asked == "mosquitto":
        raise UserError("Mosquitto is not installed. `apt install mosquitto`, or leave out --broker.")
    return "amqtt"


def mosquitto_path() -> str | None:
    """The path of Mosquitto, which Debian installs outside an ordinary user's PATH; None if it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def start_broker(kind: Kind, children: Children, folder: Path, port: int, name: str) -> Child:
    """Start the broker, which accepts connections a moment later."""
    path = mosquitto_path()
    if kind == "mosquitto" and path is not None:
        config = folder / "mosquitto.conf"
        config.write_text(mosquitto_conf(port, folder), encoding="utf-8")
        child = children.start(name, [path, "-c", str(config)])
    else:
        config = folder / "amqtt.json"
        config.write_text(json.dumps(_amqtt_config(port)), encoding="utf-8")
        child = children.start(name, [sys.executable, "-m", "vrijloop.demo", "amqtt_broker", str(config)])
    return child


def mosquitto_conf(port: int, folder: Path) -> str:
    """Configuration of Mosquitto: listens on loopback, persists its queues, and does not apply the default bound of
    1,000 queued messages, beyond which messages are dropped."""
    # When started by root, Mosquitto would switch to a user who has no access to this folder.
    user = f"user {getpass.getuser()}\n" if os.getuid() == 0 else ""
    return (
        f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}"
        f"persistence true\npersistence_location {folder}/\nautosave_interval 30\n"
        "max_inflight_messages 1000\nmax_queued_messages 0\nmax_queued_bytes 536870912\nset_tcp_nodelay true\n"
    )


def _amqtt_config(port: int) -> dict[str, object]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


def listens(port: int) -> bool:
    """Whether something accepts connections at this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
