"""`vrijloop store …`: set up, take out, bring in, move, forget. A factory's data is the factory's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry import SystemClock, UserError, load_settings
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption, parse_moment, progress_bar

if TYPE_CHECKING:
    from stores import StateStore
    from vrijloop.server_settings import ServerSettings

app = typer.Typer(help="Set up the store, take data out of it, bring data in, move it.", no_args_is_help=True)

FIRST, LAST = "2000-01-01", "2200-01-01"


@app.command()
def init(
    config: ServerConfigOption = SERVER_CONFIG,
    reader_token: Annotated[
        Path | None,
        typer.Option(
            help="Also a token that may only read, for Grafana; every user of the machine can read this file."
        ),
    ] = None,
) -> None:
    """Make the store ready: DuckDB's file, or InfluxDB's bucket, its retention and a token of its own."""
    from stores.configuration import open_store, read_secret
    from stores.influxdb_setup import set_up

    settings = _settings(config)
    table = settings.store
    if table.kind == "influxdb" and table.url is not None and table.token_file is not None:
        admin_token = os.environ.get("INFLUXDB_ADMIN_TOKEN")
        if admin_token is None and "INFLUXDB_ADMIN_TOKEN_FILE" in os.environ:
            admin_token = read_secret(Path(os.environ["INFLUXDB_ADMIN_TOKEN_FILE"]), "InfluxDB admin token")
        for sentence in set_up(
            table.url, table.org, table.bucket, table.keep, table.token_file, admin_token, reader_token
        ):
            print(f"{sentence}.")
    with closing(open_store(table, settings.data_dir, SystemClock())) as store:
        factories = store.factories()
    print(f"The store is ready; it holds {', '.join(factories) or 'nothing yet'}.")


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="A name that ends in .parquet or .csv.")],
    config: ServerConfigOption = SERVER_CONFIG,
    factory: Annotated[str | None, typer.Option(help="One factory; without it, all.")] = None,
    machine: Annotated[list[str] | None, typer.Option(help="A machine; may be repeated. Without it, all.")] = None,
    start: Annotated[str, typer.Option(help="First moment of `since`, ISO 8601.")] = FIRST,
    end: Annotated[str, typer.Option(help="Moment before which `since` lies, ISO 8601.")] = LAST,
    as_json: JsonOption = False,
) -> None:
    """Write states to a Parquet or CSV file."""
    from stores.transfer import export_records, portions

    with _opened(config) as store, progress_bar("machines") as report:
        chosen = portions(
            store, factory, machine or [], parse_moment(start, zone=UTC), parse_moment(end, zone=UTC), report
        )
        count = export_records(chosen, file)
    print(json.dumps({"file": str(file), "records": count}) if as_json else f"{count} records are in {file}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.")],
    config: ServerConfigOption = SERVER_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take states in from a Parquet or CSV file; what is there already is no trouble."""
    from stores.transfer import import_records

    with _opened(config) as store, progress_bar("bytes") as report:
        count = import_records(store, file, report)
    print(json.dumps({"file": str(file), "records": count}) if as_json else f"{count} records were taken in.")


@app.command()
def move(
    source: Annotated[Path, typer.Argument(help="The configuration with the store that is to be left.")],
    target: Annotated[Path, typer.Argument(help="The configuration with the store that comes next.")],
    as_json: JsonOption = False,
) -> None:
    """Bring everything from one store into another, for instance from DuckDB to InfluxDB. The old one stays as it is."""
    from stores.transfer import copy_store

    with _opened(source) as old, _opened(target) as new, progress_bar("machines") as report:
        count = copy_store(old, new, report)
    print(
        json.dumps({"records": count})
        if as_json
        else f"{count} records are in the new store, and the ledger with them."
    )


@app.command()
def forget(
    factory: Annotated[str, typer.Argument(help="The machine's factory.")],
    machine: Annotated[str, typer.Argument(help="The machine.")],
    config: ServerConfigOption = SERVER_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything that is stored of a machine."""
    with _opened(config) as store:
        if machine not in {one.machine for one in store.latest(factory)}:
            raise UserError(f"nothing is stored of {factory}/{machine}.")
        if not yes:
            typer.confirm(f"Delete everything of {factory}/{machine}? There is no way back", abort=True)
        store.delete_machine(factory, machine)
    print(f"Nothing is stored of {factory}/{machine} any more.")


def _settings(config: Path) -> ServerSettings:
    from vrijloop.server_settings import ServerSettings

    return load_settings(config, ServerSettings)


@contextmanager
def _opened(config: Path) -> Iterator[StateStore]:
    from stores import StoreUnavailableError
    from stores.configuration import open_store

    settings = _settings(config)
    with closing(open_store(settings.store, settings.data_dir, SystemClock())) as store:
        try:
            yield store
        except StoreUnavailableError as error:
            raise UserError(str(error)) from error
