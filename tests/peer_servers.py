"""Servers of other makers, each a program that takes commands as lines. `scripts/peers` fetches and builds them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from tests.servers import PEERS, missing, require, used


class Peer:
    """A server of another maker: one JSON command a line in, one JSON answer a line out."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.said = self._answer()

    def tell(self, **command: object) -> dict[str, Any]:
        """Send one command and return the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self, kill: bool = False) -> None:
        """By the end of its input, or at once."""
        if kill:
            self.process.kill()
        elif self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(30)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise AssertionError("the peer ended without a word")


class NodePeer(Peer):
    """One from npm."""

    def __init__(self, script: str, *arguments: str) -> None:
        node = require("nodejs")
        if not (PEERS / "node_modules").exists():
            missing("the peers from npm are not installed: `scripts/peers` makes this test real.")
        super().__init__([node, str(PEERS / script), *arguments])


class CompiledPeer(Peer):
    """One that `scripts/peers` compiles; those in Go and Rust only for `make test-peers`."""

    def __init__(self, name: str, *arguments: str) -> None:
        program = PEERS / "build" / name
        if not program.exists():
            if name.endswith(("_go", "_rust")):
                pytest.skip(f"{name} is not compiled: `make test-peers` makes this test real.")
            missing(f"{name} is not compiled: `scripts/peers` makes this test real.")
        super().__init__([str(program), *arguments])
        used[name.removeprefix("modbus_")] = self.said.get("version", "compiled by scripts/peers")


class PythonPeer(Peer):
    """One in Python with an environment of its own, only for `make test-peers`."""

    def __init__(self, script: str, environment: str, *arguments: str) -> None:
        program = PEERS / "build" / environment / "bin" / "python"
        if not program.exists():
            pytest.skip(f"{environment} is not installed: `make test-peers` makes this test real.")
        super().__init__([str(program), str(PEERS / script), *arguments])
        used[environment] = self.said.get("version", "installed by scripts/peers")


class JavaPeer(Peer):
    """One in Java, only for `make test-peers`."""

    def __init__(self, folder: str, name: str, *arguments: str) -> None:
        built = PEERS / "build"
        if not (built / folder / f"{name}.class").exists():
            pytest.skip(f"{folder} is not compiled: `make test-peers` makes this test real.")
        libraries = (built / f"{folder}.classpath").read_text()
        # Started once and for a short time: the best of its compilers is not worth its while.
        options = ["-XX:TieredStopAtLevel=1", "-cp", f"{libraries}:{built / folder}"]
        super().__init__(["java", *options, name, *arguments])
        used[folder] = self.said.get("version", "compiled by scripts/peers")
