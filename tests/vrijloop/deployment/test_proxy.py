"""The platform behind nginx as `vrijloop setup` configures it: bounds per address hold for whom nginx sees, whatever the request says."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from telemetry import SystemClock
from tests.servers import answers, free_port, listens, require, wait_for
from vrijloop.deployment.setup import for_debian, set_up

pytestmark = pytest.mark.servers


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address behind nginx, the authority of its certificate)."""
    nginx = require("nginx-light")
    platform, https = free_port(), free_port()
    etc, data = tmp_path / "etc", tmp_path / "lib"
    plan = for_debian("genk", "localhost", etc, (free_port(), platform, free_port(), https), data)
    list(set_up(etc, plan, [], SystemClock().now(), compose=False))
    for folder in ("vrijloop-platform", "vrijloop-proxy"):
        (data / folder).mkdir(parents=True)
    if os.getuid() == 0:  # workers of nginx are nobody, who keeps bodies of requests there
        shutil.chown(data / "vrijloop-proxy", "nobody")
        for part in (data, *data.parents[:4]):
            part.chmod(part.stat().st_mode | 0o055)
    lines = [line for line in (etc / "platform.env").read_text().splitlines() if line and not line.startswith("#")]
    environment = os.environ | dict(line.split("=", 1) for line in lines)
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "vrijloop", "platform"]
        serving = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        proxy = subprocess.Popen([nginx, "-c", str(etc / "nginx.conf"), "-g", "daemon off;"], stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{platform}") and listens(https), "platform and nginx to answer")
        yield f"https://localhost:{https}", etc / "certificates" / "ca.pem"
    finally:
        for process in (proxy, serving):
            process.terminate()
            process.wait(30)


@pytest.mark.long
def test_a_visitor_cannot_choose_the_address_that_bounds_count(installed: tuple[str, Path]) -> None:
    url, authority = installed
    context = ssl.create_default_context(cafile=str(authority))

    def visitor(address: str) -> httpx2.Client:
        transport = httpx2.HTTPTransport(verify=context, local_address=address)
        return httpx2.Client(base_url=url.replace("localhost", "127.0.0.1"), transport=transport, timeout=30)

    def forgotten(http: httpx2.Client, number: int) -> int:
        answer = http.post(
            "/api/v1/accounts/forgotten",
            json={"email": f"somebody-{number}@example.be"},
            headers={"X-Forwarded-For": f"203.0.113.{number}", "Host": "localhost"},
            extensions={"sni_hostname": "localhost"},
        )
        return answer.status_code

    with visitor("127.0.0.1") as one, visitor("127.0.0.2") as other:
        first = one.get("/", headers={"Host": "localhost"}, extensions={"sni_hostname": "localhost"})
        assert first.headers.get_list("Strict-Transport-Security") == ["max-age=31536000"], (
            "browsers read the first of two"
        )
        assert [forgotten(one, number) for number in range(21)] == [202] * 20 + [429]
        assert forgotten(other, 30) == 202, "nginx tells the platform who is who"


def test_one_address_does_not_take_all(tmp_path: Path) -> None:
    """Whatever is asked for: here of services that are not there, which nginx says at once."""
    nginx, https = require("nginx-light"), free_port()
    etc = tmp_path / "etc"
    plan = for_debian("genk", "localhost", etc, (free_port(), free_port(), free_port(), https), tmp_path)
    list(set_up(etc, plan, [], SystemClock().now(), compose=False))
    (tmp_path / "vrijloop-proxy").mkdir()
    proxy = subprocess.Popen([nginx, "-c", str(etc / "nginx.conf"), "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(https), "nginx to answer")
        context = ssl.create_default_context(cafile=str(etc / "certificates" / "ca.pem"))
        with httpx2.Client(base_url=f"https://localhost:{https}", verify=context) as visitor:
            assert visitor.get("/").status_code == 502
            asked = 0
            while visitor.get("/").status_code != 429:
                asked += 1
                assert asked < 20_000
        assert asked > 400, "and a page of dashboards is no flood"
    finally:
        proxy.terminate()
        proxy.wait(30)
