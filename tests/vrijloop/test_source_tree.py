"""The source tree: every module can be imported, and none is too long."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

from tests.suite import LONGEST

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [
    "telemetry",
    "sign_in",
    "stores",
    "edge_agent",
    "ingest",
    "analytics",
    "sharing_platform",
    "dashboards",
    "simulators",
    "vrijloop",
]
NOT_IMPORTED = ("sharing_platform.migrations", "vrijloop.__main__")


def modules() -> list[str]:
    found = []
    for room in ROOMS:
        found.append(room)
        package = importlib.import_module(room)
        found += [one.name for one in pkgutil.walk_packages(package.__path__, f"{room}.")]
    return [name for name in found if not name.startswith(NOT_IMPORTED)]


def test_every_module_can_be_imported() -> None:
    for name in modules():
        importlib.import_module(name)


def sources(root: Path) -> list[Path]:
    """Ours: not what `make test-peers` and others have installed there."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [one for one in folders if one not in ("node_modules", "build") and not one.startswith(".")]
        found += [Path(folder, one) for one in files if one.endswith(".py")]
    return found


def test_no_module_is_over_400_lines() -> None:
    ours = sources(ROOT)
    assert len(ours) > 100
    long = {str(path.relative_to(ROOT)): lines for path in ours if (lines := len(path.read_text().splitlines())) > 400}
    assert long == {}


def test_what_is_started_first_is_there() -> None:
    """A test that has got another name would be started last."""
    tests = "".join(path.read_text() for path in sources(ROOT / "tests") if path.name.startswith("test_"))
    assert [name for name in LONGEST if not re.search(rf"def {name}\b", tests)] == []


def test_only_the_demo_hashes_passwords_fast() -> None:
    """Its people have random ones, which those of a real platform have not."""
    users = {
        str(path.relative_to(ROOT))
        for path in sources(ROOT)
        if path.relative_to(ROOT).parts[0] != "tests" and "hash_passwords_fast" in path.read_text()
    }
    assert users == {"sharing_platform/organisations/credentials.py", "vrijloop/demo/platform.py"}


def test_no_test_waits_with_what_the_pages_refuse() -> None:
    """Once it has to wait, Playwright's ``wait_for_function`` evaluates its expression from a timer: the Content Security Policy of the
    pages refuses that, so such a test passes as long as the machine is quick."""
    waiting = "wait_for_" + "function("
    assert [path.name for path in sources(ROOT / "tests") if waiting in path.read_text()] == []


@pytest.mark.servers
@pytest.mark.parametrize("room", ["edge_agent"])
def test_a_gateway_needs_no_server_packages(room: str) -> None:
    """The agent is installed with `vrijloop[edge]`, so it must not import what only a server has installed."""
    forbidden = ["pandas", "duckdb", "fastapi", "sqlalchemy", "numpy"]
    code = (
        f"import sys; import {room}.commands, {room}.runner, vrijloop.cli; "
        f"import {room}.sources.opcua, {room}.sources.modbus, {room}.sources.sparkplug, {room}.sparkplug_node; "
        f"print([name for name in {forbidden} if name in sys.modules])"
    )
    done = subprocess.run([".venv/bin/python", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.servers
def test_a_running_agent_holds_only_what_it_uses(tmp_path: Path) -> None:
    """Libraries of the command line, of devices and services that are not configured, and of what is wrong in a file are a third of the agent's memory."""
    needless = ["typer", "rich", "asyncua", "pymodbus", "yaml", "google.protobuf", "prometheus_client", "pydantic_core"]
    config = tmp_path / "agent.toml"
    machine = '[[opcua]]\nendpoint = "opc.tcp://127.0.0.1:1"\nmachine = [{ id = "m1", browse_name = "M1" }]\n'
    config.write_text(f'[agent]\nfactory = "genk"\ngateway = "gw-1"\n{machine}')
    code = (
        "import sys, pathlib, vrijloop.__main__; from edge_agent.runner import AgentSettings, load_settings; "
        f"load_settings(pathlib.Path({str(config)!r}), AgentSettings); print([name for name in {needless} if name in sys.modules])"
    )
    done = subprocess.run([".venv/bin/python", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.servers
def test_a_server_begins_without_what_it_needs_later_or_never() -> None:
    """They would take longer to load than everything else."""
    needless = ["sqlalchemy", "alembic", "sklearn", "scipy", "matplotlib", "dask", "typer", "asyncua"]
    code = f"import sys, vrijloop.server; print([name for name in {needless} if name in sys.modules])"
    done = subprocess.run([".venv/bin/python", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
