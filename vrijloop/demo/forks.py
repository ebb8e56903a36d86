"""Programs of Vrijloop that start from what has been loaded already. Several of the demo's load the same libraries, which takes each longer than anything else
it does at its start: one process loads them, and the others are forked from it (the `forkserver` of Python's `multiprocessing`)."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path
from threading import Lock

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_context = multiprocessing.get_context("forkserver")


def load(module: str) -> None:
    """Begin to load a module, and what it imports, in the process from which programs are forked. Not waited for: whoever is started first waits."""
    _context.set_forkserver_preload([module])
    forkserver.ensure_running()


def end_with_parent() -> None:
    """Linux: the kernel terminates this process when its parent ends, however that ends."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Fork:
    """`python -m MODULE ARGUMENTS` in a session of its own, which writes to `log`. Has what is used of `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        umask: int | None = None,
    ) -> None:
        """`arguments`: of `python -m`. `environment`: instead of that of the process it is forked from."""
        given = list(arguments), log, folder, environment, umask
        self._looking = Lock()
        self._process = _context.Process(target=_run, args=given, daemon=False)
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0  # it has been started

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        with self._looking:  # the code comes once, whichever thread looks first
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(
    arguments: list[str], log: Path, folder: Path | None, environment: Mapping[str, str] | None, umask: int | None
) -> None:
    """In the new process."""
    os.setsid()
    end_with_parent()
    with suppress(OSError, AttributeError):
        # What lists processes shows this name; all have the same command line.
        ctypes.CDLL(None).prctl(_PR_SET_NAME, log.stem.encode())
    with log.open("ab") as sink:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(sink.fileno(), stream.fileno())
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    if folder is not None:
        os.chdir(folder)
    if umask is not None:
        os.umask(umask)
    module, *rest = arguments
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
