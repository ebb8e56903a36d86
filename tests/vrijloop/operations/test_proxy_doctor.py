"""What the doctor says of the proxy's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vrijloop.command_line import invoke
from vrijloop.operations.proxy_doctor import LIMITS, proxy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    invoke("setup", "debian", tmp_path / "etc", "--factory", "genk")
    return tmp_path / "etc"


def test_a_configuration_of_an_earlier_version_is_said(folder: Path) -> None:
    conf = folder / "nginx.conf"
    (good,) = proxy(folder)
    written = conf.read_text()
    assert good.level == "ok"
    assert all(line in written for line in LIMITS), "what it tells to write is what setting up writes"
    conf.write_text("".join(line for line in written.splitlines(keepends=True) if "limit_req" not in line))
    (bad,) = proxy(folder)
    assert (bad.level, all(line in bad.mend for line in LIMITS)) == ("warning", True)
    conf.write_text(conf.read_text().replace("http {", "http {\n  # limit_req zone=visitors;"))
    assert [one.level for one in proxy(folder)] == ["warning"], "a comment bounds nothing"
    conf.write_text(conf.read_text().replace("http {", f"http {{\n  {LIMITS[1]}"))
    assert [one.level for one in proxy(folder)] == ["ok"]


def test_another_proxy_is_its_owners(folder: Path) -> None:
    (folder / "nginx.conf").unlink()
    assert list(proxy(folder)) == []
