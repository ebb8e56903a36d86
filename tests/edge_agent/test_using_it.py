"""The agent's commands as used by a technician: discover, certificate, status, metrics, a changed configuration file."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from pymodbus.pdu.device import ModbusControlBlock, ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from typer.testing import CliRunner

from edge_agent.commands import app
from edge_agent.configuration import AgentSettings
from edge_agent.device_templates import get_template
from edge_agent.discover import machine_id
from simulators.modbus_server import MeterServer, SimulatedDevice, _sim_device, plc, sdm630
from telemetry import UserError, load_settings
from tests.edge_agent.faulty_modbus import FaultyDevice
from tests.servers import Mosquitto, free_port, wait_for

HEAD = '[agent]\nfactory = "hal-2"\ngateway = "gw-1"\n'


@contextmanager
def elsewhere() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """An event loop in a thread, which runs servers while the test waits."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)


def invoke(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return str(done.output)


def test_discover_modbus_prints_a_configuration_that_loads(tmp_path: Path) -> None:
    port = free_port()
    with elsewhere() as run:
        devices = [sdm630(1, lambda: 4500.0), plc(3, lambda: 3)]
        server = MeterServer(devices, port)
        run(server.start())
        printed = invoke("discover", f"127.0.0.1:{port}", "--units", "1,3")
        run(server.stop())
    (tmp_path / "agent.toml").write_text(HEAD + printed)
    settings = load_settings(tmp_path / "agent.toml", AgentSettings)
    assert [(one.unit, one.template) for one in settings.modbus] == [(1, "eastron-sdm630"), (3, "plc-status-word")]
    assert "vrijloop agent learn machine-1" in printed
    assert "# the same registers as: eastron-sdm54, eastron-smart-x96-1a" in printed


def test_discover_finds_the_units_behind_a_gateway() -> None:
    port = free_port()
    with elsewhere() as run:
        gateway = FaultyDevice(lambda unit: 3)
        gateway.behaviour = {1: "silent", 3: "silent", 4: "refuses"}
        run(gateway.start(port))
        printed = invoke("discover", f"127.0.0.1:{port}", "--units", "0-4,255", "--timeout", "200ms")
        run(gateway.stop())
    units = [line for line in printed.splitlines() if line.startswith("unit")]
    assert units == ["unit = 0", "unit = 2", "unit = 4", "unit = 255"]


def test_discover_asks_a_device_that_takes_one_connection_over_that_connection() -> None:
    port = free_port()
    with elsewhere() as run:
        device = FaultyDevice(lambda unit: 3)
        device.one_connection = True
        run(device.start(port))
        printed = invoke("discover", f"127.0.0.1:{port}", "--units", "1")
        run(device.stop())
    assert "unit = 1" in printed
    assert device.turned_away == 0


@pytest.fixture
def no_identity_stays() -> Iterator[None]:
    """pymodbus keeps one identity for all servers of a process, also for those that are given none."""
    yield
    ModbusControlBlock().Identity.update(ModbusDeviceIdentification(info_name={"VendorName": "", "ProductName": ""}))  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("no_identity_stays")
@pytest.mark.parametrize(
    ("product", "template"), [("SDM630", "eastron-sdm630"), ("SDM54-M", "eastron-sdm54"), ("DVH4013", "eastron-sdm630")]
)
def test_discover_reads_the_identification_of_devices(product: str, template: str) -> None:
    """It decides between devices with the same registers; a device that no template names is judged by its registers."""
    port = free_port()
    identity = ModbusDeviceIdentification(  # type: ignore[no-untyped-call]
        info_name={"VendorName": "Eastron", "ProductName": product}
    )
    device = _sim_device(sdm630(1, lambda: 4500.0))

    async def start() -> ModbusTcpServer:
        server = ModbusTcpServer([device], identity=identity, address=("127.0.0.1", port))
        await server.serve_forever(background=True)
        return server

    with elsewhere() as run:
        server = run(start())
        printed = invoke("discover", f"127.0.0.1:{port}", "--units", "1")
        run(server.shutdown())
    assert f"# unit 1: Eastron {product}" in printed
    assert f'template = "{template}"' in printed
    assert ("also fit" in printed) == (product == "DVH4013")


def test_discover_knows_a_meter_that_refuses_what_lies_between_its_values() -> None:
    meter = get_template("eastron-sdm630")
    its_own = {word for value in meter.values.values() for word in range(value.address, value.address + value.size)}
    port = free_port()
    with elsewhere() as run:
        device = FaultyDevice(lambda unit: 0x45FA)
        device.exception = lambda unit, address, count: 0 if its_own.issuperset(range(address, address + count)) else 2
        run(device.start(port))
        printed = invoke("discover", f"127.0.0.1:{port}", "--units", "1")
        run(device.stop())
    assert 'template = "eastron-sdm630"' in printed


def test_discover_says_that_a_device_has_gone_away() -> None:
    """What was found until then is printed."""
    port = free_port()
    last_unit = 1

    def exception(unit: int, address: int, count: int) -> int:
        if unit == last_unit and len(device.asked) > 1:
            device.stop_listening()
        return 0

    with elsewhere() as run:
        device = FaultyDevice(lambda unit: 3)
        device.closes, device.exception = "after each answer", exception
        run(device.start(port))
        last_unit = 2
        printed = invoke("discover", f"127.0.0.1:{port}", "--units", "1-2")
        run(device.start(port))
        last_unit = 1
        with pytest.raises(UserError, match=f"no connection to 127.0.0.1:{port}"):
            invoke("discover", f"127.0.0.1:{port}", "--units", "1")
    assert "unit = 1\n" in printed
    assert f"# no connection to 127.0.0.1:{port} any more: units from 2 on may be missing.\n" in printed


def test_discover_where_nothing_answers_is_an_error() -> None:
    port = free_port()
    with pytest.raises(UserError, match=f"127.0.0.1:{port}"):
        invoke("discover", f"127.0.0.1:{port}")
    with pytest.raises(UserError, match=f"127.0.0.1:{port}"):
        invoke("discover", f"opc.tcp://127.0.0.1:{port}")
    with pytest.raises(UserError, match="--units"):
        invoke("discover", "127.0.0.1", "--units", "all")
    with pytest.raises(UserError, match="0 to 255"):
        invoke("discover", "127.0.0.1", "--units", "256")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Draaibank1", "draaibank-1"), ("5-axis Mill", "5-axis-mill"), ("ÄÖ", "machine"), ("Filler_2", "filler-2")],
)
def test_machine_ids(name: str, expected: str) -> None:
    assert machine_id(name) == expected


