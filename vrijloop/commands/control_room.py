"""`vrijloop control-room …`: persons who sign in to the control room with a token or a passkey of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from telemetry import SystemClock, UserError, load_settings, rfc3339
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption

if TYPE_CHECKING:
    from analytics.api.people import People

app = typer.Typer(
    help="Persons who sign in to the control room with a token or passkeys of their own, so that the log says who decided.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(help="The person's name, as the log and the control room show it.")]


@app.command("add")
def add_person(name: NameArgument, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Add a person. Prints their token, which cannot be shown again; once signed in with it, they can add passkeys. The server need not run."""
    with _people(config) as people:
        token = people.add(name, SystemClock().now())
    print("The token is shown only now; hand it over in a way that nobody else can read:", file=sys.stderr)
    print(token)


@app.command("list")
def list_people(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """List everybody who has a token of their own."""
    with _people(config) as people:
        found = [(person, len(people.passkeys_of(person.id))) for person in people.all()]
    if as_json:
        listed = [{"name": person.name, "added": rfc3339(person.added), "passkeys": count} for person, count in found]
        print(json.dumps(listed, indent=2))
        return
    table = Table("Name", "Added", "Passkeys")
    for person, count in found:
        table.add_row(Text(person.name), rfc3339(person.added)[:16].replace("T", " "), str(count))
    Console().print(table if found else "Nobody has a token of their own.")


@app.command("remove")
def remove_person(name: NameArgument, config: ServerConfigOption = SERVER_CONFIG) -> None:
    """Remove a person. Their token, passkeys and open pages no longer work, at once."""
    with _people(config) as people:
        if not people.remove(name):
            raise UserError(f"there is nobody named {name!r}; `vrijloop control-room list` shows everybody.")
    print(f"{name} can no longer sign in.")


@contextmanager
def _people(config: Path) -> Iterator[People]:
    from analytics.api.people import PEOPLE_FILE, People
    from vrijloop.server_settings import ServerSettings

    with closing(People(load_settings(config, ServerSettings).data_dir / PEOPLE_FILE)) as people:
        yield people
