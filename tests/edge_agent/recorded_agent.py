"""Every command of the agent, run against machines of every kind, with all that it sends on record."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from typer.testing import CliRunner

from edge_agent.commands import app
from simulators.modbus_server import SimulatedDevice, _sim_device, plc, sdm630
from tests.edge_agent.modbus_devices import EXECUTING_WORD
from tests.edge_agent.test_modbus_line import serial_cable
from tests.edge_agent.test_using_it import elsewhere
from tests.peer_servers import NodePeer
from tests.servers import ROOT, Mosquitto, free_port, wait_for
from tests.tcp_proxy import TcpProxy

KINDS = ("opcua", "opcua-signed", "modbus-tcp", "modbus-rtu-over-tcp", "modbus-serial", "mqtt", "sparkplug-input")
"""What can be connected to: machines in all ways, and the brokers of reports and of edge nodes."""

MACHINES = """
[[opcua]]
endpoint = "opc.tcp://127.0.0.1:{opcua}"
publishing_interval = "50ms"
machine = [
  {{ id = "lathe", browse_name = "Lathe" }},
  {{ id = "mill", browse_name = "Mill", profile = "machinetool" }},
  {{ id = "grinder", browse_name = "Grinder", profile = "machinetool" }},
  {{ id = "filler", browse_name = "Filler", profile = "packml" }},
  {{ id = "saw", profile = "tags", tag = [ {{ node = "nsu=urn:test-factory;s=Saw.Execution", states = {{ ACTIVE = "executing", READY = "not_executing" }} }} ] }},
]

[[opcua]]
endpoint = "opc.tcp://127.0.0.1:{opcua_signed}"
security_policy = "Basic256Sha256"
security_mode = "Sign"
machine = [ {{ id = "lathe-signed", browse_name = "Lathe" }} ]

[[modbus]]
id = "meter"
host = "localhost"
port = {modbus_tcp}
template = "eastron-sdm630"
poll_interval = "50ms"
values = ["current_l1"]
report_power = true
thresholds = {{ off_below_w = 100.0, idle_below_w = 1500.0, working_from_w = 2500.0 }}

[[modbus]]
id = "plc"
host = "localhost"
port = {modbus_tcp}
unit = 2
template = "plc-status-word"
poll_interval = "50ms"

[[modbus]]
id = "lamps"
host = "localhost"
port = {modbus_tcp}
unit = 3
template = "moxa-iologik-e1210"
poll_interval = "50ms"

[[modbus]]
id = "rtu"
transport = "rtu-over-tcp"
host = "localhost"
port = {modbus_rtu_over_tcp}
unit = 3
template = "plc-status-word"
poll_interval = "50ms"

[[modbus]]
id = "serial"
transport = "serial"
serial_port = "{modbus_serial}"
baudrate = 19200
unit = 2
template = "plc-status-word"
poll_interval = "50ms"
timeout = "2s"

[[sparkplug_input]]
host = "vrijloop"
mqtt = {{ url = "mqtt://127.0.0.1:{sparkplug_input}" }}

[[sparkplug_input.machine]]
id = "press"
group = "plant"
node = "line-1"
device = "press"
tag = [ {{ metric = "Execution", states = {{ ACTIVE = "executing", READY = "not_executing" }} }} ]

[[sparkplug_input.machine]]
id = "oven"
group = "plant"
node = "line-1"
device = "oven"
power = "Power"
thresholds = {{ off_below_w = 100.0, idle_below_w = 1500.0, working_from_w = 2500.0 }}
"""

HEAD = """
[agent]
factory = "hal-2"
gateway = "gw-1"
data_dir = "{folder}/data"
heartbeat = "1s"

[mqtt]
url = "mqtt://localhost:{mqtt}"
username = "gw-1"
password_file = "{folder}/password"

[sparkplug]
group = "states"
"""


@dataclass(frozen=True)
class Recording:
    """`sent`: command, then kind, to what was sent in each connection. `said`: what commands printed. `asked`: of the operating system by `run`, see `audited`."""

    config: Path
    ports: Mapping[str, int]
    sent: dict[str, dict[str, list[bytes]]]
    said: dict[str, str]
    asked: list[list[Any]]


class RecordedAgent:
    """Runs commands one after the other."""

    def __init__(self, folder: Path, proxies: Mapping[str, TcpProxy], serial: bytearray) -> None:
        self._folder, self._proxies, self._serial = folder, proxies, serial
        self.config = folder / "agent.toml"
        self.sent: dict[str, dict[str, list[bytes]]] = {}
        self.said: dict[str, str] = {}

    def invoke(self, name: str, *arguments: str) -> str:
        """A command in this process. It may fail: what it sends until then counts."""
        with self._on_record(name):
            done = CliRunner().invoke(app, list(arguments))
        self.said[name] = str(done.output) if done.exception is None else f"{done.output}{done.exception}"
        return self.said[name]

    def run(self) -> list[list[Any]]:
        """`agent run` in a process of its own, until every machine's state is known. Returns what it asked of the operating system."""
        log, audit = self._folder / "agent.log", self._folder / "audit.jsonl"
        command = [sys.executable, "-m", "tests.edge_agent.audited", str(audit), "agent", "run", "-c", str(self.config)]
        with self._on_record("run"), log.open("wb") as out:
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=os.environ | {"TZ": "UTC"})
            try:
                wait_for(self._all_known, "every machine's state")
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0, log.read_text()
        self.said["run"] = log.read_text()
        return [json.loads(line) for line in audit.read_text().splitlines()]

    def _all_known(self) -> bool:
        done = CliRunner().invoke(app, ["status", "-c", str(self.config), "--json"])
        if done.exit_code != 0:
            return False
        status = json.loads(done.output)
        known = all(one["state"] != "unknown" for one in status["machines"])
        return (
            known
            and status["broker"]["connected"]
            and status["outbox"]["waiting"] == 0
            and status["sparkplug"]["connected"]
        )

    @contextmanager
    def _on_record(self, name: str) -> Iterator[None]:
        for proxy in self._proxies.values():
            proxy.sent.clear()
        self._serial.clear()
        yield
        wait_for(lambda: all(proxy.idle for proxy in self._proxies.values()), f"`{name}` to close its connections")
        self.sent[name] = {kind: [bytes(one) for one in proxy.sent] for kind, proxy in self._proxies.items()}
        self.sent[name]["modbus-serial"] = [bytes(self._serial)]


