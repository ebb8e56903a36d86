"""Keeps processes running as systemd does: who ends is started again a moment later."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests import forked
from tests.processes import tree
from vrijloop.demo.forks import Fork

RESTART_S = 1.0
"""systemd's `RestartSec` is 5 in the units; less here, so that a schedule takes less."""
_LOOK_EVERY_S = 0.05
_STOP_S = 30.0


@dataclass
class Service:
    """A program that should always run. `prepare`: what is done each time before it is started."""

    name: str
    command: Sequence[str]
    log: Path
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] = lambda: None
    process: subprocess.Popen[bytes] | Fork | None = None
    forked: bool = False
    """A program of ours, as `python -m` starts it, which begins with what has been loaded (`tests/forked.py`)."""
    held: bool = False
    """While a fault has it down, it is not started."""
    ended: list[int] = field(default_factory=list)
    """Exit codes of those that ended without a fault."""
    _due: float = 0.0

    def start(self) -> None:
        self.prepare()
        if self.forked:
            _, _, *arguments = self.command
            self.process = forked.start(arguments, self.log, folder=self.log.parent, environment=self.environment)
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, user=self.user, cwd=self.log.parent, start_new_session=True,
                env={**os.environ, **self.environment},
            )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """To it and all that it has started, as systemd does."""
        if self.process is None or self.process.poll() is not None:
            return
        for one in tree(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(one, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._gone()

    def stop(self) -> None:
        """SIGTERM; SIGKILL for who does not end."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.ended.append(-signal.SIGKILL)
            self.kill()
        self._gone()

    def _gone(self) -> None:
        if self.process is not None:
            self.process.wait(_STOP_S)
        self.process = None

    def look(self, now: float) -> None:
        """Start it again where it should run and does not."""
        if self.held:
            return
        if self.process is not None and (code := self.process.poll()) is not None:
            self.ended.append(code)
            self.process, self._due = None, now + RESTART_S
        if self.process is None and now >= self._due:
            self.start()


class Supervisor:
    """Looks after services in a thread of its own."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.services = {service.name: service for service in services}
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        for service in self.services.values():
            service.held = True
        if any(service.forked for service in self.services.values()):
            forked.load_once()  # from this thread: who is forked ends with the one that began to load
        self._watching.start()

    def begin(self, name: str) -> None:
        """Start a service for the first time."""
        with self._lock:
            self.services[name].held = False
            self.services[name].look(time.monotonic())

    @contextmanager
    def holding(self, name: str) -> Iterator[Service]:
        """Nobody starts it in the meantime."""
        with self._lock:
            yield self.services[name]

    def hold_down(self, name: str, *, kill: bool) -> Service:
        """End it, and keep it down until `begin`."""
        with self._lock:
            service = self.services[name]
            service.held = True
        # Not under the lock: it may take as long as it likes, and the others are looked after.
        service.kill() if kill else service.stop()
        return service

    def close(self) -> None:
        self._ending.set()
        self._watching.join(10)
        for service in reversed(self.services.values()):
            service.signal(signal.SIGCONT)
            service.kill()

    def _watch(self) -> None:
        while not self._ending.wait(_LOOK_EVERY_S):
            with self._lock:
                for service in self.services.values():
                    service.look(time.monotonic())
