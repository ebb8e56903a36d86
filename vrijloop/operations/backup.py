"""One file with everything a server or a platform must not lose, and back from it.

backup.tar: manifest.json, states.parquet, ledger.json, publications.sqlite, publisher.sqlite, quarantine.sqlite,
            platform.sqlite or platform.pgdump
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from stores import GatewayLedger, StateStore, StoreUnavailableError
from stores.transfer import export_records, import_records, portions
from telemetry import UserError, rfc3339
from telemetry.message import EARLIEST
from telemetry.version import __version__

MANIFEST, STATES, LEDGER = "manifest.json", "states.parquet", "ledger.json"
SQLITE_FILES = ("publications.sqlite", "publisher.sqlite", "quarantine.sqlite")
PLATFORM_SQLITE, PLATFORM_DUMP = "platform.sqlite", "platform.pgdump"
LAYOUT = 1

Progress = Callable[[int, int], None]


def no_progress(_: int, __: int) -> None:
    """Nobody looks."""


def back_up(
    target: Path,
    now: datetime,
    store: StateStore | None,
    data_dir: Path | None,
    database: str | None,
    progress: Progress = no_progress,
) -> int:
    """Write `target`, readable by its owner alone; it appears when it is whole. Returns how many states are in it. What is backed up
    may be in use meanwhile. Raises UserError or StoreUnavailableError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".vrijloop-backup-", dir=target.parent) as name:
            folder, count = Path(name), 0
            if store is not None:
                chosen = portions(store, None, [], EARLIEST, datetime.max.replace(tzinfo=UTC), progress)
                count = export_records(chosen, folder / STATES)
                # After the states: a number is in the ledger only if its state is in the backup, or came once more.
                (folder / LEDGER).write_text(json.dumps([asdict(one) for one in store.ledger()]))
            for one in SQLITE_FILES if data_dir is not None else ():
                if data_dir is not None and (data_dir / one).exists():
                    _copy_sqlite(data_dir / one, folder / one)
            if database is not None:
                _dump_platform(_platform_url(database), folder)
            files = sorted(folder.iterdir())
            manifest = {
                "layout": LAYOUT, "version": __version__, "made": rfc3339(now), "states": count,
                "files": {one.name: {"bytes": one.stat().st_size, "sha256": _digest(one)} for one in files},
            }  # fmt: skip
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=2))
            unfinished = folder / "backup.tar"
            with (
                os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file,
                tarfile.open(fileobj=file, mode="w") as tar,
            ):
                for path in (folder / MANIFEST, *files):
                    tar.add(path, path.name)
            unfinished.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise UserError(
            f"{target}: the backup could not be written ({error}). What stood there before still does."
        ) from error
    return count


def restore(
    source: Path,
    store: StateStore | None,
    data_dir: Path | None,
    database: str | None,
    over: bool,
    progress: Progress = no_progress,
) -> Iterator[str]:
    """Take everything in that is asked for; says what was done. Idempotent. `over`: also where something stands already; what stood
    there in files is kept beside them. Raises UserError before anything is changed where the backup is not whole."""
    with tempfile.TemporaryDirectory(prefix="vrijloop-restore-") as name:
        folder = Path(name)
        manifest = _unpacked(source, folder)
        yield f"the backup of {manifest['made']} (version {manifest['version']}) is whole"
        if database is not None:
            yield _restore_platform(_platform_url(database), folder, over)
        if data_dir is not None:
            if not over and (standing := [one for one in SQLITE_FILES if (data_dir / one).exists()]):
                raise UserError(
                    f"{data_dir / standing[0]} stands there already: --over replaces it, and keeps it beside."
                )
            data_dir.mkdir(parents=True, exist_ok=True)
            for one in SQLITE_FILES:
                if (folder / one).exists():
                    _put_aside(data_dir / one)
                    shutil.copyfile(folder / one, data_dir / one)
                    (data_dir / one).chmod(0o600)
                    _give_to_its_folders_owner(data_dir / one)
                    yield f"{one} is back"
        if store is not None and (folder / STATES).exists():
            try:
                count = import_records(store, folder / STATES, progress)
                rows = json.loads((folder / LEDGER).read_text())
                store.restore_ledger([_ledger_of(row) for row in rows])
            except StoreUnavailableError as error:
                raise UserError(f"{error}. Repeat the command: what is in already is no trouble.") from error
            for path in data_dir.iterdir() if data_dir is not None else ():
                _give_to_its_folders_owner(path)
            yield f"{count} states are back, and the ledger of {len(rows)} gateways"


