"""`vrijloop export capability` and `vrijloop export aas`, against a platform on a socket. `vrijloop export capacity`: tests/analytics/capacity."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from basyx.aas import model
from basyx.aas.adapter.aasx import AASXReader, DictSupplementaryFileContainer

from sharing_platform.app import PlatformSettings
from telemetry import SystemClock, UserError
from tests.analytics.test_http_answers import BOMB, HEAD, answering
from tests.platform_databases import create_kept_app, reset_sqlite
from tests.published_schemas import ONE_PROCESS, faults
from tests.servers import free_port, serving
from tests.sharing_platform.industry_formats.test_capability import DETAILS
from tests.vrijloop.command_line import invoke
from vrijloop.operations import shared_machines
from vrijloop.operations.shared_machines import SharedMachines

TOKEN = "a-platform-token-of-hal-2"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Of a factory with two machines on the platform, of which no hours are offered."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "policy.toml").write_text('factory = "hal-2"\n')
    app = create_kept_app(PlatformSettings(reset_sqlite(), {"hal-2": TOKEN}), SystemClock().now)
    with serving(app) as url, httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as hal_2:
        hal_2.put("/api/v1/machines/hal-2/mill-1", json={"title": "Freesbank DMU 50", "process": "milling"})
        hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=DETAILS)
        hal_2.put("/api/v1/machines/hal-2/press", json={"title": "Oude pers"})
        config = tmp_path / "server.toml"
        config.write_text(
            f'token_file = "{tmp_path}/token"\npolicy = "{tmp_path}/policy.toml"\n[platform]\nurl = "{url}"\ntoken_file = "{tmp_path}/token"\n'
        )
        yield config


@pytest.mark.long
@ONE_PROCESS
def test_capabilities_of_one_machine_and_of_all(config: Path, tmp_path: Path) -> None:
    (every,) = json.loads(invoke("export", "capability", "-c", config))
    assert faults("ManufacturingCapability-3.1.0", every) == []
    assert [one["label"]["und"] for one in every["machines"]] == ["Freesbank DMU 50", "Oude pers"]
    file = tmp_path / "capability.json"
    assert "1 machine" in invoke("export", "capability", "mill-1", "-c", config, "-o", file)
    (one,) = json.loads(file.read_text())
    assert [each["hierarchyElementId"] for each in one["machines"][0]["provides"]] == [
        "milling",
        "drilling",
        "honingraten",
    ]
    with pytest.raises(UserError, match="knows no machine 'lathe' of hal-2"):
        invoke("export", "capability", "lathe", "-c", config)


def test_the_shell_as_package_and_as_json(config: Path, tmp_path: Path) -> None:
    package, plain = tmp_path / "mill-1.aasx", tmp_path / "mill-1.json"
    site = "https://deelplatform.example"
    for file in (package, plain):
        assert str(file) in invoke("export", "aas", "mill-1", "-c", config, "-o", file, "--site", site)
    read: model.DictIdentifiableStore[model.Identifiable] = model.DictIdentifiableStore()
    with AASXReader(io.BytesIO(package.read_bytes()), failsafe=False) as reader:
        reader.read_into(read, DictSupplementaryFileContainer())
    assert f"{site}/machines/hal-2/mill-1#technical-data" in {one.id for one in read}
    assert json.loads(plain.read_text())["assetAdministrationShells"][0]["id"] == f"{site}/machines/hal-2/mill-1#shell"
    assert "Dijk" not in plain.read_text()
    with pytest.raises(UserError, match=r"\.aasx or \.json"):
        invoke("export", "aas", "mill-1", "-c", config, "-o", tmp_path / "mill-1.xml")


def test_what_cannot_be_had_is_said(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sharing_platform.industry_formats.shell", None)
    with pytest.raises(UserError, match=r"pip install 'vrijloop\[aas\]'"):
        invoke("export", "aas", "mill-1", "-c", config, "-o", tmp_path / "mill-1.json")
    text = config.read_text()
    config.write_text(text.replace(text.split('url = "')[1].split('"')[0], f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(UserError, match="does not answer"):
        invoke("export", "capability", "-c", config)
    config.write_text(text.partition("[platform]")[0])
    with pytest.raises(UserError, match=r"has no \[platform\]"):
        invoke("export", "capability", "-c", config)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((HEAD, b"Content-Encoding: gzip\r\n\r\n", BOMB), "more than 1,000,000 bytes"),
        ((HEAD, b"Content-Length: 6\r\n\r\n<html>"), "cannot be read"),
    ],
    ids=["without end", "something else"],
)
def test_a_platform_that_answers_something_else_is_said(
    parts: tuple[bytes, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_machines, "_MOST_BYTES", 1_000_000)
    with answering(*parts) as url, pytest.raises(UserError, match=said):
        SharedMachines(url.rstrip("/"), "token", "hal-2", SystemClock().now()).capability(None)


@pytest.mark.servers
def test_the_library_for_shells_is_loaded_where_one_is_written_alone() -> None:
    code = "import sys, sharing_platform.app, vrijloop.cli, vrijloop.operations.shared_machines; print({'basyx', 'lxml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
