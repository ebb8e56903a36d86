"""`vrijloop compare`: the comparison with other factories, from the running server."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption
from vrijloop.commands.running_server import ask_server

app = typer.Typer(
    help="The comparison with other factories: see what leaves before it leaves, and where the factory stands.",
    no_args_is_help=True,
)
_OFF = "The factory does not take part: nothing is sent. `[comparison]` with `take_part = true` in the policy changes that."
_REFUSED = (
    "Somebody has left the comparison on the platform, which takes no figures until somebody takes part there again."
)


@app.command()
def preview(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """Print what waits to be sent, exactly as it will be: these bytes leave the factory, and nothing else. The noise in them has been drawn and stays as it is."""
    found = ask_server(config, "GET", "/api/v1/comparison")
    waiting = [one for one in found["contributions"] if one["state"] == "waiting"]
    if as_json:
        print(json.dumps({**found, "contributions": waiting}, indent=2))
        return
    console = Console(stderr=True)
    if not found["takes_part"]:
        console.print(_OFF)
        return
    if found["refused"]:
        console.print(_REFUSED)
    for one in waiting:
        console.print(
            f"Process class {one['process_class']}, {one['month']}: is sent on {_moment(one['send_at'])}. To keep it back: "
            f"vrijloop compare withhold {one['month']} {one['process_class']}",
            soft_wrap=True,
        )
        print(one["body"], end="")
    budget = found["budget"]
    console.print(
        f"{'' if waiting else 'Nothing is waiting. '}At most {budget['months_a_year']} months of a process class leave in a year; a figure tells epsilon "
        f"{budget['epsilon_figure']} at most, all of a month {budget['epsilon_month']}.",
        soft_wrap=True,
    )


@app.command()
def show(config: ServerConfigOption = SERVER_CONFIG, as_json: JsonOption = False) -> None:
    """Show the factory's own figures, exactly, beside the quartiles of all factories of its process class."""
    found = ask_server(config, "GET", "/api/v1/comparison")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console = Console()
    if not found["takes_part"]:
        console.print(_OFF)
    if found["refused"]:
        console.print(_REFUSED)
    for one in found["classes"]:
        console.print(_table(one))
    if not found["classes"] and found["takes_part"]:
        console.print(
            "There is nothing to compare yet: no figures have been sent, or the platform has not been asked since the start."
        )
    sent = [one for one in found["contributions"] if one["state"] != "waiting"]
    for one in sent:
        when = f"sent {_moment(one['sent_at'])}" if one["state"] == "sent" else "withheld"
        console.print(f"{one['month']}, process class {one['process_class']}: {when}.")


@app.command()
def withhold(
    month: Annotated[str, typer.Argument(help="Such as 2026-08.")],
    process_class: Annotated[int, typer.Argument(min=1, max=6, help="The main group of DIN 8580.")],
    config: ServerConfigOption = SERVER_CONFIG,
) -> None:
    """Keep the figures of a month back: they are never sent."""
    ask_server(config, "POST", f"/api/v1/comparison/{month}/{process_class}/withhold")
    print(f"The figures of {month}, process class {process_class}, are not sent.")


def _table(compared: dict[str, Any]) -> Table:
    table = Table(
        "",
        "Own",
        "Lower quartile",
        "Median",
        "Upper quartile",
        "Within",
        title=f"DIN 8580 main group {compared['process_class']}",
    )
    for row in compared["figures"]:
        quartiles = [f"{row[name]} %" if row[name] is not None else "-" for name in ("lower", "median", "upper")]
        within = f"± {row['within']}" if row["within"] is not None else "-"
        own = f"{row['own']:.1f} %" if row["own"] is not None else "-"
        table.add_row(row["figure"].replace("_", " "), own, *quartiles, within)
    if all(row["median"] is None for row in compared["figures"]):
        table.caption = "Fewer than five factories are compared."
    return table


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")
