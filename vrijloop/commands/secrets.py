"""`vrijloop secrets …`: secrets and certificates of an installation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from telemetry import SystemClock, UserError, rfc3339
from vrijloop.commands.gateway import print_steps
from vrijloop.commands.options import INSTALLATION, InstallationOption, JsonOption

if TYPE_CHECKING:
    from vrijloop.deployment.installed import Installed

_YEAR = timedelta(days=366)
"""Secrets are replaced once a year at least."""

app = typer.Typer(help="Secrets and certificates of an installation: list them, replace them.", no_args_is_help=True)


@app.command("list")
def list_secrets(folder: InstallationOption = INSTALLATION, as_json: JsonOption = False) -> None:
    """List every secret and certificate: what it is for, when it was last replaced, when it expires. What is older than a year is marked. Prints no secret."""
    from vrijloop.deployment.installed import read_installation
    from vrijloop.deployment.secret_table import expiry_of, secrets_of

    installed, now, rows = read_installation(folder), SystemClock().now(), []
    for one in secrets_of(installed):
        file = installed.folder / one.file
        is_there, until = file.exists(), expiry_of(installed, one)
        replaced = datetime.fromtimestamp(int(file.stat().st_mtime), UTC) if is_there else None
        rows.append(
            {
                "name": one.name,
                "what": one.what,
                "file": installed.shown(file) if is_there else None,
                "replaced": rfc3339(replaced) if replaced is not None else None,
                "is_old": replaced is not None and not one.is_certificate and now - replaced > _YEAR,
                "expires": rfc3339(until) if until is not None else None,
                "days_left": (until - now).days if until is not None else None,
            }
        )
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table()
    table.add_column("Name", no_wrap=True)
    for title in ("What it is", "Replaced", "Expires"):
        table.add_column(title)
    for row in rows:
        expires = _expiry(str(row["expires"])[:10], int(str(row["days_left"]))) if row["expires"] is not None else ""
        shown = str(row["replaced"])[:10] if row["replaced"] is not None else "not in this folder"
        table.add_row(
            str(row["name"]), str(row["what"]), f"{shown}, over a year ago" if row["is_old"] else shown, expires
        )
    Console().print(table)


def _expiry(day: str, days_left: int) -> str:
    if days_left < 0:
        return f"{day}, expired"
    return f"{day}, today" if days_left == 0 else f"{day}, in {days_left} day{'s' if days_left > 1 else ''}"


@app.command("rotate")
def rotate_secret(
    name: Annotated[str, typer.Argument(help="As `vrijloop secrets list` calls it.")],
    finish: Annotated[bool, typer.Option("--finish", help="authority: trust the new one alone.")] = False,
    folder: InstallationOption = INSTALLATION,
) -> None:
    """Replace a secret or certificate, and print what takes it over and in which order. One that is made elsewhere is not changed; then the steps say where."""
    from vrijloop.deployment.files import alone_in
    from vrijloop.deployment.installed import read_installation

    installed = read_installation(folder)
    with alone_in(installed.folder):
        steps = _rotate(installed, name, finish)
    print_steps(*steps)


def _rotate(installed: Installed, name: str, finish: bool) -> list[str]:
    """Returns what is left to do. Raises UserError."""
    from vrijloop.deployment.certificates import finish_authority
    from vrijloop.deployment.installed import INGEST, SERVER
    from vrijloop.deployment.secret_table import SERVERS, copy_authority, secrets_of, steps_after

    known = {one.name: one for one in secrets_of(installed)}
    if name not in known:
        raise UserError(
            f"there is no {name!r} here. There are: {', '.join(known)}. Gateways: `vrijloop gateway rotate`."
        )
    if finish and name != "authority":
        raise UserError("--finish belongs to `authority` alone: of the others only one is valid at a time.")
    if finish:
        finish_authority(installed.folder / "certificates", SERVERS)
        copy_authority(installed)
        return installed.take_over(INGEST, SERVER)
    secret = known[name]
    if secret.renew is not None:
        secret.renew(installed, SystemClock().now())
        print(f"{installed.shown(installed.folder / secret.file)} is new.")
    return steps_after(installed, secret)
