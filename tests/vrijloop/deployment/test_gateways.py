"""Gateways are added, get a new password and are shut out, at a real Mosquitto with a real publisher: what an agent reports is never lost by it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from telemetry import UserError
from tests.edge_agent.test_publishing import commit, until
from tests.vrijloop.command_line import invoke
from tests.vrijloop.deployment.installed_broker import Ingest, InstalledBroker, installed_broker
from vrijloop.deployment import units
from vrijloop.deployment.gateways import add, gateways, rotate
from vrijloop.deployment.installed import read_installation


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[InstalledBroker]:
    with installed_broker(tmp_path) as one:
        yield one


@dataclass
class Gateway:
    """A publisher as on a gateway, which has its own copy of the credentials."""

    broker: InstalledBroker
    credentials: Path
    outbox: Outbox
    committed: asyncio.Event
    publisher: Publisher

    def report(self, count: int) -> None:
        commit(self.outbox, self.committed, count)

    def bring(self) -> None:
        """A technician brings what the last command has made."""
        shutil.copy(self.broker.folder / "gateways" / "gw-1" / "mqtt-credentials", self.credentials)


@asynccontextmanager
async def publishing(broker: InstalledBroker, folder: Path) -> AsyncIterator[Gateway]:
    credentials = folder / "credentials"
    outbox, committed = Outbox(folder / "outbox.sqlite"), asyncio.Event()
    gateway = Gateway(
        broker,
        credentials,
        outbox,
        committed,
        Publisher(broker.settings(credentials), "genk", "gw-1", outbox, committed),
    )
    gateway.bring()
    running = asyncio.create_task(gateway.publisher.run())
    try:
        yield gateway
    finally:
        gateway.publisher.stop()
        await running
        outbox.close()


def manage(broker: InstalledBroker, *arguments: str) -> str:
    said = invoke("gateway", *arguments, "--folder", broker.folder)
    broker.reload()
    return said


@pytest.mark.long
@pytest.mark.servers
async def test_an_agent_goes_on_while_its_password_is_replaced(broker: InstalledBroker, tmp_path: Path) -> None:
    ingest = Ingest(broker)
    first = (broker.folder / "gateways" / "gw-1" / "mqtt-credentials").read_text().split()
    async with publishing(broker, tmp_path) as gateway:
        gateway.report(50)
        await until(lambda: ingest.seen.count == 50)
        said = await asyncio.to_thread(manage, broker, "rotate", "gw-1")
        assert "systemctl reload mosquitto" in said
        assert "gateway rotate gw-1 --finish" in said
        assert "credentials_file" not in said, "its configuration names the file already"
        second = (broker.folder / "gateways" / "gw-1" / "mqtt-credentials").read_text().split()
        assert second[0] == "gw-1.2"
        assert second[1] not in said
        with pytest.raises(UserError, match="is not finished"):
            invoke("gateway", "rotate", "gw-1", "--folder", broker.folder)
        gateway.report(50)
        await until(lambda: ingest.seen.count == 100)
        assert broker.connections_of("gw-1") == 1, "it was not cut off"
        gateway.bring()
        await asyncio.to_thread(manage, broker, "rotate", "gw-1", "--finish")
        gateway.report(50)
        await until(lambda: ingest.seen.count == 150)
        assert broker.connections_of("gw-1.2") >= 1
    assert ingest.seen.gaps == []
    assert not await asyncio.to_thread(broker.lets_in, *first)
    with pytest.raises(UserError, match="nothing to finish"):
        invoke("gateway", "rotate", "gw-1", "--finish", "--folder", broker.folder)
    ingest.close()


@pytest.mark.long
@pytest.mark.servers
async def test_a_revoked_gateway_is_cut_off_and_its_reports_wait_for_a_new_password(
    broker: InstalledBroker, tmp_path: Path
) -> None:
    ingest = Ingest(broker)
    held = (broker.folder / "gateways" / "gw-1" / "mqtt-credentials").read_text().split()
    async with publishing(broker, tmp_path) as gateway:
        gateway.report(20)
        await until(lambda: ingest.seen.count == 20)
        await asyncio.to_thread(manage, broker, "revoke", "gw-1", "--yes")
        await until(lambda: not gateway.publisher.connected)
        gateway.report(20)
        assert not await asyncio.to_thread(broker.lets_in, *held)
        assert await asyncio.to_thread(gateway.outbox.depth) == 20
        assert ingest.seen.count == 20
        assert not (broker.folder / "gateways" / "gw-1" / "mqtt-credentials").exists()
        assert "gw-1" not in invoke("gateway", "list", "--json", "--folder", broker.folder)
    await asyncio.to_thread(manage, broker, "add", "gw-1")
    async with publishing(broker, tmp_path):
        await until(lambda: ingest.seen.count == 40)
    assert ingest.seen.gaps == []
    ingest.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "gw-1"), "there is a gateway 'gw-1' already"),
        (("add", "Gw"), "not a valid name"),
        (("add", "ingest"), "reserved"),
        (("rotate", "gw-9"), "there is no gateway 'gw-9'. The broker lets in: gw-1"),
        (("revoke", "gw-9", "--yes"), "there is no gateway"),
        (("revoke", "ingest", "--yes"), "there is no gateway"),
    ],
)
def test_what_cannot_be_done_changes_nothing(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    folder = tmp_path / "etc"
    invoke("setup", "debian", folder, "--factory", "genk", "--gateway", "gw-1")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=sentence):
        invoke("gateway", *arguments, "--folder", folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_a_new_gateway_is_given_and_one_of_an_earlier_version_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "deployed"
    invoke("setup", "compose", folder, "--name", "vrijloop.example", "--factory", "genk", "--gateway", "gw-1")
    said = invoke("gateway", "add", "gw-2", "--folder", folder)
    assert "docker compose exec -T mosquitto sh -c 'kill -HUP 1'" in said
    assert "kill -s" not in said, "after which Docker would not start it again should it end"
    assert "Copy the folder deployed/gateways/gw-2 to the gateway" in said, "in the container it is elsewhere"
    made, kept = folder / "gateways" / "gw-2", folder / "gateways" / "gw-1"
    assert sorted(one.name for one in made.iterdir()) == ["agent.toml", "ca.pem", "mqtt-credentials"]
    assert (made / "mqtt-credentials").stat().st_mode & 0o077 == 0
    assert "mqtts://vrijloop.example:8883" in (made / "agent.toml").read_text()
    access = (folder / "mosquitto.acl").read_text()
    assert "user gw-2\ntopic write vrijloop/v1/genk/+/state\ntopic write vrijloop/v1/genk/gw-2/status" in access
    (kept / "agent.toml").write_text('username = "gw-1"\npassword_file = "/etc/vrijloop/mqtt-password"\n')
    assert "instead of `username` and `password_file`" in invoke("gateway", "rotate", "gw-1", "--folder", folder)
    assert (
        "user gw-1.2\ntopic write vrijloop/v1/genk/+/state\ntopic write vrijloop/v1/genk/gw-1/status"
        in (folder / "mosquitto.acl").read_text()
    )
    invoke("setup", "compose", folder, "--name", "vrijloop.example", "--factory", "genk", "--gateway", "gw-1")
    assert "gw-1, gw-1.2" in invoke("gateway", "list", "--folder", folder), "setting up again changes no gateway"
    invoke("gateway", "revoke", "gw-1", "--yes", "--folder", folder)
    again = invoke("gateway", "add", "gw-1", "--folder", folder)
    assert "instead of `username` and `password_file`" in again, "its configuration was kept"


@pytest.mark.parametrize(
    ("reads", "systemd", "code", "reloaded"),
    [("etc", True, 0, True), ("etc", True, 1, False), ("etc", False, 0, False), ("elsewhere", True, 0, False), (None, True, 0, False)],
)  # fmt: skip
def test_a_broker_that_runs_here_takes_it_over_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: str | None, systemd: bool, code: int, reloaded: bool
) -> None:
    """Nobody should have to think of it when a gateway was stolen. Of another broker the command is said."""
    folder = tmp_path / "etc"
    invoke("setup", "debian", folder, "--factory", "genk", "--gateway", "gw-1")
    if reads is not None:
        (tmp_path / "conf").write_text(f"password_file {tmp_path}/{reads}/mosquitto.passwords\n")
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(units, "MOSQUITTO_CONF", tmp_path / "conf")
    monkeypatch.setattr(units, "SYSTEMD", tmp_path if systemd else tmp_path / "none")
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr("subprocess.run", run)
    said = invoke("gateway", "revoke", "gw-1", "--yes", "--folder", folder)
    assert ("The broker has taken it over." in said) == reloaded
    assert ("systemctl reload mosquitto" in said) == (not reloaded)
    assert asked == ([["systemctl", "reload", "mosquitto"]] if reads == "etc" and systemd else [])


def test_commands_at_the_same_time_undo_nothing_of_each_other(tmp_path: Path) -> None:
    """Hashing a password takes a while, between reading the broker's users and writing them back."""
    folder = tmp_path / "etc"
    invoke("setup", "debian", folder, "--factory", "genk", "--gateway", "gw-0")
    installed = read_installation(folder)
    changes = [partial(add, installed, f"gw-{number}") for number in range(1, 5)] + [partial(rotate, installed, "gw-0")]
    with ThreadPoolExecutor(len(changes)) as threads:
        for done in [threads.submit(one) for one in changes]:
            done.result()
    found = {one.name: list(one.users) for one in gateways(installed)}
    assert found == {"gw-0": ["gw-0", "gw-0.2"]} | {f"gw-{number}": [f"gw-{number}"] for number in range(1, 5)}
    access = (folder / "mosquitto.acl").read_text()
    assert all(f"user gw-{number}\n" in access for number in range(5))


def test_a_folder_that_is_no_installation(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="which `vrijloop setup` has made"):
        invoke("gateway", "list", "--folder", tmp_path)
