"""Services around a running agent: status socket, metrics, reloading of the configuration file, systemd watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_agent.agent import Agent
from edge_agent.configuration import AgentSettings
from edge_agent.sources.contact import Contact
from edge_agent.sources.source_time import describe_clock
from telemetry import Clock, UserError, load_settings, rfc3339

_log = logging.getLogger(__name__)

STATUS_SOCKET = "agent.socket"
_MAX_SOCKET_PATH_BYTES = 107
_CHECK_FILE_EVERY_S = 2.0
_REQUEST_S = 5.0
_MAX_REQUEST_BYTES = 8_192


async def supervise(agent: Agent, config: Path, clock: Clock, stop: asyncio.Event) -> None:
    """Provide these services until `stop` is set. Raises UserError if the metrics address cannot be used."""
    async with contextlib.AsyncExitStack() as servers:
        table = agent.settings.agent
        path = table.data_dir / STATUS_SOCKET
        try:
            path.unlink(missing_ok=True)
            address = servers.enter_context(_socket_address(table.data_dir))
            status_server = await asyncio.start_unix_server(_status_handler(agent, clock), address)
            servers.push_async_callback(_closed, status_server)
            path.chmod(0o600)
        except OSError as error:
            _log.error("%s cannot be created (%s): `agent status` cannot reach this agent.", path, error)
        if table.metrics is not None:
            host, _, port = table.metrics.rpartition(":")
            try:
                metrics_server = await asyncio.start_server(_http_handler(agent, clock), host, int(port))
            except OSError as error:
                raise UserError(
                    f"{table.metrics}: metrics cannot be served at this address ({error.strerror})."
                ) from error
            servers.push_async_callback(_closed, metrics_server)
        tasks = [asyncio.create_task(_watch_file(agent, config)), asyncio.create_task(_feed_watchdog())]
        notify("READY=1")
        try:
            await stop.wait()
        finally:
            notify("STOPPING=1")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


async def ask_status(data_dir: Path) -> dict[str, Any]:
    """The running agent's status. Raises UserError if none is running."""
    path = data_dir / STATUS_SOCKET
    try:
        with _socket_address(data_dir) as address:
            reader, writer = await asyncio.open_unix_connection(address)
        async with asyncio.timeout(_REQUEST_S):
            answer = await reader.read()
        writer.close()
        return dict(json.loads(answer))
    except (OSError, TimeoutError, ValueError):
        raise UserError(f"no agent is running with {data_dir} as its `data_dir` (nothing answers at {path}).") from None


@contextlib.contextmanager
def _socket_address(data_dir: Path) -> Iterator[str]:
    """An address of the status socket that is short enough: `sun_path` has room for 107 bytes (unix(7)). A longer path is reached through
    the open folder. Raises OSError."""
    path = str(data_dir / STATUS_SOCKET)
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES:
        yield path
        return
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{STATUS_SOCKET}"
    finally:
        os.close(folder)


async def status_of(agent: Agent, clock: Clock) -> dict[str, Any]:
    """Status of the machines (state, last contact), their clocks, the outbox and the broker, as JSON values."""
    certificates = await asyncio.to_thread(agent.certificates)  # files, which may lie on a slow card
    for source in agent.sources:
        source.confirm()
    now = clock.now()
    contact: dict[str, Contact] = {}
    for one in (contact for source in agent.sources for contact in source.contacts):
        # Of several, one that is lost says why the machine does not answer.
        contact |= {machine: one for machine in one.machines if machine not in contact or not contact[machine].lost}
    values = _modbus_values(agent)
    machines = []
    for view in agent.writer.views():
        interval = view.interval
        machines.append(
            {
                "machine": view.machine,
                "state": interval.state.value if interval else "unknown",
                "mode": interval.mode.value if interval and interval.mode else None,
                "since": rfc3339(interval.since) if interval else None,
                "confirmed_until": rfc3339(interval.until) if interval else None,
                "seconds_since_confirmed": round((now - interval.until).total_seconds(), 1) if interval else None,
                "reason": interval.reason if interval else None,
                "in_contact": view.machine in contact and not contact[view.machine].lost,
                "problem": contact[view.machine].why if view.machine in contact else None,
                "values": values.get(view.machine, {}),
            }
        )
    outbox = agent.outbox
    clocks = [
        {
            "address": whose,
            "seconds_ahead": source_clock.offset.total_seconds(),
            "judgement": source_clock.judgement.value,
            "problem": describe_clock(source_clock),
        }
        for source in agent.sources
        for whose, source_clock in source.clocks
        if source_clock.offset is not None
    ]
    return {
        "factory": agent.settings.agent.factory,
        "gateway": agent.settings.agent.gateway,
        "machines": machines,
        "clocks": clocks,
        "certificates": [one.row(now) for one in certificates],
        "outbox": {
            "waiting": outbox.depth(),
            "unconfirmed": outbox.unconfirmed(),
            "in_memory": outbox.in_memory,
            "last_seq": outbox.last_seq(),
            "dropped_superseded": outbox.dropped_superseded,
            "dropped_oldest": outbox.dropped_oldest,
        },
        "broker": {
            "address": agent.settings.mqtt.address,
            "connected": agent.publisher.connected,
            "confirmed": agent.publisher.confirmed,
        },
        "sparkplug": _sparkplug_status(agent),
        "sparkplug_input": _sparkplug_inputs(agent),
    }


def _modbus_values(agent: Agent) -> dict[str, dict[str, float | None]]:
    """The additional values of each machine with a meter."""
    if not agent.settings.modbus:
        return {}
    # Imported here: it takes some megabytes, which no other agent needs.
    from edge_agent.sources.modbus import ModbusSource

    return {source.device.id: source.reader.values for source in agent.sources if isinstance(source, ModbusSource)}


