"""Real servers for the tests, on free ports of 127.0.0.1, and what of them was real in this run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from tests import influx_proxy, influxdb2
from tests.ports import free_port as free_port

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
PEERS = Path(__file__).parent / "peers"

PROGRAMS = {
    "mosquitto": "mosquitto",
    "influxdb": "influxd",
    "chromium-headless-shell": "chromium-headless-shell",
    "nodejs": "node",
    "postgresql": "psql",
    "nginx-light": "nginx",
}
SUBSTITUTES = {"chromium-headless-shell": "chromium"}
"""Takes the same commands, but keeps windows and menus that nobody sees, which takes as much again of the processor."""
used: dict[str, str] = {}
"""Name to version, of the servers that this run used."""
allowed = True
"""False while a test runs that is not marked `servers`."""


def require(name: str) -> str:
    """The program's path. Where it is missing: a failure in CI, elsewhere a skip with a sentence."""
    if not allowed:
        pytest.fail(f"This test needs {name}: mark it with `@pytest.mark.servers`.")
    program = PROGRAMS[name]
    found = (shutil.which(program), shutil.which(program, path="/usr/sbin:/usr/local/sbin"))
    path = next(filter(None, (*found, shutil.which(SUBSTITUTES.get(program, program)))), None)
    if path is None:
        missing(f"{program} is not installed: `apt-get install {name}` makes this test real.")
    if program not in used:
        used[program] = _version(path, program)
    return path


def _version(path: str, program: str) -> str:
    arguments = {"mosquitto": ["-h"], "influxd": ["version"], "nginx": ["-v"]}.get(program, ["--version"])
    done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60)
    match = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return match.group(0) if match else "unknown version"


def shared_file(*parts: str) -> Path:
    """A file of real input; the test skips where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(('shared', *parts))} is not here; this test needs that real input.")
    return path


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP: reading the authorities of the whole world takes 50 ms for each client."""


def answers(url: str) -> bool:
    """Whether something speaks HTTP there."""
    try:
        httpx2.get(url, timeout=2, verify=NO_AUTHORITIES)
    except httpx2.HTTPError:
        return False
    return True


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
    """Poll until it holds, less and less often, as looking takes from what is waited for; the bound is for a hang, not for speed."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.2, 0.1)


@dataclass
class Broker:
    """An MQTT broker that can be killed or stopped, started again with what it has kept in its folder, and robbed of that."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL: what it has not saved is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def stop(self) -> None:
        """SIGTERM: it saves what it has, where it can. Said again until it ends, as Mosquitto forgets one that comes just after its ports are open."""
        if self.process is not None:
            for _ in range(12):
                self.process.terminate()
                try:
                    self.process.wait(5)
                    break
                except subprocess.TimeoutExpired:
                    continue
            else:
                raise AssertionError(f"{self.process.args!r} does not end")
            self.process = None

    def wipe(self) -> None:
        """Its disk is lost."""
        shutil.rmtree(self.folder)


