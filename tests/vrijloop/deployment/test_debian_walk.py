"""Follows docs/debian.md: installs from the source into an environment of its own, sets up, and starts the services as their
units do, until a machine's state is stored, the platform answers over TLS, and the doctor reports no problem."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import httpx2
import pytest

from tests.lent_packages import lend_packages
from tests.servers import ROOT, free_port, listens, require, wait_for

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
PAGE = ROOT / "docs" / "debian.md"


@contextmanager
def running(name: str, command: list[str], folder: Path, **more: str) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | more)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def behind_tls(url: str, name: str, authority: Path) -> str:
    """A request as a browser sends it to `name`, without DNS."""
    context = ssl.create_default_context(cafile=str(authority))
    with httpx2.Client(verify=context, timeout=20) as http:
        answer = http.get(url, headers={"Host": name}, extensions={"sni_hostname": name})
    answer.raise_for_status()
    return answer.text


@pytest.mark.long
def test_one_debian_server_runs_everything(tmp_path: Path) -> None:
    nginx, mosquitto = require("nginx-light"), require("mosquitto")
    root = tmp_path / "root"
    root.mkdir()
    lend_packages(root / "opt" / "vrijloop", "edge", "server", builds=True)
    mqtt, platform, server, https, opcua, modbus = (free_port() for _ in range(6))
    environment = {"WALK_ROOT": str(root), "WALK_PORTS": f"{mqtt} {platform} {server} {https}"}
    environment["PIP_NO_COMPILE"] = (
        "0"  # which is how pip wants to hear it; most of the modules that are installed here are never imported
    )
    environment |= {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [ROOT / "scripts" / "debian-walk", "localhost", "genk", "eva@genk.example"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    etc, program = root / "etc" / "vrijloop", str(root / "opt" / "vrijloop" / "bin" / "vrijloop")
    if os.getuid() == 0:
        for part in (etc, *etc.parents[:6]):
            part.chmod(part.stat().st_mode | 0o055)
        shutil.chown(root / "var" / "lib" / "mosquitto", "mosquitto")

    def unit(name: str) -> list[str]:
        path = root / "etc" / "systemd" / "system" / f"vrijloop-{name}.service"
        return [str(ROOT / "scripts" / "run-unit"), str(path), str(root)]

    simulate = [
        program,
        "simulate",
        "--opcua-port",
        str(opcua),
        "--modbus-port",
        str(modbus),
        "--agent-config",
        str(tmp_path / "sim.toml"),
    ]
    with (
        running("mosquitto", [mosquitto, "-c", str(etc / "mosquitto.conf")], tmp_path),
        running("platform", unit("platform"), tmp_path),
        running("simulate", simulate, tmp_path),
    ):
        wait_for(lambda: all(map(listens, (mqtt, platform, opcua, modbus))), "broker, platform and machines to listen")
        machines = (tmp_path / "sim.toml").read_text().partition("[[opcua]]")
        with (etc / "agent.toml").open("a") as config:
            config.write("\n" + machines[1] + machines[2])
        proxy = [nginx, "-c", str(etc / "nginx.conf"), "-g", "daemon off;"]
        with (
            running("server", unit("server"), tmp_path),
            running("agent", unit("agent"), tmp_path),
            running("proxy", proxy, tmp_path),
        ):
            token = (etc / "secrets" / "server-token").read_text().strip()

            def seen() -> int:
                request = Request(
                    f"http://127.0.0.1:{server}/api/v1/machines", headers={"Authorization": f"Bearer {token}"}
                )
                try:
                    with urlopen(request, timeout=5) as answer:
                        return len(json.load(answer)["machines"])
                except OSError:
                    return 0

            wait_for(lambda: seen() >= 5, "states to be stored", seconds=400)
            wait_for(lambda: listens(https), "the proxy to listen")
            database = f"sqlite:///{root}/var/lib/vrijloop-platform/platform.sqlite"
            authority = etc / "certificates" / "ca.pem"
            assert "Vrijloop" in behind_tls(f"https://localhost:{https}/", "localhost", authority)
            assert "token" in behind_tls(f"https://localhost:{https}/control", "control.localhost", authority)
            with pytest.raises(httpx2.HTTPError):
                behind_tls(f"https://localhost:{https}/", "elsewhere.example", authority)
            doctor = subprocess.run(
                [program, "doctor", "-c", etc / "server.toml", "--platform-database", database, "--json"],
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert "Nobody can answer requests to genk" in doctor.stdout, "until the owner has opened the link"
            mails = root / "var" / "lib" / "vrijloop-platform" / "mail"
            assert any("To: eva@genk.example" in one.read_text() for one in mails.iterdir())
            wrong = [one for one in json.loads(doctor.stdout) if one["level"] == "wrong"]
            assert wrong == [], doctor.stdout
            assert doctor.returncode == 0


def test_the_page_and_the_script_have_the_same_steps() -> None:
    script = (ROOT / "scripts" / "debian-walk").read_text()
    walked = re.sub(r'"?\$(etc|lib|opt|pip|name|factory|owner)\b"?', lambda match: {
        "etc": "/etc/vrijloop", "lib": "/var/lib", "opt": "/opt/vrijloop", "pip": "/opt/vrijloop/bin/pip", "name": "NAME", "factory": "FACTORY", "owner": "OWNER"}[match[1]], script).replace('"', "")  # fmt: skip
    commands = [
        line.strip().removeprefix("sudo ")
        for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    ]
    assert len(commands) >= 8
    for command in commands:
        assert " ".join(command.split()) in " ".join(walked.split()), command