def _sparkplug_status(agent: Agent) -> dict[str, Any] | None:
    """None where Sparkplug is not configured."""
    node = agent.sparkplug
    if node is None:
        return None
    return {
        "address": node.settings.address,
        "connected": node.connected,
        "waits_for_host": node.connected and node.waits_for_host,
    }


def _sparkplug_inputs(agent: Agent) -> list[dict[str, Any]]:
    """The brokers whose edge nodes are read, and how each node does."""
    if not agent.settings.sparkplug_input:
        return []
    # Imported here: protobuf takes some megabytes, which no other agent needs.
    from edge_agent.sources.sparkplug import SparkplugSource

    return [
        {
            "address": source.settings.address,
            "connected": source.connected,
            "nodes": [
                {
                    "node": "/".join(node.name),
                    "is_born": node.follower.alive,
                    "problem": node.contact.why,
                    "counted": dict(node.counted),
                }
                for node in source.nodes.values()
            ],
        }
        for source in agent.sources
        if isinstance(source, SparkplugSource)
    ]


async def metrics_of(agent: Agent, clock: Clock) -> bytes:
    """The status in the Prometheus text format."""
    # Imported here: most agents are not asked for metrics.
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    status = await status_of(agent, clock)
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}

    def put(name: str, help_text: str, number: float, **labels: str) -> None:
        if name not in gauges:
            gauges[name] = Gauge(f"vrijloop_agent_{name}", help_text, list(labels), registry=registry)
        (gauges[name].labels(**labels) if labels else gauges[name]).set(number)

    put("broker_connected", "1 while the broker is connected", status["broker"]["connected"])
    put("server_confirms", "0 while no server tells that it stores the reports", status["broker"]["confirmed"])
    _put_sparkplug(put, status)
    for name, value in status["outbox"].items():
        put(f"outbox_{name}", f"Outbox: {name.replace('_', ' ')}", value)
    for machine in status["machines"]:
        put("machine_in_contact", "1 while the machine answers", machine["in_contact"], machine=machine["machine"])
        if machine["seconds_since_confirmed"] is not None:
            seconds = machine["seconds_since_confirmed"]
            put("machine_seconds_since_confirmed", "Age of the last confirmation", seconds, machine=machine["machine"])
        put("machine_state", "1 for the current state", 1, machine=machine["machine"], state=machine["state"])
        for value_name, value in machine["values"].items():
            if value is not None:
                put(
                    "machine_value",
                    "An additional value, in its SI unit",
                    value,
                    machine=machine["machine"],
                    value=value_name,
                )
    for row in status["clocks"]:
        ahead = row["seconds_ahead"]
        put("source_clock_seconds_ahead", "How far the source's clock is ahead", ahead, source=row["address"])
    for row in status["certificates"]:
        days = row["days_left"]
        put("certificate_days_left", "Days until the certificate expires", days, certificate=row["what"])
    return generate_latest(registry)


def _put_sparkplug(put: Callable[..., None], status: dict[str, Any]) -> None:
    if status["sparkplug"] is not None:
        put("sparkplug_connected", "1 while the broker for Sparkplug is connected", status["sparkplug"]["connected"])
    for broker in status["sparkplug_input"]:
        text = "1 while the broker whose edge nodes are read is connected"
        put("sparkplug_input_connected", text, broker["connected"], address=broker["address"])
        for node in broker["nodes"]:
            put("sparkplug_node_born", "1 while the edge node is there", node["is_born"], node=node["node"])
            for what, count in node["counted"].items():
                text = "Messages of an edge node that were not as they should be"
                put("sparkplug_node_counted", text, count, node=node["node"], what=what)


def notify(message: str) -> None:
    """Send a message to systemd (sd_notify); does nothing if systemd did not start the process."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)  # a busy service manager must not block the agent
        sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)


async def _feed_watchdog() -> None:
    """Notify systemd while the event loop runs, twice per watchdog interval."""
    interval_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    while interval_us:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_us / 2e6)


async def _watch_file(agent: Agent, config: Path) -> None:
    before = _stamp(config)
    while True:
        await asyncio.sleep(_CHECK_FILE_EVERY_S)
        stamp = _stamp(config)
        if stamp == before or stamp is None:
            continue
        before = stamp
        try:
            settings = load_settings(config, AgentSettings)
        except UserError as error:
            _log.error("The changed configuration is not valid and is not applied:\n%s", error)
            continue
        await agent.reconfigure(settings)


def _stamp(config: Path) -> tuple[int, int] | None:
    try:
        found = config.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def _status_handler(agent: Agent, clock: Clock) -> Handler:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(await status_of(agent, clock)).encode())
        await _finished(writer)

    return answer


def _http_handler(agent: Agent, clock: Clock) -> Handler:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_S):
                line = await reader.readuntil(b"\r\n")
            method, path = line[:_MAX_REQUEST_BYTES].decode("latin-1").split()[:2]
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError, OSError):
            writer.close()
            return
        if method != "GET" or path not in ("/metrics", "/healthz"):
            writer.write(_http("404 Not Found", "text/plain", b"Only /metrics and /healthz exist.\n"))
        elif path == "/metrics":
            writer.write(_http("200 OK", "text/plain; version=0.0.4; charset=utf-8", await metrics_of(agent, clock)))
        else:
            # An unreachable broker or machine is not reported here: a restart of the agent would not help.
            healthy = agent.outbox.in_memory == 0
            body = json.dumps({"status": "ok" if healthy else "the disk takes no reports"}).encode()
            writer.write(_http("200 OK" if healthy else "503 Service Unavailable", "application/json", body))
        await _finished(writer)

    return answer


def _http(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def _finished(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.drain()
        writer.close()


async def _closed(server: asyncio.Server) -> None:
    server.close()