def _ledger_of(row: dict[str, Any]) -> GatewayLedger:
    pairs = {name: tuple((int(first), int(last)) for first, last in row[name]) for name in ("gaps", "ranges")}
    return GatewayLedger(**{**row, **pairs})


def _unpacked(source: Path, folder: Path) -> dict[str, Any]:
    """The manifest. Raises UserError where a file is missing or is not what it was."""
    try:
        with tarfile.open(source) as tar:
            tar.extractall(folder, filter="data")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        for name, known in manifest["files"].items():
            if Path(name).name != name or _digest(folder / name) != known["sha256"]:
                raise UserError(f"{source}: {name} is not what it was when the backup was made. Take another backup.")
        if manifest["layout"] > LAYOUT:
            raise UserError(
                f"{source}: made by version {manifest['version']}, which this one cannot read: install that first."
            )
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{source}: is no backup of Vrijloop, or not a whole one ({error}).") from error
    return manifest


def _give_to_its_folders_owner(path: Path) -> None:
    """Restored by root, a file must still be the service's."""
    if os.getuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def _put_aside(path: Path) -> None:
    """What stands there, with its write-ahead log, so that it can be had back."""
    for one in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if one.exists():
            one.replace(one.with_name(f"before-restore-{one.name}"))


def _copy_sqlite(source: Path, target: Path) -> None:
    """As it stands at one moment, also while somebody writes."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as held,
        closing(sqlite3.connect(target)) as copy,
    ):
        held.backup(copy)


def _platform_url(database: str) -> URL:
    try:
        url = make_url(database)
    except ArgumentError:
        raise UserError(
            "the platform's database: write sqlite:///file.sqlite or postgresql+psycopg://user@host/name."
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql") or not url.database:
        raise UserError("the platform's database: write sqlite:///file.sqlite or postgresql+psycopg://user@host/name.")
    return url


def _dump_platform(url: URL, folder: Path) -> None:
    if url.get_backend_name() == "sqlite":
        if not Path(str(url.database)).exists():
            raise UserError(f"{url.database}: there is no such database.")
        _copy_sqlite(Path(str(url.database)), folder / PLATFORM_SQLITE)
    else:
        _run("pg_dump", url, "--format=custom", f"--file={folder / PLATFORM_DUMP}")


def _restore_platform(url: URL, folder: Path, over: bool) -> str:
    if url.get_backend_name() == "sqlite":
        target, held = Path(str(url.database)), folder / PLATFORM_SQLITE
        if not held.exists():
            raise UserError("this backup holds no platform on SQLite.")
        if target.exists() and not over:
            raise UserError(f"{target} stands there already: --over replaces it, and keeps it beside.")
        _put_aside(target)
        shutil.copyfile(held, target)
        target.chmod(0o600)
        _give_to_its_folders_owner(target)
    else:
        if not (folder / PLATFORM_DUMP).exists():
            raise UserError("this backup holds no platform on PostgreSQL.")
        clean = ["--clean", "--if-exists"] if over else []
        _run(
            "pg_restore",
            url,
            "--no-owner",
            "--exit-on-error",
            "--single-transaction",
            *clean,
            str(folder / PLATFORM_DUMP),
        )
    return "the platform's database is back"


def _run(program: str, url: URL, *arguments: str) -> None:
    """PostgreSQL's own tools. The password goes by the environment, where no list of processes shows it."""
    path = shutil.which(program)
    if path is None:
        raise UserError(f"{program} is not installed: apt-get install postgresql-client.")
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": url.password} if url.password else {})
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own tool, with arguments of ours
        [path, f"--dbname={plain}", *arguments], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise UserError(f"{program}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else 'it failed'}.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
