"""The edge agent under load, measured: `make bench-edge` writes benchmarks/results/edge.json; shorter with BENCH_QUICK=1.

100 OPC UA machines that change every 2 s on average and 100 SDM630 meters (three values each) at 1 Hz, one agent, Mosquitto
beside it. Latency: from the change at the source, as its own time stamp says, to the arrival at a subscriber. Then an hour's backlog,
and the agent beside Telegraf with few and many machines. One part alone: `python -m benchmarks.edge curve`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge_curve import curve
from benchmarks.edge_factory import machine_names
from benchmarks.edge_programs import QUICK, configuration, rss_mb, start_agent, start_factory
from benchmarks.machine import described, percentile
from edge_agent.outbox import Outbox
from stores.sequences import SequenceRanges
from telemetry import MachineState, StateInterval, decode
from tests.processes import cpu_s
from tests.servers import Mosquitto, free_port, wait_for

MACHINES = METERS = 100
WARM_UP_S, MEASURED_S, AWAY_S = 10, 30 if QUICK else 60, 20
BACKLOG_CHANGES = 1800  # an hour of a change every 2 s
RESULT = Path(__file__).resolve().parent / "results" / "edge.json"


class Subscriber:
    """Everything the agent publishes, with when it arrived."""

    def __init__(self, port: int) -> None:
        self.latencies: list[float] = []
        self.sequences = SequenceRanges()
        self.newest: dict[str, datetime] = {}
        self.first: float | None = None
        self._known: set[tuple[str, datetime]] = set()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("vrijloop/v1/+/+/state", qos=1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        arrived = datetime.now(UTC)
        self.first = self.first or time.monotonic()
        machine = message.topic.split("/")[3]
        for report in decode(bytes(message.payload)).reports:
            self.sequences.add([report.seq])
            key = (machine, report.since)
            if report.state is not MachineState.UNKNOWN:
                self.newest[machine] = max(report.until, self.newest.get(machine, report.until))
            if key not in self._known:
                self._known.add(key)
                if machine.startswith("m"):
                    self.latencies.append((arrived - report.since).total_seconds())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def under_load() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        ending.callback(broker.stop)
        opcua, modbus = free_port(), 21_000
        config = configuration(folder, broker.url, opcua, modbus, MACHINES, METERS)
        factory = start_factory(opcua, modbus, MACHINES, METERS)
        subscriber = Subscriber(broker.port)
        ending.callback(subscriber.close)
        began = time.monotonic()
        agent = start_agent(folder, config, ending)
        wait_for(lambda: subscriber.first is not None, "the first report")
        first_value_s = (subscriber.first or 0.0) - began
        time.sleep(WARM_UP_S)
        subscriber.latencies.clear()
        cpu, begin = cpu_s(agent.pid), time.monotonic()
        time.sleep(MEASURED_S)
        used, length = cpu_s(agent.pid) - cpu, time.monotonic() - begin
        latencies, memory = list(subscriber.latencies), rss_mb(agent.pid)
        factory.kill()
        factory.wait()
        time.sleep(AWAY_S)
        restarted = datetime.now(UTC)
        factory = start_factory(opcua, modbus, MACHINES, METERS)
        ending.callback(factory.wait)
        ending.callback(factory.kill)
        fresh_s = until_fresh(subscriber, restarted)
        return {
            "machines": MACHINES,
            "meters": METERS,
            "measured_s": round(length, 1),
            "opcua_changes": len(latencies),
            "modbus_values_per_s": METERS * 3,
            "cpu_share_of_a_core": round(used / length, 4),
            "rss_mb": round(memory, 1),
            **{f"latency_p{share}_ms": round(percentile(latencies, share) * 1000, 1) for share in (50, 95, 99)},
            "first_value_s": round(first_value_s, 2),
            "fresh_after_20_s_away_s": fresh_s,
            "missing_reports": subscriber.sequences.missing,
        }


def until_fresh(subscriber: Subscriber, restarted: datetime) -> dict[str, float]:
    """Seconds from the moment at which all simulators answer again until each machine of a kind was heard anew."""
    begin, fresh = time.monotonic(), dict[str, float]()

    def all_fresh() -> bool:
        for kind in ("m", "p"):
            heard = [at > restarted for name, at in list(subscriber.newest.items()) if name[0] == kind]
            if kind not in fresh and all(heard):
                fresh[kind] = round(time.monotonic() - begin, 2)
        return len(fresh) == 2

    wait_for(all_fresh, "all machines to be heard again", 120)
    return {"opcua": fresh["m"], "modbus": fresh["p"]}


def backlog() -> dict[str, Any]:
    """An hour's changes of all machines, waiting in the outbox when the agent starts; live reports come meanwhile."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        ending.callback(broker.stop)
        subscriber = Subscriber(broker.port)
        ending.callback(subscriber.close)
        outbox = Outbox(folder / "agent" / "outbox.sqlite")
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        states = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)
        for place in range(BACKLOG_CHANGES):
            since = start + timedelta(seconds=2 * place)
            interval = StateInterval(states[place % 2], since, since + timedelta(seconds=2))
            outbox.append([(machine, interval) for machine in machine_names(MACHINES)])
        waiting = outbox.depth()
        outbox.close()
        config = configuration(folder, broker.url, free_port(), free_port(), MACHINES, METERS)
        start_agent(folder, config, ending)
        wait_for(lambda: subscriber.first is not None, "the first report")
        begin = time.monotonic()
        wait_for(lambda: subscriber.sequences.count >= waiting, "the backlog", 300)
        seconds = time.monotonic() - begin
        return {"reports": waiting, "seconds": round(seconds, 2), "reports_per_s": round(waiting / seconds)}


def main() -> None:
    parts: dict[str, Callable[[], Any]] = {"load": under_load, "backlog": backlog, "curve": curve}
    chosen = sys.argv[1:] or list(parts)
    result = {**described(), **{name: parts[name]() for name in chosen}}
    if len(chosen) == len(parts):
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
