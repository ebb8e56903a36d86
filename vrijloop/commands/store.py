"""`vrijloop store …`: set up, export, import, move, and delete machines."""

from __future__ import annotations

import json
import os
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry import UserError, load_settings
from vrijloop.commands.opened_store import opened_store
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption, parse_moment, progress_bar

if TYPE_CHECKING:
    from stores.influxdb_setup import Tokens
    from vrijloop.server_settings import ServerSettings

app = typer.Typer(help="Set up the store; export, import and move its data; delete machines.", no_args_is_help=True)

FIRST, LAST = "2000-01-01", "2200-01-01"


@app.command()
def init(
    config: ServerConfigOption = SERVER_CONFIG,
    reader_token: Annotated[
        Path | None,
        typer.Option(
            help="Also write a read-only token for Grafana to this file, which every user of the machine can read."
        ),
    ] = None,
    new_tokens: Annotated[
        bool, typer.Option("--new-tokens", help="Replace the tokens in the files; the old ones remain valid.")
    ] = False,
    end_old_tokens: Annotated[
        bool,
        typer.Option(
            "--end-old-tokens",
            help="End all tokens for the bucket but those in the files; without --reader-token Grafana's, too.",
        ),
    ] = False,
) -> None:
    """Set up the store: DuckDB's file, or InfluxDB's bucket with its retention and a token."""
    from stores.configuration import read_secret
    from stores.influxdb_setup import set_up

    settings = _settings(config)
    table, tokens = settings.store, _tokens(new_tokens, end_old_tokens)
    if table.kind == "influxdb" and table.url is not None and table.token_file is not None:
        admin_token = os.environ.get("INFLUXDB_ADMIN_TOKEN")
        if admin_token is None and "INFLUXDB_ADMIN_TOKEN_FILE" in os.environ:
            admin_token = read_secret(Path(os.environ["INFLUXDB_ADMIN_TOKEN_FILE"]), "InfluxDB admin token")
        for sentence in set_up(
            table.url, table.org, table.bucket, table.keep, table.token_file, admin_token, reader_token, tokens
        ):
            print(f"{sentence}.")
    with opened_store(settings) as store:
        factories = store.factories()
    print(f"The store is ready; it contains {', '.join(factories) or 'nothing yet'}.")


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="File to write; its name must end in .parquet or .csv.")],
    config: ServerConfigOption = SERVER_CONFIG,
    factory: Annotated[str | None, typer.Option(help="A factory. Default: all.")] = None,
    machine: Annotated[list[str] | None, typer.Option(help="A machine; may be repeated. Default: all.")] = None,
    start: Annotated[str, typer.Option(help="Earliest `since`, ISO 8601.")] = FIRST,
    end: Annotated[str, typer.Option(help="Time before which `since` must lie, ISO 8601.")] = LAST,
    as_json: JsonOption = False,
) -> None:
    """Export states to a Parquet or CSV file."""
    from stores.transfer import export_records, portions

    with opened_store(_settings(config)) as store, progress_bar("machines") as report:
        chosen = portions(
            store, factory, machine or [], parse_moment(start, zone=UTC), parse_moment(end, zone=UTC), report
        )
        count = export_records(chosen, file)
    print(json.dumps({"file": str(file), "records": count}) if as_json else f"{count} records are in {file}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file written by `export`.")],
    config: ServerConfigOption = SERVER_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Import states from a Parquet or CSV file. States that are already stored are not duplicated."""
    from stores.transfer import import_records

    with opened_store(_settings(config)) as store, progress_bar("bytes") as report:
        done = import_records(store, file, report)
    if as_json:
        print(json.dumps({"file": str(file), **done._asdict()}))
        return
    for sentence in (f"{done.records} records were imported", *done.sentences):
        print(f"{sentence}.")


@app.command()
def move(
    source: Annotated[Path, typer.Argument(help="Configuration of the server whose store is copied.")],
    target: Annotated[Path, typer.Argument(help="Configuration of the server whose store is filled.")],
    as_json: JsonOption = False,
) -> None:
    """Copy everything from one store to another, for instance from DuckDB to InfluxDB. The source is not changed."""
    from stores.transfer import copy_store

    with (
        opened_store(_settings(source)) as old,
        opened_store(_settings(target)) as new,
        progress_bar("machines") as report,
    ):
        done = copy_store(old, new, report)
    if as_json:
        print(json.dumps(done._asdict()))
        return
    for sentence in (f"{done.records} records and the ledger were copied to the new store", *done.sentences):
        print(f"{sentence}.")


@app.command()
def forget(
    factory: Annotated[str, typer.Argument(help="The machine's factory.")],
    machine: Annotated[str, typer.Argument(help="The machine.")],
    config: ServerConfigOption = SERVER_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete everything stored about a machine."""
    with opened_store(_settings(config)) as store:
        if machine not in {state.machine for state in store.latest(factory)}:
            raise UserError(f"nothing is stored about {factory}/{machine}.")
        if not yes:
            typer.confirm(f"Delete everything stored about {factory}/{machine}? This cannot be undone", abort=True)
        store.delete_machine(factory, machine)
    print(f"Everything stored about {factory}/{machine} was deleted.")


def _tokens(new: bool, end_old: bool) -> Tokens:
    if new and end_old:
        raise UserError("--new-tokens comes first, and --end-old-tokens once all services use the new ones.")
    return "new" if new else "end-old" if end_old else "keep"


def _settings(config: Path) -> ServerSettings:
    from vrijloop.server_settings import ServerSettings

    return load_settings(config, ServerSettings)