@contextmanager
def recorded(folder: Path) -> Iterator[Recording]:
    (folder / "broker").mkdir()
    (folder / "password").write_text("correct horse\n")
    with ExitStack() as stack:
        broker = Mosquitto(folder / "broker")
        broker.start()
        stack.callback(broker.stop)
        opcua, modbus, rtu = free_port(), free_port(), free_port()
        server = NodePeer("opcua_server.mjs", str(opcua), str(folder / "pki-of-server"), "0")
        stack.callback(server.stop, kill=True)
        node = NodePeer("sparkplug_node.mjs", str(broker.port), "plant", "line-1")
        stack.callback(node.stop)
        node.tell(device="press", born={"Execution": "READY"})
        node.tell(device="oven", born={"Power": 500.0})
        serial = bytearray()
        ours, theirs = stack.enter_context(serial_cable(serial))
        run = stack.enter_context(elsewhere())
        stack.callback(run, _stopped(run(_modbus_servers(modbus, rtu, theirs))))
        behind = {
            "opcua": opcua, "opcua-signed": opcua, "modbus-tcp": modbus, "modbus-rtu-over-tcp": rtu,
            "mqtt": broker.port, "sparkplug-input": broker.port,
        }  # fmt: skip
        proxies = {kind: TcpProxy(port) for kind, port in behind.items()}
        for proxy in proxies.values():
            stack.callback(proxy.close)
        ports = {kind: proxy.port for kind, proxy in proxies.items()}
        agent = RecordedAgent(folder, proxies, serial)
        places = {kind.replace("-", "_"): port for kind, port in ports.items()}
        agent.config.write_text((HEAD + MACHINES).format(folder=folder, modbus_serial=ours, **places))
        asked = _every_command(agent, ports)
        yield Recording(agent.config, ports | {"opcua itself": opcua}, agent.sent, agent.said, asked)


def _every_command(agent: RecordedAgent, ports: Mapping[str, int]) -> list[list[Any]]:
    """Returns what `run` asked of the operating system."""
    config = ("-c", str(agent.config))
    for name in ("create", "renew", "activate"):
        agent.invoke(f"certificate {name}", "certificate", name, *config)
    secure = ("--security-policy", "Basic256Sha256", "--security-mode", "Sign")
    signed = ("discover", f"opc.tcp://127.0.0.1:{ports['opcua-signed']}", *secure, *config)
    not_trusted = agent.invoke("discover opcua-not-trusted", *signed)
    thumbprint = not_trusted.rpartition("certificate trust ")[2].split("`")[0]
    agent.invoke("certificate trust", "certificate", "trust", thumbprint, *config)
    agent.invoke("check", "check", *config)
    agent.invoke("discover opcua", "discover", f"opc.tcp://127.0.0.1:{ports['opcua']}")
    agent.invoke("discover opcua-signed", *signed)
    agent.invoke(
        "discover modbus", "discover", f"127.0.0.1:{ports['modbus-tcp']}", "--units", "1-4", "--timeout", "100ms"
    )
    agent.invoke("discover sparkplug", "discover", f"mqtt://127.0.0.1:{ports['sparkplug-input']}", "--for", "500ms")
    agent.invoke("learn", "learn", "meter", "--for", "200ms", *config)
    agent.invoke("learn sparkplug", "learn", "oven", "--for", "200ms", *config)
    asked = agent.run()
    for name in ("templates", "status", "egress"):
        agent.invoke(name, name, *(config if name != "templates" else ()))
    return asked


async def _modbus_servers(tcp: int, rtu: int, serial: str) -> list[ModbusTcpServer | ModbusSerialServer]:
    lamps = SimulatedDevice(3, 8, lambda: {0: [1]})
    units = [sdm630(1, lambda: 6000.0), plc(2, lambda: EXECUTING_WORD), lamps]
    servers: list[ModbusTcpServer | ModbusSerialServer] = [
        ModbusTcpServer([_sim_device(one) for one in units], address=("127.0.0.1", tcp)),
        ModbusTcpServer(
            [_sim_device(plc(3, lambda: EXECUTING_WORD))], framer=FramerType.RTU, address=("127.0.0.1", rtu)
        ),
        ModbusSerialServer([_sim_device(plc(2, lambda: EXECUTING_WORD))], port=serial, baudrate=19200),
    ]
    for server in servers:
        await server.serve_forever(background=True)
    return servers


async def _stopped(servers: list[ModbusTcpServer | ModbusSerialServer]) -> None:
    await asyncio.gather(*(server.shutdown() for server in servers))  # type: ignore[no-untyped-call]
