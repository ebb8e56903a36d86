"""`vrijloop spare`, `vrijloop backtest` and `vrijloop kpis`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from telemetry import SystemClock, UserError, load_settings, parse_duration, rfc3339
from vrijloop.commands.opened_store import opened_store
from vrijloop.commands.options import JsonOption, parse_moment, progress_bar

if TYPE_CHECKING:
    import pandas as pd

    from analytics.api.models import Kpis
    from analytics.policy.policy import Policy

SourceArgument = Annotated[
    Path,
    typer.Argument(
        help="A CSV file machine,since,until,state, or the TOML configuration of a server, whose store is read."
    ),
]
PolicyOption = Annotated[
    Path | None, typer.Option("--policy", help="The factory's policy, a TOML file; by default the built-in defaults.")
]


def spare(
    source: SourceArgument,
    at: Annotated[str | None, typer.Option(help="The moment, ISO 8601. Default: now.")] = None,
    horizon: Annotated[
        str | None, typer.Option(help='How far ahead, such as "7d". Default: the policy\'s horizon.')
    ] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what could be booked at a moment, from what was known then: the longest windows. Any part of one can be booked, and is at least as
    sure."""
    from analytics.forecast.spare_capacity import find_spare_capacity
    from analytics.history.snapshot import HISTORY

    rules = _policy(policy, horizon)
    moment = parse_moment(at) if at is not None else SystemClock().now()
    history = _history(source, rules, moment - HISTORY, moment)
    found = find_spare_capacity(history, moment, rules, {})
    rows = [
        {
            "machine": slot.machine,
            "start": rfc3339(slot.start),
            "end": rfc3339(slot.end),
            "probability": slot.probability,
        }
        for slot in found.slots
    ]
    if as_json:
        print(json.dumps({"slots": rows}, indent=2))
        return
    table = Table("Machine", "Start (UTC)", "End (UTC)", "Hours", "Probability")
    for slot in found.slots:
        length = (slot.end - slot.start) / timedelta(hours=1)
        times = (f"{moment:%Y-%m-%d %H:%M}" for moment in (slot.start, slot.end))
        table.add_row(slot.machine, *times, f"{length:g}", f"{slot.probability:.3f}")
    console = Console()
    if rows:
        console.print(table)
    elif found.fitted is None:
        console.print(
            f"Nothing: in the weeks that are known, no forecast would have kept a promise of at most {rules.max_broken_promises:.0%} broken."
        )
    else:
        console.print("Nothing: no hours that may be offered are likely enough to be free.")


