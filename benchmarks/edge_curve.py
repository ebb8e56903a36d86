"""The edge agent with few and with many machines, and Telegraf beside it where its binary is on the PATH: a part of `make bench-edge`.

Both follow the same simulators, one after the other. OPC UA: two nodes of each machine by subscription, every change to Mosquitto with QoS 1. Telegraf sends what
has gathered once a second, and, once more, ten times, which is as prompt as the agent (`telegraf_prompt`). Modbus: the same registers of each meter in one request a
second. The agent makes a state of them, which does not change; Telegraf publishes every reading, and, once more, none (`telegraf_reading_only`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge_factory import machine_names, meter_names
from benchmarks.edge_programs import QUICK, configuration, rss_mb, start_agent, start_factory, start_logged
from benchmarks.machine import percentile
from telemetry import decode
from tests.processes import cpu_s
from tests.servers import Mosquitto, free_port, wait_for

MACHINES = (10, 100, 500) if QUICK else (10, 100, 500, 2000)
METERS = (10, 100, 500)
MEAN_S = 10
"""Between two changes of a machine, so that the simulator keeps up with 2,000 of them."""

WARM_UP_S, HEARD_WITHIN_S = 10, 180
MEASURED_S = 30 if QUICK else 60
MODBUS_PORT = 21_000

Told = Iterator[tuple[str, datetime]]
"""Machines, and since when what is told of them holds."""


class Arrivals:
    """What arrives at a subscriber: which machines, and how long after the change."""

    def __init__(self, port: int, topics: str, told: Callable[[mqtt.MQTTMessage], Told]) -> None:
        self.machines: set[str] = set()
        self.latencies: list[float] = []
        self.messages = 0
        self._known: set[tuple[str, datetime]] = set()
        self._told = told
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(topics, qos=1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        arrived = datetime.now(UTC)
        self.messages += 1
        for machine, since in self._told(message):
            self.machines.add(machine)
            if (machine, since) not in self._known:
                self._known.add((machine, since))
                self.latencies.append((arrived - since).total_seconds())

    def forget(self) -> None:
        self.messages = 0
        self.latencies.clear()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def told_by_agent(message: mqtt.MQTTMessage) -> Told:
    machine = message.topic.split("/")[3]
    for report in decode(bytes(message.payload)).reports:
        yield machine, report.since


def told_by_telegraf(message: mqtt.MQTTMessage) -> Told:
    metric = json.loads(message.payload)
    yield metric["tags"]["machine"], datetime.fromtimestamp(metric["timestamp"] / 1000, UTC)


def telegraf_configuration(folder: Path, broker: str, opcua: int, machines: int, meters: int, program: str) -> Path:
    flush = "100ms" if program == "telegraf_prompt" else "1s"
    lines = [
        f'[agent]\ninterval = "1s"\nflush_interval = "{flush}"\nomit_hostname = true\nquiet = true\nmetric_buffer_limit = 100000\n',
        f'[[outputs.mqtt]]\nservers = ["{broker}"]\nprotocol = "5"\ntopic = \'telegraf/{{{{ .Tag "machine" }}}}\'\nqos = 1\nkeep_alive = 15\n'
        'data_format = "json"\njson_timestamp_units = "1ms"\n'
        if program != "telegraf_reading_only"
        else "[[outputs.discard]]\n",
    ]
    if machines:
        lines.append(
            f'[[inputs.opcua_listener]]\nendpoint = "opc.tcp://127.0.0.1:{opcua}/vrijloop/simulator"\nsubscription_interval = "100ms"\n'
            'security_policy = "None"\nsecurity_mode = "None"\ntimestamp = "source"\n'
        )
    lines += [
        f'[[inputs.opcua_listener.nodes]]\nname = "{field}"\nid = "nsu=urn:vrijloop:simulator;s={name}/{node}/CurrentState/Number"\n'
        f'default_tags = {{ machine = "{name}" }}\n'
        for name in machine_names(machines)
        for field, node in (("state", "MachineryItemState"), ("mode", "MachineryOperationMode"))
    ]
    lines += [
        f'[[inputs.modbus]]\nname = "{name}"\ncontroller = "tcp://127.0.0.1:{MODBUS_PORT + place}"\nconfiguration_type = "request"\n'
        '[[inputs.modbus.request]]\nslave_id = 1\nbyte_order = "ABCD"\nregister = "input"\noptimization = "max_insert"\n'
        "optimization_max_register_fill = 64\n"
        'fields = [{ address = 6, name = "current_l1", type = "FLOAT32" }, { address = 52, name = "active_power", type = "FLOAT32" }, '
        '{ address = 72, name = "import_energy", type = "FLOAT32" }]\n'
        f'[inputs.modbus.request.tags]\nmachine = "{name}"\n'
        for place, name in enumerate(meter_names(meters))
    ]
    path = folder / "telegraf.conf"
    path.write_text("".join(lines))
    return path


def measured(program: str, machines: int, meters: int) -> dict[str, Any]:
    """`program`: agent, telegraf, telegraf_prompt, or telegraf_reading_only."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder, opcua = Path(name), free_port()
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        ending.callback(broker.stop)
        factory = start_factory(opcua, MODBUS_PORT, machines, meters, MEAN_S)
        ending.callback(factory.wait)
        ending.callback(factory.kill)
        by_agent = program == "agent"
        topics, told = ("vrijloop/v1/+/+/state", told_by_agent) if by_agent else ("telegraf/#", told_by_telegraf)
        arrivals = Arrivals(broker.port, topics, told)
        ending.callback(arrivals.close)
        if by_agent:
            config = configuration(folder, broker.url, opcua, MODBUS_PORT, machines, meters)
            process = start_agent(folder, config, ending)
        else:
            config = telegraf_configuration(folder, broker.url, opcua, machines, meters, program)
            process = start_logged(["telegraf", "--config", str(config)], folder / "telegraf.log", ending)
        if program != "telegraf_reading_only":
            heard = machines + meters
            wait_for(lambda: len(arrivals.machines) == heard, "all machines to be heard", HEARD_WITHIN_S)
        time.sleep(WARM_UP_S)
        arrivals.forget()
        used, served, begin = cpu_s(process.pid), cpu_s(factory.pid), time.monotonic()
        time.sleep(MEASURED_S)
        used, served, seconds = cpu_s(process.pid) - used, cpu_s(factory.pid) - served, time.monotonic() - begin
        latencies = list(arrivals.latencies)
        return {
            "cpu_share_of_a_core": round(used / seconds, 4),
            "cpu_share_of_simulators": round(served / seconds, 4),
            "rss_mb": round(rss_mb(process.pid), 1),
            "messages_per_s": round(arrivals.messages / seconds, 1),
            **(
                {f"latency_p{share}_ms": round(percentile(latencies, share) * 1000, 1) for share in (50, 95)}
                if machines and latencies
                else {}
            ),
        }


def curve() -> list[dict[str, Any]]:
    rows = []
    for machines, meters in [*((count, 0) for count in MACHINES), *((0, count) for count in METERS)]:
        row: dict[str, Any] = {"machines": machines, "meters": meters, "agent": measured("agent", machines, meters)}
        if shutil.which("telegraf"):
            for program in ("telegraf", "telegraf_prompt" if machines else "telegraf_reading_only"):
                row[program] = measured(program, machines, meters)
        rows.append(row)
    return rows