def test_certificate(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(
        HEAD + f'data_dir = "{tmp_path}/data"\n[[modbus]]\nid = "m"\nhost = "h"\ntemplate = "plc-status-word"\n'
    )
    assert "urn:" in invoke("certificate", "create", "-c", config)
    with pytest.raises(UserError, match="--replace"):
        invoke("certificate", "create", "-c", config)
    with pytest.raises(UserError, match="vrijloop agent check"):
        invoke("certificate", "trust", "abcd", "-c", config)


class RunningAgent:
    """`vrijloop agent run` with two PLCs behind one gateway."""

    def __init__(self, folder: Path, broker: Mosquitto, port: int, data: str) -> None:
        self.config, self.port, self.metrics = folder / "agent.toml", port, free_port()
        self.head = HEAD + (
            f'data_dir = "{folder / data}"\nmetrics = "127.0.0.1:{self.metrics}"\n[mqtt]\nurl = "{broker.url}"\n'
        )
        self.write("m1", "m2")
        self.log = folder / "agent.log"
        notify = folder / "notify"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(notify))
        self.systemd.settimeout(30)
        self.environment = os.environ | {"NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "200000"}
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(self.config)]
        self.process = subprocess.Popen(
            command, stdout=self.log.open("wb"), stderr=subprocess.STDOUT, env=self.environment
        )

    def write(self, *machines: str, extra: str = "") -> None:
        parts = [
            f'[[modbus]]\nid = "{one}"\nhost = "127.0.0.1"\nport = {self.port}\nunit = {one[1:]}\n'
            'template = "plc-status-word"\npoll_interval = "50ms"\n'
            for one in machines
        ]
        self.config.write_text(self.head + "".join(parts) + extra)

    def status(self) -> dict[str, Any]:
        try:
            return dict(json.loads(invoke("status", "-c", self.config, "--json")))
        except UserError:
            return {"machines": [], "broker": {"connected": False}}

    def states(self) -> dict[str, str]:
        return {one["machine"]: one["state"] for one in self.status()["machines"]}

    def connected(self) -> bool:
        """What its metrics say; while it starts, they are not there yet."""
        try:
            return "vrijloop_agent_broker_connected 1.0" in self.get("/metrics")[1]
        except URLError:
            return False

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{self.metrics}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, ""


