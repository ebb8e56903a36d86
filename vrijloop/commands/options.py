"""Options, argument parsing and the progress bar that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from telemetry import UserError

ServerConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The server's TOML configuration.")]
SERVER_CONFIG = Path("server.toml")
"""Default of `ServerConfigOption`."""
InstallationOption = Annotated[
    Path,
    typer.Option(
        "--folder",
        "-f",
        envvar="VRIJLOOP_INSTALLATION",
        help="Folder of the installation, as `vrijloop setup` made it.",
    ),
]
INSTALLATION = Path("/etc/vrijloop")
"""Default of `InstallationOption`."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
AsOfOption = Annotated[
    str | None,
    typer.Option(help="Start the clock at this ISO 8601 time with zone, to replay a recording.", hidden=True),
]

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total)."""


def parse_moment(text: str, option: str = "", zone: tzinfo | None = None) -> datetime:
    """Parse an ISO 8601 time; `zone` applies where the text has none. Raises UserError."""
    shown = f"{option} {text!r}".strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{shown} is not a time; write it as 2026-01-31T12:00:00+00:00.") from None
    if moment.tzinfo is None:
        if zone is None:
            raise UserError(f"{shown} has no time zone; write it as 2026-01-31T12:00:00+00:00.")
        return moment.replace(tzinfo=zone)
    return moment


def parse_as_of(text: str | None) -> datetime | None:
    """The value of `--as-of`; None where it is not given. Raises UserError."""
    return parse_moment(text, "--as-of") if text is not None else None


def check_zone(name: str) -> str:
    """Return `name` if it is a time zone of the IANA database. Raises UserError otherwise."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the database, as "Europe"
        raise UserError(f"{name!r} is not a time zone; write for instance Europe/Brussels.") from None
    return name


@contextmanager
def progress_bar(unit: str) -> Iterator[ProgressCallback]:
    """Show a progress bar on standard error; show nothing where that is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(unit)
        yield lambda done, total: bar.update(task, completed=done, total=total)
