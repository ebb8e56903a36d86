"""`vrijloop calendars`: what the calendars of planned work say, and what in them is not understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from telemetry import SystemClock, load_settings, rfc3339
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption

if TYPE_CHECKING:
    from analytics.policy.calendar_feeds import FeedReport

_SHOWN = 20

app = typer.Typer(help="Calendars of planned work: the [[feed]] tables of the policy.", no_args_is_help=True)


@app.callback()
def _calendars() -> None:
    """Keeps `check` a command of its own, so that others can follow."""


@app.command()
def check(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """Read every calendar now, and list what it plans from yesterday to the end of the horizon, and each event that does not count as it stands, with the
    reason. Exit code 1 if planned work may be missing."""
    from analytics.policy.policy import Policy
    from vrijloop.operations.calendars import look_at_calendars
    from vrijloop.server_settings import ServerSettings

    settings = load_settings(config, ServerSettings)
    policy = load_settings(settings.policy, Policy)
    reports = look_at_calendars(settings, policy, SystemClock())
    if as_json:
        print(json.dumps([_as_json(report) for report in reports], indent=2))
    else:
        console = Console()
        if not reports:
            console.print("The policy names no calendars: it has no [[feed]] table.", markup=False)
        for report in reports:
            _print(report, ZoneInfo(policy.zone), console)
    raise typer.Exit(1 if any(report.misses_work for report in reports) else 0)


def _as_json(report: FeedReport) -> dict[str, object]:
    return {
        "source": report.source,
        "problem": report.problem.written("en") if report.problem is not None else None,
        "copied_at": rfc3339(report.copied_at) if report.copied_at is not None else None,
        "periods": [
            {"machine": one.machine, "start": rfc3339(one.start), "end": rfc3339(one.end)} for one in report.periods
        ],
        "skipped": [
            {
                "reason": one.reason,
                "title": one.title,
                "start": rfc3339(one.start) if one.start is not None else None,
                "blocks": one.blocks,
            }
            for one in report.skipped
        ],
    }


def _print(report: FeedReport, zone: ZoneInfo, console: Console) -> None:
    from analytics.policy.calendar_feeds import skipped_text

    mark, colour = ("!", "yellow") if report.misses_work else ("✓", "green")
    whose = ", ".join(report.feed.own_machines) or "all machines"
    count = len(report.periods)
    console.print(
        Text(f"{mark} ", style=colour) + Text(f"{report.source} ({whose}): {count} planned period{'s' * (count != 1)}"),
        soft_wrap=True,
    )
    if report.problem is not None:
        copy = "There is no earlier copy."
        if report.copied_at is not None:
            copy = f"The last good copy is used, of {report.copied_at.astimezone(zone):%Y-%m-%d %H:%M}."
        console.print(Text(f"  → {report.problem.written('en')} {copy}"), soft_wrap=True)
    if report.periods:
        table = Table("Machine", "Start", "End")
        for period in report.periods[:_SHOWN]:
            table.add_row(
                period.machine, *(f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}" for at in (period.start, period.end))
            )
        console.print(table)
        if count > _SHOWN:
            console.print(f"  and {count - _SHOWN} more; --json lists all.")
    for one in report.skipped:
        when = f"{one.start.astimezone(zone):%a %Y-%m-%d %H:%M}" if one.start is not None else "no time"
        blocks = " Nothing is offered of what it may be about." if one.blocks else ""
        console.print(
            Text(f"  · {one.title or 'without a title'} ({when}): {skipped_text(one.reason, 'en')}.{blocks}"),
            soft_wrap=True,
        )