@contextmanager
def agent_in(folder: Path, broker: Mosquitto, data: str = "data") -> Iterator[RunningAgent]:
    port = free_port()
    with elsewhere() as run:
        server = MeterServer([SimulatedDevice(unit, 8, lambda: {0: [3]}) for unit in (1, 2, 3)], port)
        run(server.start())
        running = RunningAgent(folder, broker, port, data)
        yield running
        running.process.terminate()
        assert running.process.wait(30) == 0, running.log.read_text()
        running.systemd.close()
        run(server.stop())


@pytest.fixture
def agent(tmp_path: Path, broker: Mosquitto) -> Iterator[RunningAgent]:
    with agent_in(tmp_path, broker) as running:
        yield running


@pytest.mark.servers
def test_an_agent_whose_folder_has_a_long_path_can_be_asked(tmp_path: Path, broker: Mosquitto) -> None:
    """The address of a socket has room for 107 bytes; this path is longer."""
    with agent_in(tmp_path, broker, "halle-" * 20) as agent:
        wait_for(lambda: agent.states() == {"m1": "executing", "m2": "executing"}, "both machines")


@pytest.mark.servers
def test_an_agent_without_a_status_socket_still_reports(tmp_path: Path, broker: Mosquitto) -> None:
    """As on a file system that has no sockets."""
    with agent_in(tmp_path, broker) as agent:
        wait_for(lambda: agent.states() == {"m1": "executing", "m2": "executing"}, "both machines")
        agent.process.terminate()
        assert agent.process.wait(30) == 0
        (tmp_path / "data" / "agent.socket").mkdir()
        agent.start()
        wait_for(lambda: "`agent status` cannot reach this agent" in agent.log.read_text(), "the sentence in the log")
        wait_for(agent.connected, "the broker")


@pytest.mark.servers
def test_status_metrics_and_health(agent: RunningAgent) -> None:
    wait_for(lambda: agent.states() == {"m1": "executing", "m2": "executing"}, "both machines")
    wait_for(lambda: bool(agent.status()["broker"]["connected"]), "the broker")
    wait_for(lambda: agent.status()["outbox"]["unconfirmed"] > 0, "reports that no server has stored")
    told = invoke("status", "-c", agent.config)
    assert "executing" in told
    assert "sent and not yet known to be stored" in told
    code, metrics = agent.get("/metrics")
    assert code == 200
    for line in (
        'vrijloop_agent_machine_in_contact{machine="m1"} 1.0',
        'vrijloop_agent_machine_state{machine="m2",state="executing"} 1.0',
        "vrijloop_agent_broker_connected 1.0",
        "vrijloop_agent_server_confirms 1.0",
        "vrijloop_agent_outbox_dropped_oldest 0.0",
    ):
        assert line in metrics
    assert agent.get("/healthz") == (200, '{"status": "ok"}')
    assert agent.get("/etc/passwd")[0] == 404
    said = {agent.systemd.recv(100) for _ in range(4)}
    assert said == {b"READY=1", b"WATCHDOG=1"}


@pytest.mark.servers
def test_a_changed_file_does_not_disturb_unchanged_machines(agent: RunningAgent) -> None:
    wait_for(lambda: agent.states() == {"m1": "executing", "m2": "executing"}, "both machines")
    since = {one["machine"]: one["since"] for one in agent.status()["machines"]}
    agent.write("m1", "m3")
    wait_for(lambda: agent.states() == {"m1": "executing", "m3": "executing"}, "the changed file to be applied")
    assert agent.status()["machines"][0]["since"] == since["m1"]
    agent.write("m1", "m3", extra="[[modbus]\n")
    wait_for(lambda: "is not applied" in agent.log.read_text(), "the broken file to be refused")
    agent.write("m1", "m3")
    wait_for(lambda: agent.states() == {"m1": "executing", "m3": "executing"}, "the mended file")
    assert agent.status()["machines"][0]["since"] == since["m1"], "through all of this m1 was never lost"


def test_status_without_a_running_agent_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(
        HEAD + f'data_dir = "{tmp_path}/data"\n[[modbus]]\nid = "m"\nhost = "h"\ntemplate = "plc-status-word"\n'
    )
    with pytest.raises(UserError, match="no agent is running"):
        invoke("status", "-c", config)
