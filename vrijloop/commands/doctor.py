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
        str | None, typer.Option(help="The sharing platform's database, as a SQLAlchemy URL.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a server: configuration, secrets, broker, store, platform, certificates, clocks and disk; or at a sharing platform: database,
    e-mails and webhooks that do not arrive, disk; or at both. Say what is wrong and how to mend it. Ends with 1 where something is wrong."""
    from vrijloop.operations.doctor import examine
    from vrijloop.operations.platform_doctor import examine_platform

    if config is None and platform_database is None:
        raise UserError("Say what to look at: --config SERVER.toml, --platform-database URL, or both.")
    clock = SystemClock()
    console, found = Console(), []
    for one in chain(
        examine(config, clock) if config is not None else (),
        examine_platform(platform_database, clock) if platform_database is not None else (),
    ):
        found.append(one)
        if as_json:
            continue
        mark, colour = _MARKS[one.level]
        console.print(Text(f"{mark} ", style=colour) + Text(f"{one.area}: {one.said}"), soft_wrap=True)
        if one.mend:
            console.print(Text(f"  → {one.mend}"), soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    raise typer.Exit(1 if any(one.level == "wrong" for one in found) else 0)
