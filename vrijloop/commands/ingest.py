"""`vrijloop ingest …`: what was set aside, and whether anything is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from telemetry import UnavailableError, UserError, load_settings, rfc3339
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption

app = typer.Typer(help="Messages in quarantine, and gaps in what has arrived.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Messages that could not be taken.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")

IdsArgument = Annotated[list[int] | None, typer.Argument(help="Numbers, as `list` shows them.")]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]

_TIMEOUT_S = 10.0


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="The worker's TOML configuration.")] = Path(
        "ingest.toml"
    ),
    name: Annotated[str, typer.Option(help="This worker's name: its session at the broker and its series.")] = "1",
    retire: Annotated[
        bool, typer.Option("--retire", help="Take what the broker still has for it, then leave for good.")
    ] = False,
) -> None:
    """Run an ingest worker of its own, beside a server with `ingest = false`; several share the load (MQTT 5, InfluxDB)."""
    from vrijloop.ingest_worker import run_worker

    run_worker(config, name, retire)


@quarantine_app.command("list")
def list_messages(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """Each message with when it came, its topic and why it was refused."""
    with _quarantine(config) as quarantine:
        rows = [_row(one) for one in quarantine.messages()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("Number", "Received", "Topic", "Bytes", "Reason")
    for row in rows:
        table.add_row(str(row["id"]), row["received"], row["topic"], str(row["bytes"]), row["reason"])
    Console().print(table if rows else "The quarantine is empty.")


@quarantine_app.command()
def show(
    number: Annotated[int, typer.Argument(help="As `list` shows it.")], config: ServerConfigOption = SERVER_CONFIG
) -> None:
    """One message as it came."""
    with _quarantine(config) as quarantine:
        message = next((one for one in quarantine.messages() if one.id == number), None)
    if message is None:
        raise UserError(f"there is no message {number} in quarantine.")
    print(f"{rfc3339(message.received)}  {message.topic}\n{message.reason}\n")
    print(message.payload.decode("utf-8", "backslashreplace"))


@quarantine_app.command()
def retry(numbers: IdsArgument = None, every: AllOption = False, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Send messages to the broker again, as they came; what is refused again comes back here."""
    import paho.mqtt.publish as mqtt_publish
    from paho.mqtt.client import MQTTv5, MQTTv311

    from ingest.quarantine import MAX_KEPT_BYTES
    from vrijloop.server_settings import ServerSettings

    settings = load_settings(config, ServerSettings).mqtt
    with _quarantine(config) as quarantine:
        chosen = _chosen(quarantine.messages(), numbers, every)
        cut = [one.id for one in chosen if len(one.payload) >= MAX_KEPT_BYTES]
        if cut:
            raise UserError(
                f"of {', '.join(map(str, cut))} only the first {MAX_KEPT_BYTES} bytes were kept: they cannot be sent."
            )
        log_in: Any = {"username": settings.username, "password": settings.password()} if settings.username else None
        context: Any = settings.tls_context()
        try:
            mqtt_publish.multiple(
                [(one.topic, one.payload, 1, False) for one in chosen],
                hostname=settings.host,
                port=settings.port,
                client_id="vrijloop-ingest-retry",
                auth=log_in,
                tls=context,
                protocol=MQTTv5 if settings.protocol == "5" else MQTTv311,
            )
        except OSError as error:
            raise UnavailableError(f"MQTT broker {settings.address}: no connection ({error}).") from error
        quarantine.drop([one.id for one in chosen])
    print(f"{len(chosen)} messages were sent again.")


@quarantine_app.command()
def drop(numbers: IdsArgument = None, every: AllOption = False, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Throw messages away."""
    with _quarantine(config) as quarantine:
        chosen = _chosen(quarantine.messages(), numbers, every)
        quarantine.drop([one.id for one in chosen])
    print(f"{len(chosen)} messages were dropped.")


@app.command()
def gaps(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """Is anything missing? Per gateway what is stored and which numbers never came; exit code 1 where some did not."""
    import httpx2

    from vrijloop.server_client import request
    from vrijloop.server_settings import ServerSettings

    settings = load_settings(config, ServerSettings)
    try:
        answer = request(settings, "GET", "/api/v1/status", _TIMEOUT_S)
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise UnavailableError(f"the server at {settings.host}:{settings.port} does not answer ({error}).") from error
    gateways = answer.json()["gateways"]
    if as_json:
        print(json.dumps(gateways, indent=2))
    else:
        table = Table("Factory", "Gateway", "Stored", "Missing", "Numbers that never came")
        for one in gateways:
            ranges = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in one["gaps"][:10])
            table.add_row(one["factory"], one["gateway"], str(one["stored"]), str(one["missing"]), ranges)
        Console().print(table if gateways else "Nothing has arrived yet.")
    if any(one["missing"] for one in gateways):
        raise typer.Exit(1)


def _quarantine(config: Path) -> Any:
    from contextlib import closing

    from ingest.quarantine import Quarantine
    from vrijloop.server_settings import QUARANTINE_FILE, ServerSettings

    path = load_settings(config, ServerSettings).data_dir / QUARANTINE_FILE
    if not path.exists():
        raise UserError(f"{path}: there is no quarantine; has the server run with this configuration?")
    return closing(Quarantine(path))


def _chosen(messages: list[Any], numbers: list[int] | None, every: bool) -> list[Any]:
    if every == bool(numbers):
        raise UserError("give the numbers of messages, or --all.")
    unknown = sorted(set(numbers or []) - {one.id for one in messages})
    if unknown:
        raise UserError(f"there is no message {', '.join(map(str, unknown))} in quarantine.")
    return [one for one in messages if every or one.id in (numbers or [])]


def _row(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "received": rfc3339(message.received),
        "topic": message.topic,
        "bytes": len(message.payload),
        "reason": message.reason,
    }
