"""`vrijloop backup`, `vrijloop restore` and `vrijloop backup-key`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry import SystemClock, UserError, load_settings
from vrijloop.commands.opened_store import opened_store
from vrijloop.commands.options import progress_bar

if TYPE_CHECKING:
    from vrijloop.server_settings import ServerSettings

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration of the server to back up or restore.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--platform-database", envvar="VRIJLOOP_PLATFORM_DATABASE", help="The platform's database, a SQLAlchemy URL."
    ),
]


def backup(
    file: Annotated[Path, typer.Argument(help="The tar file to write.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            envvar="VRIJLOOP_BACKUP_RECIPIENTS",
            help="Encrypt it, so that only the private key that belongs to this public key (age1…) opens it; may be repeated. Default: `backup_recipients` of the server.",
        ),
    ] = None,
) -> None:
    """Back up a server, a platform or both into one file, while they run."""
    from vrijloop.server_settings import ServerSettings

    _require_target(config, database)
    settings = load_settings(config, ServerSettings) if config is not None else None
    recipients = recipient or (list(settings.backup_recipients) if settings is not None else [])
    how = ""
    if recipients:
        from vrijloop.operations.encryption import keys_in_words

        _write_encrypted(file, settings, database, recipients)
        how = f", encrypted for {keys_in_words(len(recipients))}"
    else:
        _write(file, settings, database)
    print(
        f"{file}: {file.stat().st_size / 1e6:.1f} MB{how}. Keep it on another machine; try `vrijloop restore` once a year."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="A file written by `vrijloop backup`.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    over: Annotated[bool, typer.Option("--over", help="Restore even where data exists already.")] = False,
    identity: Annotated[
        Path | None, typer.Option(help="The file with the private key, for a backup that is encrypted.")
    ] = None,
) -> None:
    """Restore a backup. The server and the platform must not run meanwhile. The command can be repeated."""
    from vrijloop.operations.backup import restore as restore_backup
    from vrijloop.server_client import request_json
    from vrijloop.server_settings import ServerSettings

    _require_target(config, database)
    settings = load_settings(config, ServerSettings) if config is not None else None
    if settings is not None and request_json(settings, "GET", "/api/v1/status") is not None:
        raise UserError(f"the server at {settings.host}:{settings.port} is running; stop it first.")
    with _decrypted(file, identity, settings, database) as plain:
        if settings is None:
            for step in restore_backup(plain, None, None, database, over):
                print(f"{step}.")
            return
        with opened_store(settings) as store, progress_bar("bytes") as report:
            if store.factories() and not over:
                raise UserError(
                    "the store is not empty: --over adds the backup to its contents; where reports conflict, the newer one is kept."
                )
            for step in restore_backup(plain, store, settings.data_dir, database, over, report):
                print(f"{step}.")


def backup_key(file: Annotated[Path, typer.Argument(help="The file for the private key.")]) -> None:
    """Make a pair of keys for encrypted backups. Whoever has the private key can restore, and nobody else."""
    from vrijloop.operations.encryption import new_key

    print(new_key(file))
    print(
        f"This is the public key: write it under `backup_recipients` in server.toml, or give it to `vrijloop backup --recipient`.\n"
        f"Keep {file} twice, and neither on this server nor beside the backups: without it, no encrypted backup can be restored."
    )


def _write(file: Path, settings: ServerSettings | None, database: str | None) -> None:
    from vrijloop.operations.backup import back_up
    from vrijloop.server_client import request_json

    now = SystemClock().now()
    if settings is None:
        back_up(file, now, None, None, database)
    elif settings.store.kind == "duckdb" and (made := request_json(settings, "POST", "/api/v1/backup")) is not None:
        # Only one process can open DuckDB, so the running server writes the backup.
        if database is not None:
            raise UserError("while the server runs, back up the platform with a separate command, without -c.")
        shutil.move(made["file"], file)
    else:
        with opened_store(settings) as store, progress_bar("machines") as report:
            back_up(file, now, store, settings.data_dir, database, report)


def _write_encrypted(
    file: Path, settings: ServerSettings | None, database: str | None, recipients: Sequence[str]
) -> None:
    from vrijloop.operations.encryption import check_recipient, encrypt

    try:
        keys = [check_recipient(one) for one in recipients]
    except ValueError as error:
        raise UserError(f"{error}.") from None
    with _beside_the_data(settings, database) as folder:
        _write(folder / "backup.tar", settings, database)
        encrypt(folder / "backup.tar", file, keys)


@contextmanager
def _decrypted(
    file: Path, identity: Path | None, settings: ServerSettings | None, database: str | None
) -> Iterator[Path]:
    """The backup as it was before it was encrypted. Raises UserError."""
    from vrijloop.operations.encryption import decrypt, is_encrypted

    if not is_encrypted(file):
        yield file
        return
    if identity is None:
        raise UserError(f"{file} is encrypted: name the file with the private key (--identity).")
    with _beside_the_data(settings, database) as folder:
        decrypt(file, folder / "backup.tar", identity)
        yield folder / "backup.tar"


@contextmanager
def _beside_the_data(settings: ServerSettings | None, database: str | None) -> Iterator[Path]:
    """A folder for what is not encrypted, on the disk that has the same data anyway: never where backups are kept. The system's own where the data are on another computer."""
    from vrijloop.operations.backup import folder_of_platform

    data = settings.data_dir if settings is not None else folder_of_platform(database or "")
    while data is not None and not data.is_dir():
        data = data.parent
    if data is not None and not os.access(data, os.W_OK):
        data = None
    with tempfile.TemporaryDirectory(prefix=".vrijloop-backup-", dir=data) as name:
        yield Path(name)


def _require_target(config: Path | None, database: str | None) -> None:
    if config is None and database is None:
        raise UserError(
            "name what to process: -c server.toml for a server, --platform-database URL for a platform, or both."
        )
