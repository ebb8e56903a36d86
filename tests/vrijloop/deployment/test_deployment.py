"""Deployment: the wheel, and the systemd units against the code."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from supply.wheel import write_release
from telemetry import UserError
from tests.lent_packages import lend_packages
from tests.vrijloop.command_line import invoke
from vrijloop.deployment.units import unit_file

ROOT = Path(__file__).resolve().parents[3]
UNIT = unit_file("agent")
SERVERS = [unit_file(name) for name in ("server", "platform", "ingest")]
HARDENING = {
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "",
}  # fmt: skip


class Unit(configparser.RawConfigParser):
    """systemd unit files: keys are case-sensitive and may be repeated."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read(path)


@pytest.mark.servers
def test_the_agents_unit_starts_an_existing_command_and_is_hardened() -> None:
    service = Unit(UNIT)["Service"]
    command = service["ExecStart"].split()
    done = subprocess.run(
        [sys.executable, "-m", "vrijloop", *command[1:-1], "/nowhere/agent.toml"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "/nowhere/agent.toml: there is no such file" in done.stderr
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 30
    assert service["User"] != "root"
    own = {"SystemCallFilter": "~@privileged @resources", "MemoryDenyWriteExecute": "yes"}
    for key, value in (HARDENING | own).items():
        assert service[key] == value, key


@pytest.mark.servers
@pytest.mark.parametrize("unit", SERVERS, ids=lambda path: path.stem)
def test_the_servers_units_start_existing_commands_and_are_hardened(unit: Path) -> None:
    service = Unit(unit)["Service"]
    command = [*service["ExecStart"].split()[1:], "--help"]
    done = subprocess.run(
        [sys.executable, "-m", "vrijloop", *command],
        capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for variable in re.findall(r"VRIJLOOP_\w+", unit.read_text()):
        assert variable in done.stdout, f"{variable} means nothing to the command"
    assert service["User"] != "root"
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    for key, value in HARDENING.items():
        assert service[key] == value, key


@pytest.mark.servers
@pytest.mark.parametrize("unit", [UNIT, *SERVERS], ids=lambda path: path.stem)
def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: `apt-get install systemd` makes this test real.")
    program = tmp_path / "vrijloop"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/local/bin/vrijloop", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line and "Documentation" not in line]
    assert complaints == []


@pytest.mark.servers
@pytest.mark.parametrize("unit", [UNIT, *SERVERS], ids=lambda path: path.stem)
def test_systemd_finds_the_unit_little_exposed(unit: Path) -> None:
    """By systemd's own measure: 0 is nothing at all, 10 is everything. What may be more exposed says so here, by a larger number."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: `apt-get install systemd` makes this test real.")
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_units_are_installed_and_name_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path(sys.executable).with_name("vrijloop"))])
    output = invoke("service", "install", "agent", "ingest", "--root", tmp_path)
    folder = tmp_path / "etc" / "systemd" / "system"
    assert {one.name for one in folder.iterdir()} == {"vrijloop-agent.service", "vrijloop-ingest@.service"}
    program = Unit(folder / "vrijloop-agent.service")["Service"]["ExecStart"].split()[0]
    assert os.access(program, os.X_OK)
    assert "systemctl enable --now vrijloop-agent vrijloop-ingest@1" in output
    with pytest.raises(UserError, match="no service 'borker'"):
        invoke("service", "install", "borker", "--root", tmp_path)


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.timeout(600)
def test_the_wheel_installs_the_agent_without_a_servers_packages(tmp_path: Path) -> None:
    """As the technician's page says: from what `make wheel` writes, into a separate environment. A wheel that was changed is refused."""
    folder = tmp_path / "dist"
    wheel = write_release(folder)
    lend_packages(tmp_path / "venv", "edge")
    # Its own pip would take as long to install as everything else.
    subprocess.run(["python3", "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv" / "bin" / "python")]
    install = [*pip, "install", "--no-compile", "--quiet", "--disable-pip-version-check"]
    locked = [*install, "--require-hashes", "--only-binary", ":all:", "-r", "agent.txt"]
    whole = wheel.read_bytes()
    wheel.write_bytes(whole + b"!")
    refused = subprocess.run(locked, cwd=folder, capture_output=True, text=True, timeout=400)
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    wheel.write_bytes(whole)
    subprocess.run(locked, cwd=folder, check=True, timeout=400)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "vrijloop", "agent", "templates", "--json"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert '"eastron-sdm630"' in done.stdout, done.stderr
    missing = subprocess.run(
        [tmp_path / "venv" / "bin" / "vrijloop", "demo"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=environment,
    )
    assert missing.returncode == 2
    assert "vrijloop[all]" in missing.stderr
    assert "Traceback" not in missing.stderr
    installed = subprocess.run([*pip, "list"], capture_output=True, text=True, timeout=60).stdout
    assert not re.search(r"^(pandas|duckdb|fastapi|matplotlib)\s", installed, re.MULTILINE)
