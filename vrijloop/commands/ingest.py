"""`vrijloop ingest …`: ingest workers, messages in quarantine, and gaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from telemetry import UnavailableError, UserError, load_settings, rfc3339
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption

app = typer.Typer(help="Ingest workers, messages in quarantine, and gaps.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Messages that ingest has refused.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")

IdsArgument = Annotated[list[int] | None, typer.Argument(help="Numbers, as shown by `list`.")]
AllOption = Annotated[bool, typer.Option("--all", help="All messages.")]

_TIMEOUT_S = 10.0


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="The worker's TOML configuration.")] = Path(
        "ingest.toml"
    ),
    name: Annotated[
        str, typer.Option(help="Name of the worker, used for its session at the broker and its series in the store.")
    ] = "1",
    retire: Annotated[
        bool,
        typer.Option(
            "--retire", help="Process the messages still queued for this worker, then end its session for good."
        ),
    ] = False,
) -> None:
    """Run a separate ingest worker beside a server with `ingest = false`. Several workers share the load (MQTT 5,
    InfluxDB)."""
    from vrijloop.ingest_worker import run_worker

    run_worker(config, name, retire)


@quarantine_app.command("list")
def list_messages(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """List the messages with the time they arrived, their topic, and why they were refused."""
    with _quarantine(config) as quarantine:
        rows = [_row(message) for message in quarantine.messages()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("Number", "Received", "Topic", "Bytes", "Reason")
    for row in rows:
        table.add_row(str(row["id"]), row["received"], row["topic"], str(row["bytes"]), row["reason"])
    Console().print(table if rows else "The quarantine is empty.")


@quarantine_app.command()
def show(
    number: Annotated[int, typer.Argument(help="Number, as shown by `list`.")],
    config: ServerConfigOption = SERVER_CONFIG,
) -> None:
    """Show one message as it arrived."""
    with _quarantine(config) as quarantine:
        message = next((message for message in quarantine.messages() if message.id == number), None)
    if message is None:
        raise UserError(f"there is no message {number} in quarantine.")
    print(f"{rfc3339(message.received)}  {message.topic}\n{message.reason}\n")
    print(message.payload.decode("utf-8", "backslashreplace"))


@quarantine_app.command()
def retry(numbers: IdsArgument = None, every: AllOption = False, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Publish messages again, unchanged. A message that is refused again returns to the quarantine."""
    from ingest.quarantine import MAX_KEPT_BYTES, MAX_KEPT_CHARACTERS
    from telemetry.broker_client import publish_messages
    from vrijloop.server_settings import ServerSettings

    settings = load_settings(config, ServerSettings).mqtt
    with _quarantine(config) as quarantine:
        chosen = _select(quarantine.messages(), numbers, every)
        cut = [
            message.id
            for message in chosen
            if not 0 < len(message.topic) < MAX_KEPT_CHARACTERS or len(message.payload) >= MAX_KEPT_BYTES
        ]
        if cut:
            raise UserError(
                f"messages {', '.join(map(str, cut))} cannot be sent: topic or payload is too long and was not stored whole, or the topic is no text."
            )
        try:
            publish_messages(
                settings, "vrijloop-ingest-retry", [(message.topic, message.payload) for message in chosen]
            )
        except OSError as error:
            raise UnavailableError(f"MQTT broker {settings.address}: no connection ({error}).") from error
        quarantine.drop([message.id for message in chosen])
    print(f"{len(chosen)} messages were sent again.")


@quarantine_app.command()
def drop(numbers: IdsArgument = None, every: AllOption = False, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Delete messages."""
    with _quarantine(config) as quarantine:
        chosen = _select(quarantine.messages(), numbers, every)
        quarantine.drop([message.id for message in chosen])
    print(f"{len(chosen)} messages were deleted.")


@app.command()
def gaps(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """Show, per gateway, the number of stored reports and the sequence numbers that are missing. Exit code 1 if any
    are missing."""
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
        table = Table("Factory", "Gateway", "Stored", "Missing", "Missing numbers")
        for gateway in gateways:
            ranges = ", ".join(
                f"{first}-{last}" if last > first else str(first) for first, last in gateway["gaps"][:10]
            )
            table.add_row(
                gateway["factory"], gateway["gateway"], str(gateway["stored"]), str(gateway["missing"]), ranges
            )
        Console().print(table if gateways else "No reports have arrived yet.")
    if any(gateway["missing"] for gateway in gateways):
        raise typer.Exit(1)


def _quarantine(config: Path) -> Any:
    from contextlib import closing

    from ingest.quarantine import Quarantine
    from vrijloop.server_settings import QUARANTINE_FILE, ServerSettings

    path = load_settings(config, ServerSettings).data_dir / QUARANTINE_FILE
    if not path.exists():
        raise UserError(f"{path}: there is no quarantine; has the server run with this configuration?")
    return closing(Quarantine(path))


def _select(messages: list[Any], numbers: list[int] | None, every: bool) -> list[Any]:
    if every == bool(numbers):
        raise UserError("give the numbers of messages, or --all.")
    unknown = sorted(set(numbers or []) - {message.id for message in messages})
    if unknown:
        raise UserError(f"there is no message {', '.join(map(str, unknown))} in quarantine.")
    return [message for message in messages if every or message.id in (numbers or [])]


def _row(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "received": rfc3339(message.received),
        "topic": message.topic,
        "bytes": len(message.payload),
        "reason": message.reason,
    }
