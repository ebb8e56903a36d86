"""`vrijloop backup` and `vrijloop restore`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from telemetry import SystemClock, UserError, load_settings
from vrijloop.commands.opened_store import opened_store
from vrijloop.commands.options import progress_bar

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
) -> None:
    """Back up a server, a platform or both into one file, while they run."""
    from vrijloop.operations.backup import back_up
    from vrijloop.server_client import request_json
    from vrijloop.server_settings import ServerSettings

    _require_target(config, database)
    clock = SystemClock()
    if config is None:
        back_up(file, clock.now(), None, None, database)
    else:
        settings = load_settings(config, ServerSettings)
        if settings.store.kind == "duckdb" and (made := request_json(settings, "POST", "/api/v1/backup")) is not None:
            # Only one process can open DuckDB, so the running server writes the backup.
            if database is not None:
                raise UserError("while the server runs, back up the platform with a separate command, without -c.")
            shutil.move(made["file"], file)
        else:
            with opened_store(settings) as store, progress_bar("machines") as report:
                back_up(file, clock.now(), store, settings.data_dir, database, report)
    print(
        f"{file}: {file.stat().st_size / 1e6:.1f} MB. Keep it on another machine; try `vrijloop restore` once a year."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="A file written by `vrijloop backup`.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    over: Annotated[bool, typer.Option("--over", help="Restore even where data exists already.")] = False,
) -> None:
    """Restore a backup. The server and the platform must not run meanwhile. The command can be repeated."""
    from vrijloop.operations.backup import restore as restore_backup
    from vrijloop.server_client import request_json
    from vrijloop.server_settings import ServerSettings

    _require_target(config, database)
    if config is None:
        for step in restore_backup(file, None, None, database, over):
            print(f"{step}.")
        return
    settings = load_settings(config, ServerSettings)
    if request_json(settings, "GET", "/api/v1/status") is not None:
        raise UserError(f"the server at {settings.host}:{settings.port} is running; stop it first.")
    with opened_store(settings) as store, progress_bar("bytes") as report:
        if store.factories() and not over:
            raise UserError(
                "the store is not empty: --over adds the backup to its contents; where reports conflict, the newer one is kept."
            )
        for step in restore_backup(file, store, settings.data_dir, database, over, report):
            print(f"{step}.")


def _require_target(config: Path | None, database: str | None) -> None:
    if config is None and database is None:
        raise UserError(
            "name what to process: -c server.toml for a server, --platform-database URL for a platform, or both."
        )
