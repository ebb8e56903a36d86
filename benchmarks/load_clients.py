"""Who uses the platform and the broker in `benchmarks.load`, in a process of their own: seekers, open pages, and the gateways of two thousand machines. Prints a
JSON line."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.machine import percentile
from benchmarks.platform import searches
from telemetry import MachineState, OperationMode, StateInterval, StateReport, encode, state_topic

SEEKERS, OPEN_PAGES, MACHINES = 50, 300, 2000
PAUSE_S = 5.0
"""Between two requests of a seeker, on average."""
REPORT_EVERY_S = 30.0
"""As often as a machine's state is confirmed."""
_PAGES_OF_AN_ADDRESS = 40
"""The platform opens no more than fifty streams to one address."""
_OF_A_GATEWAY = 50


@dataclass
class Told:
    """What was asked, and how long the answers took."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    events: int = 0
    reports: int = 0

    def note(self, kind: str, began: float, status: int) -> None:
        self.milliseconds.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
        if status != 200:
            self.errors.append(f"{kind}: {status}")

    def as_json(self) -> dict[str, Any]:
        return {
            **{kind: spread(taken) for kind, taken in sorted(self.milliseconds.items())},
            "events_heard": self.events, "reports_sent": self.reports, "errors": len(self.errors), "first_errors": self.errors[:5],
        }  # fmt: skip


def spread(milliseconds: list[float]) -> dict[str, float]:
    return {"requests": len(milliseconds)} | {
        f"p{share}_ms": round(percentile(milliseconds, share), 1) for share in (50, 95, 99)
    }


async def ask(client: httpx2.AsyncClient, told: Told, kind: str, path: str, **query: Any) -> None:
    began = time.perf_counter()
    try:
        answer = await client.get(path, params=query, headers={"Accept": "*/*" if "api" in path else "text/html"})
        told.note(kind, began, answer.status_code)
    except httpx2.HTTPError as error:
        told.errors.append(f"{kind}: {type(error).__name__}")


async def seek(url: str, told: Told, until: float, number: int) -> None:
    """Somebody who searches, by program and on pages, and reads."""
    chance, wanted = random.Random(number), searches()
    async with httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as client:
        await asyncio.sleep(chance.random() * PAUSE_S)
        while time.monotonic() < until:
            query = chance.choice(wanted)
            if chance.random() < 0.5:
                await ask(client, told, "search", "/api/v1/offers", limit=50, **query)
            else:
                await ask(client, told, "page", "/", **query)
            await asyncio.sleep(chance.expovariate(1 / PAUSE_S))


async def keep_open(host: str, port: int, told: Told, until: float, number: int) -> None:
    """A page that hears of changes, and asks for what changed as `live.js` does."""
    chance = random.Random(number)
    await asyncio.sleep(chance.random() * 20)
    query = chance.choice(searches())
    source = f"127.0.0.{2 + number // _PAGES_OF_AN_ADDRESS}"
    try:
        async with httpx2.AsyncClient(base_url=f"http://{host}:{port}", timeout=120, verify=False) as client:
            began = time.perf_counter()
            answer = await client.get("/", params=query, headers={"Accept": "text/html"})
            told.note("page", began, answer.status_code)
            found = re.search(r'data-live="([^"]+)"', answer.text)
            reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
            path = found[1] if found is not None else "/live"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
            async for line in _lines(reader, until):
                if line.startswith(b"HTTP/1.1") and b" 200 " not in line:
                    told.errors.append(f"live: {line.decode().strip()}")
                if line.startswith(b"event: "):
                    told.events += 1
                    await ask(client, told, "part", f"/parts/{line[7:].decode().strip()}", **query)
            writer.close()
    except (OSError, httpx2.HTTPError) as error:
        told.errors.append(f"open page: {type(error).__name__}")


async def _lines(reader: asyncio.StreamReader, until: float) -> AsyncIterator[bytes]:
    """Until that moment. Raises OSError if the stream ends before."""
    while (left := until - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left):
                line = await reader.readline()
        except TimeoutError:
            return
        if not line:
            raise ConnectionResetError
        yield line


def report(port: int, told: Told, until: float) -> None:
    """Each machine in its turn, by its gateway, every `REPORT_EVERY_S`."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    seqs = [0] * (MACHINES // _OF_A_GATEWAY)
    since = [datetime.now(UTC)] * MACHINES
    began = time.monotonic()
    while time.monotonic() < until:
        machine = told.reports % MACHINES
        gateway = machine // _OF_A_GATEWAY
        seqs[gateway] += 1
        now = datetime.now(UTC)
        if random.random() < 0.1:
            since[machine] = now - timedelta(seconds=1)
        state = list(MachineState)[since[machine].second % 2]
        interval = StateInterval(state, since[machine], now, OperationMode.PROCESSING, 1840.0)
        payload = encode(f"gw-{gateway}", [StateReport.of(seqs[gateway], interval)])
        client.publish(state_topic("genk", f"machine-{machine}"), payload, qos=1, retain=True)
        told.reports += 1
        due = began + told.reports * REPORT_EVERY_S / MACHINES
        time.sleep(max(0.0, due - time.monotonic()))
    client.disconnect()
    client.loop_stop()


async def use(url: str, broker_port: int, seconds: float) -> Told:
    told, until = Told(), time.monotonic() + seconds
    host, _, port = url.removeprefix("http://").partition(":")
    gateways = threading.Thread(target=report, args=(broker_port, told, until))
    gateways.start()
    people = [seek(url, told, until, number) for number in range(SEEKERS)]
    pages = [keep_open(host, int(port), told, until, number) for number in range(OPEN_PAGES)]
    await asyncio.gather(*people, *pages)
    gateways.join()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(use(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))).as_json()))
