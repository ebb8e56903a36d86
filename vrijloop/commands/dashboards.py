"""`vrijloop dashboards …`: write the dashboards to files, or push them to a running Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telemetry import UserError
from vrijloop.commands.options import check_zone

app = typer.Typer(help="Grafana: dashboards in Dutch and English, data source, alert rules.", no_args_is_help=True)

ZoneOption = Annotated[str, typer.Option(help="The factory's time zone, which determines days and weeks.")]


@app.command()
def write(
    folder: Annotated[Path, typer.Argument(help="Folder to write the files to.")] = Path("dashboards/json"),
    zone: ZoneOption = "Europe/Brussels",
) -> None:
    """Write the files for Grafana's provisioning."""
    from dashboards.build import write_dashboards

    for path in write_dashboards(folder, check_zone(zone)):
        print(path)


@app.command()
def push(
    url: Annotated[str, typer.Argument(help="Grafana's address, such as http://127.0.0.1:3000.")],
    token_file: Annotated[Path, typer.Option(help="File with the token of a Grafana service account, role Admin.")],
    language: Annotated[str, typer.Option(help="Language of the dashboards: nl or en.")] = "nl",
    zone: ZoneOption = "Europe/Brussels",
    influxdb_url: Annotated[
        str | None, typer.Option(help="URL at which Grafana reaches InfluxDB; creates the data source.")
    ] = None,
    influxdb_bucket: Annotated[str, typer.Option()] = "vrijloop",
    influxdb_token_file: Annotated[
        Path | None, typer.Option(help="File with a token that may read the bucket.")
    ] = None,
) -> None:
    """Update a running Grafana: folder, data source, dashboards and alert rules."""
    from dashboards.push import InfluxSource
    from dashboards.push import push as push_all
    from dashboards.texts import LANGUAGES
    from stores.configuration import read_secret

    if language not in LANGUAGES:
        raise UserError(f"--language {language!r} is not one of {', '.join(LANGUAGES)}.")
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url!r} is not a URL; write for instance http://127.0.0.1:3000.")
    source = None
    if influxdb_url is not None:
        if influxdb_token_file is None:
            raise UserError("--influxdb-url needs --influxdb-token-file.")
        source = InfluxSource(influxdb_url, influxdb_bucket, read_secret(influxdb_token_file, "InfluxDB token"))
    token = read_secret(token_file, "Grafana token")
    for done in push_all(url, token, language, check_zone(zone), source):
        print(f"{done}: up to date")
