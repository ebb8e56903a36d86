"""What the commands share: times that people type, and a bar for long work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from telemetry import UserError

Report = Callable[[int, int], None]
"""Told (done, total)."""


def parse_moment(text: str, option: str = "", zone: tzinfo | None = None) -> datetime:
    """An ISO 8601 time, in `zone` where it names none. Raises UserError with a sentence."""
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


@contextmanager
def progress_bar(unit: str) -> Iterator[Report]:
    """A bar on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(unit)
        yield lambda done, total: bar.update(task, completed=done, total=total)