def backtest(
    source: SourceArgument,
    policy: PolicyOption = None,
    first: Annotated[
        str | None, typer.Option(help="First origin. Default: twelve weeks after the history begins.")
    ] = None,
    last: Annotated[str | None, typer.Option(help="End of the last forecast. Default: the end of the history.")] = None,
    horizon: Annotated[str, typer.Option(help="How far ahead each origin looks.")] = "1d",
    every: Annotated[str, typer.Option(help="Time from one origin to the next.")] = "1d",
    refit: Annotated[str, typer.Option(help="How often the forecast is trained again.")] = "2w",
    plot: Annotated[
        Path | None, typer.Option(help="Write charts of reliability and trade-off to this PNG file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Back-test the forecast on a history: propose slots at rolling origins, from what was known at each, and
    compare them with what happened. Counting weekdays is run beside it at the same promised rate."""
    from analytics.forecast.backtest import Plan, run_backtest

    rules = _policy(policy, None)
    distant = SystemClock().now()
    history = _history(source, rules, distant - timedelta(days=3660), distant)
    if history.empty:
        raise UserError(f"{source}: contains no history.")
    begin, end = history["since"].min().to_pydatetime(), history["until"].max().to_pydatetime()
    start = parse_moment(first) if first else begin + timedelta(weeks=12)
    plan = Plan(start, parse_moment(last) if last else end, *(_length(text) for text in (every, horizon, refit)))
    if plan.first + plan.horizon > plan.last:
        raise UserError(
            f"{source}: the history of {(end - begin).days} days is too short; 13 weeks are needed, or give --first."
        )
    with progress_bar("origins") as report:
        result = run_backtest(history, rules, plan, progress=report)
    if plot is not None:
        from analytics.forecast.backtest_plot import plot_backtest

        plot_backtest(result, plot)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)


def kpis(
    source: SourceArgument,
    first: Annotated[
        str | None, typer.Option(help="First day, such as 2026-11-16. Default: four weeks before the last.")
    ] = None,
    last: Annotated[
        str | None, typer.Option(help="Last day, included. Default: the last whole day of the history.")
    ] = None,
    by: Annotated[str, typer.Option(help="Rows per machine, group or factory.")] = "machine",
    per: Annotated[str, typer.Option(help="Columns of time: day, week or shift.")] = "week",
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how the machines' hours were used: ISO 22400-2 figures, losses by reason, and the share of time that is
    known."""
    from analytics.api.models import Kpis
    from analytics.history.timeline import timeline
    from analytics.kpis.utilisation import utilisation

    rules = _policy(policy, None)
    if by not in ("machine", "group", "factory") or per not in ("day", "week", "shift"):
        raise UserError("--by must be machine, group or factory; --per must be day, week or shift.")
    zone, now = ZoneInfo(rules.zone), SystemClock().now()
    until = _day(last) if last else None
    end = datetime.combine(until + timedelta(days=1), time(0), zone) if until else now
    history = _history(
        source, rules, datetime.combine(_day(first), time(0), zone) if first else end - timedelta(days=35), end
    )
    if history.empty:
        raise UserError(f"{source}: contains no history in this period.")
    newest = min(history["until"].max().to_pydatetime(), end).astimezone(zone).date()
    until = until or max(newest - timedelta(days=1), history["since"].min().to_pydatetime().astimezone(zone).date())
    since = _day(first) if first else until - timedelta(days=27)
    begin, stop = (datetime.combine(day, time(0), zone) for day in (since, until + timedelta(days=1)))
    if stop <= begin:
        raise UserError("--last is before --first.")
    rows = utilisation(timeline(history, begin, stop), rules, since, until, by, per)  # type: ignore[arg-type]
    found = [Kpis.of_period(row, rules.coverage_bound) for row in rows]
    if as_json:
        print(
            json.dumps(
                {"coverage_bound": rules.coverage_bound, "rows": [row.model_dump(mode="json") for row in found]},
                indent=2,
            )
        )
        return
    _print_kpis(found, rules.coverage_bound)


def _print_kpis(rows: Sequence[Kpis], bound: float) -> None:
    table = Table("", "Period", "APT h", "of calendar", "Not produced, h", "Known")
    for row in rows:
        losses = sorted(row.losses_h.items(), key=lambda loss: -loss[1])
        table.add_row(
            row.of,
            row.period,
            f"{row.apt_h:.1f}",
            f"{row.utilization_of_calendar_time:.1%}",
            ", ".join(f"{name.replace('_', '-')} {hours:.1f}" for name, hours in losses if hours >= 0.05),
            f"{row.coverage:.0%}" + ("" if row.reliable else " !"),
            style=None if row.reliable else "dim",
        )
    console = Console()
    console.print(table)
    unused = sorted({row.of for row in rows if row.last_used is None})
    if unused:
        console.print(f"Not used in this period: {', '.join(unused)}.")
    if not all(row.reliable for row in rows):
        console.print(f"! Less than {bound:.0%} of the time is known; these figures are not reliable.")


def _print(result: dict[str, Any]) -> None:
    lengths = list(result["results"]["vrijloop"]["windows"])
    headings = [f"{length[:-1]} h {what}" for length in lengths for what in ("kept", "found")]
    table = Table("", "Windows", *headings, "Brier")
    for name, score in result["results"].items():
        shares = [_share(score["windows"][length][what]) for length in lengths for what in ("kept", "found")]
        table.add_row(name, str(score["slots"]), *shares, "-" if score["brier"] is None else f"{score['brier']:.4f}")
    console = Console()
    console.print(
        f"{result['origins']} origins from {result['first']} to {result['last']}, {result['machines']} machines, "
        f"{result['horizon_h']:g} h ahead; promised: at most {result['max_broken_promises']:.0%} broken."
    )
    console.print(table)
    rows = result["results"]["vrijloop"]["reliability"]
    if rows:
        console.print(
            "Kept: of the windows of that length that could have been booked, those that were free throughout. Found: of all windows that were "
            "free, those that could have been booked."
        )
        reliability = Table("Said", "Windows", "Mean", "Kept", title="Reliability")
        for row in rows:
            between = f"{row['from']:.3f}-{row['to']:.3f}"
            reliability.add_row(between, str(row["slots"]), f"{row['promised']:.3f}", f"{row['kept']:.3f}")
        console.print(reliability)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _policy(path: Path | None, horizon: str | None) -> Policy:
    from pydantic import ValidationError

    from analytics.policy.policy import Policy

    rules = load_settings(path, Policy) if path is not None else Policy()
    if horizon is None:
        return rules
    try:
        return Policy.model_validate({**rules.model_dump(), "horizon": _length(horizon)})
    except ValidationError as error:
        raise UserError(f"--horizon {horizon}: {error.errors()[0]['msg']}.") from error


def _history(source: Path, rules: Policy, start: datetime, end: datetime) -> pd.DataFrame:
    """The whole history of a CSV file, or of a store what overlaps [start, end)."""
    from analytics.history.csv_file import read_history
    from vrijloop.server_settings import ServerSettings

    if source.suffix != ".toml":
        return read_history(source)
    settings = load_settings(source, ServerSettings)
    with opened_store(settings) as store:
        return store.intervals(rules.factory, start, end)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a day; write it as 2026-11-16.") from None


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UserError(f"{error}.") from error
