"""Backs up everything that a server or a platform must not lose into one file, and restores it.

backup.tar: manifest.json, states.parquet, ledger.json, publications.sqlite, publisher.sqlite, quarantine.sqlite, people.sqlite,
            comparison.sqlite, platform.sqlite or platform.pgdump
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

from analytics.api.people import PEOPLE_FILE
from analytics.comparison.ledger import LEDGER_FILE
from stores import GatewayLedger, StateStore, StoreUnavailableError
from stores.transfer import export_records, import_records, portions
from telemetry import UserError, rfc3339
from telemetry.message import EARLIEST
from telemetry.version import __version__

MANIFEST, STATES, LEDGER = "manifest.json", "states.parquet", "ledger.json"
SQLITE_FILES = ("publications.sqlite", "publisher.sqlite", "quarantine.sqlite", PEOPLE_FILE, LEDGER_FILE)
PLATFORM_SQLITE, PLATFORM_DUMP = "platform.sqlite", "platform.pgdump"
_FILES = frozenset({MANIFEST, STATES, LEDGER, *SQLITE_FILES, PLATFORM_SQLITE, PLATFORM_DUMP})
LAYOUT = 1

Progress = Callable[[int, int], None]


def no_progress(_: int, __: int) -> None:
    """Ignores progress."""


def back_up(
    target: Path,
    now: datetime,
    store: StateStore | None,
    data_dir: Path | None,
    database: str | None,
    progress: Progress = no_progress,
) -> int:
    """Write `target`, readable by its owner only. It is replaced in one step, once complete. Servers may run
    meanwhile. Returns the number of states. Raises UserError or StoreUnavailableError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".vrijloop-backup-", dir=target.parent) as name:
            folder, count = Path(name), 0
            if store is not None:
                chosen = portions(store, None, [], EARLIEST, datetime.max.replace(tzinfo=UTC), progress)
                count = export_records(chosen, folder / STATES)
                # After the states: then every number in the ledger has its state in the backup, unless the state was
                # sent again.
                (folder / LEDGER).write_text(json.dumps([asdict(entry) for entry in store.ledger()]))
            for file_name in SQLITE_FILES if data_dir is not None else ():
                if data_dir is not None and (data_dir / file_name).exists():
                    _copy_sqlite(data_dir / file_name, folder / file_name)
            if database is not None:
                _dump_platform(_platform_url(database), folder)
            files = sorted(folder.iterdir())
            manifest = {
                "layout": LAYOUT, "version": __version__, "made": rfc3339(now), "states": count,
                "files": {file.name: {"bytes": file.stat().st_size, "sha256": _digest(file)} for file in files},
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
            f"{target}: the backup could not be written ({error}). The previous file is unchanged."
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
    """Restore the requested parts; yields what was done. Idempotent. `over`: replace what exists; existing files are
    kept under another name. If the backup is damaged, raises UserError before anything is changed."""
    # Beside the backup, where there is room for it: a container's /tmp is in memory.
    beside = source.parent if os.access(source.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".vrijloop-restore-", dir=beside) as name:
        folder = Path(name)
        manifest, ledger = _unpack(source, folder)
        yield f"the backup of {manifest['made']} (version {manifest['version']}) is complete"
        if database is not None:
            yield _restore_platform(_platform_url(database), folder, over)
        if data_dir is not None:
            if not over and (standing := [file_name for file_name in SQLITE_FILES if (data_dir / file_name).exists()]):
                raise UserError(
                    f"{data_dir / standing[0]} exists already: --over replaces it and keeps it under another name."
                )
            data_dir.mkdir(parents=True, exist_ok=True)
            for file_name in SQLITE_FILES:
                if (folder / file_name).exists():
                    _move_aside(data_dir / file_name)
                    shutil.copyfile(folder / file_name, data_dir / file_name)
                    (data_dir / file_name).chmod(0o600)
                    _match_owner_of_folder(data_dir / file_name)
                    yield f"{file_name} is restored"
        if store is not None and (folder / STATES).exists():
            try:
                done = import_records(store, folder / STATES, progress)
                store.restore_ledger(ledger)
            except StoreUnavailableError as error:
                raise UserError(f"{error}. Repeat the command; it continues safely.") from error
            for path in data_dir.iterdir() if data_dir is not None else ():
                _match_owner_of_folder(path)
            yield f"{done.records} states and the ledger of {len(ledger)} gateways are restored"
            yield from done.sentences


def _ledger_of(row: dict[str, Any]) -> GatewayLedger:
    given: dict[str, Any] = {
        name: tuple((int(first), int(last)) for first, last in value)
        if name in ("gaps", "ranges")
        else (str if name in ("factory", "gateway") else int)(value)
        for name, value in row.items()
    }
    return GatewayLedger(**given)


def _unpack(source: Path, folder: Path) -> tuple[dict[str, str], list[GatewayLedger]]:
    """Unpack the backup; returns when and by which version it was made, and its ledger. Raises UserError if a file is missing, damaged, or none of a backup."""
    try:
        with tarfile.open(source, "r:") as tar:  # never packed: a packed one could be of any size
            _extract(tar, folder)
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        present = {file.name for file in folder.iterdir()} - {MANIFEST}
        for name in sorted(present | manifest["files"].keys()):
            if name not in present or _digest(folder / name) != manifest["files"].get(name, {}).get("sha256"):
                raise UserError(f"{source}: {name} has changed since the backup was made. Use another backup.")
        if manifest["layout"] > LAYOUT:
            raise UserError(
                f"{source}: made by version {manifest['version']}, which this version cannot read; install that version first."
            )
        said = {name: str(manifest[name]) for name in ("made", "version")}
        ledger = [_ledger_of(row) for row in json.loads((folder / LEDGER).read_text())] if LEDGER in present else []
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{source}: is not a Vrijloop backup, or is incomplete ({error}).") from error
    return said, ledger


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack the files that a backup has, and nothing else: no folders, no links, none with holes, which could be of any size. Raises ValueError."""
    for member in tar:
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        content = tar.extractfile(member) if plain else None
        if member.name not in _FILES or content is None:
            raise ValueError(f"{member.name!r:.100} does not belong in it")
        # Not with `tar.extract`: its filter came with Python 3.11.4, and Debian 12 has 3.11.2.
        with content, (folder / member.name).open("xb") as file:
            shutil.copyfileobj(content, file)


def _match_owner_of_folder(path: Path) -> None:
    """When run by root, give the file to the owner of its folder, so that the service can use it."""
    if os.getuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def _move_aside(path: Path) -> None:
    """Rename a file and its write-ahead log, so that they can be recovered."""
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if file.exists():
            file.replace(file.with_name(f"before-restore-{file.name}"))


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database consistently, even while it is being written."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as database,
        closing(sqlite3.connect(target)) as copy,
    ):
        database.backup(copy)


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


def folder_of_platform(database: str) -> Path | None:
    """Where a platform's SQLite file lies; None for PostgreSQL. Raises UserError."""
    url = _platform_url(database)
    return Path(str(url.database)).resolve().parent if url.get_backend_name() == "sqlite" else None


def _dump_platform(url: URL, folder: Path) -> None:
    if url.get_backend_name() == "sqlite":
        if not Path(str(url.database)).exists():
            raise UserError(f"{url.database}: no such database.")
        _copy_sqlite(Path(str(url.database)), folder / PLATFORM_SQLITE)
    else:
        _run("pg_dump", url, "--format=custom", f"--file={folder / PLATFORM_DUMP}")


def _restore_platform(url: URL, folder: Path, over: bool) -> str:
    if url.get_backend_name() == "sqlite":
        target, saved = Path(str(url.database)), folder / PLATFORM_SQLITE
        if not saved.exists():
            raise UserError("this backup contains no platform database of SQLite.")
        if target.exists() and not over:
            raise UserError(f"{target} exists already: --over replaces it and keeps it under another name.")
        _move_aside(target)
        shutil.copyfile(saved, target)
        target.chmod(0o600)
        _match_owner_of_folder(target)
    else:
        if not (folder / PLATFORM_DUMP).exists():
            raise UserError("this backup contains no platform database of PostgreSQL.")
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
    return "the platform's database is restored"


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's own tools. The password is passed in the environment, because arguments are visible to
    other users."""
    path = shutil.which(program)
    if path is None:
        raise UserError(f"{program} is not installed; install it with apt-get install postgresql-client.")
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
