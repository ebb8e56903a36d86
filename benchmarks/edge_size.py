"""The edge agent with few and with many OPC UA machines: `make bench-edge-size` writes benchmarks/results/edge_size.json; up to 500 on one server with BENCH_QUICK=1.

On one server, and on many servers of four machines each (sessions with one simulator, which answers all of them in one process). Heard: from the
moment at which the agent starts, or the server answers again, until a report of each machine has arrived at a subscriber. The machines change every
ten minutes, so that what is measured is what the agent needs while nothing happens. The simulator shares the cores: its seconds are given, too.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.edge import Subscriber
from benchmarks.edge_factory import machine_names
from benchmarks.edge_programs import QUICK, rss_mb, start_agent, start_factory
from benchmarks.machine import described
from tests.processes import cpu_s
from tests.servers import Mosquitto, free_port, wait_for

SIZES = ((1, 10), (1, 100), (1, 500)) if QUICK else ((1, 10), (1, 100), (1, 500), (1, 2000), (100, 4), (500, 4))
"""Servers, and machines of each."""

MEAN_S, IDLE_S, HEARD_WITHIN_S = 600, 20, 180
RESULT = Path(__file__).resolve().parent / "results" / "edge_size.json"


def configuration(folder: Path, broker: str, port: int, servers: int, each: int) -> Path:
    lines = [f'[agent]\nfactory = "bench"\ngateway = "gw-1"\ndata_dir = "{folder}/agent"\n[mqtt]\nurl = "{broker}"\n']
    for place, name in enumerate(machine_names(servers * each)):
        if place % each == 0:
            lines.append(f'[[opcua]]\nendpoint = "opc.tcp://127.0.0.1:{port}/vrijloop/simulator"\n')
        found = f'browse_name = "{name}"' if servers == 1 else f'node = "nsu=urn:vrijloop:simulator;s={name}"'
        lines.append(f'[[opcua.machine]]\nid = "{name}"\n{found}\n')
    path = folder / "agent.toml"
    path.write_text("".join(lines))
    return path


def until_heard(subscriber: Subscriber, machines: int, after: datetime) -> float:
    begin = time.monotonic()
    wait_for(
        lambda: sum(at > after for at in list(subscriber.newest.values())) == machines,
        "all machines to be heard",
        HEARD_WITHIN_S,
    )
    return round(time.monotonic() - begin, 2)


def measured(servers: int, each: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder, machines, port = Path(name), servers * each, free_port()
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        ending.callback(broker.stop)
        subscriber = Subscriber(broker.port)
        ending.callback(subscriber.close)
        simulator = start_factory(port, 21_000, machines, 0, MEAN_S)
        served = cpu_s(simulator.pid)
        started = datetime.now(UTC)
        agent = start_agent(folder, configuration(folder, broker.url, port, servers, each), ending)
        heard_s = until_heard(subscriber, machines, started)
        served, used = cpu_s(simulator.pid) - served, cpu_s(agent.pid)
        time.sleep(IDLE_S)
        idle = (cpu_s(agent.pid) - used) / IDLE_S
        simulator.kill()
        simulator.wait()
        away = datetime.now(UTC)
        simulator = start_factory(port, 21_000, machines, 0, MEAN_S)
        ending.callback(simulator.wait)
        ending.callback(simulator.kill)
        heard_again_s = until_heard(subscriber, machines, away)
        return {
            "servers": servers,
            "machines": machines,
            "heard_after_start_s": heard_s,
            "cpu_seconds_of_start": round(used, 2),
            "cpu_seconds_of_simulator": round(served, 2),
            "heard_after_restart_s": heard_again_s,
            "idle_cpu_share_of_a_core": round(idle, 4),
            "rss_mb": round(rss_mb(agent.pid), 1),
        }


def main() -> None:
    result = {**described(), "sizes": [measured(servers, each) for servers, each in SIZES]}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
