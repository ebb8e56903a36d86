"""`vrijloop backup` and `vrijloop restore`."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from telemetry import SystemClock, UserError, load_settings
from vrijloop.commands.options import progress_bar

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The server's configuration: its states and memory.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--platform-database", envvar="VRIJLOOP_PLATFORM_DATABASE", help="The platform's database, a SQLAlchemy URL."
    ),
]


def backup(
    file: Annotated[Path, typer.Argument(help="Where the backup goes: a tar file.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
) -> None:
    """Everything that must not be lost, in one file: of a server, of a platform, or of both. They may run meanwhile."""
    from stores import StoreUnavailableError
    from stores.configuration import open_store
    from vrijloop.operations.backup import back_up
    from vrijloop.server_client import ask_running
    from vrijloop.server_settings import ServerSettings

    _something(config, database)
    clock = SystemClock()
    if config is None:
        back_up(file, clock.now(), None, None, database)
    else:
        settings = load_settings(config, ServerSettings)
        if settings.store.kind == "duckdb" and (made := ask_running(settings, "POST", "/api/v1/backup")) is not None:
            # One process may open DuckDB: the server makes its own part.
            if database is not None:
                raise UserError("while the server runs, back up the platform with a command of its own: leave out -c.")
            shutil.move(made["file"], file)
        else:
            with (
                closing(open_store(settings.store, settings.data_dir, clock)) as store,
                progress_bar("machines") as report,
            ):
                try:
                    back_up(file, clock.now(), store, settings.data_dir, database, report)
                except StoreUnavailableError as error:
                    raise UserError(str(error)) from error
    print(
        f"{file}: {file.stat().st_size / 1e6:.1f} MB. Keep it on another machine; try `vrijloop restore` once a year."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="What `vrijloop backup` wrote.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    over: Annotated[bool, typer.Option("--over", help="Also where something stands already.")] = False,
) -> None:
    """Bring a backup back. The server, or the platform, must not run meanwhile. Repeating it is harmless."""
    from stores.configuration import open_store
    from vrijloop.operations.backup import restore as bring_back
    from vrijloop.server_client import ask_running
    from vrijloop.server_settings import ServerSettings

    _something(config, database)
    if config is None:
        for said in bring_back(file, None, None, database, over):
            print(f"{said}.")
        return
    settings = load_settings(config, ServerSettings)
    if ask_running(settings, "GET", "/api/v1/status") is not None:
        raise UserError(f"the server at {settings.host}:{settings.port} runs: stop it first.")
    with (
        closing(open_store(settings.store, settings.data_dir, SystemClock())) as store,
        progress_bar("bytes") as report,
    ):
        if store.factories() and not over:
            raise UserError(
                "the store is not empty: --over adds the backup to what is there; the newer report of each moment counts."
            )
        for said in bring_back(file, store, settings.data_dir, database, over, report):
            print(f"{said}.")


def _something(config: Path | None, database: str | None) -> None:
    if config is None and database is None:
        raise UserError("say what: -c server.toml for a server, --platform-database URL for a platform, or both.")
