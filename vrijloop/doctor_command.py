"""`vrijloop doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from telemetry import SystemClock

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "red")}


def doctor(
    config: Annotated[Path, typer.Option("--config", "-c", help="The server's TOML configuration.")],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Look at configuration, secrets, broker, store, platform, certificates, clocks and disk; say what is wrong and how to mend it.
    Ends with 1 where something is wrong."""
    from vrijloop.doctor import examine

    console, found = Console(), []
    for one in examine(config, SystemClock()):
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
