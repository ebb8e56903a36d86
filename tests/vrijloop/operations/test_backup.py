"""Stores, servers and platforms are restored from their backups."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import create_engine

from analytics.api.people import PEOPLE_FILE, People
from analytics.policy.slot import Slot
from analytics.publishing.publications import KEPT, Publications
from analytics.publishing.reconcile import Offer
from analytics.publishing.state import PublisherState
from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.database import migrate, newest_revision
from stores import ReportBatch, StateStore, StoredReport
from stores.configuration import open_store
from telemetry import MachineState, StateInterval, SystemClock, UserError, load_settings
from tests.postgres import fresh_database
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, answers, create_influx_database, free_port, wait_for
from tests.vrijloop.command_line import invoke
from vrijloop.operations.backup import restore
from vrijloop.server_settings import ServerSettings

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
TOKEN = "token-of-sixteen-or-more"


def configuration(folder: Path, store: str = "", platform: str = "http://127.0.0.1:9") -> Path:
    for name, token in (("token", TOKEN), ("platform-token", TOKEN), ("influx-token", INFLUX_TOKEN)):
        (folder / name).write_text(token)
    (folder / "policy.toml").write_text('factory = "genk"\n')
    path = folder / "server.toml"
    path.write_text(
        f'data_dir = "{folder}/server"\nport = {free_port()}\ntoken_file = "{folder}/token"\npolicy = "{folder}/policy.toml"\n'
        f'ingest = false\n[platform]\nurl = "{platform}"\ntoken_file = "{folder}/platform-token"\n{store}'
    )
    return path


def opened(config: Path) -> StateStore:
    settings = load_settings(config, ServerSettings)
    return open_store(settings.store, settings.data_dir, SystemClock())


def fill(config: Path) -> None:
    store = opened(config)
    reports = [
        StoredReport("genk", f"m{n % 3}", "gw-1", n + 1 + (n > 50), StateInterval(list(MachineState)[n % 5], T0 + n * timedelta(hours=1), T0 + (n + 1) * timedelta(hours=1)))
        for n in range(100)
    ]  # fmt: skip
    store.write(ReportBatch.of(reports))
    store.close()
    data_dir = load_settings(config, ServerSettings).data_dir
    publications = Publications(data_dir / "publications.sqlite")
    slot = Slot("m1", T0, T0 + timedelta(hours=4), 0.93, 30, 1)
    publications.record(Offer("one", slot), T0, T0)
    publications.settle(publications.due_for_check(slot.end)[0].id, KEPT)
    publications.close()
    state = PublisherState(data_dir / "publisher.sqlite")
    state.set_kill_switch(True, None, T0)
    state.close()
    people = People(data_dir / PEOPLE_FILE)
    people.add("Eva", T0)
    people.close()


def held(config: Path) -> dict[str, Any]:
    store = opened(config)
    data_dir = load_settings(config, ServerSettings).data_dir
    publications, state = Publications(data_dir / "publications.sqlite"), PublisherState(data_dir / "publisher.sqlite")
    people = People(data_dir / PEOPLE_FILE)
    found = {
        "people": [one.name for one in people.all()],
        "records": store.records("genk", T0, T0 + timedelta(days=30), ["m0", "m1", "m2"])
        .fillna({"power_w": -1.0})
        .to_dict("records"),
        "ledger": [(one.gateway, one.stored, one.missing, one.gaps) for one in store.ledger()],
        "tally": publications.tally(),
        "kill_switch": state.kill_switch,
    }
    for part in (store, publications, state, people):
        part.close()
    return found


@pytest.fixture(params=["duckdb", "influxdb"])
def lost(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """Returns a configuration, and a function that deletes its store."""
    if request.param == "duckdb":
        config = configuration(tmp_path)
        yield config, lambda: shutil.rmtree(tmp_path / "server")
        return
    url = request.getfixturevalue("influx_url")
    database = f"backup_{os.getpid()}"
    create_influx_database(url, database)
    store = f'[store]\nkind = "influxdb"\nurl = "{url}"\nbucket = "{database}"\norg = "{INFLUX_ORG}"\ntoken_file = "{tmp_path}/influx-token"\n'
    config = configuration(tmp_path, store)

    def lose() -> None:
        lonely = opened(config)
        for machine in ("m0", "m1", "m2"):
            lonely.delete_machine("genk", machine)
        lonely._connection.change(["DELETE FROM report_sequence"])  # type: ignore[attr-defined]
        lonely.close()
        shutil.rmtree(tmp_path / "server")

    yield config, lose


@pytest.mark.servers
def test_a_lost_store_is_restored_completely(lost: tuple[Path, Any], tmp_path: Path) -> None:
    config, lose = lost
    fill(config)
    before = held(config)
    assert (len(before["records"]), before["people"]) == (100, ["Eva"])
    assert before["ledger"] == [("gw-1", 100, 1, ((52, 52),))]
    assert "MB" in invoke("backup", tmp_path / "b.tar", "-c", config)
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    lose()
    output = invoke("restore", tmp_path / "b.tar", "-c", config)
    assert "100 states and the ledger of 1 gateways are restored" in output
    assert held(config) == before
    with pytest.raises(UserError, match="not empty"):
        invoke("restore", tmp_path / "b.tar", "-c", config)
    invoke("restore", tmp_path / "b.tar", "-c", config, "--over")
    assert held(config) == before, "twice is once"
    assert (tmp_path / "server" / "before-restore-publisher.sqlite").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_files_restored_by_root_belong_to_the_service(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    fill(config)
    invoke("backup", tmp_path / "b.tar", "-c", config)
    folder = tmp_path / "server"
    shutil.rmtree(folder)
    folder.mkdir()
    os.chown(folder, 10001, 10001)
    invoke("restore", tmp_path / "b.tar", "-c", config)
    assert {(one.name, one.stat().st_uid) for one in folder.iterdir()} >= {
        ("states.duckdb", 10001),
        ("publisher.sqlite", 10001),
    }


def test_a_damaged_backup_changes_nothing(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    fill(config)
    good = tmp_path / "b.tar"
    invoke("backup", good, "-c", config)
    raw = bytearray(good.read_bytes())
    with tarfile.open(good) as tar:
        member = tar.getmember("states.parquet")
    raw[member.offset_data + member.size // 2] ^= 0xFF
    (tmp_path / "bad.tar").write_bytes(raw)
    (tmp_path / "cut.tar").write_bytes(raw[: member.offset_data + 100])
    (tmp_path / "no.tar").write_bytes(b"no tar at all")
    shutil.rmtree(tmp_path / "server")
    for name, sentence in (
        ("bad", "has changed since the backup was made"),
        ("cut", "is not a Vrijloop backup"),
        ("no", "is not a Vrijloop backup"),
        ("absent", "is not a Vrijloop backup"),
    ):
        with pytest.raises(UserError, match=sentence):
            invoke("restore", tmp_path / f"{name}.tar", "-c", config)
    assert not list((tmp_path / "server").glob("publi*"))


def _as_tar(path: Path, contents: dict[str, bytes], mode: Literal["w", "w:gz"] = "w", **manifest: Any) -> Path:
    known = {name: {"sha256": hashlib.sha256(content).hexdigest()} for name, content in contents.items()}
    said = {"layout": 1, "version": "1", "made": "2026-03-02T06:00:00Z", "files": known} | manifest
    with tarfile.open(path, mode) as tar:
        for name, content in {"manifest.json": json.dumps(said).encode(), **contents}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "kind", ["packed", "link", "device", "folder", "foreign", "unlisted", "ledger", "deep", "holes"]
)
def test_a_backup_that_somebody_made_up_changes_nothing(kind: str, tmp_path: Path) -> None:
    """It may come from a disk that others have written to."""
    path, good = tmp_path / "b.tar", {"quarantine.sqlite": b"x"}
    if kind == "packed":
        _as_tar(path, good, "w:gz")
    elif kind in ("foreign", "unlisted", "ledger"):
        more = {
            "foreign": {"../outside": b"x"},
            "unlisted": {"states.parquet": b"x"},
            "ledger": {"ledger.json": b'[{"gaps": 1}]'},
        }
        changed: dict[str, Any] = {"files": {}} if kind == "unlisted" else {}
        _as_tar(path, good | more[kind], **changed)
    elif kind == "deep":
        _as_tar(path, good, files=json.loads("[" * 900 + "]" * 900))
    else:
        _as_tar(path, good)
        member = tarfile.TarInfo("platform.sqlite")
        types = {
            "link": tarfile.SYMTYPE,
            "device": tarfile.CHRTYPE,
            "folder": tarfile.DIRTYPE,
            "holes": tarfile.GNUTYPE_SPARSE,
        }
        member.type, member.linkname = types[kind], "/etc/passwd"
        with tarfile.open(path, "a") as tar:
            tar.addfile(member)
    with pytest.raises(UserError, match="not a Vrijloop backup|has changed since"):
        list(restore(path, None, tmp_path / "data", None, over=False))
    assert not (tmp_path / "data").exists()


@pytest.mark.servers
def test_a_running_server_writes_its_own_backup_and_is_not_overwritten(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    fill(config)
    before = held(config)
    process = subprocess.Popen([sys.executable, "-m", "vrijloop", "server", "-c", config], stderr=subprocess.DEVNULL)
    try:
        port = load_settings(config, ServerSettings).port
        wait_for(lambda: answers(f"http://127.0.0.1:{port}"), "the server to answer")
        invoke("backup", tmp_path / "b.tar", "-c", config)
        with pytest.raises(UserError, match="stop it first"):
            invoke("restore", tmp_path / "b.tar", "-c", config, "--over")
    finally:
        process.terminate()
        process.wait(30)
    shutil.rmtree(tmp_path / "server")
    invoke("restore", tmp_path / "b.tar", "-c", config)
    assert held(config) == before


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_lost_platform_is_restored(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    from fastapi.testclient import TestClient

    urls = [f"sqlite:///{tmp_path}/{name}.sqlite" for name in ("first", "second")]
    if kind == "postgresql":
        server = request.getfixturevalue("postgres")
        urls = [fresh_database(server) for _ in urls]
    tokens = {"genk": "secret-of-genk-itself", "start-up": "secret-of-the-start-up"}
    owner, asker = ({"Authorization": f"Bearer {token}"} for token in tokens.values())
    offer = {
        "factory": "genk", "machine": "m1", "start": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "end": (datetime.now(UTC) + timedelta(days=2)).isoformat(), "probability": 0.9, "checked": 30, "broken": 1,
    }  # fmt: skip
    path = "/api/v1/offers/5f0c8a8e-0000-4000-8000-000000000001"

    def client(url: str) -> TestClient:
        return TestClient(create_app(PlatformSettings(url, tokens), SystemClock().now))

    with client(urls[0]) as first:
        first.put(path, json=offer, headers=owner).raise_for_status()
        first.put("/api/v1/machines/genk/m1", json={"title": "Frees"}, headers=owner).raise_for_status()
        booking = first.post(path + "/booking", json={}, headers=asker).json()["id"]
        files = {"files": ("beugel.pdf", b"%PDF-1.7\n%%EOF\n")}
        sent = first.post(f"/api/v1/bookings/{booking}/attachments", files=files, headers=asker).json()
        file = f"/api/v1/bookings/{booking}/attachments/{sent['attachments'][0]['id']}"
        shown = first.get(path).json()
        invoke("backup", tmp_path / "b.tar", "--platform-database", urls[0])
    invoke("restore", tmp_path / "b.tar", "--platform-database", urls[1])
    with client(urls[1]) as second:
        assert second.get(path).json() == shown
        assert second.get(file, headers=owner).content.startswith(b"%PDF"), "what people have attached, too"
    with pytest.raises(UserError):
        invoke("restore", tmp_path / "b.tar", "--platform-database", urls[1])
    invoke("restore", tmp_path / "b.tar", "--platform-database", urls[1], "--over")


def test_the_platforms_tables_are_migrated_by_command(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.sqlite"
    with create_engine(url).begin() as connection:
        migrate(connection, "0002")
    newest = newest_revision()
    assert f"from 0002 to {newest}" in invoke("platform-migrate", "--database", url)
    assert f"at revision {newest}" in invoke("platform-migrate", "--database", url)
    assert f"from none to {newest}" in invoke("platform-migrate", "--database", f"sqlite:///{tmp_path}/new.sqlite")
    with pytest.raises(UserError, match="cannot be opened"):
        invoke("platform-migrate", "--database", "postgresql+psycopg://nobody@127.0.0.1:9/x")


def test_what_to_back_up_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name what to process"):
        invoke("backup", tmp_path / "b.tar")
    for url in ("mysql://x/y", "nonsense", "postgresql://host"):
        with pytest.raises(UserError, match="the platform's database"):
            invoke("backup", tmp_path / "b.tar", "--platform-database", url)
    with pytest.raises(UserError, match="no such database"):
        invoke("backup", tmp_path / "b.tar", "--platform-database", f"sqlite:///{tmp_path}/none.sqlite")
