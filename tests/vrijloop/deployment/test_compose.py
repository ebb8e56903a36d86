"""The compose file against the code and the set-up it depends on; the set-up against a real broker and a real proxy."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from edge_agent.configuration import AgentSettings
from telemetry import UserError, load_settings
from tests.servers import ROOT, free_port, listens, require, wait_for
from tests.vrijloop.command_line import invoke
from vrijloop.cli import app
from vrijloop.deployment import setup as deployment
from vrijloop.ingest_worker import WorkerSettings
from vrijloop.platform_server import PlatformOptions, read_owners, read_targets, read_tokens
from vrijloop.server_settings import ServerSettings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = sorted(name for name, one in SERVICES.items() if one["image"].startswith("vrijloop:"))
ONCE = {"setup", "manage", "store-init"}
RUNNING = sorted(set(SERVICES) - ONCE)
GATEWAYS = ("--gateway", "gw-1", "--gateway", "gw-2")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "deployed"
    invoke("setup", "compose", folder, "--name", "vrijloop.example", "--factory", "genk", *GATEWAYS)
    return folder


def words(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def test_the_services_of_the_design_are_there() -> None:
    assert {
        "mosquitto",
        "influxdb",
        "postgres",
        "grafana",
        "ingest-1",
        "ingest-2",
        "analytics",
        "platform",
        "proxy",
    } <= set(SERVICES)
    assert SERVICES["simulator"]["profiles"] == ["simulator"]
    published = {port for one in SERVICES.values() for port in one.get("ports", [])}
    assert published == {"8883:8883", "443:8443"}, "nothing but TLS leaves the machine"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_bounded_and_unprivileged(name: str) -> None:
    one = SERVICES[name]
    image, _, tag = one["image"].rpartition(":")
    assert image
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z]+)*", tag), "a version, not whatever is newest"
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["logging"]["options"]["max-size"]
    if name in RUNNING:
        assert one["healthcheck"]["test"]
        limits = one["deploy"]["resources"]["limits"]
        assert limits["memory"]
        assert limits["cpus"]
        assert one["restart"] == "unless-stopped"
    # InfluxDB's image changes the owner of its volume and then drops root; the set-up gives secrets to their users.
    if name not in ("influxdb", "setup", "manage"):
        assert not one["user"].startswith("0")
        assert one.get("read_only") is True or name == "grafana"


def test_files_secrets_and_volumes_of_services_exist(deployed: Path) -> None:
    for name, one in SERVICES.items():
        for volume in one.get("volumes", []):
            source = volume.replace("${VRIJLOOP_LANGUAGE:-nl}", "nl").partition(":")[0]
            if source.startswith("./deployed/"):
                assert (deployed / source.removeprefix("./deployed/")).exists(), f"{name}: {source}"
            elif source.startswith("./"):
                assert (ROOT / source).exists() or source == "./deployed", f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
        for secret in one.get("secrets", []):
            path = COMPOSE["secrets"][secret]["file"]
            assert (deployed / path.removeprefix("./deployed/")).read_text().strip(), f"{name}: {secret}"
        for other in one.get("depends_on", {}):
            condition = one["depends_on"][other]["condition"]
            assert condition == "service_completed_successfully" or "healthcheck" in SERVICES[other]
        for network in one.get("networks", []):
            assert network in COMPOSE["networks"]
        for file in one.get("env_file", []):
            assert (deployed / Path(file["path"]).name).exists()


@pytest.mark.parametrize("name", ["platform", "grafana", "analytics"])
def test_services_that_send_mail_or_read_calendars_have_internet_access(name: str) -> None:
    open_networks = {one for one, table in COMPOSE["networks"].items() if not (table or {}).get("internal")}
    assert open_networks & set(SERVICES[name]["networks"])
    for closed in ("influxdb", "postgres"):
        assert not open_networks & set(SERVICES[closed]["networks"]), "databases are on internal networks only"


def test_nothing_has_a_default_password(deployed: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"(PASSWORD|TOKEN|SECRET)(?!.*(_FILE|__FILE|\$\$\(cat)).*[:=] *[\"']?\w", text)
    values = [one.read_text() for one in sorted((deployed / "secrets").iterdir())]
    assert len(set(values)) == len(values)
    for one in (deployed / "secrets").iterdir():
        assert one.stat().st_mode & 0o077 == 0, one
    for one in deployed.rglob("*-key.pem"):
        assert one.stat().st_mode & 0o077 == 0, one


@pytest.mark.parametrize("name", OWN)
def test_commands_and_variables_exist_in_the_code(name: str) -> None:
    one = SERVICES[name]
    command = [str(word) for word in [*words(one.get("entrypoint")), *words(one["command"])] if word != "vrijloop"]
    names = [word for word in command if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
    depth = next(
        d for d in (2, 1) if CliRunner().invoke(app, [*names[:d], "--help"], env={"COLUMNS": "300"}).exit_code == 0
    )
    shown = CliRunner().invoke(app, [*names[:depth], "--help"], env={"COLUMNS": "300"}).output
    for word in command:
        if word.startswith("--"):
            assert word in shown, f"{name}: {word}"
    for variable in one.get("environment", {}):
        if variable.startswith("VRIJLOOP_"):
            assert variable in shown, f"{name}: {variable}"


def test_ports_and_paths_are_those_of_the_code(deployed: Path) -> None:
    def inside(path: str) -> Path:
        return deployed / Path(path).relative_to("/etc/vrijloop")

    server = load_settings(deployed / "server.toml", ServerSettings)
    worker = load_settings(deployed / "ingest.toml", WorkerSettings)
    agent = load_settings(deployed / "simulator.toml", AgentSettings)
    assert f"127.0.0.1:{server.port}/control" in str(SERVICES["analytics"]["healthcheck"])
    assert f"127.0.0.1:{worker.metrics_port}/metrics" in str(SERVICES["ingest-1"]["healthcheck"])
    assert SERVICES["platform"]["environment"]["VRIJLOOP_PLATFORM_PORT"] == str(PlatformOptions("").port)
    assert server.platform is not None
    assert server.url == "https://control.vrijloop.example"
    assert server.platform.url == f"http://platform:{PlatformOptions('').port}"
    assert (server.ingest, server.store.kind, worker.store.kind) == (False, "influxdb", "influxdb")
    assert server.store == worker.store
    for path in (
        server.token_file,
        server.policy,
        server.platform.token_file,
        worker.mqtt.password_file,
        agent.mqtt.ca_file,
    ):
        assert inside(str(path)).exists()
    mounted = {volume.split(":")[1] for volume in SERVICES["analytics"]["volumes"]}
    needed = {
        server.token_file,
        server.policy,
        server.platform.token_file,
        server.platform.webhook_secret_file,
        server.mqtt.password_file,
        server.mqtt.ca_file,
    }
    assert {str(one) for one in needed} <= mounted
    targets = read_targets(deployed / "secrets" / "platform-webhooks.json")
    assert targets["genk"].url == f"http://analytics:{server.port}/api/v1/hooks/bookings"
    assert (
        read_tokens(deployed / "secrets" / "platform-tokens.json")["genk"]
        == (deployed / "secrets" / "platform-token").read_text().strip()
    )
    uids = {name: int(str(one["user"]).partition(":")[0]) for name, one in SERVICES.items() if "user" in one}
    assert (uids["mosquitto"], uids["grafana"], uids["postgres"], uids["proxy"], uids["platform"]) == (
        deployment.MOSQUITTO_UID, deployment.GRAFANA_UID, deployment.POSTGRES_UID, deployment.NGINX_UID, deployment.OWN_UID,
    )  # fmt: skip
    with pytest.raises(UserError, match="no machine is configured"):
        load_settings(deployed / "gateways" / "gw-1" / "agent.toml", AgentSettings)
    whole = deployed / "whole.toml"
    machine = '[[modbus]]\nid = "m1"\nhost = "192.0.2.1"\ntemplate = "plc-status-word"\n'
    whole.write_text((deployed / "gateways" / "gw-1" / "agent.toml").read_text() + machine)
    assert load_settings(whole, AgentSettings).mqtt.url == "mqtts://vrijloop.example:8883"
    whole.unlink()


def test_the_dockerfile_has_all_build_targets() -> None:
    text = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+) AS (\S+)", text, re.MULTILINE)
    built = {name for _, name in stages}
    for image, _ in stages:
        assert image in built or re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", image)
    assert {one["build"]["target"] for one in SERVICES.values() if "build" in one} == {"server"}
    assert "agent" in built
    rooms = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert rooms == set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    assert len(re.findall(r"^USER 10001$", text, re.MULTILINE)) == 2
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", "tests", "deployed"} <= set(ignored)


def test_a_second_set_up_only_adds(tmp_path: Path) -> None:
    folder = tmp_path / "deployed"
    invoke("setup", "compose", folder, "--factory", "genk", "--gateway", "gw-1")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "nothing was changed" in invoke("setup", "compose", folder, "--factory", "genk", "--gateway", "gw-1")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    invoke("setup", "compose", folder, "--factory", "genk", "--gateway", "gw-2")
    changed = {path.name for path, held in before.items() if path.read_bytes() != held}
    assert changed == {"mosquitto.passwords", "mosquitto.acl"}
    assert (folder / "mosquitto.passwords").read_bytes().startswith(before[folder / "mosquitto.passwords"])
    for wrong in (("--name", "a b"), ("--factory", "Genk"), ("--gateway", "ingest")):
        with pytest.raises(UserError):
            invoke("setup", "compose", tmp_path / "wrong", *wrong)
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("kind", ["compose", "debian"])
def test_the_first_user_of_the_factory(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    options = ("--factory", "genk", *(("--data", tmp_path / "lib") if kind == "debian" else ()))
    said = invoke("setup", kind, tmp_path / "nobody", *options)
    assert "vrijloop platform-invite genk EMAIL" in said
    assert "OWNERS" not in (tmp_path / "nobody" / "platform.env").read_text()
    said = invoke("setup", kind, folder, *options, "--owner", "eva@genk.example")
    assert "platform-invite" not in said
    written = dict(
        line.split("=", 1) for line in (folder / "platform.env").read_text().splitlines() if not line.startswith("#")
    )
    assert read_owners(written["VRIJLOOP_PLATFORM_OWNERS"]) == {"genk": "eva@genk.example"}
    assert "was kept" not in invoke("setup", kind, folder, *options, "--owner", "eva@genk.example")
    assert "was kept" in invoke("setup", kind, folder, *options, "--owner", "an@genk.example")
    with pytest.raises(UserError, match="'genk=eva'"):
        invoke("setup", kind, tmp_path / "wrong", *options, "--owner", "eva")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.servers
def test_a_terminal_is_asked_for_the_first_user(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vrijloop", "setup", "compose", "deployed", "--factory", "genk"]
    os.write(ours, b"eva@genk.example\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, stdin=theirs, capture_output=True, text=True, cwd=tmp_path, timeout=90, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "first user of genk" in done.stdout + done.stderr
    assert "OWNERS=genk=eva@genk.example" in (tmp_path / "deployed" / "platform.env").read_text()
    again = subprocess.run(
        command, stdin=theirs, capture_output=True, text=True, cwd=tmp_path, timeout=90, env=environment
    )
    assert "first user of" not in again.stdout + again.stderr, "what is written is not asked for again"
    os.close(ours)
    os.close(theirs)


class BrokerClient:
    """A client of the broker that the set-up has configured."""

    def __init__(self, folder: Path, port: int, user: str | None, password: str) -> None:
        self.refused = False
        self.heard: list[str] = []
        self.acknowledged: set[int] = set()
        self.done = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        if user is not None:
            self.client.username_pw_set(user, password)
        self.client.tls_set_context(ssl.create_default_context(cafile=str(folder / "certificates" / "ca.pem")))
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _, __, message: self.heard.append(message.topic)
        self.client.on_publish = lambda *arguments: self.acknowledged.add(arguments[2])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.done.wait(20)

    def _on_connect(self, *arguments: Any) -> None:
        self.refused = arguments[3].is_failure
        self.done.set()

    def publish(self, topic: str) -> None:
        """Publish until acknowledged: after a refusal Mosquitto 2.0.11 closes the connection, and the next message
        needs a new one."""
        number = self.client.publish(topic, b"x", qos=1).mid
        wait_for(lambda: number in self.acknowledged, f"an answer to {topic}")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.servers
def test_a_real_broker_restricts_a_gateway_to_its_own_topics(tmp_path: Path) -> None:
    ports = [str(free_port()) for _ in range(4)]
    folder, data = tmp_path / "etc", tmp_path / "lib"
    (data / "mosquitto").mkdir(parents=True)
    options = [
        "--mqtt-port",
        ports[0],
        "--platform-port",
        ports[1],
        "--server-port",
        ports[2],
        "--https-port",
        ports[3],
    ]
    invoke(
        "setup",
        "debian",
        folder,
        "--name",
        "vrijloop.example",
        "--factory",
        "genk",
        *GATEWAYS,
        "--data",
        data,
        *options,
    )
    load_settings(folder / "server.toml", ServerSettings)
    if os.getuid() == 0:
        # The broker's user must get through to it; how deep pytest's folders lie depends on the parallel worker.
        above = takewhile(lambda part: part != Path(gettempdir()), folder.parents)
        for part in (folder, *above):
            part.chmod(part.stat().st_mode | 0o055)
        shutil.chown(data / "mosquitto", "mosquitto")
    process = subprocess.Popen([require("mosquitto"), "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    try:
        port = int(ports[0])
        wait_for(lambda: listens(port) or process.poll() is not None, "the broker to listen")
        assert process.poll() is None, "the broker refuses its configuration"
        passwords = {
            name: (folder / "gateways" / name / "mqtt-credentials").read_text().split()[1] for name in ("gw-1", "gw-2")
        }
        ingest = BrokerClient(folder, port, "ingest", (folder / "secrets" / "mqtt-ingest").read_text().strip())
        ingest.client.subscribe(
            [
                ("vrijloop/v1/+/+/state", 1),
                ("$share/ingest/vrijloop/v1/+/+/state", 1),
                ("vrijloop/v1/+/+/status", 1),
                ("vrijloop/v1/+/+/health", 1),
            ]
        )
        gateway = BrokerClient(folder, port, "gw-1", passwords["gw-1"])
        for topic in ("genk/gw-2/status", "hal-2/m1/state", "genk/gw-1/status", "genk/gw-1/health", "genk/m1/state"):
            gateway.publish(f"vrijloop/v1/{topic}")
        wait_for(lambda: "vrijloop/v1/genk/m1/state" in ingest.heard, "what may be said")
        assert set(ingest.heard) == {f"vrijloop/v1/genk/{one}" for one in ("gw-1/health", "gw-1/status", "m1/state")}
        gateway.client.subscribe("vrijloop/v1/#", 1)
        ingest.publish("vrijloop/v1/genk/m2/state")
        wait_for(lambda: "vrijloop/v1/genk/m2/state" in ingest.heard, "ingest's own")
        assert gateway.heard == [], "a gateway may not subscribe"
        for user, password in ((None, ""), ("gw-1", passwords["gw-2"]), ("gw-9", "x")):
            stranger = BrokerClient(folder, port, user, password)
            assert stranger.refused
            stranger.close()
        ingest.close()
        gateway.close()
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
    finally:
        process.terminate()
        process.wait(20)


def test_grafana_in_the_compose_file_finds_the_dashboards() -> None:
    provider = json.loads((ROOT / "dashboards/json/provisioning-nl/dashboards/vrijloop.yaml").read_text())
    mounted = {volume.split(":")[-2] for volume in SERVICES["grafana"]["volumes"]}
    for one in provider["providers"]:
        assert one["options"]["path"] in mounted
    source = (ROOT / "dashboards/json/provisioning-nl/datasources/vrijloop.yaml").read_text()
    wanted = set(re.findall(r"\$(INFLUXDB_\w+)", source))
    given = set(SERVICES["grafana"]["environment"]) | set(
        re.findall(r"(INFLUXDB_\w+)=", str(SERVICES["grafana"]["entrypoint"]))
    )
    assert wanted <= given
