"""Wrong input gives a sentence with file, line or address, what was expected and what to do; an exit code; no
traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port

pytestmark = pytest.mark.servers


def vrijloop(*arguments: str | Path, cwd: Path, seconds: float = 90) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-m", "vrijloop", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=seconds, env=environment)


AGENT = '[agent]\nfactory = "hal-2"\ngateway = "gw-1"\n[mqtt]\nurl = "mqtt://127.0.0.1:{broker}"\n'
MODBUS = '[[modbus]]\nid = "press-1"\nhost = "127.0.0.1"\nport = {device}\ntemplate = "plc-status-word"\n'
SERVER = (
    'token_file = "token"\npolicy = "policy.toml"\nport = {port}\n[mqtt]\nurl = "mqtt://127.0.0.1:1883"\n'
    '[platform]\nurl = "http://127.0.0.1:1"\ntoken_file = "token"\n'
)


@pytest.mark.parametrize(
    ("files", "arguments", "expected"),
    [
        pytest.param({"a.toml": AGENT + 'gatway = "x"\n'}, ["agent", "run", "-c", "a.toml"], ["a.toml:6", "gatway"], id="wrong key"),
        pytest.param({"a.toml": AGENT + MODBUS + 'pol_interval = "1s"\n'}, ["agent", "run", "-c", "a.toml"], ["a.toml:11", "poll_interval"], id="did you mean"),
        pytest.param({"a.toml": AGENT + MODBUS.replace("plc-status-word", "plc")}, ["agent", "run", "-c", "a.toml"], ["a.toml:", "plc"], id="unknown template"),
        pytest.param({"a.toml": "[agent\n"}, ["agent", "run", "-c", "a.toml"], ["a.toml:1"], id="no TOML"),
        pytest.param({}, ["agent", "run", "-c", "none.toml"], ["none.toml", "no such file"], id="no file"),
        pytest.param({}, ["agent", "run", "--config=none.toml"], ["none.toml", "no such file"], id="no file, by the command line"),
        pytest.param({"m.csv": "date,usage_kwh\n01-01-2018 00:15,1\n01-01-2018 00:30,much\n"}, ["demo", "--headless", "--replay", "m.csv"], ["m.csv:3", "not a number", "--skip-broken-rows"], id="broken row"),
        pytest.param({}, ["demo", "--headless", "--replay", "m.csv", "--timezone", "Mars"], ["Mars", "Europe/Brussels"], id="no time zone"),
        pytest.param({"token": "x" * 32, "policy.toml": 'required_probability = 2\n', "s.toml": SERVER}, ["server", "-c", "s.toml"], ["policy.toml:1", "required_probability"], id="wrong policy"),
        pytest.param({"token": "short", "policy.toml": "", "s.toml": SERVER}, ["server", "-c", "s.toml"], ["token", "16 characters"], id="short token"),
        pytest.param({"t.json": "{"}, ["platform", "--tokens-file", "t.json"], ["t.json"], id="no JSON"),
        pytest.param({"t.json": "{}", "folder": ""}, ["platform", "--tokens-file", "t.json", "--database", "sqlite:////no/such/folder/p.sqlite"], ["/no/such/folder"], id="no database"),
    ],
)  # fmt: skip
def test_wrong_input_is_an_error(
    tmp_path: Path, files: dict[str, str], arguments: list[str], expected: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(
            text.format(broker=1883, device=502, port=free_port()) if "{}" not in text and text != "{" else text
        )
    done = vrijloop(*arguments, cwd=tmp_path)
    assert done.returncode not in (0, -9), done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    for words in expected:
        assert words in done.stderr, done.stderr


def test_a_port_in_use_is_an_error(tmp_path: Path, taken_port: int) -> None:
    (tmp_path / "tokens.json").write_text('{"hal-2": "0123456789abcdef"}')
    (tmp_path / "token").write_text("0123456789abcdef")
    (tmp_path / "policy.toml").write_text("")
    (tmp_path / "server.toml").write_text(SERVER.format(port=taken_port))
    for arguments in (
        ["platform", "--tokens-file", "tokens.json", "--port", str(taken_port)],
        ["server", "-c", "server.toml"],
        ["simulate", "--modbus-port", str(taken_port), "--opcua-port", str(free_port())],
        ["simulate", "--opcua-port", str(taken_port), "--modbus-port", str(free_port())],
        ["demo", "--headless", "--port", str(taken_port)],
    ):
        done = vrijloop(*arguments, cwd=tmp_path)
        assert done.returncode == 2, (arguments, done.stderr)
        assert str(taken_port) in done.stderr
        assert "choose another port" in done.stderr.splitlines()[-1].lower(), "nothing stands below it"
        assert "Traceback" not in done.stderr


def test_check_names_devices_that_do_not_answer_and_continues(tmp_path: Path) -> None:
    device, broker = free_port(), free_port()
    (tmp_path / "agent.toml").write_text((AGENT + MODBUS).format(broker=broker, device=device))
    done = vrijloop("agent", "check", "-c", "agent.toml", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert f"127.0.0.1:{device}" in done.stdout + done.stderr
    assert f"127.0.0.1:{broker}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["agent", "--help"], ["agent", "templates"], ["demo", "--help"]])
def test_help_is_there(tmp_path: Path, arguments: list[str]) -> None:
    done = vrijloop(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout
