"""The demo's processes: started in order, watched, ended in order; none outlives the demo."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telemetry import UnavailableError

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.05


@dataclass
class Child:
    """One process and where it writes what it has to say."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """The last lines of its log, for the person who must act."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-4:]) or "it said nothing"


@dataclass
class Children:
    """Started in order; ended in the reverse order."""

    logs: Path
    running: list[Child] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> Child:
        """In a process group of its own, so that Ctrl-C reaches the demo alone and it can end things in order."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the demo has no threads when it starts its parts
            )
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def wait_until(self, ready: Callable[[], bool], child: Child, seconds: float) -> None:
        """Poll `ready`. Raises UnavailableError where the child ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise UnavailableError(f"{child.name} was not ready after {seconds:g} s: {child.last_words()}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raises UnavailableError where a child has ended that should run."""
        for child in self.running:
            code = child.process.poll()
            if code is not None:
                raise UnavailableError(f"{child.name} ended by itself (exit code {code}):\n{child.last_words()}")

    def finished(self, child: Child) -> None:
        """A child that was meant to end has ended."""
        self.running.remove(child)

    def stop(self, child: Child, seconds: float = 15.0) -> None:
        """Ask it to end, and make it end where it does not."""
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


def _die_with_parent() -> None:
    """Linux: the kernel ends the child where the demo itself is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.umask(0o077)
