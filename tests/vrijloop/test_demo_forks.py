"""Programs that are forked from one which has loaded what they need: they run as `python -m` would run them, and none outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers import ROOT, wait_for

pytestmark = pytest.mark.servers

LOADED = "from vrijloop.demo.forks import end_with_parent\nend_with_parent()\n"
"""As `vrijloop.demo.loaded`, but for the libraries."""
PROGRAM = """
import os, sys, time
print(sys.argv[1], os.environ["TOLD"], os.getcwd(), flush=True)
if sys.argv[1] == "stay":
    time.sleep(600)
sys.exit(3)
"""
PARENT = """
import signal, subprocess, sys, time
from pathlib import Path
from vrijloop.demo.forks import Fork, load

load("light")
there = Path(sys.argv[1])
told = {"TOLD": "this"}
assert Fork(["program", "go"], there / "went.log", folder=there, environment=told).wait(60) == 3
killed = Fork(["program", "stay"], there / "killed.log", environment=told)
try:
    killed.wait(0.01)
except subprocess.TimeoutExpired:
    pass
else:
    raise AssertionError("it stays")
assert killed.poll() is None
killed.kill()
assert killed.wait(60) == -signal.SIGKILL == killed.returncode
killed.terminate()
print(Fork(["program", "stay"], there / "stays.log", environment=told).pid, flush=True)
time.sleep(600)
"""


def test_they_end_as_they_say_and_with_who_started_them(tmp_path: Path) -> None:
    (tmp_path / "light.py").write_text(LOADED)
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        try:
            assert parent.stdout is not None
            stays = int(parent.stdout.readline() or 0)
            assert stays, "the parent has failed"
            assert (tmp_path / "went.log").read_text() == f"go this {tmp_path}\n"
            wait_for(
                lambda: (tmp_path / "stays.log").exists() and "stay" in (tmp_path / "stays.log").read_text(),
                "it to run",
            )
            assert os.getsid(stays) == stays, "Ctrl-C does not reach it"
        finally:
            parent.send_signal(signal.SIGKILL)
    try:
        wait_for(lambda: not Path(f"/proc/{stays}").exists(), "it to end", 20)
    finally:
        with suppress(ProcessLookupError):
            os.kill(stays, signal.SIGKILL)
