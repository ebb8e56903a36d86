"""The child processes of the demo: started and stopped in order. None outlives the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telemetry import UnavailableError
from vrijloop.demo.forks import Fork, end_with_parent

_POLL_S = 0.05
_PRIVATE = 0o077


@dataclass
class Child:
    """A process and its log file."""

    name: str
    process: subprocess.Popen[bytes] | Fork
    log: Path

    def last_log_lines(self) -> str:
        """The last lines of the log, for error messages."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-4:]) or "its log is empty"


@dataclass
class Children:
    """The running children. They are stopped in the reverse order of their start."""

    logs: Path
    running: list[Child] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Start a process in its own process group, so that Ctrl-C reaches only the demo, which then stops its
        children in order."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_prepare,  # noqa: PLW1509 - the demo has no threads when it starts its parts
            )
        return self._started(name, process, log)

    def fork(self, name: str, arguments: Sequence[str]) -> Child:
        """As `start` with `python -m`, for programs that need what has been loaded (`forks.load`)."""
        log = self.logs / f"{name}.log"
        log.write_bytes(b"")
        return self._started(name, Fork(arguments, log, umask=_PRIVATE), log)

    def _started(self, name: str, process: subprocess.Popen[bytes] | Fork, log: Path) -> Child:
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def wait_until(self, ready: Callable[[], bool], child: Child, seconds: float) -> None:
        """Poll `ready` until it returns true. Raises UnavailableError if the child exits or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise UnavailableError(f"{child.name} was not ready after {seconds:g} s: {child.last_log_lines()}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raises UnavailableError if a child has exited."""
        for child in self.running:
            code = child.process.poll()
            if code is not None:
                raise UnavailableError(
                    f"{child.name} exited unexpectedly (exit code {code}):\n{child.last_log_lines()}"
                )

    def finished(self, child: Child) -> None:
        """Stop watching a child that was expected to exit."""
        self.running.remove(child)

    def stop(self, child: Child, seconds: float = 15.0) -> None:
        """Terminate a child, and kill it if it has not exited after `seconds`."""
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
            try:
                child.process.wait(seconds)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        if child in self.running:
            self.running.remove(child)

    def stop_all(self) -> None:
        for child in reversed(list(self.running)):
            self.stop(child)


def _prepare() -> None:
    end_with_parent()
    os.umask(_PRIVATE)