@dataclass
class Mosquitto(Broker):
    """With `extra` lines in its configuration."""

    extra: str = ""

    def start(self) -> None:
        path = require("mosquitto")
        user = "user root\n" if os.getuid() == 0 else ""
        config = self.folder / "mosquitto.conf"
        access = "" if "allow_anonymous" in self.extra else "allow_anonymous true\n"
        config.write_text(
            f"listener {self.port} 127.0.0.1\n{access}{user}persistence true\n"
            f"persistence_location {self.folder}/\nmax_inflight_messages 1000\nmax_queued_messages 0\n"
            f"set_tcp_nodelay true\n{self.extra}"
        )
        self.process = subprocess.Popen([path, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(self.port), "mosquitto to listen")


@dataclass
class InfluxServer:
    """Debian's InfluxDB 1.x behind a proxy that makes it answer as 2.7; can be killed and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    proxy_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._proxy = influx_proxy.serve(self.proxy_port, self.port)
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()
        folder = self.folder
        (folder / "influxdb.conf").write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            f'query-log-enabled = false\n[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n'
        )

    @property
    def url(self) -> str:
        """The proxy's, which stays while the server is away."""
        return f"http://127.0.0.1:{self.proxy_port}"

    def start(self) -> None:
        command = [require("influxdb"), "-config", str(self.folder / "influxdb.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(self.port), "influxd to listen")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def close(self) -> None:
        self.kill()
        self._proxy.shutdown()
        self._proxy.server_close()


def influx_server(folder: Path) -> InfluxServer | influxdb2.InfluxServer2:
    """Debian's, or with `make test-influxdb` a real InfluxDB 2."""
    if influxdb2.CHOSEN:
        return influxdb2.InfluxServer2(folder, INFLUX_TOKEN, INFLUX_ORG)
    require("influxdb")
    return InfluxServer(folder)


@contextmanager
def influxdb(folder: Path) -> Iterator[str]:
    """A server for a while; yields the URL that takes v2 writes."""
    server = influx_server(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.close()


logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class _Uvicorn(uvicorn.Server):
    """Uvicorn looks ten times a second whether it should end, and then gives connections a tenth of a second; thousands of tests would wait for that."""

    def __init__(self, app: FastAPI, port: int) -> None:
        super().__init__(
            # Said, so that none of the thousands looks for a faster loop or parser that is not installed.
            uvicorn.Config(
                app, "127.0.0.1", port, loop="asyncio", http="h11", ws="none", log_config=None, access_log=False
            )
        )
        self.listening = threading.Event()
        self._ending: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, *arguments: Any, **options: Any) -> None:
        await super().startup(*arguments, **options)
        self.listening.set()

    async def main_loop(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        ticks = 0
        while not self.should_exit:
            await self.on_tick(ticks)  # it keeps the date of the answers
            ticks += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._ending.wait()

    async def shutdown(self, *arguments: Any, **options: Any) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # what they write to close is sent

    def end(self) -> None:
        self.should_exit = self.force_exit = True
        if self._loop is not None and self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)


@contextmanager
def serving(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """An application on a real socket; yields its URL."""
    port = port or free_port()
    server = _Uvicorn(app, port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert server.listening.wait(60), "the application does not listen"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.end()
        thread.join(20)


def require_peer(path: Path, remedy: str) -> Path:
    """What a command has fetched or built. Where it is missing: a skip, in CI too where only a campaign needs it."""
    if not path.exists():
        sentence = f"{path.name} is not here: `{remedy}` makes this test real."
        if remedy.startswith("scripts/"):
            missing(sentence)
        pytest.skip(sentence)
    return path


def missing(sentence: str) -> NoReturn:
    """A failure in CI, elsewhere a skip."""
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


INFLUX_TOKEN = os.environ.get("VRIJLOOP_TEST_INFLUXDB_TOKEN") or "a-token-that-1.x-ignores"
INFLUX_ORG = os.environ.get("VRIJLOOP_TEST_INFLUXDB_ORG") or influx_proxy.ORGANISATION


def create_influx_database(url: str, name: str, hours: int = 0) -> None:
    """An empty one, also where a given server has had it before. `hours`: how long it keeps points; 0 for ever."""
    if influxdb2.CHOSEN:
        influxdb2.create_bucket(url, name, INFLUX_TOKEN, INFLUX_ORG, hours)
        return
    kept = f" WITH DURATION {hours}h SHARD DURATION 1h" if hours else ""
    httpx2.post(f"{url}/query", data={"q": f"CREATE DATABASE {name}{kept}"}, timeout=20).raise_for_status()


def drop_influx_database(url: str, name: str) -> None:
    """Also where it is not there."""
    if influxdb2.CHOSEN:
        influxdb2.delete_bucket(url, name, INFLUX_TOKEN, INFLUX_ORG)
    else:
        httpx2.post(f"{url}/query", data={"q": f'DROP DATABASE "{name}"'}, timeout=20).raise_for_status()


def shard_hours(url: str, name: str) -> int:
    """The length of a database's shards, which 2.7 does not tell by InfluxQL."""
    if influxdb2.CHOSEN:
        return influxdb2.shard_hours(url, name, INFLUX_TOKEN, INFLUX_ORG)
    answer = httpx2.get(
        f"{url}/query", params={"q": f'SHOW SHARD GROUPS; SHOW RETENTION POLICIES ON "{name}"'}, timeout=20
    )
    (policy,) = answer.json()["results"][1]["series"][0]["values"]
    return int(policy[2].partition("h")[0])
