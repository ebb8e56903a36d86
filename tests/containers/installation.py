"""An installation by docker-compose.yml in a folder of its own, and what people and machines see of it through the published ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.containers.engine import Docker, progress
from tests.containers.images import services
from tests.servers import wait_for

PROJECT = "vrijloop-containers"
NAME = "vrijloop.test"


class Installation:
    """`folder` has the compose file and the dashboards, as an administrator has them."""

    def __init__(self, client: Docker, folder: Path) -> None:
        self.docker, self.folder = client, folder
        self.deployed = folder / "deployed"

    def use_files_of(self, source: Path) -> None:
        shutil.copy(source / "docker-compose.yml", self.folder)
        shutil.copytree(source / "dashboards" / "json", self.folder / "dashboards" / "json", dirs_exist_ok=True)

    def compose(self, *arguments: str | Path, seconds: float = 600, check: bool = True) -> str:
        head: list[str | Path] = [
            "compose",
            "--project-name",
            PROJECT,
            "--project-directory",
            self.folder,
            "--profile",
            "simulator",
        ]
        return self.docker.run(*head, *arguments, seconds=seconds, check=check)

    def shell(self, line: str) -> str:
        """A line of the documentation, typed into the installation's folder."""
        progress(f"$ {line}")
        settings = {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_PROFILES": "simulator"}
        command = ["sh", "-c", line]
        done = subprocess.run(
            command,
            env=self.docker.environment | settings,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def set_up(self, gateway: str) -> str:
        options = ["--name", NAME, "--factory", "genk", "--gateway", gateway, "--owner", "eva@genk.example"]
        return self.compose("run", "--rm", "-T", "setup", *options)

    @property
    def running(self) -> list[str]:
        """The services that are to run."""
        return sorted(name for name, one in services(self.folder).items() if one["restart"] != "no")

    def up(self) -> None:
        self.compose("up", "--detach", "--no-build", seconds=900)
        self.wait_until_healthy()

    def wait_until_healthy(self, names: Sequence[str] = ()) -> None:
        wanted = names or self.running
        try:
            wait_for(lambda: not self.ill(wanted), f"{', '.join(wanted)} to be healthy", 600)
        except AssertionError as error:
            ill = self.ill(wanted)
            said = self.compose("logs", "--no-color", "--tail", "15", *ill, check=False)
            raise AssertionError(f"not healthy: {ill}\n{said}") from error

    def ill(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if self.health(name) != "healthy"]

    def health(self, name: str) -> str:
        container = self.container(name)
        return str(self.docker.inspect(container)["State"].get("Health", {}).get("Status")) if container else "absent"

    def container(self, name: str) -> str:
        return self.compose("ps", "--all", "--quiet", name).strip()

    def kill(self, name: str) -> None:
        """As the kernel kills a process: `docker kill` would count as stopped on purpose, and nothing would start it again."""
        container = self.container(name)
        state = self.docker.inspect(container)["State"]
        os.kill(int(state["Pid"]), signal.SIGKILL)
        wait_for(
            lambda: self.docker.inspect(container)["State"]["StartedAt"] != state["StartedAt"],
            f"{name} to be started again",
            120,
        )

    def secret(self, name: str) -> str:
        return (self.deployed / "secrets" / name).read_text().strip()

    def http(self, host: str, token: str = "") -> httpx2.Client:
        """Asks the proxy for `host`, without DNS, trusting the installation's own authority alone."""
        context = ssl.create_default_context(cafile=str(self.deployed / "certificates" / "ca.pem"))
        headers = {"Host": host} | ({"Authorization": f"Bearer {token}"} if token else {})
        return httpx2.Client(base_url="https://127.0.0.1", verify=context, headers=headers, timeout=30)

    def ask(self, host: str, method: str, path: str, token: str = "", **more: Any) -> httpx2.Response:
        with self.http(host, token) as client:
            return client.request(method, path, extensions={"sni_hostname": host}, **more)

    def platform(self, method: str, path: str, factory: str = "", **more: Any) -> Any:
        tokens = json.loads(self.secret("platform-tokens.json"))
        answer = self.ask(NAME, method, f"/api/v1{path}", tokens.get(factory, ""), **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def status(self) -> dict[str, Any]:
        answer = self.ask(f"control.{NAME}", "GET", "/api/v1/status", self.secret("server-token"))
        assert answer.is_success, answer.text[:500]
        return dict(answer.json())

    def stored(self) -> dict[str, int]:
        """How many reports of each gateway are stored."""
        return {entry["gateway"]: entry["stored"] for entry in self.status()["gateways"]}

    def wait_for_more(self, gateway: str) -> None:
        before = self.stored().get(gateway, 0)
        wait_for(lambda: self.stored().get(gateway, 0) > before, f"reports of {gateway} to be stored", 300)

    def down(self, *options: str) -> None:
        progress("down")
        self.compose("down", "--timeout", "20", *options, check=False)
