"""A region in miniature as processes: machines, two agents, broker, ingest, store, analytics and platform, with a proxy in every connection."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from edge_agent.supervision import ask_status
from stores import ReportBatch, StateStore
from stores.configuration import DUCKDB_FILE
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from telemetry import SystemClock, UserError
from telemetry.duration import format_duration
from tests import influx_proxy
from tests.disks import mount, unmount
from tests.faults.factory import FACTORY, history, policy_of
from tests.faults.schedule import Setup
from tests.faults.shop_floor import MACHINES, POLL, TIMEOUT, Script, job_of, script_of
from tests.faults.supervisor import Service, Supervisor
from tests.postgres import initialise
from tests.servers import (
    INFLUX_ORG,
    INFLUX_TOKEN,
    NO_AUTHORITIES,
    ROOT,
    create_influx_database,
    free_port,
    listens,
    require,
    wait_for,
)
from tests.tcp_proxy import TcpProxy

SEEKERS = ("zoeker-1", "zoeker-2")
HEARTBEAT_S = 2.0
_DISK, _DATABASES_DISK = "48m", "160m"
_READ_BY = {"agent-1": ("opcua",), "agent-2": ("meter", "plc")}
_FAILING = re.compile(r"^vrijloop_background_failing\{[^}]*\} 1", re.MULTILINE)
"""A task that failed once stays in the metrics, with 0 once it works again."""
_THRESHOLDS = "thresholds = { off_below_w = 100.0, idle_below_w = 1500.0, working_from_w = 2500.0 }\n"


PUBLIC_URL = "http://platform.example"


def machines_of(agent: str) -> list[str]:
    return [machine.name for machine in MACHINES if machine.read in _READ_BY[agent]]


@dataclass
class Region:
    """Everything in `folder`. `start` it, play with `supervisor` and `links`, `close` it."""

    folder: Path
    setup: Setup
    seed: int
    before: Path | None = None
    """The source tree of the version before."""
    links: dict[str, TcpProxy] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    _opened: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.began = SystemClock().now()
        self._sessions: dict[str, str] = {}
        self.read_so_far: dict[str, int] = {}
        """How many characters of each log have been looked at."""
        self.scripts: dict[str, Script] = {one.name: script_of(one, self.seed, self.began) for one in MACHINES}
        self.tokens = {name: f"token-of-{name}-in-tests" for name in (FACTORY, *SEEKERS, "server")}
        for name in self.setup.processes:
            self.ports[name] = free_port()
            self.data(name).mkdir(parents=True)
            self.clock_file(name).write_text("0")
            size = _DATABASES_DISK if name in ("influxdb", "postgresql") else _DISK
            if name in self.setup.fillable and not mount(size, self.data(name)):
                raise UserError("small file systems cannot be mounted here")
        for name in self.setup.links:
            server = name.partition(">")[2]
            port = self._influx_port if server == "influxdb" else self.ports[server]
            self.links[name] = TcpProxy(port)
        services = [self._service(name) for name in self.setup.processes]
        self.supervisor = Supervisor(services)

    def data(self, name: str) -> Path:
        """Where a process keeps what it has."""
        return self.folder / name

    def clock_file(self, name: str) -> Path:
        return self.folder / f"{name}.clock"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self) -> None:
        """Each as soon as what it needs is there; the history first."""
        self.supervisor.start()
        for name in self.setup.processes:
            if name == "influxdb":
                self._begin_influxdb()
            elif name == "postgresql":
                self._begin_postgresql()
            elif name == "platform":
                self._write_history()
                self.supervisor.begin(name)
                wait_for(lambda: self.is_well("platform"), "the platform to answer")
                self._put_people()
            else:
                self.supervisor.begin(name)
        for name in self.setup.processes:
            wait_for(lambda name=name: self.is_well(name), f"{name} to be well")  # type: ignore[misc]
        wait_for(self._has_offers, "hours to be on offer")

    def _has_offers(self) -> bool:
        answer = self.ask_platform("/api/v1/offers?limit=1")
        return answer is not None and bool(answer.json()["offers"])

    def upgrade(self, name: str) -> None:
        """From now on, the present version is started."""
        service = self.supervisor.services[name]
        service.environment = {"PYTHONPATH": str(ROOT)}

    def close(self, *, keep: bool = False) -> None:
        """`keep`: what lies on the small disks, too."""
        self.supervisor.close()
        for link in self.links.values():
            link.close()
        self._opened.close()
        for name in self.setup.fillable:
            if keep:
                shutil.copytree(
                    self.data(name), self.folder / f"{name}.kept", ignore=shutil.ignore_patterns("*.socket", "ballast")
                )
            unmount(self.data(name))

    # How they do.

    def is_well(self, name: str) -> bool:
        """Whether it does what it is there for, as far as it depends on itself and on those that it is connected to."""
        process = self.supervisor.services[name].process
        if process is None or process.poll() is not None:
            return False
        if name.startswith("agent"):
            found = self.agent_status(name)
            return (
                found is not None
                and found["broker"]["connected"]
                and all(one["in_contact"] for one in found["machines"])
            )
        if name.startswith("worker"):
            text = self._get(f"http://127.0.0.1:{self.ports[name]}/metrics")
            return (
                text is not None and "vrijloop_ingest_connected 1.0" in text.text and _FAILING.search(text.text) is None
            )
        if name == "server":
            status = self.server_status()
            return status is not None and status.get("broker_connected", True) and not status.get("failing_tasks")
        if name == "platform":
            return self._get(f"http://127.0.0.1:{self.ports[name]}/api/v1/offers?limit=1") is not None
        return listens(self.ports[name])

    def agent_status(self, name: str) -> dict[str, Any] | None:
        try:
            return asyncio.run(ask_status(self.data(name)))
        except UserError:
            return None

    def server_status(self) -> dict[str, Any] | None:
        answer = self.ask_server("/api/v1/status")
        return dict(answer.json()) if answer is not None else None

    def ask_server(self, path: str, method: str = "GET", **options: Any) -> httpx2.Response | None:
        """None where it cannot answer now."""
        return self._get(f"http://127.0.0.1:{self.ports['server']}{path}", "server", method, **options)

    def ask_platform(
        self, path: str, who: str | None = None, method: str = "GET", **options: Any
    ) -> httpx2.Response | None:
        """None where it cannot answer now."""
        return self._get(f"http://127.0.0.1:{self.ports['platform']}{path}", who, method, **options)

    def headers_of(self, who: str | None) -> dict[str, str]:
        """Of somebody's requests: people are signed in with a browser, factory and server have a token."""
        if who in self._sessions:
            return {"Cookie": f"session={self._sessions[who]}", "Origin": PUBLIC_URL}
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who is not None else {}

    def address_of(self, organisation: str) -> str:
        return f"{organisation}@demo.example"

    def _get(self, url: str, who: str | None = None, method: str = "GET", **options: Any) -> httpx2.Response | None:
        try:
            answer = httpx2.request(
                method, url, headers=self.headers_of(who), timeout=10, verify=NO_AUTHORITIES, **options
            )
        except httpx2.HTTPError:
            return None
        return answer if answer.status_code < 500 else None

    # How they are started.

    def _service(self, name: str) -> Service:
        environment = {"PYTHONPATH": str(ROOT)}
        is_before = name == self.setup.before and self.before is not None
        if is_before:
            environment = {"PYTHONPATH": f"{self.before}{os.pathsep}{ROOT}"}
        command = self._command(name)
        return Service(
            name,
            command,
            self.log(name),
            "postgres" if name == "postgresql" and os.getuid() == 0 else None,
            environment,
            forked=command[0] == sys.executable and not is_before,
        )

    def _command(self, name: str) -> list[str]:
        ours = [sys.executable, "-m", "tests.faults.with_clock", str(self.clock_file(name))]
        data, config = self.data(name), self.folder / f"{name}.toml"
        if name.startswith("machines"):
            read = _READ_BY[name.replace("machines", "agent")]
            job = self.folder / f"{name}.json"
            job.write_text(json.dumps(job_of(read, self.ports[name], self.scripts)))
            return [sys.executable, "-m", "tests.faults.shop_floor", str(job)]
        if name == "broker":
            return self._broker()
        if name == "influxdb":
            return self._influxdb()
        if name == "postgresql":
            # Files of its log are small, so that it soon needs another one, and a full disk is noticed there, too.
            self._postgres = initialise(data / "data", "--wal-segsize=1")
            small = ("-c", "min_wal_size=2MB", "-c", "max_wal_size=8MB", "-c", "synchronous_commit=on")
            return [*self._postgres, *small, "-p", str(self.ports[name])]
        if name == "platform":
            return [*ours, *self._platform()]
        if name.startswith("agent"):
            config.write_text(self._agent_toml(name))
            return [*ours, "agent", "run", "--config", str(config)]
        config.write_text(self._server_toml(name))
        if name == "server":
            (self.folder / "policy.toml").write_text(policy_of(self.began))
            return [*ours, "server", "--config", str(config)]
        return [*ours, "ingest", "run", "--config", str(config), "--name", name]

    def _broker(self) -> list[str]:
        config, data = self.folder / "mosquitto.conf", self.data("broker")
        user = "user root\n" if os.getuid() == 0 else ""
        config.write_text(
            f"listener {self.ports['broker']} 127.0.0.1\nallow_anonymous true\n{user}persistence true\npersistence_location {data}/\n"
            "autosave_interval 2\nmax_inflight_messages 1000\nmax_queued_messages 0\nset_tcp_nodelay true\n"
        )
        return [require("mosquitto"), "-c", str(config)]

    @property
    def _influx_port(self) -> int:
        """The proxy's that makes it answer as 2.7."""
        if "influxdb proxy" not in self.ports:
            port = self.ports["influxdb proxy"] = free_port()
            proxy = influx_proxy.serve(port, self.ports["influxdb"])
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            self._opened.callback(proxy.server_close)
            self._opened.callback(proxy.shutdown)
        return self.ports["influxdb proxy"]

    def _influxdb(self) -> list[str]:
        data, config = self.data("influxdb"), self.folder / "influxdb.conf"
        config.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{data}/meta"\n[data]\ndir = "{data}/data"\nwal-dir = "{data}/wal"\n'
            f'query-log-enabled = false\n[http]\nbind-address = "127.0.0.1:{self.ports["influxdb"]}"\nlog-enabled = false\n'
        )
        (self.folder / "influxdb-token").write_text(INFLUX_TOKEN)
        return [require("influxdb"), "-config", str(config)]

    def _begin_influxdb(self) -> None:
        self.supervisor.begin("influxdb")
        wait_for(lambda: self.is_well("influxdb"), "influxd to listen")
        create_influx_database(f"http://127.0.0.1:{self._influx_port}", "vrijloop")

    def _begin_postgresql(self) -> None:
        self.supervisor.begin("postgresql")
        wait_for(lambda: self.is_well("postgresql"), "postgres to listen")

    def _database_url(self, port: int | None = None) -> str:
        if self.setup.database == "sqlite":
            return f"sqlite:///{self.data('platform')}/platform.sqlite"
        return f"postgresql+psycopg://vrijloop@127.0.0.1:{port or self.links['platform>postgresql'].port}/postgres"

    def _platform(self) -> list[str]:
        tokens = self.folder / "tokens.json"
        tokens.write_text(json.dumps({name: self.tokens[name] for name in (FACTORY, *SEEKERS)}))
        return [
            "platform", "--tokens-file", str(tokens), "--database", self._database_url(), "--port", str(self.ports["platform"]),
            "--url", PUBLIC_URL, "--mail", str(self.folder / "mail"),
        ]  # fmt: skip

    def _mqtt(self, name: str) -> str:
        port = self.links[f"{name}>broker"].port
        return f'[mqtt]\nurl = "mqtt://127.0.0.1:{port}"\nprotocol = "{self.setup.protocol}"\nkeepalive_s = 5\n'

    def _agent_toml(self, name: str) -> str:
        port = self.links[f"{name}>{name.replace('agent', 'machines')}"].port
        head = f'[agent]\nfactory = "{FACTORY}"\ngateway = "{name}"\ndata_dir = "{self.data(name)}"\nheartbeat = "{HEARTBEAT_S:g}s"\n{self._mqtt(name)}'
        machines = [machine for machine in MACHINES if machine.name in machines_of(name)]
        if name == "agent-1":
            head += f'[[opcua]]\nendpoint = "opc.tcp://127.0.0.1:{port}/vrijloop/simulator"\npublishing_interval = "100ms"\nsilence = "5s"\ntimeout = "3s"\n'
            lines = [
                f'[[opcua.machine]]\nid = "{one.name}"\nbrowse_name = "{one.name.title().replace("-", "")}"\n'
                for one in machines
            ]
        else:
            lines = [
                f'[[modbus]]\nid = "{one.name}"\nhost = "127.0.0.1"\nport = {port}\nunit = {one.unit}\npoll_interval = "{format_duration(POLL)}"\ntimeout = "{format_duration(TIMEOUT)}"\nlongest_pause = "4s"\n'
                + (
                    'template = "plc-status-word"\n'
                    if one.read == "plc"
                    else f'template = "eastron-sdm630"\n{_THRESHOLDS}'
                )
                for one in machines
            ]
        return head + "".join(lines)

    def _store(self, name: str) -> str:
        if self.setup.store == "duckdb":
            return '[store]\nkind = "duckdb"\nmemory = "256MB"\n'
        url = f"http://127.0.0.1:{self.links[f'{name}>influxdb'].port}"
        return f'[store]\nkind = "influxdb"\nurl = "{url}"\norg = "{INFLUX_ORG}"\ntoken_file = "{self.folder}/influxdb-token"\n'

    def _server_toml(self, name: str) -> str:
        head = f'data_dir = "{self.data(name)}"\n'
        if name != "server":
            return f"{head}metrics_port = {self.ports[name]}\n{self._mqtt(name)}{self._store(name)}"
        for secret, of in (("server-token", "server"), ("platform-token", FACTORY)):
            (self.folder / secret).write_text(self.tokens[of])
        own = "true" if self.setup.store == "duckdb" else "false"
        return (
            f'{head}port = {self.ports[name]}\ntoken_file = "{self.folder}/server-token"\npolicy = "{self.folder}/policy.toml"\ningest = {own}\n'
            f'cycle = "1h"\n{self._mqtt(name)}{self._store(name)}[platform]\nurl = "http://127.0.0.1:{self.links["server>platform"].port}"\n'
            f'token_file = "{self.folder}/platform-token"\n'
        )

    def _write_history(self) -> None:
        """The same hours of each day for eight weeks, so that there is something to forecast from the first minute on."""
        store: StateStore
        if self.setup.store == "duckdb":
            store = DuckDBStateStore(self.data("server") / DUCKDB_FILE)
        else:
            store = InfluxDBStateStore(
                f"http://127.0.0.1:{self._influx_port}", "vrijloop", INFLUX_TOKEN, INFLUX_ORG, "history"
            )
        store.write(ReportBatch.of(history(self.began)))
        store.close()

    def _put_people(self) -> None:
        """Not here: the database belongs to the platform's version."""
        command = [
            sys.executable,
            "-m",
            "tests.faults.people",
            self._database_url(self.ports.get("postgresql")),
            ",".join(SEEKERS),
        ]
        command += [f"{name}={self.address_of(name)}" for name in (FACTORY, *SEEKERS)]
        environment = {**os.environ, **self.supervisor.services["platform"].environment}
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        self._sessions = json.loads(done.stdout)
