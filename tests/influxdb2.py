"""InfluxDB 2 for `make test-influxdb`: a given server, or the one that `scripts/influxdb2` has built."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.ports import free_port

CHOSEN = os.environ.get("VRIJLOOP_TEST_INFLUXDB", "")
"""The URL of a server, or `built`; empty where the tests run on 1.6.7."""
BUILT = Path(__file__).parent / "peers" / "build" / "influxd2"
GIVEN = CHOSEN not in ("", "built")
_made: set[str] = set()
"""Names of buckets."""


class InfluxServer2:
    """Can be killed and started again, unless it is given."""

    def __init__(self, folder: Path, token: str, org: str) -> None:
        self._folder = folder
        self._setup = {
            "username": "vrijloop",
            "password": "vrijloop-tests",
            "org": org,
            "bucket": "first",
            "token": token,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.url = CHOSEN.rstrip("/") if GIVEN else f"http://127.0.0.1:{free_port()}"

    def start(self) -> None:
        from tests.servers import answers, used, wait_for

        used["influxd"] = httpx2.get(f"{self.url}/ping").headers["X-Influxdb-Version"] if GIVEN else "2 (built)"
        if GIVEN:
            return
        if not BUILT.exists():
            pytest.fail(f"{BUILT.name} is not here: scripts/influxdb2 builds it and says what is missing.")
        paths = {"bolt-path": "influxd.bolt", "engine-path": "engine", "sqlite-path": "influxd.sqlite"}
        options = [f"--{name}={self._folder / file}" for name, file in paths.items()]
        command = [
            str(BUILT),
            *options,
            f"--http-bind-address={self.url.removeprefix('http://')}",
            "--reporting-disabled",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: answers(f"{self.url}/health"), "influxd to answer")
        if httpx2.get(f"{self.url}/api/v2/setup").json()["allowed"]:
            httpx2.post(f"{self.url}/api/v2/setup", json=self._setup, timeout=60).raise_for_status()

    def kill(self) -> None:
        """SIGKILL; nothing happens to a given server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def close(self) -> None:
        """A given server is left without what the tests have made."""
        for name in sorted(_made) if GIVEN else ():
            delete_bucket(self.url, name, self._setup["token"], self._setup["org"])
        self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        return self._process


def create_bucket(url: str, name: str, token: str, org: str, hours: int) -> None:
    """An empty one."""
    delete_bucket(url, name, token, org)
    _made.add(name)
    with _client(url, token) as http:
        (organisation,) = http.get("/api/v2/orgs", params={"org": org}).raise_for_status().json()["orgs"]
        kept = {
            "type": "expire",
            "everySeconds": hours * 3600,
            "shardGroupDurationSeconds": 3600 if hours else 12 * 7 * 24 * 3600,
        }
        body = {"orgID": organisation["id"], "name": name, "retentionRules": [kept]}
        http.post("/api/v2/buckets", json=body).raise_for_status()


def delete_bucket(url: str, name: str, token: str, org: str) -> None:
    with _client(url, token) as http:
        for one in _buckets(http, name, org):
            http.delete(f"/api/v2/buckets/{one['id']}").raise_for_status()


def shard_hours(url: str, name: str, token: str, org: str) -> int:
    with _client(url, token) as http:
        (one,) = _buckets(http, name, org)
    return int(one["retentionRules"][0]["shardGroupDurationSeconds"]) // 3600


def map_database(url: str, database: str, bucket: str, token: str, org: str) -> None:
    """A DBRP mapping to a bucket of another name."""
    with _client(url, token) as http:
        (one,) = _buckets(http, bucket, org)
        body = {
            "orgID": one["orgID"],
            "bucketID": one["id"],
            "database": database,
            "retention_policy": "autogen",
            "default": True,
        }
        http.post("/api/v2/dbrps", json=body).raise_for_status()


def _client(url: str, token: str) -> httpx2.Client:
    return httpx2.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=60)


def _buckets(http: httpx2.Client, name: str, org: str) -> list[dict[str, Any]]:
    return list(http.get("/api/v2/buckets", params={"org": org, "name": name}).json().get("buckets", []))
