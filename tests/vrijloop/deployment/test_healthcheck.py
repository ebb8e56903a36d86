"""The check of the broker in docker-compose.yml, against a real broker with TLS."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.certificates import make_certificates
from tests.servers import ROOT, free_port, listens, require, wait_for

pytestmark = pytest.mark.servers


def test_the_broker_does_not_mind_being_checked(tmp_path: Path) -> None:
    broker = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["mosquitto"]
    kind, command = broker["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    (port,) = re.findall(r":([0-9A-F]{4}) ", command)
    assert f"{int(port, 16)}:{int(port, 16)}" in broker["ports"]
    make_certificates(tmp_path)
    own, user = free_port(), "user root\n" if os.getuid() == 0 else ""
    (tmp_path / "conf").write_text(
        f"listener {own} 127.0.0.1\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n{user}allow_anonymous true\n"
    )

    def check() -> int:
        return subprocess.run(["/bin/sh", "-c", command.replace(port, f"{own:04X}")]).returncode

    assert check() != 0
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([require("mosquitto"), "-c", str(tmp_path / "conf")], stderr=file, stdout=file)
    try:
        wait_for(lambda: check() == 0 or process.poll() is not None, "the check to succeed")
        assert [check() for _ in range(3)] == [0, 0, 0]
        assert listens(own), "by a connection, as the check was before"
        wait_for(lambda: "connection from" in log.read_text(), "the error of a connection without TLS")
        assert log.read_text().count("connection from") == 1, log.read_text()
    finally:
        process.terminate()
        process.wait(20)
    assert check() != 0
