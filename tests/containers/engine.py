"""Docker for these tests: the daemon that runs here already, or one of their own that ends with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.servers import wait_for

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"
_STORAGE = os.environ.get("VRIJLOOP_TEST_DOCKER_STORAGE", "")
"""Storage driver of a daemon of our own; empty for Docker's choice."""
_began = time.monotonic()


def progress(text: str) -> None:
    """A line for whoever waits; `make test-containers` shows it."""
    print(f"[{time.monotonic() - _began:5.0f} s] {text}", flush=True)


@dataclass(frozen=True)
class Docker:
    """The command line of one daemon."""

    host: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """Further environment variables."""

    @property
    def environment(self) -> dict[str, str]:
        own = {"DOCKER_HOST": self.host} if self.host else {}
        # The plugin that scripts/containers has built, where there is no other.
        plugin = {"DOCKER_CONFIG": str(BUILD)} if (BUILD / "cli-plugins" / "docker-compose").exists() else {}
        return {**os.environ, "DOCKER_BUILDKIT": "0", **plugin, **own, **self.more}

    def run(self, *arguments: str | Path, seconds: float = 600, check: bool = True, **options: Any) -> str:
        """What the command prints. Fails with all that it said."""
        command = ["docker", *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=seconds, **options)
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)}: {done.stdout[-4000:]}{done.stderr[-4000:]}", pytrace=False)
        return str(done.stdout) + ("" if check else str(done.stderr))

    def inspect(self, name: str) -> dict[str, Any]:
        (found,) = json.loads(self.run("inspect", name))
        return dict(found)

    def has_image(self, name: str) -> bool:
        return bool(self.run("image", "ls", "--quiet", name).strip())

    def size_mb(self, image: str) -> float:
        return float(self.inspect(image)["Size"]) / 1e6

    def build(self, folder: Path, tag: str, *arguments: str | Path) -> None:
        progress(f"building {tag}")
        # The machine's own network: what is behind a proxy here has a way out only so.
        self.run("build", "--network", "host", "--tag", tag, *arguments, folder, seconds=3600)


@contextmanager
def docker() -> Iterator[Docker]:
    if subprocess.run(["docker", "info"], capture_output=True, timeout=60).returncode == 0:
        yield Docker()
        return
    program = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.getuid() != 0:
        pytest.skip(
            "no Docker runs here, and only root can start one: `apt-get install docker.io` as root makes these tests real"
        )
    with tempfile.TemporaryDirectory(prefix="vrijloop-docker-", dir="/tmp") as name:
        # Images stay for the next run; what a daemon writes while it runs does not.
        data, socket = BUILD / "docker", f"unix://{name}/docker.sock"
        command: list[str | Path] = [
            program,
            "--data-root",
            data,
            "--exec-root",
            f"{name}/exec",
            "--pidfile",
            f"{name}/pid",
            "--host",
            socket,
            "--bridge",
            "none",
        ]
        if _STORAGE:
            command += ["--storage-driver", _STORAGE]
        with (BUILD / "dockerd.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        client = Docker(socket)
        try:
            wait_for(lambda: process.poll() is not None or _runs(client), "the Docker daemon to answer", 60)
            if process.poll() is not None:
                last = (BUILD / "dockerd.log").read_text().splitlines()[-3:]
                pytest.skip(f"no Docker daemon can run here: {' '.join(last)}")
            yield client
        finally:
            process.terminate()
            process.wait(120)
            for left in Path(name, "exec", "netns").glob("*"):  # mounts that it leaves behind
                subprocess.run(["umount", "--lazy", str(left)], capture_output=True)


def _runs(client: Docker) -> bool:
    done = subprocess.run(["docker", "info"], env=client.environment, capture_output=True, timeout=60)
    return done.returncode == 0


def lines(text: str) -> Sequence[str]:
    return [line for line in text.splitlines() if line.strip()]
