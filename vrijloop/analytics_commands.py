"""`vrijloop spare` and `vrijloop backtest`: what would be published, and what such promises were worth."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from telemetry import SystemClock, UserError, load_settings, parse_duration, rfc3339

if TYPE_CHECKING:
    import pandas as pd

    from analytics.policy import Policy

SourceArgument = Annotated[
    Path, typer.Argument(help="A CSV file machine,since,until,state, or the server's TOML configuration: its store.")
]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="What the factory lets be offered, TOML.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def spare(
    source: SourceArgument,
    at: Annotated[str | None, typer.Option(help="The moment, ISO 8601; without it, now.")] = None,
    horizon: Annotated[str | None, typer.Option(help='How far ahead, such as "7d"; without it, the policy\'s.')] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """The slots that would be published at a moment, from what was known then."""
    from analytics.spare_capacity import HISTORY, find_spare_capacity

    rules = _policy(policy, horizon)
    moment = _moment(at) if at is not None else SystemClock().now()
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
        table.add_row(slot.machine, rfc3339(slot.start), rfc3339(slot.end), f"{length:g}", f"{slot.probability:.3f}")
    console = Console()
    if rows:
        console.print(table)
    elif found.fitted is None:
        console.print(
            f"No slot: no forecast has a record that keeps {rules.max_broken_promises:.0%} of broken promises yet."
        )
    else:
        console.print("No slot: nothing that may be offered is likely enough to be free.")


def backtest(
    source: SourceArgument,
    policy: PolicyOption = None,
    first: Annotated[
        str | None, typer.Option(help="First origin; without it, twelve weeks after the history begins.")
    ] = None,
    last: Annotated[
        str | None, typer.Option(help="Where the last forecast ends; without it, the history's end.")
    ] = None,
    horizon: Annotated[str, typer.Option(help="How far ahead each origin looks.")] = "1d",
    every: Annotated[str, typer.Option(help="From one origin to the next.")] = "1d",
    refit: Annotated[str, typer.Option(help="How often the forecast learns anew.")] = "2w",
    plot: Annotated[Path | None, typer.Option(help="Write reliability and trade-off as PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rolling origins, each from what was known then, against what happened; beside two baselines at the same rate."""
    from analytics.backtest import Plan, run_backtest

    rules = _policy(policy, None)
    distant = SystemClock().now()
    history = _history(source, rules, distant - timedelta(days=3660), distant)
    if history.empty:
        raise UserError(f"{source}: holds no history.")
    begin, end = history["since"].min().to_pydatetime(), history["until"].max().to_pydatetime()
    start = _moment(first) if first else begin + timedelta(weeks=12)
    plan = Plan(start, _moment(last) if last else end, *(_length(text) for text in (every, horizon, refit)))
    if plan.first + plan.horizon > plan.last:
        raise UserError(
            f"{source}: the history of {(end - begin).days} days is too short; 13 weeks are needed, or give --first."
        )
    console = Console(stderr=True)
    columns = (TextColumn("origins"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("origins")
        result = run_backtest(
            history, rules, plan, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    if plot is not None:
        from analytics.backtest_plot import plot_backtest

        plot_backtest(result, plot)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    table = Table("", "Slots", "Offered h", "Free h", "Precision", "Recall", "Broken", "95 % of it", "Brier")
    for name, one in result["results"].items():
        low, high = one["broken_interval_95"]
        table.add_row(
            name,
            str(one["slots"]),
            f"{one['offered_h']:.0f}",
            f"{one['free_h']:.0f}",
            *(_share(one[key]) for key in ("precision", "recall", "broken_share")),
            f"{low:.1%}-{high:.1%}",
            "-" if one["brier"] is None else f"{one['brier']:.4f}",
        )
    console = Console()
    console.print(
        f"{result['origins']} origins from {result['first']} to {result['last']}, {result['machines']} machines, "
        f"{result['horizon_h']:g} h ahead; promised: at most {result['max_broken_promises']:.0%} broken."
    )
    console.print(table)
    rows = result["results"]["vrijloop"]["reliability"]
    if rows:
        reliability = Table("Promised", "Slots", "Mean promise", "Kept", title="Reliability")
        for row in rows:
            between = f"{row['from']:.3f}-{row['to']:.3f}"
            reliability.add_row(between, str(row["slots"]), f"{row['promised']:.3f}", f"{row['kept']:.3f}")
        console.print(reliability)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _policy(path: Path | None, horizon: str | None) -> Policy:
    from pydantic import ValidationError

    from analytics.policy import Policy

    rules = load_settings(path, Policy) if path is not None else Policy()
    if horizon is None:
        return rules
    try:
        return Policy.model_validate({**rules.model_dump(), "horizon": _length(horizon)})
    except ValidationError as error:
        raise UserError(f"--horizon {horizon}: {error.errors()[0]['msg']}.") from error


def _history(source: Path, rules: Policy, start: datetime, end: datetime) -> pd.DataFrame:
    """Of a CSV all of it; of a store what touches [start, end)."""
    from analytics.history_file import read_history
    from stores.configuration import open_store
    from vrijloop.server import ServerSettings

    if source.suffix != ".toml":
        return read_history(source)
    settings = load_settings(source, ServerSettings)
    with closing(open_store(settings.store, settings.data_dir, SystemClock())) as store:
        return store.intervals(rules.factory, start, end)


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UserError(f"{error}.") from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a time; write it as 2026-01-31T12:00:00+00:00.") from None
    if moment.tzinfo is None:
        raise UserError(f"{text!r} has no time zone; write it as 2026-01-31T12:00:00+00:00.")
    return moment
