"""`vrijloop doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from telemetry import SystemClock, UserError
from vrijloop.commands.options import JsonOption

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "red")}


def doctor(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The server's TOML configuration.")] = None,
    platform_database: Annotated[
        str | None,
        typer.Option(envvar="VRIJLOOP_PLATFORM_DATABASE", help="The sharing platform's database, as a SQLAlchemy URL."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a server (configuration, secrets, broker, store, platform, certificates, clocks, disk), a sharing
    platform (database, undelivered e-mails and webhooks, people of the factories, disk), or both. Prints what is wrong and how to correct
    it. Exit code 1 if something is wrong."""
    from vrijloop.operations.doctor import examine
    from vrijloop.operations.platform_doctor import examine_platform

    if config is None and platform_database is None:
        raise UserError("name what to check: --config SERVER.toml, --platform-database URL, or both.")
    clock = SystemClock()
    console, found = Console(), []
    for finding in chain(
        examine(config, clock) if config is not None else (),
        examine_platform(platform_database, clock) if platform_database is not None else (),
    ):
        found.append(finding)
        if as_json:
            continue
        mark, colour = _MARKS[finding.level]
        console.print(Text(f"{mark} ", style=colour) + Text(f"{finding.area}: {finding.said}"), soft_wrap=True)
        if finding.mend:
            console.print(Text(f"  → {finding.mend}"), soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    raise typer.Exit(1 if any(finding.level == "wrong" for finding in found) else 0)
